/* account_store.h: rows of engine_call, engine_usage and engine_price. Private to src/engine/workspace. */
#ifndef PARLEY_ENGINE_WORKSPACE_ACCOUNT_STORE_H
#define PARLEY_ENGINE_WORKSPACE_ACCOUNT_STORE_H

#include "db/db.h"

struct account_price {
    struct str model;      /* a name, or a prefix that ends with an asterisk */
    int64_t input, output; /* for a million tokens, in 10^-9 of the install's currency */
};
struct account_call {
    struct id engine, bot, conversation;
    const char *purpose, *type, *model, *outcome;
    int http;
    int64_t tokens_in, tokens_out, cost, first_ms, total_ms;
    bool estimated;
};
/* The key of a counter. */
struct account_period {
    const char *scope; /* "visitor", "bot", "workspace" */
    struct id id;
    bool monthly;
    int64_t starts_ms;
};
struct account_usage {
    int64_t calls, tokens, cost;
};
enum status account_store_call_add(struct db *c, struct id tenant, const struct account_call *k, struct err *e);
enum status account_store_usage_add(struct db *c, struct id tenant, const struct account_period *p,
                                    const struct account_usage *u, struct err *e);
/* All 0 when nothing was counted. */
enum status account_store_usage_get(struct db *c, struct id tenant, const struct account_period *p, struct arena *a,
                                    struct account_usage *out, struct err *e);
/* All prices of a type, in the arena. */
enum status account_store_prices(struct db *c, struct str type, struct arena *a, struct account_price **out, size_t *n,
                                 struct err *e);
enum status account_store_calls_delete(struct db *c, struct id tenant, int64_t before_ms, int limit, int64_t *n,
                                       struct err *e);
enum status account_store_calls_unlink(struct db *c, struct id tenant, struct id conversation, struct err *e);
enum status account_store_visitors_delete(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
