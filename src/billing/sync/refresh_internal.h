/* refresh_internal.h: refreshing an object of Stripe: it is fetched while its lease is held, and the result is
 * written in one transaction.
 *
 * No database connection is held while Stripe is waited for. The result and the events that the refresh serves are
 * written in one transaction in which the lease must still be held. Some objects lead to others (an invoice to its
 * subscription); then the events are marked as served only after those have been refreshed too, so that a worker
 * that dies in between repeats everything.
 *
 * refresh.c orders the steps and knows the kinds of objects; refresh_<subject>.c fetch and write one kind each, with
 * the functions of refresh_target.c. */
#ifndef PARLEY_BILLING_SYNC_REFRESH_INTERNAL_H
#define PARLEY_BILLING_SYNC_REFRESH_INTERNAL_H

#include "billing/mirror/mirror.h"
#include "billing/sync/event.h"
#include "stripe/client.h"
#include "stripe/held.h"
#include "stripe/object.h"

#define REFRESH_GET_MS 20000   /* the deadline of one GET */
#define REFRESH_FOLLOW_MS 5000 /* how long the lease of another object is waited for */

struct refresh {
    struct stripe *stripe;
    struct db_pool *p;
    struct arena *a;
};

/* Whether events of this type about this kind of object lead to a refresh. The prefix "v1." of a thin event's type
 * does not matter. */
bool refresh_serves(struct str object_type, struct str event_type);
/* Refreshes one object. ERR_CONFLICT billing_busy: another process kept the lease for longer
 * than wait_ms. ERR_INVALID object_unknown. */
enum status refresh_object(struct refresh *r, enum stripe_object kind, struct str id, int64_t wait_ms, struct err *e);
/* Rejects the usage that a meter did not accept, as the thin event of this id lists it. */
enum status refresh_meter_error(struct refresh *r, struct str event, struct err *e);

/* ---- for the kinds ---- */

struct refresh_next { /* an object to refresh afterwards */
    enum stripe_object kind;
    struct str id;
    struct refresh_next *after;
};
struct refresh_target {
    struct refresh *r;
    struct str id;
    int64_t fetched_ms; /* when the fetch began */
    struct held lease;
    struct event_name *events; /* stored before the fetch: served by it */
    size_t event_n;
    bool served; /* the events are marked as served */
    struct refresh_next *first, *last;
};
/* Fetches an object by its path pattern ("/v1/invoices/%"); expand may be NULL. */
enum status refresh_get(struct refresh *r, const char *pattern, struct str id, const char *expand, struct json **out,
                        struct err *e);
/* Calls fn (may be NULL) in a transaction in which the lease is held. `serves`: marks the events as served in it.
 * Otherwise refresh.c does that after the objects named by refresh_follow. */
enum status refresh_write(struct refresh_target *t, held_fn *fn, void *ctx, bool serves, struct err *e);
/* Names an object that must be refreshed too. An empty id is ignored. */
enum status refresh_follow(struct refresh_target *t, enum stripe_object kind, struct str id, struct err *e);
/* Whether one of the events is of this type. */
bool refresh_has_event(const struct refresh_target *t, enum event_type type);

enum status refresh_subscription(struct refresh_target *t, struct err *e);
enum status refresh_invoice(struct refresh_target *t, struct err *e);
enum status refresh_session(struct refresh_target *t, struct err *e);
enum status refresh_customer(struct refresh_target *t, struct err *e);
enum status refresh_schedule(struct refresh_target *t, struct err *e);
enum status refresh_charge(struct refresh_target *t, struct err *e);
enum status refresh_dispute(struct refresh_target *t, struct err *e);
enum status refresh_price(struct refresh_target *t, struct err *e);
enum status refresh_product(struct refresh_target *t, struct err *e);

/* Raises or clears what the operator must see of a subscription or invoice that was just written. In the
 * transaction. */
enum status subscription_alarms(struct db *c, struct arena *a, const struct json *j, const struct subscription *s,
                                struct err *e);
enum status invoice_alarms(struct db *c, const struct invoice *v, struct err *e);

#endif
