/* checkout_internal.h: what the files of the checkout share. */
#ifndef PARLEY_BILLING_CHECKOUT_CHECKOUT_INTERNAL_H
#define PARLEY_BILLING_CHECKOUT_CHECKOUT_INTERNAL_H

#include "billing/checkout/checkout.h"
#include "billing/checkout/checkout_store.h"
#include "stripe/held.h"
#include "stripe/object.h"

/* An operation on the subscription of one tenant. */
struct operation {
    struct stripe *stripe;
    struct db_pool *p;
    struct arena *a;
    const struct actor *who;
    struct id tenant; /* who->tenant, except when the operator acts */
    struct held lease;
    bool nomem; /* a text could not be made, so nothing more is sent */
};
#define OPERATION_REFRESH_MS 5000 /* how long a refresh waits for the lease of its object */

struct operation operation_open(const struct billing_context *x, struct id tenant);
/* Takes the tenant's lease. End with operation_close, also after a failure. */
enum status operation_begin(struct operation *op, struct err *e);
/* Gives the lease back and returns st. An error that only the operator can fix becomes an alarm about `what` and,
 * except on the command line, billing_unavailable. */
enum status operation_close(struct operation *op, enum status st, const char *what, struct err *e);

/* A formatted text in the arena; "" without memory, which the next operation_post or operation_get reports. */
const char *operation_text(struct operation *op, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The tenant's id as text: "ws_...". */
const char *operation_tenant(struct operation *op);
enum status operation_post(struct operation *op, const char *path, const struct stripe_form *f, const char *key,
                           struct json **out, struct err *e);
enum status operation_get(struct operation *op, const char *path, const struct stripe_form *query, struct json **out,
                          struct err *e);
/* Brings the mirror up to date after a change. A failure is only logged: the event will do it later. */
void operation_refresh(struct operation *op, enum stripe_object kind, struct str id);
/* Sends all usage to the meter and waits until it is counted, before Stripe bills. ERR_UNAVAILABLE meter_unsent. */
enum status operation_flush_usage(struct operation *op, struct err *e);
/* Records that Stripe no longer has the customer. */
enum status operation_customer_gone(struct operation *op, struct str customer, struct err *e);
/* Whether Stripe has no such object, which this parameter named. */
bool operation_is_missing(const struct err *e, const char *pointer);

/* checkout.c; the caller holds the lease. customer_find: "" if there is none. customer_make: the existing customer,
 * otherwise a new one. */
enum status customer_find(struct operation *op, struct str *out, struct err *e);
enum status customer_make(struct operation *op, struct str *out, struct err *e);
/* See checkouts_end. */
enum status attempts_end(struct operation *op, struct err *e);

#endif
