/* pricing.h: what a plan costs for a number of conversations, and on the next invoice. Pure, in integers, before
 * taxes and discounts; the binding amount is on Stripe's invoice. Amounts are in the smallest unit of the terms'
 * currency. */
#ifndef PARLEY_PLAN_PRICING_H
#define PARLEY_PLAN_PRICING_H

#include "plan/entitlement.h"

/* The price of a month with that many conversations. False when these terms stop earlier. */
bool pricing_total(const struct plan_terms *t, int64_t conversations, int64_t *out);
/* The part of it for conversations beyond the included ones; 0 for terms without overage. */
int64_t pricing_overage(const struct plan_terms *t, int64_t conversations);
/* The cheapest public plan for that many conversations (of equal ones the higher plan); NULL if none allows that
 * many. */
const struct plan *pricing_fit(const struct plans *p, int64_t conversations);

struct pricing_next {
    bool any;
    int64_t at_ms, base, overage;
    const struct plan_terms *terms; /* of the base; NULL: none */
};
/* The invoice at the end of the current period, as of now: the base price of the next period and the overage used so
 * far. `any` is false without a live subscription. */
struct pricing_next pricing_next(const struct plans *p, const struct entitlements *x, int64_t used);

#endif
