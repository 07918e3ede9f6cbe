/* The operator's console: how billing stands, what needs somebody. */
#include <stdio.h>

#include "account/operator_log.h"
#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/num.h"
#include "billing/meter/meter.h"
#include "billing/setup/setup.h"
#include "portal/admin/admin.h"

#include "base/banned.h"

#define ROUTE(m, p, h, ...) void h(struct request *rq);
#include "portal/routes.def"
#undef ROUTE

#define ALARMS_SHOWN 5 /* on the overview */
#define ALARMS_PAGE 200
#define LOG_SHOWN 12
#define LIMIT_MOST INT64_C(1000000000000)

/* ---- what the pages share ---- */

bool admin_begin(struct request *rq, struct page *pg, const char *nav, struct admin *ad)
{
    if (!page_begin(rq, pg))
        return false;
    *ad = (struct admin){.on = stripe_enabled(rq->config), .trouble = STR_EMPTY};
    if (ad->on && billing_stripe(pg, &ad->stripe) == OK) {
        ad->live = ad->stripe->livemode;
    } else if (ad->on) { /* a key that is none of Stripe's: the console says so and goes on */
        ad->trouble = str_from(arena_strdup(rq->arena, str_from(pg->e.message)));
        ad->stripe = NULL;
        pg->e = (struct err)ERR_INIT;
    }
    view_bool(pg->v, "Page.Admin", true);
    view_text(pg->v, "Page.Nav", nav);
    view_bool(pg->v, "Admin.On", ad->on);
    view_bool(pg->v, "Admin.Live", ad->live);
    view_bool(pg->v, "Admin.Ready", ad->stripe);
    view_str(pg->v, "Admin.Trouble", ad->trouble);
    return true;
}

/* What a line of the log holds, for who reads it: names in words, sums with their currency. */
struct told {
    struct page *pg;
    struct buf b;
    const char *currency; /* of its sums; NULL: it has none */
};

static void name_words(struct told *t, struct str key)
{
    struct str words = words_status(t->pg, "LogKey", key);
    enum entitlement x;
    if (str_eq(words, key) && entitlement_parse(key, &x))
        words = words_status(t->pg, "EntName", key);
    buf_str_add(&t->b, words);
}

/* What ends at a midnight holds through the day before, as the workspace's page says it. */
static void last_day_words(struct told *t, struct str iso)
{
    int64_t at;
    bool midnight = str_starts(str_sub(iso, 10, iso.n), STR("T00:00:00.000"));
    if (clock_day(str_sub(iso, 0, 10), &at))
        buf_str_add(&t->b, view_day(t->pg->v, midnight ? at - 1 : at));
    else
        buf_str_add(&t->b, iso);
}

static void value_words(struct told *t, struct str key, const struct json *j)
{
    enum entitlement x;
    if (json_is(j, JSON_BOOL))
        buf_puts(&t->b, view_t(t->pg->v, json_bool(j) ? "Form.Yes" : "Form.No"));
    else if (json_is(j, JSON_INT) && t->currency && str_eqz(key, "price"))
        buf_str_add(&t->b, words_money(t->pg, json_int(j, 0), t->currency));
    else if (json_is(j, JSON_INT))
        buf_str_add(&t->b, words_number(t->pg, json_int(j, 0)));
    else if (!json_is(j, JSON_STRING))
        json_write(&t->b, j);
    else if (str_eqz(key, "expires_at"))
        last_day_words(t, json_str(j));
    else if (str_eqz(key, "entitlement") && entitlement_parse(json_str(j), &x))
        buf_str_add(&t->b, words_status(t->pg, "EntName", json_str(j)));
    else
        buf_str_add(&t->b, json_str(j));
}

static void change_words(struct told *t, struct str key, const struct json *before, const struct json *after)
{
    value_words(t, key, before);
    buf_puts(&t->b, " → ");
    value_words(t, key, after);
}

/* Overage follows from price and number: only whether there is any says something of its own. */
static bool says_nothing(struct str key, const struct json *was, const struct json *is)
{
    if (!is || json_is(is, JSON_NULL) || (was && json_equal(was, is)))
        return true;
    return was && str_eqz(key, "overage") && (json_int(was, 0) < 0) == (json_int(is, 0) < 0);
}

/* "Price: $49.00 → $59.00": what differs; of a line without before and after all that it holds. */
static void detail_words(struct told *t, const struct json *d)
{
    const struct json *before = json_get(d, "before"), *after = json_get(d, "after");
    struct json_iter it = {0};
    if (json_has(d, "after") && !json_is(after, JSON_OBJECT)) {
        change_words(t, STR_EMPTY, before, after);
        return;
    }
    struct str currency = json_get_str(after, "currency");
    t->currency = currency.n == 3 ? arena_strdup(t->pg->rq->arena, currency) : NULL;
    while (json_each(after ? after : d, &it)) {
        const struct json *was = after ? json_get_n(before, it.key) : NULL;
        if (says_nothing(it.key, was, it.value))
            continue;
        buf_puts(&t->b, t->b.n ? " · " : "");
        name_words(t, it.key);
        buf_puts(&t->b, ": ");
        if (str_eqz(it.key, "overage"))
            buf_puts(&t->b, view_t(t->pg->v, json_int(it.value, 0) < 0 ? "Form.No" : "Form.Yes"));
        else if (after)
            change_words(t, it.key, was, it.value);
        else
            value_words(t, it.key, it.value);
    }
}

static void fill_detail(struct page *pg, size_t i, struct str detail)
{
    struct json *d = NULL;
    struct err ignored = ERR_INIT;
    struct told t = {.pg = pg};
    buf_init(&t.b, 16 * KB);
    if (detail.n && json_parse(pg->rq->arena, detail, MAX_JSON_DEPTH, &d, &ignored) == OK)
        detail_words(&t, d);
    view_str(pg->v, view_at(pg->v, "Log", i, "Detail"), d && buf_ok(&t.b) ? buf_str(&t.b) : detail);
    buf_release(&t.b);
}

/* A workspace or a plan has a page of its own. */
static void fill_object(struct page *pg, size_t i, const struct operator_entry *l)
{
    struct id id;
    const char *where = id_parse(ID_TENANT, l->object, &id) ? "tenants" : NULL;
    if (str_eqz(l->what, "plan.changed"))
        where = "plans";
    view_str(pg->v, view_at(pg->v, "Log", i, "Object"), l->object);
    if (where)
        view_text(pg->v, view_at(pg->v, "Log", i, "Url"),
                  arena_printf(pg->rq->arena, "/admin/%s/%.*s", where, STR_F(l->object)));
}

enum status admin_log(struct page *pg, struct str object, int limit)
{
    struct operator_entry *list = NULL;
    struct view *v = pg->v;
    size_t n = 0;
    enum status st = operator_log_list(pg->db, pg->rq->arena, object, ID_NONE, limit, &list, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        view_str(v, view_at(v, "Log", i, "What"), words_status(pg, "LogWhat", list[i].what));
        view_str(v, view_at(v, "Log", i, "Who"), list[i].email);
        fill_object(pg, i, &list[i]);
        fill_detail(pg, i, list[i].detail);
        view_time(v, view_at(v, "Log", i, "Time"), list[i].at_ms);
    }
    return st;
}

void admin_fill_terms(struct page *pg, const char *list, size_t i, const struct plan_terms *t)
{
    struct view *v = pg->v;
    view_str(v, view_at(v, list, i, "Price"), words_money(pg, t->price, t->currency));
    view_date(v, view_at(v, list, i, "Since"), t->created_ms);
    if (t->conversations == UNLIMITED)
        view_text(v, view_at(v, list, i, "Conversations"), view_t(v, "Admin.Unlimited"));
    else
        view_number(v, view_at(v, list, i, "Conversations"), t->conversations);
    if (t->overage >= 0 && t->conversations != UNLIMITED) {
        struct plan_terms thousand = {.conversations = 0, .overage = t->overage};
        view_str(v, view_at(v, list, i, "Thousand"), words_money(pg, pricing_overage(&thousand, 1000), t->currency));
    }
}

void admin_fill_value(struct page *pg, const char *prefix, enum entitlement x, int64_t value)
{
    char key[KEY_MAX], text[KEY_MAX];
    snprintf(key, sizeof(key), "%s.Name", prefix);
    snprintf(text, sizeof(text), "EntName.%s", entitlement_name(x));
    view_text(pg->v, key, view_t(pg->v, text));
    snprintf(key, sizeof(key), "%s.Value", prefix);
    if (value == UNLIMITED)
        view_text(pg->v, key, view_t(pg->v, "Admin.Unlimited"));
    else if (entitlement_kind(x) == LIMIT)
        view_number(pg->v, key, value);
    else if (entitlement_kind(x) == SWITCH)
        view_text(pg->v, key, view_t(pg->v, value ? "Form.Yes" : "Form.No"));
    else if (!fill_entitlement(pg, key, x, value))
        view_text(pg->v, key, view_t(pg->v, "Admin.None"));
}

bool admin_limit(struct str typed, int64_t *out)
{
    struct str s = str_trim(typed);
    *out = UNLIMITED;
    return !s.n || num_i64(s, 0, LIMIT_MOST, out);
}

/* ---- alarms ---- */

static enum status fill_alarms(struct page *pg, bool open_only, int limit)
{
    struct alarm *list = NULL;
    struct view *v = pg->v;
    size_t n = 0;
    enum status st = alarm_list(pg->db, pg->rq->arena, open_only, limit, &list, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        view_id(v, view_at(v, "Alarms", i, "Id"), TEXT_ID(ID_ALARM, list[i].id));
        view_str(v, view_at(v, "Alarms", i, "Kind"), list[i].kind);
        view_str(v, view_at(v, "Alarms", i, "Object"), list[i].object);
        view_str(v, view_at(v, "Alarms", i, "Words"), list[i].words);
        view_number(v, view_at(v, "Alarms", i, "Times"), list[i].times);
        view_time(v, view_at(v, "Alarms", i, "First"), list[i].first_ms);
        view_time(v, view_at(v, "Alarms", i, "Last"), list[i].last_ms);
        view_time(v, view_at(v, "Alarms", i, "Closed"), list[i].closed_ms);
        if (!id_is_none(list[i].tenant))
            view_id(v, view_at(v, "Alarms", i, "Tenant"), TEXT_ID(ID_TENANT, list[i].tenant));
    }
    return st;
}

void admin_alarms_page(struct request *rq)
{
    struct page pg;
    struct admin ad;
    bool all = str_eq(request_query(rq, "show"), STR("all"));
    if (!admin_begin(rq, &pg, "alarms", &ad))
        return;
    view_bool(pg.v, "List.All", all);
    if (fill_alarms(&pg, !all, ALARMS_PAGE) != OK)
        page_fail(&pg);
    else
        page_send(&pg, "portal/admin/alarms.cs", "Admin.Alarms");
}

void admin_alarm_close(struct request *rq)
{
    struct page pg;
    struct id id;
    if (!page_begin(rq, &pg) || !page_id(&pg, ID_ALARM, "alarm", &id))
        return;
    if (console_alarm_close(pg.db, &pg.who, id, &pg.e) == OK)
        page_redirect(&pg, "/admin/alarms?done=alarm_closed");
    else
        page_fail(&pg);
}

/* ---- the overview ---- */

static void fill_waiting(struct page *pg, const char *key, int64_t ms)
{
    if (ms <= 0)
        return;
    if (ms < MINUTE_MS)
        view_count(pg->v, key, "Admin.Seconds", ms / 1000);
    else if (ms < HOUR_MS)
        view_count(pg->v, key, "Admin.Minutes", ms / MINUTE_MS);
    else
        view_count(pg->v, key, "Admin.Hours", ms / HOUR_MS);
}

static enum status fill_depths(struct page *pg)
{
    struct sync_depth events;
    struct meter_lag meter;
    enum status st = sync_depth(pg->db, &events, &pg->e);
    if (st == OK)
        st = meter_lag(pg->db, &meter, &pg->e);
    if (st != OK)
        return st;
    view_number(pg->v, "Events.Pending", events.pending);
    view_number(pg->v, "Events.Dead", events.dead);
    view_bool(pg->v, "Events.AnyDead", events.dead > 0);
    fill_waiting(pg, "Events.Oldest", events.oldest_ms);
    view_number(pg->v, "Meter.Waiting", meter.waiting);
    view_number(pg->v, "Meter.Unknown", meter.unknown);
    view_number(pg->v, "Meter.Rejected", meter.rejected);
    view_bool(pg->v, "Meter.Late", meter.oldest_ms >= METER_LAG_ALARM_MS);
    view_bool(pg->v, "Meter.AnyRejected", meter.rejected > 0);
    fill_waiting(pg, "Meter.Oldest", meter.oldest_ms);
    return OK;
}

static enum status fill_counts(struct page *pg, const struct admin *ad)
{
    struct console_counts n;
    enum status st = console_counts(pg->db, ad->live, &n, &pg->e);
    if (st != OK)
        return st;
    view_number(pg->v, "Counts.Tenants", n.tenants);
    view_number(pg->v, "Counts.Paying", n.paying);
    view_number(pg->v, "Counts.Failing", n.failing);
    view_bool(pg->v, "Counts.AnyFailing", n.failing > 0);
    view_number(pg->v, "Counts.Lost", n.customers_lost);
    view_bool(pg->v, "Counts.AnyLost", n.customers_lost > 0);
    return OK;
}

static enum status fill_setup(struct page *pg, const struct admin *ad)
{
    bool ready = false;
    struct str words = STR_EMPTY;
    if (!ad->stripe)
        return OK;
    enum status st = setup_check(ad->stripe, pg->db, pg->rq->arena, &ready, &words, &pg->e);
    view_bool(pg->v, "Setup.Ready", ready);
    view_str(pg->v, "Setup.Words", words);
    return st;
}

static enum status fill_jobs(struct page *pg)
{
    struct console_job *jobs = NULL;
    struct view *v = pg->v;
    size_t n = 0;
    enum status st = console_jobs(pg->db, pg->rq->arena, &jobs, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        view_str(v, view_at(v, "Jobs", i, "Kind"), words_status(pg, "JobKind", jobs[i].kind));
        view_str(v, view_at(v, "Jobs", i, "State"), jobs[i].state);
        view_str(v, view_at(v, "Jobs", i, "Error"), jobs[i].error);
        view_time(v, view_at(v, "Jobs", i, "Time"), jobs[i].at_ms);
    }
    return st;
}

void admin_page(struct request *rq)
{
    struct page pg;
    struct admin ad;
    if (!admin_begin(rq, &pg, "overview", &ad))
        return;
    enum status st = fill_setup(&pg, &ad);
    if (st == OK)
        st = fill_counts(&pg, &ad);
    if (st == OK)
        st = fill_depths(&pg);
    if (st == OK)
        st = fill_alarms(&pg, true, ALARMS_SHOWN);
    if (st == OK)
        st = fill_jobs(&pg);
    if (st == OK)
        st = admin_log(&pg, STR_EMPTY, LOG_SHOWN);
    if (st != OK)
        page_fail(&pg);
    else
        page_send(&pg, "portal/admin/index.cs", "Admin.Title");
}
