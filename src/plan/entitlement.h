/* entitlement.h: may this tenant, now? One pure function of mirror rows, overrides, dunning and clock answers it; nothing
 * flips a switch, so nothing can be left in the wrong place.
 *
 * Rules: FREE is the absence of a live subscription. The plan is the higher of the assigned one (tenant.plan) and the
 * subscription's. Live: trialing, active (until cancel_at or the period's end when it is to end). past_due: GRACE for 7 days (plan, no
 * overage), then READ_ONLY for 7 (the plan's pages, nothing new, conversations at the free limit), then SUSPENDED (free limits, data
 * kept), like unpaid. paused, incomplete, canceled: free. A status this release does not know: as the last known one for at most
 * 24 h after it was fetched, never more than before. Two live subscriptions: the higher grants, both are seen. Overrides come last
 * and hold until they expire. History is kept as long as the subscription's plan had it while a payment is missing and for 30 days
 * after its end. In a workspace that is not active nothing may begin. */
#ifndef PARLEY_PLAN_ENTITLEMENT_H
#define PARLEY_PLAN_ENTITLEMENT_H

#include "base/clock.h"
#include "plan/plan.h"
#include "plan/subscription.h"

#define BILLING_GRACE_MS (7 * DAY_MS)
#define BILLING_READ_ONLY_MS (14 * DAY_MS) /* both since first_failed */
#define BILLING_UNKNOWN_MS DAY_MS

enum billing_state {
    BILLING_FREE,
    BILLING_ASSIGNED,
    BILLING_TRIAL,
    BILLING_LIVE,
    BILLING_ENDING,
    BILLING_GRACE,
    BILLING_READ_ONLY,
    BILLING_SUSPENDED,
    BILLING_PAUSED
};
const char *billing_state_name(enum billing_state s); /* "free", "read_only", ... */

struct entitlement_facts {
    const struct plans *plans;
    struct id tenant;
    struct str assigned;   /* tenant.plan */
    bool workspace_active; /* tenant.state */
    int64_t tenant_created_ms;
    bool livemode; /* of the configured key: rows of the other mode do not count */
    const struct subscription *subscriptions;
    size_t subscription_n;
    const struct override *overrides;
    size_t override_n;
    bool bill_overage;   /* the tenant's choice, with its cap */
    int64_t overage_cap; /* smallest unit; 0 = none */
};
struct quota_period {
    int64_t start_ms, end_ms; /* [start, end) */
    int64_t included;         /* or UNLIMITED */
    int64_t limit;            /* hard: included, or included plus what the overage cap buys; UNLIMITED */
    bool
        billable; /* goes to Stripe's meter; not so when an override includes more than the terms, which Stripe would price */
};
struct entitlements {
    enum billing_state state;
    const struct plan *plan;                 /* whose name is shown */
    const struct plan_terms *terms;          /* what is paid: the subscription's, else the plan's current */
    const struct subscription *subscription; /* the one that decides; NULL without */
    int64_t value[ENTITLEMENT_COUNT];
    bool overridden[ENTITLEMENT_COUNT];
    bool read_only; /* nothing new may be made */
    struct quota_period period;
    bool bill_overage; /* the tenant's choice and its cap, whether or not they count now */
    int64_t overage_cap;
    int64_t until_ms;       /* when the state changes by itself: end, next dunning step, trial end; 0: never */
    int64_t valid_until_ms; /* the answer holds until then at most (period end, expiring override, dunning step) */
    bool two_live, unknown_price, unknown_status; /* alarms; none of them grants anything */
};
/* Pure. `now_ms` may be anything, also before the rows' times (a clock set back). Points into the facts. */
void entitlement_resolve(const struct entitlement_facts *f, int64_t now_ms, struct entitlements *out);
/* The period of a subscription that contains now: [start, end) as mirrored, or rolled on by months from the anchor when it is over and
 * Stripe has not said so yet (31 Jan, 28 Feb, 31 Mar). Pure. */
void entitlement_roll(int64_t anchor_ms, int64_t *start_ms, int64_t *end_ms, int64_t now_ms);

/* Read the facts and resolve. */
enum status entitlement_load(struct db *c, struct id tenant, int64_t now_ms, struct arena *a, struct entitlements *out,
                             struct err *e);
/* How long conversations are kept, in days, or UNLIMITED. As `retention_days` of the entitlements, but subscriptions of either mode count,
 * also while no key is set: a wrong key must cost nobody their history, which is gone for good. */
enum status entitlement_history_days(struct db *c, struct id tenant, int64_t now_ms, int64_t *out, struct err *e);
/* What a request asks: value and plan of a tenant, cached per process until the shared generation "plan" of the tenant or "plans"
 * grows, valid_until passes, and for at most 10 s. Thread safe. */
struct entitled {
    enum billing_state state;
    char plan[33];
    int64_t value[ENTITLEMENT_COUNT];
    bool read_only;
    struct quota_period period;
};
enum status entitled_now(struct db_pool *p, struct id tenant, int64_t now_ms, struct entitled *out, struct err *e);
/* May one more be made when there are `have`? ERR_PLAN codes plan_limit_bots, plan_limit_members, billing_read_only; the message names
 * plan and limit. ERR_DENIED workspace_suspended. */
enum status entitlement_room(const struct entitlements *x, enum entitlement what, int64_t have, struct err *e);
enum status entitlement_writable(const struct entitlements *x, struct err *e); /* the same without a number */
/* May something new be made, which no number of the plan limits (answers)? ERR_PLAN billing_read_only, ERR_DENIED workspace_suspended. What is
 * there may be changed, published and deleted also while a payment is missing: a bot that says something wrong is its visitors' trouble. */
enum status entitlement_may_make(struct db *c, struct id tenant, struct err *e);
/* account_member_add where the plan has room: a new member needs it, a new role does not. Two at once come one after the other. */
enum status entitlement_member_add(struct db *c, struct id tenant, struct id user, enum role role, struct err *e);
/* The lowest public plan whose value of `what` is at least `need`: the way to get it. NULL: none. */
const struct plan *entitlement_offer(const struct plans *p, enum entitlement what, int64_t need);

/* The tenant's choice of what happens at the limit; cap in the smallest unit of the plan's currency. It counts where the terms have
 * overage and something is paid. ERR_INVALID at "cap": cap_invalid, cap_missing. */
#define OVERAGE_CAP_MAX 99999999LL
enum status overage_choose(struct db *c, const struct actor *who, bool bill, int64_t cap, struct err *e);

#endif
