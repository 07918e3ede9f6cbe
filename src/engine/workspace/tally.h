/* tally.h: what engines were used for, in numbers: by engine and by day (UTC), for a workspace and for each of its
 * bots. A month is one range of the table's primary key, so a report costs the same however many calls there were.
 * Thread safe; memory is the caller's arena. Errors not named here come from the database. */
#ifndef PARLEY_ENGINE_WORKSPACE_TALLY_H
#define PARLEY_ENGINE_WORKSPACE_TALLY_H

#include "db/db.h"

struct engine_tally {
    int64_t calls; /* each try of an engine, tests of connections included */
    int64_t tokens_in, tokens_out;
    int64_t cost; /* in 10^-9 of the currency of the price list */
};
struct engine_tally_engine {
    struct id engine;
    struct str name; /* "" when the engine was removed since */
    struct engine_tally month, today;
};
struct engine_tally_day {
    int64_t day_ms;
    struct engine_tally used;
};
struct engine_tally_month {
    int64_t start_ms, end_ms;
    struct engine_tally month, today;    /* of all engines */
    struct engine_tally_engine *engines; /* that were used, the removed ones last, else by name */
    size_t engine_count;
    struct engine_tally_day *days; /* on which engines were used, oldest first */
    size_t day_count;
};
/* The month that contains at_ms; `today` is the day that does. Bot ID_NONE: of the whole workspace, which includes bots
 * that were deleted. ERR_NOT_FOUND code bot_unknown. */
enum status engine_tally_read(struct db *c, struct id tenant, struct id bot, int64_t at_ms, struct arena *a,
                              struct engine_tally_month *out, struct err *e);

/* The counters that caps are compared with, of a bot or, with ID_NONE, of the workspace. */
struct engine_used {
    int64_t calls, tokens, cost;
};
enum status engine_used_now(struct db *c, struct id tenant, struct id bot, bool monthly, int64_t now_ms,
                            struct arena *a, struct engine_used *out, struct err *e);

#endif
