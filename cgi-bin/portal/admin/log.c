/* log.c: the log of operators' actions in words.
 *
 * An entry holds JSON: {"before", "after"}, or the facts of an action. Keys and entitlements get their names in the
 * language of the page, amounts their currency; a key that has no text is shown as it is, so that no entry is ever
 * hidden. */
#include "account/operator_log.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "portal/admin/admin.h"

#include "base/banned.h"

/* The text of one entry while it is written. */
struct log_text {
    struct page *pg;
    struct buf b;
    const char *currency; /* of the amounts in it; NULL: none */
};

/* How the value of a key reads, because JSON has no type for money or for a day. */
enum log_value { LOG_VALUE_PLAIN, LOG_VALUE_MONEY, LOG_VALUE_LAST_DAY, LOG_VALUE_ENTITLEMENT, LOG_VALUE_OVERAGE };

static enum log_value log_value_of(struct str key)
{
    static const char *const keys[] = {[LOG_VALUE_PLAIN] = "",
                                       [LOG_VALUE_MONEY] = "price",
                                       [LOG_VALUE_LAST_DAY] = "expires_at",
                                       [LOG_VALUE_ENTITLEMENT] = "entitlement",
                                       [LOG_VALUE_OVERAGE] = "overage"};
    return (enum log_value)str_among_or(key, keys, COUNT_OF(keys), LOG_VALUE_PLAIN);
}

static void log_add_name(struct log_text *t, struct str key)
{
    struct str words = words_name(t->pg, "Admin.Log.Key", key);
    enum entitlement x;
    if (str_eq(words, key) && entitlement_parse(key, &x))
        words = words_name(t->pg, "EntName", key);
    buf_str_add(&t->b, words);
}

/* An override that expires at midnight applies through the day before. That day is shown, as on the page of the
 * workspace. */
static void log_add_last_day(struct log_text *t, struct str iso)
{
    int64_t at;
    bool midnight = str_starts(str_sub(iso, 10, iso.n), STR("T00:00:00.000"));
    if (clock_day(str_sub(iso, 0, 10), &at))
        buf_str_add(&t->b, view_day(t->pg->v, midnight ? at - 1 : at));
    else
        buf_str_add(&t->b, iso);
}

/* A value of another type than its key has is shown as it is. */
static void log_add_value(struct log_text *t, struct str key, const struct json *j)
{
    enum entitlement x;
    enum log_value value = log_value_of(key);
    if (json_is(j, JSON_BOOL))
        buf_puts(&t->b, view_t(t->pg->v, json_bool(j) ? "Form.Yes" : "Form.No"));
    else if (json_is(j, JSON_INT) && t->currency && value == LOG_VALUE_MONEY)
        buf_str_add(&t->b, words_money(t->pg, json_int(j, 0), t->currency));
    else if (json_is(j, JSON_INT))
        buf_str_add(&t->b, words_number(t->pg, json_int(j, 0)));
    else if (!json_is(j, JSON_STRING))
        json_write(&t->b, j);
    else if (value == LOG_VALUE_LAST_DAY)
        log_add_last_day(t, json_str(j));
    else if (value == LOG_VALUE_ENTITLEMENT && entitlement_parse(json_str(j), &x))
        buf_str_add(&t->b, words_name(t->pg, "EntName", json_str(j)));
    else
        buf_str_add(&t->b, json_str(j));
}

/* Both values are written in full, also for long ones: an entry has to say what was there before. */
static void log_add_change(struct log_text *t, struct str key, const struct json *before, const struct json *after)
{
    log_add_value(t, key, before);
    buf_puts(&t->b, " → ");
    log_add_value(t, key, after);
}

/* Is there nothing to say about this key? The price of overage follows from the price of the plan, so only a change
 * between having one and not having one is worth a word. */
static bool log_is_unchanged(struct str key, const struct json *was, const struct json *is)
{
    if (!is || json_is(is, JSON_NULL) || (was && json_equal(was, is)))
        return true;
    return was && log_value_of(key) == LOG_VALUE_OVERAGE && (json_int(was, 0) < 0) == (json_int(is, 0) < 0);
}

/* "Price: $49.00 → $59.00" for each key that changed. An entry without before and after shows all of its keys. */
static void log_add_detail(struct log_text *t, const struct json *d)
{
    const struct json *before = json_get(d, "before"), *after = json_get(d, "after");
    struct json_iter it = {0};
    if (json_has(d, "after") && !json_is(after, JSON_OBJECT)) {
        log_add_change(t, STR_EMPTY, before, after);
        return;
    }
    struct str currency = json_get_str(after, "currency");
    t->currency = currency.n == 3 ? arena_strdup(t->pg->rq->arena, currency) : NULL;
    while (json_each(after ? after : d, &it)) {
        const struct json *was = after ? json_get_n(before, it.key) : NULL;
        if (log_is_unchanged(it.key, was, it.value))
            continue;
        buf_puts(&t->b, t->b.n ? " · " : "");
        log_add_name(t, it.key);
        buf_puts(&t->b, ": ");
        if (log_value_of(it.key) == LOG_VALUE_OVERAGE)
            buf_puts(&t->b, view_t(t->pg->v, json_int(it.value, 0) < 0 ? "Form.No" : "Form.Yes"));
        else if (after)
            log_add_change(t, it.key, was, it.value);
        else
            log_add_value(t, it.key, it.value);
    }
}

/* A detail that cannot be read, or is too long, is shown as it was stored. The log must never hide an entry. */
static void log_fill_detail(struct page *pg, size_t i, struct str detail)
{
    struct json *d = NULL;
    struct err ignored = ERR_INIT;
    struct log_text t = {.pg = pg};
    buf_init(&t.b, 16 * KB);
    if (detail.n && json_parse(pg->rq->arena, detail, MAX_JSON_DEPTH, &d, &ignored) == OK)
        log_add_detail(&t, d);
    view_str(pg->v, view_at(pg->v, "Log", i, "Detail"), d && buf_ok(&t.b) ? buf_str(&t.b) : detail);
    buf_release(&t.b);
}

/* The object as a link, if it has a page: a workspace or a plan. An id of Stripe is text only; its page is at
 * Stripe. */
static void log_fill_object(struct page *pg, size_t i, const struct operator_entry *l)
{
    struct id id;
    const char *where = l->action == OPERATOR_plan_changed    ? "plans"
                        : id_parse(ID_TENANT, l->object, &id) ? "tenants"
                                                              : NULL;
    view_str(pg->v, view_at(pg->v, "Log", i, "Object"), l->object);
    if (where)
        view_text(pg->v, view_at(pg->v, "Log", i, "Url"),
                  arena_printf(pg->rq->arena, "/admin/%s/%.*s", where, STR_F(l->object)));
}

/* The newest entries of one object, or of all, cut at `limit`. */
enum status admin_log(struct page *pg, struct str object, int limit)
{
    struct operator_entry *list = NULL;
    struct view *v = pg->v;
    size_t n = 0;
    enum status st = operator_log_list(pg->db, pg->rq->arena, object, ID_NONE, limit, &list, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        view_str(v, view_at(v, "Log", i, "What"), words_name(pg, "Admin.Log.What", list[i].what));
        view_str(v, view_at(v, "Log", i, "Who"), list[i].email);
        log_fill_object(pg, i, &list[i]);
        log_fill_detail(pg, i, list[i].detail);
        view_time(v, view_at(v, "Log", i, "Time"), list[i].at_ms);
    }
    return st;
}
