/* lease.h: one holder at a time for an object of Stripe ("sub_123", "tenant:<id>", "meter:cus_1"), by rows with an
 * expiry time. A holder that dies loses its lease when it expires. No named locks are used and no lock is held
 * between calls, so leases also work on a Galera cluster.
 *
 *   lease_take(db, name, 60 s, &holder, &got);  if (!got) try later;
 *   ... call Stripe, with no transaction open ...
 *   db_transaction: lease_hold(db, name, holder); write the result
 *   lease_release(db, name, holder)
 *
 * The expiry time is compared with clock_now_ms() of each program; the hosts' clocks have to agree to a few seconds.
 * Correctness does not depend on the clock: a holder whose lease was taken over is stopped by lease_hold. An expiry
 * time that is more than LEASE_LONGEST_MS ahead was written by a clock that ran ahead, and counts as expired. */
#ifndef PARLEY_STRIPE_LEASE_H
#define PARLEY_STRIPE_LEASE_H

#include "base/clock.h"
#include "db/db.h"

#define LEASE_NAME_MAX 300 /* bytes */
#define LEASE_LONGEST_MS (2 * HOUR_MS)

/* Takes the lease until now + ms, under a new *holder. *got is false when another holder has it. Not inside a
 * transaction. */
enum status lease_take(struct db *c, struct str name, int64_t ms, struct id *holder, bool *got, struct err *e);
/* Inside a transaction, before it writes: checks that the lease is still held and keeps it until the commit.
 * ERR_CONFLICT lease_lost: another holder has taken it. */
enum status lease_hold(struct db *c, struct str name, struct id holder, struct err *e);
/* Gives the lease back; does nothing when another holder has it. */
enum status lease_release(struct db *c, struct str name, struct id holder, struct err *e);
/* Deletes at most `limit` leases that expired more than an hour ago; *n is how many. */
enum status lease_clean(struct db *c, int64_t now_ms, int limit, int64_t *n, struct err *e);

#endif
