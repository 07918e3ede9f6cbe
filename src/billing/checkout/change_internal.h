/* change_internal.h: what a change of plan would be: read from the mirror, judged, the same for a preview and for the change itself. */
#ifndef PARLEY_BILLING_CHECKOUT_CHANGE_INTERNAL_H
#define PARLEY_BILLING_CHECKOUT_CHANGE_INTERNAL_H

#include "base/clock.h"
#include "billing/checkout/checkout_internal.h"
#include "billing/mirror/mirror.h"

#define PREVIEW_MS HOUR_MS /* how long its price holds */
#define AHEAD_MS   \
    ((int64_t)60 * \
     1000) /* clocks of two hosts differ by less; a moment further ahead was made up, to pay for less time */

struct planned {
    struct desk *d;
    struct str plan_name;
    enum change_kind kind;
    struct plans plans;
    const struct plan *from, *to; /* from NULL: the subscription's price is nobody's here */
    const struct plan *floor; /* what the workspace has without a subscription: the assigned plan, else the free one */
    const struct subscription *sub;
    size_t standing;
    struct str base, usage; /* the prices of to's current terms */
    struct str pay_url; /* of the subscription's newest invoice, while it is open; of the one that a change waits for */
    struct str waited_for; /* that invoice: a change waits for its payment */
    int64_t changed_ms;    /* when this tenant last changed something */
    struct id *bots;       /* oldest first */
    size_t bot_n;
    int64_t bots_keep;
    bool used; /* billable conversations were counted in this period, within the plan or beyond it */
    bool owes; /* conversations beyond the plan that no invoice has yet */
};
/* The mirror's rows, and which subscription decides. */
enum status planned_read(struct planned *x, struct err *e);
/* Which kind of change it would be, and whether it can be. */
enum status planned_judge(struct planned *x, struct err *e);
/* May this subscription be changed at all, now? payment_needed fills pay_url. */
enum status planned_changeable(const struct planned *x, struct err *e);
bool planned_ends(const struct subscription *s); /* it is to end at its period's end */
/* The moment that proration counts from, in Stripe's seconds. */
int64_t planned_proration_s(const struct planned *x, int64_t proration_ms);

#endif
