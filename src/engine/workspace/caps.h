/* caps.h: which caps of a bot are reached now, for the people who set them. Thread safe; memory is the caller's arena.
 * Errors come from the database. */
#ifndef PARLEY_ENGINE_WORKSPACE_CAPS_H
#define PARLEY_ENGINE_WORKSPACE_CAPS_H

#include "base/clock.h"
#include "base/json.h"
#include "db/db.h"

struct engine_cap {
    const char *scope; /* "visitor", "bot", "workspace" */
    const char *cap;   /* "calls", "tokens", "cost" */
    bool monthly;
    int64_t amount;     /* the cap; of cost in 10^-9 of the currency of the price list */
    int64_t used;       /* of a bot or workspace */
    int64_t visitors;   /* of a visitor's cap: how many reached it in this period */
    int64_t reached_ms; /* 0: it was never reported, because it is 0 or nothing was asked since it was set */
    int64_t until_ms;   /* the end of the period (UTC), when engines are asked again */
};
/* The caps in `limits` that are reached at now_ms. A cap that was raised since is not among them. */
enum status engine_caps_reached(struct db *c, struct id tenant, struct id bot, const struct json *limits,
                                int64_t now_ms, struct arena *a, struct engine_cap **out, size_t *n, struct err *e);
/* Bots of a workspace with a cap of their own or of the workspace that was reported in a period that is not over yet;
 * at most CAPS_BOTS_MAX. */
#define CAPS_BOTS_MAX 20
struct engine_cap_bot {
    struct id bot;
    struct str name;
};
enum status engine_caps_bots(struct db *c, struct id tenant, int64_t now_ms, struct arena *a,
                             struct engine_cap_bot **out, size_t *n, struct err *e);
/* Deletes at most `limit` reports of all tenants that are older than before_ms; *n = how many. */
#define ENGINE_KEEP_CAPS_MS (400 * DAY_MS)
enum status engine_caps_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
