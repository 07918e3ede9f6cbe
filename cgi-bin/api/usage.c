/* usage and billing of the key's workspace: read only, and no secret of Stripe's in it. */
#include "plan/usage.h"

#include "api/api.h"
#include "base/clock.h"
#include "plan/pricing.h"

#include "base/banned.h"

#define WEEK_MS (7 * DAY_MS)

static int set_limit(struct json *o, const char *name, int64_t v)
{
    return v == UNLIMITED ? json_set_null(o, name) : json_set_int(o, name, v);
}

static int set_period(struct json *o, const char *name, int64_t start_ms, int64_t end_ms)
{
    struct json *p;
    return json_set_object(o, name, &p) || json_set_time(p, "start", start_ms) || json_set_time(p, "end", end_ms);
}

static int set_amount(struct json *o, const char *name, int64_t amount, const char *currency)
{
    struct json *m;
    return json_set_object(o, name, &m) || json_set_int(m, "amount", amount) ||
           json_set_str(m, "currency", str_from(currency));
}

/* ---- usage ---- */

static int fill_forecast(struct json *o, const struct usage_forecast *f, const char *currency)
{
    struct json *j;
    return json_set_object(o, "forecast", &j) || json_set_int(j, "used", f->used_at_end) ||
           json_set_time(j, "full_at", f->full_at_ms) || set_amount(j, "overage", f->overage, currency);
}

static int fill_usage(struct json *o, const struct usage *u, const struct plan_terms *terms,
                      const struct usage_forecast *f)
{
    int64_t overage = u->billable ? pricing_overage(terms, u->used) : 0;
    return set_period(o, "period", u->period_start_ms, u->period_end_ms) || json_set_int(o, "used", u->used) ||
           set_limit(o, "included", u->included) || set_limit(o, "limit", u->limit) ||
           json_set_bool(o, "billable", u->billable) || set_amount(o, "overage", overage, terms->currency) ||
           fill_forecast(o, f, terms->currency);
}

void usage_show(struct request *rq)
{
    struct call call;
    struct entitlements x;
    struct usage u;
    struct usage_day *days;
    struct json *o = NULL;
    int64_t now = clock_now_ms();
    size_t n;
    if (!api_begin(rq, &call))
        return;
    enum status st = entitlement_load(call.c, call.who.tenant, now, call.a, &x, &call.e);
    if (st == OK)
        st = usage_in(call.c, call.who.tenant, &x.period, &u, &call.e);
    if (st == OK)
        st = usage_days(call.c, call.who.tenant, call.a, now - WEEK_MS, now + 1, &days, &n, &call.e);
    if (st == OK) {
        struct usage_forecast f = usage_forecast(&u, x.terms, days, n, now);
        if (!(o = json_new_object(call.a)) || fill_usage(o, &u, x.terms, &f))
            st = err_nomem(&call.e);
    }
    api_end(&call, st, 200, o);
}

static int fill_row(struct json *o, const struct usage_row *r)
{
    return json_set_id(o, "conversation", ID_CONVERSATION, r->conversation) ||
           (r->deleted ? json_set_null(o, "bot") : json_set_id(o, "bot", ID_BOT, r->bot)) ||
           json_set_time(o, "counted_at", r->counted_ms) || json_set_time(o, "period_start", r->period_start_ms) ||
           json_set_bool(o, "billable", r->billable) || json_set_bool(o, "deleted", r->deleted);
}

void usage_conversations(struct request *rq)
{
    struct call call;
    struct usage_row *rows;
    struct json *out = NULL, *data, *o;
    struct id before;
    size_t n = 0;
    int limit = 0;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_limit(&call, &limit);
    if (st == OK)
        st = api_after(&call, ID_CONVERSATION, &before); /* newest first: what comes after is older */
    if (st == OK)
        st = usage_rows(call.c, call.who.tenant, call.a, before, limit + 1, &rows, &n, &call.e);
    bool more = n > (size_t)limit;
    if (st == OK)
        out = api_list(call.a, more, &data);
    for (size_t i = 0; out && i < n - more; i++)
        if (json_push_object(data, &o) != 0 || fill_row(o, &rows[i]))
            out = NULL;
    if (st == OK && !out)
        st = err_nomem(&call.e);
    api_end(&call, st, 200, out);
}

/* ---- billing ---- */

static int fill_entitlements(struct json *o, const struct entitlements *x)
{
    struct json *j;
    if (json_set_object(o, "entitlements", &j))
        return -1;
    for (int i = 0; i < ENTITLEMENT_COUNT; i++) {
        const char *name = entitlement_name((enum entitlement)i);
        bool is_switch = entitlement_kind((enum entitlement)i) == SWITCH;
        if (is_switch ? json_set_bool(j, name, x->value[i] != 0) : set_limit(j, name, x->value[i]))
            return -1;
    }
    return 0;
}

static int fill_subscription(struct json *o, const struct subscription *s)
{
    struct json *j;
    if (!s)
        return json_set_null(o, "subscription");
    return json_set_object(o, "subscription", &j) || json_set_str(j, "status", s->status_text) ||
           json_set_time(j, "trial_end", s->trial_end_ms) ||
           json_set_bool(j, "payment_pending", s->pending_update_expires_ms > 0);
}

/* What the owner has planned: the end, or another plan. */
static int fill_pending(struct json *o, const struct entitlements *x, const struct plans *plans)
{
    const struct subscription *s = x->subscription;
    const struct plan_terms *next = s && s->next_ms ? plans_terms(plans, s->next_terms) : NULL;
    struct json *j;
    bool ends = x->state == BILLING_ENDING;
    if (!ends && !next)
        return json_set_null(o, "pending_change");
    return json_set_object(o, "pending_change", &j) ||
           json_set_str(j, "plan", ends ? plans_free(plans)->plan : next->plan) ||
           json_set_time(j, "at", ends ? x->until_ms : s->next_ms);
}

static int fill_dunning(struct json *o, const struct entitlements *x)
{
    struct json *j;
    if (x->state < BILLING_GRACE || x->state > BILLING_SUSPENDED)
        return json_set_null(o, "dunning");
    return json_set_object(o, "dunning", &j) ||
           json_set_time(j, "since", x->subscription ? x->subscription->first_failed_ms : 0) ||
           json_set_time(j, "until", x->until_ms);
}

static int fill_billing(struct json *o, const struct entitlements *x, const struct plans *plans)
{
    struct json *cap;
    return json_set_str(o, "plan", x->plan->plan) || json_set_str(o, "name", x->plan->name) ||
           json_set_str(o, "state", str_from(billing_state_name(x->state))) ||
           json_set_bool(o, "read_only", x->read_only) ||
           set_period(o, "period", x->period.start_ms, x->period.end_ms) ||
           set_amount(o, "price", x->terms->price, x->terms->currency) || fill_entitlements(o, x) ||
           fill_subscription(o, x->subscription) || fill_pending(o, x, plans) || fill_dunning(o, x) ||
           json_set_object(o, "overage", &cap) || json_set_bool(cap, "billed", x->bill_overage) ||
           set_amount(cap, "cap", x->overage_cap, x->terms->currency);
}

void billing_show(struct request *rq)
{
    struct call call;
    struct entitlements x;
    struct plans plans;
    struct json *o = NULL;
    if (!api_begin(rq, &call))
        return;
    enum status st = plans_read(call.c, call.a, &plans, &call.e);
    if (st == OK)
        st = entitlement_load(call.c, call.who.tenant, clock_now_ms(), call.a, &x, &call.e);
    if (st == OK && (!(o = json_new_object(call.a)) || fill_billing(o, &x, &plans)))
        st = err_nomem(&call.e);
    api_end(&call, st, 200, o);
}
