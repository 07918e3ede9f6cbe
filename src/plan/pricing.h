/* pricing.h: what a plan comes to: for a number of conversations, and on the next invoice. Pure, integers, before taxes and discounts:
 * Stripe's invoice is what counts. Amounts in the smallest unit of the terms' currency. */
#ifndef PARLEY_PLAN_PRICING_H
#define PARLEY_PLAN_PRICING_H

#include "plan/entitlement.h"

/* A month with so many conversations. False: these terms stop before that. */
bool pricing_total(const struct plan_terms *t, int64_t conversations, int64_t *out);
/* Only the part beyond what is included; 0 within, and 0 for terms without overage. */
int64_t pricing_overage(const struct plan_terms *t, int64_t conversations);
/* The public plan that costs least for so many (of two that cost the same the higher one); NULL: none goes so far. */
const struct plan *pricing_fit(const struct plans *p, int64_t conversations);

struct pricing_next {
    bool any;
    int64_t at_ms, base, overage;
    const struct plan_terms *terms; /* of the base; NULL: none */
};
/* The invoice at the end of the running period, as things stand: the base of what comes then, the overage used so far. any false:
 * without a live subscription there is none. */
struct pricing_next pricing_next(const struct plans *p, const struct entitlements *x, int64_t used);

#endif
