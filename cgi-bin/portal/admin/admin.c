/* admin.c: what the pages of the console share: the state of Stripe, alarms, terms and values. The console must work
 * when Stripe does not, since that is when it is needed: a key that cannot be used is a sentence on the page and not an
 * error. */
#include "portal/admin/admin.h"

#include <stdio.h>

#include "alarm/alarm.h"
#include "base/num.h"

#include "base/banned.h"

#define LIMIT_MOST INT64_C(1000000000000)

/* Whether the caller is an operator was checked by the dispatcher, from the route's row. No call to Stripe is made
 * here; opening the client only reads settings. */
bool admin_begin(struct request *rq, struct page *pg, const char *nav, struct admin *ad)
{
    if (!page_begin(rq, pg))
        return false;
    *ad = (struct admin){.on = stripe_enabled(rq->config), .trouble = STR_EMPTY};
    if (ad->on && page_stripe(pg, &ad->stripe) == OK) {
        ad->live = ad->stripe->livemode;
    } else if (ad->on) { /* the key cannot be used: the console says why and works without Stripe */
        ad->trouble = str_from(arena_strdup(rq->arena, str_from(pg->e.message)));
        ad->stripe = NULL;
        pg->e = ERR_INIT;
    }
    view_bool(pg->v, "Page.Admin", true);
    view_text(pg->v, "Page.Nav", nav);
    view_bool(pg->v, "Admin.On", ad->on);
    view_bool(pg->v, "Admin.Live", ad->live);
    view_bool(pg->v, "Admin.Ready", ad->stripe);
    view_str(pg->v, "Admin.Trouble", ad->trouble);
    return true;
}

/* An alarm that is raised again counts up instead of making a new row, so the list stays short during an outage. */
enum status admin_fill_alarms(struct page *pg, bool open_only, int limit)
{
    struct alarm *list = NULL;
    struct view *v = pg->v;
    size_t n = 0;
    enum status st = alarm_list(pg->db, pg->rq->arena, open_only, limit, &list, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        view_id(v, view_at(v, "Alarms", i, "Id"), TEXT_ID(ID_ALARM, list[i].id));
        view_text(v, view_at(v, "Alarms", i, "Kind"), alarm_kind_name(list[i].kind));
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

/* The price of overage is shown for 1,000 conversations: for a single one it is a fraction of a cent. */
void admin_fill_terms(struct page *pg, const char *list, size_t i, const struct plan_terms *t)
{
    struct view *v = pg->v;
    view_str(v, view_at(v, list, i, "Price"), words_money(pg, t->price, t->currency));
    view_date(v, view_at(v, list, i, "Since"), t->created_ms);
    if (t->conversations == UNLIMITED)
        view_text(v, view_at(v, list, i, "Conversations"), view_t(v, "Admin.Common.Unlimited"));
    else
        view_number(v, view_at(v, list, i, "Conversations"), t->conversations);
    if (t->overage >= 0 && t->conversations != UNLIMITED) {
        struct plan_terms thousand = {.conversations = 0, .overage = t->overage};
        view_str(v, view_at(v, list, i, "Thousand"), words_money(pg, pricing_overage(&thousand, 1000), t->currency));
    }
}

/* Limits are numbers, switches yes or no, levels have names of their own. Unlike on the tenant's pages, a value that
 * gives nothing is shown as well: an operator looks for what is missing. */
void admin_fill_value(struct page *pg, const char *prefix, enum entitlement x, int64_t value)
{
    char key[VIEW_KEY_MAX], text[VIEW_KEY_MAX];
    snprintf(key, sizeof(key), "%s.Name", prefix);
    snprintf(text, sizeof(text), "EntName.%s", entitlement_name(x));
    view_text(pg->v, key, view_t(pg->v, text));
    snprintf(key, sizeof(key), "%s.Value", prefix);
    if (value == UNLIMITED)
        view_text(pg->v, key, view_t(pg->v, "Admin.Common.Unlimited"));
    else if (entitlement_kind(x) == LIMIT)
        view_number(pg->v, key, value);
    else if (entitlement_kind(x) == SWITCH)
        view_text(pg->v, key, view_t(pg->v, value ? "Form.Yes" : "Form.No"));
    else if (!page_fill_entitlement(pg, key, x, value))
        view_text(pg->v, key, view_t(pg->v, "Admin.Common.None"));
}

/* The upper end keeps sums of limits far from an overflow. */
bool admin_limit(struct str typed, int64_t *out)
{
    struct str s = str_trim(typed);
    *out = UNLIMITED;
    return !s.n || num_i64(s, 0, LIMIT_MOST, out);
}
