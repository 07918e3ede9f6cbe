/* held.h: what changes money here shares: a lease waited for with no connection held, and statements on a connection for as long as they take. */
#ifndef PARLEY_STRIPE_HELD_H
#define PARLEY_STRIPE_HELD_H

#include "db/db.h"

#define HELD_LEASE_MS 180000 /* longer than the calls of one change take */
#define HELD_WAIT_MS 8000    /* a second click waits for the first */

struct held {
    struct db_pool *p;
    struct str name;
    struct id holder;
    bool held;
};
/* The lease `name` (borrowed) is ours when this is OK; ERR_CONFLICT billing_busy after wait_ms. */
enum status held_begin(struct held *w, struct db_pool *p, struct str name, int64_t wait_ms, struct err *e);
void held_end(struct held *w); /* fine when it was never ours */

typedef enum status held_fn(struct db *c, void *ctx, struct err *e);
enum status held_db(struct db_pool *p, held_fn *fn, void *ctx, struct err *e); /* on a connection of the pool */
enum status held_transaction(struct db_pool *p, held_fn *fn, void *ctx,
                             struct err *e); /* the same, in one transaction */

#endif
