/* account.c: records the calls to engines with their price, and adds them to the counters that caps.c compares and to
 * the tallies that tally.c reports.
 *
 * All of them are written in the same order, those of the bot first and those of the workspace last: the rows that most
 * turns share are locked for the shortest time, and two turns do not wait for each other in a circle. */
#include "engine/workspace/account.h"

#include <string.h>

#include "engine/workspace/canary.h"
#include "engine/workspace/caps_internal.h"
#include "engine/workspace/tally_store.h"

#include "base/banned.h"

#define ACCOUNT_TOKENS_MAX 100000000 /* of one try: a server that reports more does not fill a counter */
#define ACCOUNT_MILLION 1000000
#define ACCOUNT_ARENA (256 * KB)

/* A price of the model itself wins, then the longest prefix. NULL: the operator has set none, and the call is free. */
static const struct account_price *account_price_find(const struct account_price *all, size_t n, struct str model)
{
    const struct account_price *best = NULL;
    for (size_t i = 0; i < n; i++) {
        struct str m = all[i].model;
        bool prefix = m.n && m.p[m.n - 1] == '*';
        if (!prefix && str_eq(m, model))
            return &all[i];
        if (prefix && model.n >= m.n - 1 && memcmp(m.p, model.p, m.n - 1) == 0 && (!best || m.n > best->model.n))
            best = &all[i];
    }
    return best;
}

/* In two parts, because the product of a price and many tokens does not fit into 64 bits. */
static int64_t account_cost(int64_t tokens, int64_t price)
{
    return tokens * (price / ACCOUNT_MILLION) + tokens * (price % ACCOUNT_MILLION) / ACCOUNT_MILLION;
}

static int64_t account_tokens(int64_t reported, int64_t estimate)
{
    int64_t n = reported < 0 ? estimate : reported;
    return n < ACCOUNT_TOKENS_MAX ? n : ACCOUNT_TOKENS_MAX;
}

/* What one engine was used for by an outcome, which may have asked the same engine several times. */
struct account_engine {
    struct id engine;
    struct engine_tally used;
};
struct account_sums {
    struct account_usage all;
    struct account_engine engines[ENGINE_LINKS_MAX]; /* by id, which is the order in which their rows are locked */
    size_t n;
};

static struct engine_tally *account_engine_of(struct account_sums *s, struct id engine)
{
    size_t at = 0;
    while (at < s->n && memcmp(s->engines[at].engine.b, engine.b, sizeof(engine.b)) < 0)
        at++;
    if (at < s->n && id_eq(s->engines[at].engine, engine))
        return &s->engines[at].used;
    CHECK(s->n < COUNT_OF(s->engines));
    memmove(&s->engines[at + 1], &s->engines[at], (s->n++ - at) * sizeof(*s->engines));
    s->engines[at] = (struct account_engine){.engine = engine};
    return &s->engines[at].used;
}

struct engine_account_tx {
    const struct engine_account *who;
    const struct engine_outcome *outcome;
    int64_t now_ms;
    struct arena *a;
};

static enum status account_write_try(struct db *c, const struct engine_account_tx *tx, const struct engine_try *t,
                                     struct account_sums *sums, struct err *e)
{
    struct account_price *all;
    size_t n;
    struct account_call k = {.engine = t->engine,
                             .bot = tx->who->bot,
                             .conversation = tx->who->conversation,
                             .purpose = tx->who->purpose,
                             .type = t->type->name,
                             .model = t->model,
                             .outcome = engine_class_name(t->end.class),
                             .http = t->end.http,
                             .tokens_in = account_tokens(t->usage.tokens_in, t->estimate.tokens_in),
                             .tokens_out = account_tokens(t->usage.tokens_out, t->estimate.tokens_out),
                             .estimated = t->usage.tokens_in < 0 || 0 > t->usage.tokens_out,
                             .first_ms = t->first_ms > 0 ? t->first_ms : 0,
                             .total_ms = t->total_ms};
    enum status st = account_store_prices(c, str_from(k.type), tx->a, &all, &n, e);
    if (st != OK)
        return st;
    const struct account_price *price = account_price_find(all, n, str_from(k.model));
    if (price)
        k.cost = account_cost(k.tokens_in, price->input) + account_cost(k.tokens_out, price->output);
    struct engine_tally *one = account_engine_of(sums, k.engine);
    one->calls++;
    one->tokens_in += k.tokens_in;
    one->tokens_out += k.tokens_out;
    one->cost += k.cost;
    sums->all.calls++;
    sums->all.tokens += k.tokens_in + k.tokens_out;
    sums->all.cost += k.cost;
    return account_store_call_add(c, tx->who->tenant, &k, e);
}

/* Bot ID_NONE: the tally of the workspace. */
static enum status account_write_tally(struct db *c, const struct engine_account_tx *tx, struct id bot,
                                       const struct account_sums *sums, struct err *e)
{
    enum status st = OK;
    for (size_t i = 0; st == OK && i < sums->n; i++)
        st = tally_store_add(c, tx->who->tenant, bot, tx->now_ms - tx->now_ms % DAY_MS, sums->engines[i].engine,
                             &sums->engines[i].used, e);
    return st;
}

static enum status account_write(struct db *c, void *ctx, struct err *e)
{
    const struct engine_account_tx *tx = ctx;
    struct account_period periods[CAPS_PERIODS];
    struct account_sums sums = {.n = 0};
    size_t n = caps_periods(tx->who, tx->now_ms, periods);
    enum status st = OK;
    for (size_t i = 0; st == OK && i < tx->outcome->try_count; i++)
        st = account_write_try(c, tx, &tx->outcome->tries[i], &sums, e);
    if (st == OK && !id_is_none(tx->who->bot))
        st = account_write_tally(c, tx, tx->who->bot, &sums, e);
    const struct canary_counts used = {.calls = sums.all.calls, .tokens = sums.all.tokens, .cost = sums.all.cost};
    if (st == OK)
        st = engine_canary_add(c, tx->who->tenant, tx->who->bot, tx->who->canary, &used, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        st = account_store_usage_add(c, tx->who->tenant, &periods[i], &sums.all, e);
        if (st == OK)
            st = caps_report_crossed(c, tx->who, &periods[i], &sums.all, tx->now_ms, tx->a, e);
    }
    return st == OK ? account_write_tally(c, tx, ID_NONE, &sums, e) : st;
}

enum status engine_account_record(struct db *c, const struct engine_account *who, const struct engine_outcome *o,
                                  int64_t now_ms, struct err *e)
{
    struct arena a;
    struct engine_account_tx tx = {who, o, now_ms, &a};
    if (!o->try_count)
        return OK;
    arena_init(&a, ACCOUNT_ARENA);
    enum status st = db_transaction(c, account_write, &tx, e);
    arena_release(&a);
    return st;
}

enum status engine_account_sweep(struct db *c, struct id tenant, int64_t before_ms, int limit, int64_t *n,
                                 struct err *e)
{
    *n = 0;
    return before_ms > 0 ? account_store_calls_delete(c, tenant, before_ms, limit, n, e) : OK;
}

enum status engine_account_unlink(struct db *c, struct id tenant, struct id conversation, struct err *e)
{
    return account_store_calls_unlink(c, tenant, conversation, e);
}

enum status engine_account_forget_visitors(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return account_store_visitors_delete(c, before_ms, limit, n, e);
}
