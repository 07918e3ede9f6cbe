/* sync.h: events become mirror rows. The worker takes the object that a stored event names, fetches it from Stripe
 * under its lease, writes what it got, and marks all events of that object as done that were stored before. One
 * fetch serves any number of events in any order. An event that cannot be served is retried with a backoff and ends
 * dead, without holding up others. */
#ifndef PARLEY_BILLING_SYNC_SYNC_H
#define PARLEY_BILLING_SYNC_SYNC_H

#include "db/db.h"
#include "stripe/client.h"
#include "stripe/object.h"

/* Serves the event that has been due longest; *found is false when none is. Events of another account, mode or API
 * version are ignored, with an alarm. An error is the database's or an outage of Stripe (during which attempts do
 * not count): the caller pauses. A failure that concerns the event is recorded in its row; after ten attempts (a day
 * and a half) the event is dead, with an alarm. */
enum status sync_step(struct stripe *stripe, struct db_pool *p, bool *found, struct err *e);
/* Fetches one object now and writes it, for example after a change made here. Waits up to wait_ms for the object's
 * lease; ERR_UNAVAILABLE busy, ERR_INVALID object_unknown. */
enum status sync_object(struct stripe *stripe, struct db_pool *p, enum stripe_object kind, struct str id,
                        int64_t wait_ms, struct err *e);
/* Whether events of this type about this kind of object lead to a fetch. The prefix "v1." of a thin event's type
 * does not matter. */
bool sync_serves(struct str object_type, struct str event_type);

#endif
