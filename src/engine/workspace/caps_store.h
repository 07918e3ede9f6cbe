/* caps_store.h: rows of engine_cap: which cap was reached in which period. Private to src/engine/workspace. */
#ifndef PARLEY_ENGINE_WORKSPACE_CAPS_STORE_H
#define PARLEY_ENGINE_WORKSPACE_CAPS_STORE_H

#include "engine/workspace/account_store.h"
#include "engine/workspace/caps.h"

struct cap_row {
    const char *scope; /* not filled by a read */
    struct id scope_id, bot;
    bool monthly;
    int64_t starts_ms, amount, visitors, reached_ms;
    struct str cap;
};
/* *fresh is false if the row was there before. */
enum status caps_store_add(struct db *c, struct id tenant, const struct cap_row *r, bool *fresh, struct err *e);
/* Counts one more visitor, in the row of all visitors of the bot. */
enum status caps_store_count_visitor(struct db *c, struct id tenant, const struct cap_row *r, struct err *e);
enum status caps_store_known(struct db *c, struct id tenant, const struct cap_row *r, struct arena *a, bool *known,
                             struct err *e);
/* The rows of one counter: cap, amount, visitors and time. */
enum status caps_store_of_period(struct db *c, struct id tenant, const struct account_period *p, struct arena *a,
                                 struct cap_row **out, size_t *n, struct err *e);
enum status caps_store_bots(struct db *c, struct id tenant, int64_t day_ms, int64_t month_ms, struct arena *a,
                            struct engine_cap_bot **out, size_t *n, struct err *e);
/* "" for a bot that was deleted. */
enum status caps_store_bot_name(struct db *c, struct id tenant, struct id bot, struct arena *a, struct str *out,
                                struct err *e);
enum status caps_store_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
