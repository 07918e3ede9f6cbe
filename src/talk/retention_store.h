/* retention_store.h: the statements of retention.c. */
#ifndef PARLEY_TALK_RETENTION_STORE_H
#define PARLEY_TALK_RETENTION_STORE_H

#include "talk/retention.h"

/* In a transaction: the next conversations that are due, locked. */
enum status retention_store_due(struct db *c, struct id tenant, struct id after, int64_t before_ms, int limit,
                                struct arena *a, struct id **out, size_t *n, struct err *e);
enum status retention_store_delete(struct db *c, struct id tenant, struct id conversation, struct err *e);
enum status retention_store_events_delete(struct db *c, struct id tenant, int64_t before_ms, int limit, int64_t *n,
                                          struct err *e);
enum status retention_store_forget_turn_keys(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
