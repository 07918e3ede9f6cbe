/* mirror_internal.h: parsing helpers shared by the files of the mirror. */
#ifndef PARLEY_BILLING_MIRROR_MIRROR_INTERNAL_H
#define PARLEY_BILLING_MIRROR_MIRROR_INTERNAL_H

#include "billing/mirror/mirror.h"
#include "plan/plan.h"

struct mirror_item { /* one line of a subscription */
    struct str id, price;
    enum price_role role; /* by the price's metadata[role], else metered = usage */
    bool known;           /* its price is a row of stripe_price */
    struct id terms;      /* of that row, else by metadata[plan_terms] */
    int64_t period_start_ms, period_end_ms;
};
/* The lines that are not deleted. */
enum status mirror_items(struct arena *a, const struct json *subscription, struct mirror_item **out, size_t *n,
                         struct err *e);
/* Set base item, usage item, terms and period of *s, whatever the order of the lines. Known prices win over unknown
 * ones. */
void mirror_choose(struct subscription *s, const struct mirror_item *items, size_t n);

/* Sets status and reason of *v from Stripe's names for them. */
void mirror_set_status(struct invoice *v, struct str status, struct str billing_reason);

/* The first phase of a schedule after the current one: its prices and its start. Returns false if there is none. */
bool mirror_next_phase(const struct json *schedule, int64_t now_ms, const struct json **items, int64_t *start_ms);
struct str mirror_phase_price(const struct json *item);

#endif
