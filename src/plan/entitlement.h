/* entitlement.h: what a tenant may do now. One pure function of mirrored subscriptions, overrides and the clock
 * answers it. No state is stored, so none can be left wrong.
 *
 * Rules:
 * - FREE is the absence of a live subscription. The plan is the higher of the assigned one (tenant.plan) and the
 *   subscription's.
 * - trialing and active grant the plan (active: until cancel_at, or the end of the period if it is to end).
 * - past_due: GRACE for 7 days (the plan, no overage), then READ_ONLY for 7 days (the plan's pages, nothing new,
 *   conversations at the free limit), then SUSPENDED (free limits, data kept). unpaid: SUSPENDED. paused, incomplete,
 *   canceled: free.
 * - A status that this release does not know counts as the last known one for at most 24 h after that was fetched.
 * - Of two live subscriptions the higher one grants; both are reported.
 * - Overrides come last and hold until they expire.
 * - History is kept as long as the subscription's plan allowed while a payment is missing, and for 30 days after its
 *   end.
 * - In a workspace that is not active nothing new may begin. */
#ifndef PARLEY_PLAN_ENTITLEMENT_H
#define PARLEY_PLAN_ENTITLEMENT_H

#include "base/clock.h"
#include "plan/plan.h"
#include "plan/subscription.h"

#define BILLING_GRACE_MS (7 * DAY_MS)
#define BILLING_READ_ONLY_MS (14 * DAY_MS) /* both since the first missing payment */
#define BILLING_UNKNOWN_MS DAY_MS          /* how long the last known status replaces an unknown one */

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
/* "free", "read_only", ... */
const char *billing_state_name(enum billing_state s);

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
    /* Usage goes to Stripe's meter. Not when an override includes more than the terms: Stripe would charge for the
     * difference. */
    bool billable;
};
struct entitlements {
    enum billing_state state;
    const struct plan *plan;                 /* the plan that is shown */
    const struct plan_terms *terms;          /* the subscription's, else the current ones of the plan */
    const struct subscription *subscription; /* the one that decides, or NULL */
    int64_t value[ENTITLEMENT_COUNT];
    bool overridden[ENTITLEMENT_COUNT];
    bool read_only; /* nothing new may be created */
    struct quota_period period;
    bool bill_overage; /* the tenant's choice and its cap, whether or not they count now */
    int64_t overage_cap;
    int64_t until_ms;       /* when the state changes with time: end, next dunning step, trial end; 0: never */
    int64_t valid_until_ms; /* the answer holds at most until then */
    bool two_live, unknown_price, unknown_status; /* for alarms; none of them grants anything */
};
/* Resolves the facts. Pure. now_ms may be any time, even before the times in the rows (a clock that was set back).
 * *out points into the facts. */
void entitlement_resolve(const struct entitlement_facts *f, int64_t now_ms, struct entitlements *out);
/* Moves [start, end) to the period that contains now, in months from the anchor (31 Jan, 28 Feb, 31 Mar): when a
 * period is over and Stripe has not reported the next one yet. Pure. */
void entitlement_roll(int64_t anchor_ms, int64_t *start_ms, int64_t *end_ms, int64_t now_ms);

/* Reads the facts of a tenant and resolves them. Memory in the arena. ERR_NOT_FOUND workspace_unknown. */
enum status entitlement_load(struct db *c, struct id tenant, int64_t now_ms, struct arena *a, struct entitlements *out,
                             struct err *e);
/* How many days conversations are kept, or UNLIMITED. Like `retention_days` of the entitlements, but subscriptions
 * of live and test mode count, with or without a key: a misconfigured key must never delete history. */
enum status entitlement_history_days(struct db *c, struct id tenant, int64_t now_ms, int64_t *out, struct err *e);
/* The entitlements that a request needs, cached in the process until the shared generation "plan" of the tenant or
 * "plans" changes, until valid_until_ms, and for at most 10 s. Thread safe. */
struct entitled {
    enum billing_state state;
    char plan[33];
    int64_t value[ENTITLEMENT_COUNT];
    bool read_only;
    struct quota_period period;
};
enum status entitled_now(struct db_pool *p, struct id tenant, int64_t now_ms, struct entitled *out, struct err *e);
/* Whether one more may be created when there are `have`. ERR_PLAN plan_limit (renamed plan_limit_bots,
 * plan_limit_members; the message names plan and limit) or billing_read_only; ERR_DENIED workspace_suspended. */
enum status entitlement_room(const struct entitlements *x, enum entitlement what, int64_t have, struct err *e);
/* Whether anything new may be created: the same without a number. */
enum status entitlement_writable(const struct entitlements *x, struct err *e);
/* Reads the entitlements and calls entitlement_writable: for things that the plan does not count (answers).
 * Changing, publishing and deleting need no such check: while a payment is missing, a bot that says something wrong
 * must still be corrected. */
enum status entitlement_may_make(struct db *c, struct id tenant, struct err *e);
/* For the operator: adds a member if the plan has room; a new role of an existing member needs none. Serialised per
 * tenant by a row lock. Writes an entry to the operators' log. */
enum status entitlement_member_add(struct db *c, const struct actor *who, struct id tenant, struct id user,
                                   enum role role, struct err *e);
/* The lowest public plan whose value of `what` is at least `need`, or NULL. */
const struct plan *entitlement_offer(const struct plans *p, enum entitlement what, int64_t need);

/* Stores the tenant's choice of what happens at the limit: stop, or bill overage up to `cap` (smallest unit of the
 * plan's currency). It has an effect where the terms have overage and the subscription is paid. ERR_INVALID at
 * "cap": cap_invalid, cap_missing. */
#define OVERAGE_CAP_MAX 99999999LL
enum status overage_choose(struct db *c, const struct actor *who, bool bill, int64_t cap, struct err *e);

#endif
