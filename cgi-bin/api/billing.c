/* billing.c: /v1/billing: plan, state, subscription and planned change, read only. It contains no secret of the Stripe
 * account. */
#include "api/api.h"
#include "base/clock.h"
#include "plan/pricing.h"

#include "base/banned.h"

/* Every entitlement of entitlements.def is listed, so that a client sees new ones without a new version of the API. */
static int api_billing_fill_entitlements(struct json *o, const struct entitlements *x)
{
    struct json *j;
    if (json_set_object(o, "entitlements", &j))
        return -1;
    for (int i = 0; i < ENTITLEMENT_COUNT; i++) {
        const char *name = entitlement_name((enum entitlement)i);
        bool is_switch = entitlement_kind((enum entitlement)i) == SWITCH;
        if (is_switch ? json_set_bool(j, name, x->value[i] != 0) : api_set_limit(j, name, x->value[i]))
            return -1;
    }
    return 0;
}

/* No ids of Stripe: they are of no use without the account's key, and belong to the operator. */
static int api_billing_fill_subscription(struct json *o, const struct subscription *s)
{
    struct json *j;
    if (!s)
        return json_set_null(o, "subscription");
    return json_set_object(o, "subscription", &j) || json_set_str(j, "status", s->status_text) ||
           json_set_time(j, "trial_end", s->trial_end_ms) ||
           json_set_bool(j, "payment_pending", s->pending_update_expires_ms > 0);
}

/* The change that the owner has planned: the end of the subscription, or another plan. */
static int api_billing_fill_change(struct json *o, const struct entitlements *x, const struct plans *plans)
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

/* The states between the first failed payment and the end of its grace; their order in enum billing_state is that
 * of time. */
static int api_billing_fill_dunning(struct json *o, const struct entitlements *x)
{
    struct json *j;
    if (x->state < BILLING_GRACE || x->state > BILLING_SUSPENDED)
        return json_set_null(o, "dunning");
    return json_set_object(o, "dunning", &j) ||
           json_set_time(j, "since", x->subscription ? x->subscription->first_failed_ms : 0) ||
           json_set_time(j, "until", x->until_ms);
}

/* Setters are chained with ||: the first that has no memory ends the chain, and the whole reply is refused. */
static int api_billing_fill(struct json *o, const struct entitlements *x, const struct plans *plans)
{
    struct json *cap;
    return json_set_str(o, "plan", x->plan->plan) || json_set_str(o, "name", x->plan->name) ||
           json_set_str(o, "state", str_from(billing_state_name(x->state))) ||
           json_set_bool(o, "read_only", x->read_only) ||
           api_set_period(o, "period", x->period.start_ms, x->period.end_ms) ||
           api_set_amount(o, "price", x->terms->price, x->terms->currency) || api_billing_fill_entitlements(o, x) ||
           api_billing_fill_subscription(o, x->subscription) || api_billing_fill_change(o, x, plans) ||
           api_billing_fill_dunning(o, x) || json_set_object(o, "overage", &cap) ||
           json_set_bool(cap, "billed", x->bill_overage) ||
           api_set_amount(cap, "cap", x->overage_cap, x->terms->currency);
}

/* Everything comes from the mirror, so the call works while Stripe does not. */
void api_billing_get(struct request *rq)
{
    struct api_call call;
    struct entitlements x;
    struct plans plans;
    struct json *o = NULL;
    if (!api_begin(rq, &call))
        return;
    enum status st = plans_read(call.c, call.a, &plans, &call.e);
    if (st == OK)
        st = entitlement_load(call.c, call.who.tenant, clock_now_ms(), call.a, &x, &call.e);
    if (st == OK && (!(o = json_new_object(call.a)) || api_billing_fill(o, &x, &plans)))
        st = err_nomem(&call.e);
    api_end(&call, st, 200, o);
}
