/* canary_store.h: rows of bot_canary and bot_canary_tally. Private to src/engine/workspace. */
#ifndef PARLEY_ENGINE_WORKSPACE_CANARY_STORE_H
#define PARLEY_ENGINE_WORKSPACE_CANARY_STORE_H

#include "engine/workspace/canary.h"

/* All zeros without a row. With `lock` no other transaction changes it until this one ends. */
enum status canary_store_get(struct db *c, struct id tenant, struct id bot, bool lock, struct arena *a,
                             struct engine_canary *out, struct err *e);
enum status canary_store_put(struct db *c, struct id tenant, struct id bot, const struct engine_canary *k,
                             struct arena *a, struct err *e);
/* ERR_NOT_FOUND code version_unknown. *live: it is what the other conversations run on. */
enum status canary_store_version(struct db *c, struct id tenant, struct id bot, int version, struct arena *a,
                                 bool *live, struct err *e);
enum status canary_store_count(struct db *c, struct id tenant, struct id bot, int canary, const struct canary_counts *n,
                               struct err *e);
enum status canary_store_counts(struct db *c, struct id tenant, struct id bot, int canary, struct arena *a,
                                struct canary_counts *out, struct err *e);

#endif
