/* account_store.c: SQL of the calls to engines. A counter is added to where it is, and never read and written back, so
 * two turns at once lose nothing. */
#include "engine/workspace/account_store.h"

#include "base/clock.h"

#include "base/banned.h"

DB_STMT(engine_call_insert, TENANT,
        "INSERT INTO engine_call (tenant_id, call_id, engine_id, bot_id, conversation_id, purpose, type, model,"
        " outcome, http_status, tokens_in, tokens_out, estimated, cost, first_ms, took_ms)"
        " VALUES (:tenant, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "uuuu?ssssiiiiiii", "");
DB_STMT(engine_usage_put, TENANT,
        "INSERT INTO engine_usage (tenant_id, scope, scope_id, starts_at, monthly, calls, tokens, cost)"
        " VALUES (:tenant, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE calls = calls + VALUES(calls),"
        " tokens = tokens + VALUES(tokens), cost = cost + VALUES(cost)",
        "sutiiii", "");
DB_STMT(engine_usage_select, TENANT,
        "SELECT calls, tokens, cost FROM engine_usage WHERE tenant_id = :tenant AND scope = ? AND scope_id = ?"
        " AND monthly = ? AND starts_at = ?",
        "suit", "iii");
/* An id begins with the time of its call, so the oldest calls are a range of the primary key. */
DB_STMT(engine_calls_old, TENANT,
        "DELETE FROM engine_call WHERE tenant_id = :tenant AND call_id < ? ORDER BY call_id LIMIT ?", "ui", "");
DB_STMT(engine_calls_unlink, TENANT,
        "UPDATE engine_call SET conversation_id = NULL WHERE tenant_id = :tenant AND conversation_id = ?", "u", "");
/* GLOBAL: counters of all tenants grow old alike. */
DB_STMT(engine_visitors_old, GLOBAL,
        "DELETE FROM engine_usage WHERE scope = 'visitor' AND starts_at < ? ORDER BY starts_at LIMIT ?", "ti", "");
DB_STMT(engine_price_of_type, GLOBAL, "SELECT model, input, output FROM engine_price WHERE type = ?", "s", "sii");

enum status account_store_call_add(struct db *c, struct id tenant, const struct account_call *k, struct err *e)
{
    return db_exec(c, &engine_call_insert, &tenant,
                   DB_ARGS(db_id(id_new()), db_id(k->engine), db_id(k->bot), db_opt_id(k->conversation),
                           db_text(k->purpose), db_text(k->type), db_text(k->model), db_text(k->outcome),
                           db_int(k->http), db_int(k->tokens_in), db_int(k->tokens_out), db_int(k->estimated),
                           db_int(k->cost), db_int(k->first_ms), db_int(k->total_ms)),
                   NULL, e);
}

enum status account_store_usage_add(struct db *c, struct id tenant, const struct account_period *p,
                                    const struct account_usage *u, struct err *e)
{
    return db_exec(c, &engine_usage_put, &tenant,
                   DB_ARGS(db_text(p->scope), db_id(p->id), db_time(p->starts_ms), db_int(p->monthly), db_int(u->calls),
                           db_int(u->tokens), db_int(u->cost)),
                   NULL, e);
}

enum status account_store_usage_get(struct db *c, struct id tenant, const struct account_period *p, struct arena *a,
                                    struct account_usage *out, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &engine_usage_select, &tenant,
                              DB_ARGS(db_text(p->scope), db_id(p->id), db_int(p->monthly), db_time(p->starts_ms)), a,
                              &rows, e);
    *out = (struct account_usage){0};
    if (st == OK && rows.n)
        *out = (struct account_usage){db_row_int(rows.rows[0], 0), db_row_int(rows.rows[0], 1),
                                      db_row_int(rows.rows[0], 2)};
    return st;
}

enum status account_store_prices(struct db *c, struct str type, struct arena *a, struct account_price **out, size_t *n,
                                 struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &engine_price_of_type, DB_GLOBAL, DB_ARGS(db_str(type)), a, &rows, e);
    *n = 0;
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (; *n < rows.n; (*n)++)
        (*out)[*n] = (struct account_price){db_row_str(rows.rows[*n], 0), db_row_int(rows.rows[*n], 1),
                                            db_row_int(rows.rows[*n], 2)};
    return OK;
}

enum status account_store_calls_delete(struct db *c, struct id tenant, int64_t before_ms, int limit, int64_t *n,
                                       struct err *e)
{
    return db_exec(c, &engine_calls_old, &tenant, DB_ARGS(db_id(id_least(before_ms)), db_int(limit)), n, e);
}

enum status account_store_calls_unlink(struct db *c, struct id tenant, struct id conversation, struct err *e)
{
    return db_exec(c, &engine_calls_unlink, &tenant, DB_ARGS(db_id(conversation)), NULL, e);
}

enum status account_store_visitors_delete(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return db_exec(c, &engine_visitors_old, DB_GLOBAL, DB_ARGS(db_time(before_ms), db_int(limit)), n, e);
}
