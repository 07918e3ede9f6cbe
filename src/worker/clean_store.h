/* clean_store.h: what is deleted for its age, a few rows at a time so that nobody waits for it. */
#ifndef PARLEY_WORKER_CLEAN_STORE_H
#define PARLEY_WORKER_CLEAN_STORE_H

#include "db/db.h"

enum status clean_store_sessions(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);
enum status clean_store_turn_keys(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
