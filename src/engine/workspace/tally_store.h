/* tally_store.h: rows of engine_tally. Private to src/engine/workspace. Texts of results are in the arena. */
#ifndef PARLEY_ENGINE_WORKSPACE_TALLY_STORE_H
#define PARLEY_ENGINE_WORKSPACE_TALLY_STORE_H

#include "engine/workspace/tally.h"

#define TALLY_ROWS_MAX 10000 /* of a month: 300 engines used on each day */

struct tally_row {
    struct id engine;
    struct str name;
    int64_t day_ms;
    struct engine_tally used;
};
/* Adds to the row of this bot (ID_NONE: the workspace), day and engine. */
enum status tally_store_add(struct db *c, struct id tenant, struct id bot, int64_t day_ms, struct id engine,
                            const struct engine_tally *used, struct err *e);
/* From `from_ms` to before `to_ms`, by day. */
enum status tally_store_list(struct db *c, struct id tenant, struct id bot, int64_t from_ms, int64_t to_ms,
                             struct arena *a, struct tally_row **out, size_t *n, struct err *e);

#endif
