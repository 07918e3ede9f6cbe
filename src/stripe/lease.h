/* lease.h: one holder at a time for a named thing of Stripe ("sub_123", "tenant:<id>", "meter:cus_1"), by rows with an end: whoever
 * dies lets go by itself. No named locks, no lock is held between calls; right on a Galera cluster.
 *
 *   lease_take(db, name, 60 s, &holder, &got);  if (!got) later;
 *   ... call Stripe, with no transaction open ...
 *   db_transaction: lease_hold(db, name, holder); write what was learnt
 *   lease_release(db, name, holder)
 *
 * The end is compared with clock_now_ms() of each program: hosts keep their clocks together to a few seconds. Whoever came late is stopped by
 * lease_hold, not by the clock. An end further ahead than LEASE_LONGEST_MS is of a clock that ran ahead and was set right since: it is over. */
#ifndef PARLEY_STRIPE_LEASE_H
#define PARLEY_STRIPE_LEASE_H

#include "base/clock.h"
#include "db/db.h"

#define LEASE_NAME_MAX 300 /* bytes */
#define LEASE_LONGEST_MS (2 * HOUR_MS)

/* *got: it is ours until now + ms, under a fresh *holder. False: somebody else has it. Not inside a transaction. */
enum status lease_take(struct db *c, struct str name, int64_t ms, struct id *holder, bool *got, struct err *e);
/* Ours for ms more from now. ERR_CONFLICT, lease_lost: somebody else has it. An expired one that nobody took is ours again. */
enum status lease_keep(struct db *c, struct str name, struct id holder, int64_t ms, struct err *e);
/* Inside a transaction, before it writes: ERR_CONFLICT, lease_lost unless it is still ours, and then it stays ours until the commit. */
enum status lease_hold(struct db *c, struct str name, struct id holder, struct err *e);
enum status lease_release(struct db *c, struct str name, struct id holder,
                          struct err *e); /* of one that is lost: nothing happens */
enum status lease_clean(struct db *c, int64_t now_ms, int limit, int64_t *n,
                        struct err *e); /* those over for an hour */

#endif
