/* lease_store.h: the rows of stripe_lease. */
#ifndef PARLEY_STRIPE_LEASE_STORE_H
#define PARLEY_STRIPE_LEASE_STORE_H

#include "db/db.h"

/* Each sets *done to whether it changed a row. add: inserts a new lease. inherit: takes over an expired one. touch:
 * keeps it for this transaction. */
enum status lease_store_add(struct db *c, struct str name, struct id holder, int64_t until_ms, bool *done,
                            struct err *e);
enum status lease_store_inherit(struct db *c, struct str name, struct id holder, int64_t until_ms, int64_t now_ms,
                                bool *done, struct err *e);
enum status lease_store_touch(struct db *c, struct str name, struct id holder, bool *done, struct err *e);
enum status lease_store_drop(struct db *c, struct str name, struct id holder, struct err *e);
enum status lease_store_clean(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
