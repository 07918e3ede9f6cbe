/* change_internal.h: a change of plan: its facts, read from the mirror, and its kind. */
#ifndef PARLEY_BILLING_CHECKOUT_CHANGE_INTERNAL_H
#define PARLEY_BILLING_CHECKOUT_CHANGE_INTERNAL_H

#include "base/clock.h"
#include "billing/checkout/checkout_internal.h"
#include "billing/mirror/mirror.h"

#define PREVIEW_MS HOUR_MS /* how long the price of a preview holds */
/* Clocks of two hosts differ by less. A moment further ahead was made up, to pay for less time. */
#define PRORATION_AHEAD_MS MINUTE_MS

/* What a change depends on, and what kind of change it is. The same facts serve the preview and the change itself. */
struct change_facts {
    struct operation *op;
    struct str plan_name;
    enum change_kind kind;
    struct plans plans;
    const struct plan *from, *to; /* from NULL: the subscription's price is not one of ours */
    const struct plan *fallback;  /* the plan without a subscription: the assigned one, else the free one */
    const struct subscription *sub;
    size_t live;            /* number of live subscriptions */
    struct str base, usage; /* the prices of the current terms of `to` */
    struct str pay_url;     /* the page of the newest invoice while it is open, or of the one that a change waits for */
    struct str waited_for;  /* the invoice whose payment a change waits for */
    int64_t changed_ms;     /* when this tenant last changed something */
    struct id *bots;        /* oldest first */
    size_t bot_n;
    int64_t bots_keep;
    bool used; /* billable conversations were counted in this period */
    bool owes; /* conversations beyond the plan that no invoice has yet */
};
/* Reads the facts and chooses the subscription. */
enum status change_read(struct change_facts *x, struct err *e);
/* Determines the kind of change and whether the plan can be had. */
enum status change_judge(struct change_facts *x, struct err *e);
/* Whether this subscription may be changed now. payment_needed: see x->pay_url. */
enum status change_allowed(const struct change_facts *x, struct err *e);
/* Whether it ends with its period. */
bool subscription_is_ending(const struct subscription *s);
/* The moment from which Stripe prorates, in seconds, inside the period. */
int64_t change_proration_s(const struct change_facts *x, int64_t proration_ms);

#endif
