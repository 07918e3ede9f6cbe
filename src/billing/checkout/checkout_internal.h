/* checkout_internal.h: what the parts of checkout.h share. */
#ifndef PARLEY_BILLING_CHECKOUT_CHECKOUT_INTERNAL_H
#define PARLEY_BILLING_CHECKOUT_CHECKOUT_INTERNAL_H

#include "billing/checkout/checkout.h"
#include "billing/checkout/checkout_store.h"
#include "stripe/held.h"

/* One thing that somebody does about a tenant's money. */
struct desk {
    struct stripe *stripe;
    struct db_pool *p;
    struct arena *a;
    const struct actor *who;
    struct id tenant; /* whose money: who->tenant, but for the operator */
    struct held lease;
    bool nomem; /* a text could not be made: nothing is sent any more */
};
#define DESK_SYNC_MS 5000 /* for the object's lease, when it is looked at again */

struct desk desk_open(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                      struct id tenant);
/* The tenant's lease; end it with desk_close, which also turns an error that is not the owner's into words for him. */
enum status desk_begin(struct desk *d, struct err *e);
enum status desk_close(struct desk *d, enum status st, const char *what, struct err *e);

/* A text in the arena, "" without memory: that shows in the next desk_post or desk_get. */
const char *desk_text(struct desk *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *desk_tenant(struct desk *d); /* ws_... */
enum status desk_post(struct desk *d, const char *path, const struct stripe_form *f, const char *key, struct json **out,
                      struct err *e);
enum status desk_get(struct desk *d, const char *path, const struct stripe_form *query, struct json **out,
                     struct err *e);
/* The mirror is brought up to what was just done. When that does not work now the event will do it: it is logged, not an error. */
void desk_look(struct desk *d, const char *kind, struct str id);
/* What was counted reaches the meter, and there has been time to count it: for what Stripe bills at once. ERR_UNAVAILABLE meter_unsent. */
enum status desk_flush(struct desk *d, struct err *e);
/* The customer that Stripe no longer has. */
enum status desk_customer_gone(struct desk *d, struct str customer, struct err *e);
bool desk_is_missing(const struct err *e, const char *pointer); /* Stripe has no such object, named by this parameter */

/* checkout.c, with the lease held */
enum status customer_find(struct desk *d, struct str *out, struct err *e); /* "" if none */
enum status customer_make(struct desk *d, struct str *out, struct err *e); /* the one there is, else a new one */
enum status attempts_end(struct desk *d,
                         struct err *e); /* no open checkout can be paid any more; ERR_CONFLICT subscribed: one was */

#endif
