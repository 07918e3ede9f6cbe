/* account.c: records the calls to engines and compares what was used with the caps of the bot.
 *
 * There is a counter for each scope and each day and month (UTC), so a check reads at most six rows by primary key. All
 * counters are written in the same order, first the visitor's and last the workspace's: the row most turns share is
 * locked for the shortest time, and two turns do not wait for each other in a circle. */
#include "engine/workspace/account.h"

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "engine/workspace/account_store.h"

#include "base/banned.h"

#define ACCOUNT_PERIODS 6
#define ACCOUNT_CAPS 3
#define ACCOUNT_TOKENS_MAX 100000000 /* of one try: a server that reports more does not fill a counter */
#define ACCOUNT_MILLION 1000000
#define ACCOUNT_ARENA (256 * KB)

static const char *const account_caps[ACCOUNT_CAPS] = {"calls", "tokens", "cost"};

/* The visitor's id contains the bot, because the cap is one of the bot. */
static struct id account_visitor_id(const struct engine_account *who)
{
    uint8_t hash[CRYPTO_HASH], both[sizeof(who->bot.b) + CRYPTO_HASH];
    struct id id;
    crypto_digest(who->visitor, hash);
    memcpy(both, who->bot.b, sizeof(who->bot.b));
    memcpy(both + sizeof(who->bot.b), hash, sizeof(hash));
    crypto_digest(str_n((const char *)both, sizeof(both)), hash);
    memcpy(id.b, hash, sizeof(id.b));
    return id;
}

static size_t account_periods(const struct engine_account *who, int64_t now_ms,
                              struct account_period out[ACCOUNT_PERIODS])
{
    size_t n = 0;
    int64_t day = now_ms - now_ms % DAY_MS;
    for (int monthly = 0; monthly < 2; monthly++) {
        int64_t starts = monthly ? clock_month_start(now_ms) : day;
        if (who->visitor.n)
            out[n++] = (struct account_period){"visitor", account_visitor_id(who), monthly, starts};
    }
    for (int monthly = 0; !id_is_none(who->bot) && monthly < 2; monthly++)
        out[n++] = (struct account_period){"bot", who->bot, monthly, monthly ? clock_month_start(now_ms) : day};
    for (int monthly = 0; monthly < 2; monthly++)
        out[n++] = (struct account_period){"workspace", who->tenant, monthly,
                                           monthly ? clock_month_start(now_ms) : day};
    return n;
}

/* The cap of a period; -1: there is none. */
static int64_t account_cap(const struct engine_account *who, const struct account_period *p, size_t cap)
{
    char name[20];
    const struct json *caps = who->limits ? json_get(who->limits, p->scope) : NULL;
    snprintf(name, sizeof(name), "%s_%s", account_caps[cap], p->monthly ? "month" : "day");
    const struct json *v = caps ? json_get(caps, name) : NULL;
    return v ? json_int(v, -1) : -1;
}

static bool account_has_cap(const struct engine_account *who, const struct account_period *p)
{
    for (size_t i = 0; i < ACCOUNT_CAPS; i++)
        if (account_cap(who, p, i) >= 0)
            return true;
    return false;
}

static int64_t account_used(const struct account_usage *u, size_t cap)
{
    return cap == 0 ? u->calls : cap == 1 ? u->tokens : u->cost;
}

enum status engine_account_check(struct db *c, const struct engine_account *who, int64_t now_ms, struct arena *a,
                                 const char **why, struct err *e)
{
    struct account_period periods[ACCOUNT_PERIODS];
    size_t n = account_periods(who, now_ms, periods);
    enum status st = OK;
    *why = NULL;
    for (size_t i = 0; st == OK && !*why && i < n; i++) {
        struct account_usage used;
        if (!account_has_cap(who, &periods[i]))
            continue;
        st = account_store_usage_get(c, who->tenant, &periods[i], a, &used, e);
        for (size_t k = 0; st == OK && !*why && k < ACCOUNT_CAPS; k++) {
            int64_t cap = account_cap(who, &periods[i], k);
            if (cap < 0 || account_used(&used, k) < cap)
                continue;
            char text[160];
            bool ok = true;
            snprintf(text, sizeof(text), "The %s has reached its cap of engine %s for this %s.", periods[i].scope,
                     account_caps[k], periods[i].monthly ? "month" : "day");
            *why = arena_str(a, str_from(text), &ok).p;
            st = ok ? OK : err_nomem(e);
        }
    }
    return st;
}

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

struct engine_account_tx {
    const struct engine_account *who;
    const struct engine_outcome *outcome;
    int64_t now_ms;
    struct arena *a;
};

static enum status account_write_try(struct db *c, const struct engine_account_tx *tx, const struct engine_try *t,
                                     struct account_usage *sum, struct err *e)
{
    struct account_price *all;
    size_t n;
    struct account_call k = {
        .engine = t->engine,
        .bot = tx->who->bot,
        .conversation = tx->who->conversation,
        .purpose = tx->who->purpose,
        .type = t->type->name,
        .model = t->model,
        .outcome = engine_class_name(t->end.class),
        .http = t->end.http,
        .tokens_in = account_tokens(t->usage.tokens_in, t->estimate.tokens_in),
        .tokens_out = account_tokens(t->usage.tokens_out, t->estimate.tokens_out),
        .estimated = t->usage.tokens_in < 0 || t->usage.tokens_out<0, .first_ms = t->first_ms> 0 ? t->first_ms : 0,
        .total_ms = t->total_ms};
    enum status st = account_store_prices(c, str_from(k.type), tx->a, &all, &n, e);
    if (st != OK)
        return st;
    const struct account_price *price = account_price_find(all, n, str_from(k.model));
    if (price)
        k.cost = account_cost(k.tokens_in, price->input) + account_cost(k.tokens_out, price->output);
    sum->calls++;
    sum->tokens += k.tokens_in + k.tokens_out;
    sum->cost += k.cost;
    return account_store_call_add(c, tx->who->tenant, &k, e);
}

/* The row is locked by the addition before, so exactly one call sees a counter pass its cap. */
static enum status account_report_caps(struct db *c, const struct engine_account_tx *tx, const struct account_period *p,
                                       const struct account_usage *added, struct err *e)
{
    struct account_usage now;
    char tenant[ID_TEXT_MAX];
    if (!account_has_cap(tx->who, p))
        return OK;
    enum status st = account_store_usage_get(c, tx->who->tenant, p, tx->a, &now, e);
    for (size_t k = 0; st == OK && k < ACCOUNT_CAPS; k++) {
        int64_t cap = account_cap(tx->who, p, k), used = account_used(&now, k);
        if (cap >= 0 && used >= cap && used - account_used(added, k) < cap)
            log_line(LOG_WARN, "engine_cap_reached", LOG_S("tenant", id_text(ID_TENANT, tx->who->tenant, tenant)),
                     LOG_S("scope", p->scope), LOG_S("cap", account_caps[k]),
                     LOG_S("period", p->monthly ? "month" : "day"), LOG_I("used", used));
    }
    return st;
}

static enum status account_write(struct db *c, void *ctx, struct err *e)
{
    const struct engine_account_tx *tx = ctx;
    struct account_period periods[ACCOUNT_PERIODS];
    struct account_usage sum = {0};
    size_t n = account_periods(tx->who, tx->now_ms, periods);
    enum status st = OK;
    for (size_t i = 0; st == OK && i < tx->outcome->try_count; i++)
        st = account_write_try(c, tx, &tx->outcome->tries[i], &sum, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        st = account_store_usage_add(c, tx->who->tenant, &periods[i], &sum, e);
        if (st == OK)
            st = account_report_caps(c, tx, &periods[i], &sum, e);
    }
    return st;
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
