/* held.h: a lease that is waited for without holding a database connection; and a transaction on a connection
 * of the pool. Operations that change money use both. */
#ifndef PARLEY_STRIPE_HELD_H
#define PARLEY_STRIPE_HELD_H

#include "db/db.h"

#define HELD_LEASE_MS 180000 /* longer than all calls to Stripe of one operation take */
#define HELD_WAIT_MS 8000    /* a second click waits for the first */

struct held {
    struct db_pool *p;
    struct str name;
    struct id holder;
    bool held;
};
/* Takes the lease `name` (borrowed until held_end) for lease_ms if no other process has it; w->held is whether it
 * did. */
enum status held_try(struct held *w, struct db_pool *p, struct str name, int64_t lease_ms, struct err *e);
/* Waits up to wait_ms for the lease and takes it for HELD_LEASE_MS. ERR_CONFLICT billing_busy: another process kept
 * it. */
enum status held_begin(struct held *w, struct db_pool *p, struct str name, int64_t wait_ms, struct err *e);
/* Gives the lease back. Harmless when it was never taken. */
void held_end(struct held *w);

typedef enum status held_fn(struct db *c, void *ctx, struct err *e);
/* Calls fn in a transaction on a connection of the pool (db_transaction: fn may run several times). */
enum status held_transaction(struct db_pool *p, held_fn *fn, void *ctx, struct err *e);

#endif
