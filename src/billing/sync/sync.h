/* sync.h: events become mirror rows: the worker takes the object a stored event names, under a lease looks at it at Stripe, writes
 * what it saw, and marks all events of that object done that were there before it looked. One look serves any number of events,
 * in any order; an event that cannot be served waits with a backoff and ends dead, without holding up others. */
#ifndef PARLEY_BILLING_SYNC_SYNC_H
#define PARLEY_BILLING_SYNC_SYNC_H

#include "db/db.h"
#include "stripe/client.h"

/* Serve the event that is due longest; *found false when none is. Events of another account, mode or API version are ignored, with an
 * alarm. An error is the database's, or Stripe's being away (which the event waits for, however long): the caller rests. An event's
 * own trouble is in its row; after ten attempts (a day and a half) it is dead, with an alarm. */
enum status sync_step(struct stripe *stripe, struct db_pool *p, bool *found, struct err *e);
/* Look at one object now (also after a change made here): "sub_...", "in_...", "cs_...", "cus_..." by kind "subscription", "invoice",
 * "checkout.session", "customer", "charge", "dispute", "subscription_schedule", "price", "product". Takes the object's lease (waits up to wait_ms; ERR_UNAVAILABLE code busy). */
enum status sync_object(struct stripe *stripe, struct db_pool *p, const char *kind, struct str id, int64_t wait_ms,
                        struct err *e);

struct sync_depth {
    int64_t pending, dead, oldest_ms; /* how long the oldest pending one has waited */
};
enum status sync_depth(struct db *c, struct sync_depth *out, struct err *e);
struct stripe_event {
    struct str id, type, object_type, object_id, state, last_error;
    int attempts;
    int64_t created_ms, received_ms, due_ms;
    bool thin;
};
/* state NULL: all; newest first. */
enum status event_list(struct db *c, struct arena *a, const char *state, int limit, struct stripe_event **out,
                       size_t *n, struct err *e);
enum status event_get(struct db *c, struct arena *a, struct str event, struct stripe_event *out,
                      struct err *e); /* ERR_NOT_FOUND */
enum status event_payload(struct db *c, struct arena *a, struct str event, struct str *out, struct err *e);
/* Whether an event about this object is stored that was not served yet (pending or dead). */
enum status event_waits(struct db *c, struct arena *a, struct str object, bool livemode, bool *waits, struct err *e);
enum status event_replay(struct db *c, struct str event,
                         struct err *e); /* dead, done or ignored becomes pending; ERR_NOT_FOUND */
/* Forget at most `limit` done and ignored ones that came before; *n = how many it were. */
enum status event_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
