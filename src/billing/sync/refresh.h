/* refresh.h: one look at an object of Stripe: under its lease it is fetched, and what was seen is written, once. Used by sync.c alone.
 *
 * Stripe is waited for without a connection to the database. What is written, and the events that the look serves, are one
 * transaction that the lease still has to be held in; where a second object has to be looked at (the subscription of an invoice), the
 * events are served when that is done as well, so whoever dies in between does it all again. */
#ifndef PARLEY_BILLING_SYNC_REFRESH_H
#define PARLEY_BILLING_SYNC_REFRESH_H

#include "billing/mirror/mirror.h"
#include "stripe/client.h"
#include "stripe/held.h"

#define LOOK_GET_MS 20000   /* the deadline of one GET */
#define LOOK_FOLLOW_MS 5000 /* how long the lease of a second object is waited for */

struct look {
    struct stripe *stripe;
    struct db_pool *p;
    struct arena *a;
};

/* Is there anything to look at for such an event? "v1." in front of a thin event's type does not matter. */
bool look_serves(struct str object_type, struct str event_type);
/* kind as in sync_object. ERR_CONFLICT billing_busy: somebody else holds the lease for longer than wait_ms. */
enum status look_at(struct look *k, struct str kind, struct str id, int64_t wait_ms, struct err *e);
/* The usage that a meter did not take, as the event of this id tells it in full. */
enum status look_meter_error(struct look *k, struct str event, struct err *e);

/* ---- between the files of this ---- */

struct target {
    struct look *k;
    struct str id;
    int64_t fetched_ms; /* when the call that brought it began */
    struct held lease;
    struct event_name *events; /* there before the look: served by it */
    size_t n;
};
/* fn in a transaction that the lease is held in; `serves`: the events are done with it. */
enum status target_write(struct target *t, held_fn *fn, void *ctx, bool serves, struct err *e);
/* After target_write without `serves`: looks at a subscription too, then the events are done. "" = nothing more. */
enum status target_follow(struct target *t, struct str subscription, struct err *e);
bool target_said(const struct target *t, const char *type); /* one of its events is of this type */
enum status look_get(struct look *k, const char *pattern, struct str id, const char *expand, struct json **out,
                     struct err *e);

enum status look_subscription(struct target *t, struct err *e);
enum status look_invoice(struct target *t, struct err *e);
enum status look_session(struct target *t, struct err *e);
enum status look_customer(struct target *t, struct err *e);
enum status look_schedule(struct target *t, struct err *e);
enum status look_charge(struct target *t, struct err *e);
enum status look_dispute(struct target *t, struct err *e);
enum status look_price(struct target *t, struct err *e);
enum status look_product(struct target *t, struct err *e);

/* What the operator has to see of a subscription that was just written; what is over is closed. In the transaction. */
enum status subscription_alarms(struct db *c, struct arena *a, const struct json *j, const struct subscription *s,
                                struct err *e);
enum status invoice_alarms(struct db *c, const struct invoice *v, struct err *e);
/* A price as Stripe has it against what it was made for; one nobody here made is none of ours. */
enum status price_alarms(struct db *c, struct arena *a, const struct json *price, struct err *e);
bool subscription_is_live(const struct subscription *s); /* money is or may be asked for */

#endif
