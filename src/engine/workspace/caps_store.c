/* caps_store.c: SQL of engine_cap. The primary key is what makes a notice unique; no code compares anything. */
#include "engine/workspace/caps_store.h"

#include "base/banned.h"

#define CAP_INSERT                                                                                           \
    "INSERT INTO engine_cap (tenant_id, scope, scope_id, monthly, starts_at, cap, amount, bot_id, visitors," \
    " reached_at) VALUES (:tenant, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
/* A plain INSERT: a duplicate does not end the transaction, and INSERT IGNORE would hide other errors. */
DB_STMT(cap_add, TENANT, CAP_INSERT, "suitsiuit", "");
DB_STMT(cap_count, TENANT, CAP_INSERT " ON DUPLICATE KEY UPDATE visitors = visitors + 1", "suitsiuit", "");
DB_STMT(cap_known, TENANT,
        "SELECT visitors FROM engine_cap WHERE tenant_id = :tenant AND scope = ? AND scope_id = ? AND monthly = ?"
        " AND starts_at = ? AND cap = ? AND amount = ?",
        "suitsi", "i");
DB_STMT(caps_of_period, TENANT,
        "SELECT cap, amount, visitors, reached_at FROM engine_cap WHERE tenant_id = :tenant AND scope = ?"
        " AND scope_id = ? AND monthly = ? AND starts_at = ?",
        "suit", "siit");
/* The two periods that run are ranges of the key, whatever earlier periods have left. */
DB_STMT(caps_bots, TENANT,
        "SELECT DISTINCT b.bot_id, b.name FROM engine_cap g FORCE INDEX (engine_cap_period) STRAIGHT_JOIN bot b"
        " ON b.tenant_id = g.tenant_id AND b.bot_id = g.bot_id AND b.deleted_at IS NULL"
        " WHERE g.tenant_id = :tenant AND g.scope <> 'visitor'"
        " AND ((g.monthly = 0 AND g.starts_at = ?) OR (g.monthly = 1 AND g.starts_at = ?))"
        " ORDER BY b.name, b.bot_id LIMIT ?",
        "tti", "us");
DB_STMT(caps_bot_name, TENANT, "SELECT name FROM bot WHERE tenant_id = :tenant AND bot_id = ?", "u", "s");

/* GLOBAL: cleaning covers all tenants. */
DB_STMT(caps_forget_old, GLOBAL, "DELETE FROM engine_cap WHERE reached_at < ? ORDER BY reached_at LIMIT ?", "ti", "");

static enum status cap_put(struct db *c, struct db_stmt *how, struct id tenant, const struct cap_row *r, struct err *e)
{
    return db_exec(c, how, &tenant,
                   DB_ARGS(db_text(r->scope), db_id(r->scope_id), db_int(r->monthly), db_time(r->starts_ms),
                           db_str(r->cap), db_int(r->amount), db_id(r->bot), db_int(r->visitors),
                           db_time(r->reached_ms)),
                   NULL, e);
}

enum status caps_store_add(struct db *c, struct id tenant, const struct cap_row *r, bool *fresh, struct err *e)
{
    struct err why = ERR_INIT;
    enum status st = cap_put(c, &cap_add, tenant, r, &why);
    *fresh = st == OK;
    if (st == OK || (st == ERR_CONFLICT && err_is(&why, E_duplicate)))
        return OK;
    *e = why;
    return st;
}

enum status caps_store_count_visitor(struct db *c, struct id tenant, const struct cap_row *r, struct err *e)
{
    return cap_put(c, &cap_count, tenant, r, e);
}

enum status caps_store_known(struct db *c, struct id tenant, const struct cap_row *r, struct arena *a, bool *known,
                             struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &cap_known, &tenant,
                              DB_ARGS(db_text(r->scope), db_id(r->scope_id), db_int(r->monthly), db_time(r->starts_ms),
                                      db_str(r->cap), db_int(r->amount)),
                              a, &rows, e);
    *known = st == OK && rows.n;
    return st;
}

enum status caps_store_of_period(struct db *c, struct id tenant, const struct account_period *p, struct arena *a,
                                 struct cap_row **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &caps_of_period, &tenant,
                              DB_ARGS(db_text(p->scope), db_id(p->id), db_int(p->monthly), db_time(p->starts_ms)), a,
                              &rows, e);
    *n = 0;
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (; *n < rows.n; (*n)++)
        (*out)[*n] = (struct cap_row){.cap = db_row_str(rows.rows[*n], 0),
                                      .amount = db_row_int(rows.rows[*n], 1),
                                      .visitors = db_row_int(rows.rows[*n], 2),
                                      .reached_ms = db_row_time(rows.rows[*n], 3)};
    return OK;
}

enum status caps_store_bots(struct db *c, struct id tenant, int64_t day_ms, int64_t month_ms, struct arena *a,
                            struct engine_cap_bot **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &caps_bots, &tenant,
                              DB_ARGS(db_time(day_ms), db_time(month_ms), db_int(CAPS_BOTS_MAX)), a, &rows, e);
    *n = 0;
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (; *n < rows.n; (*n)++)
        (*out)[*n] = (struct engine_cap_bot){db_row_id(rows.rows[*n], 0), db_row_str(rows.rows[*n], 1)};
    return OK;
}

enum status caps_store_bot_name(struct db *c, struct id tenant, struct id bot, struct arena *a, struct str *out,
                                struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &caps_bot_name, &tenant, DB_ARGS(db_id(bot)), a, &rows, e);
    *out = st == OK && rows.n ? db_row_str(rows.rows[0], 0) : STR_EMPTY;
    return st;
}

enum status caps_store_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return db_exec(c, &caps_forget_old, DB_GLOBAL, DB_ARGS(db_time(before_ms), db_int(limit)), n, e);
}
