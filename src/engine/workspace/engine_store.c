/* engine_store.c: SQL of engines and chains. The foreign keys carry the tenant, so a chain cannot name an engine of
 * another tenant even if the code above is wrong. */
#include "engine/workspace/engine_store.h"

#include "base/clock.h"

#include "base/banned.h"

#define ENGINE_COLUMNS                                                                                          \
    "SELECT g.engine_id, g.name, g.type, g.settings, g.secrets,"                                                \
    " (SELECT COUNT(*) FROM bot_engine_chain h WHERE h.tenant_id = g.tenant_id AND h.engine_id = g.engine_id)," \
    " g.created_at, g.updated_at FROM engine g"
#define ENGINE_TYPES "usssxitt"
DB_STMT(engine_list_all, TENANT, ENGINE_COLUMNS " WHERE g.tenant_id = :tenant ORDER BY g.name", "", ENGINE_TYPES);
DB_STMT(engine_select, TENANT, ENGINE_COLUMNS " WHERE g.tenant_id = :tenant AND g.engine_id = ?", "u", ENGINE_TYPES);
DB_STMT(engine_lock, TENANT, ENGINE_COLUMNS " WHERE g.tenant_id = :tenant AND g.engine_id = ? FOR UPDATE", "u",
        ENGINE_TYPES);
DB_STMT(engine_lock_tenant, TENANT,
        "SELECT tenant_id FROM tenant WHERE tenant_id = :tenant AND state = 'active' FOR UPDATE", "", "u");
DB_STMT(engine_count, TENANT, "SELECT COUNT(*) FROM engine WHERE tenant_id = :tenant", "", "i");
DB_STMT(engine_insert, TENANT,
        "INSERT INTO engine (tenant_id, engine_id, name, type, settings, secrets, created_at, updated_at)"
        " VALUES (:tenant, ?, ?, ?, ?, ?, ?, ?)",
        "usssxtt", "");
DB_STMT(engine_update, TENANT,
        "UPDATE engine SET name = ?, settings = ?, secrets = ?, updated_at = ?"
        " WHERE tenant_id = :tenant AND engine_id = ?",
        "ssxtu", "");
DB_STMT(engine_leave_chains, TENANT, "DELETE FROM bot_engine_chain WHERE tenant_id = :tenant AND engine_id = ?", "u",
        "");
DB_STMT(engine_delete, TENANT, "DELETE FROM engine WHERE tenant_id = :tenant AND engine_id = ?", "u", "");

DB_STMT(engine_bot, TENANT, "SELECT bot_id FROM bot WHERE tenant_id = :tenant AND bot_id = ? AND deleted_at IS NULL",
        "u", "u");
DB_STMT(bot_engine_select, TENANT,
        "SELECT prompt, limits, revision FROM bot_engine WHERE tenant_id = :tenant AND bot_id = ?", "u", "ssi");
DB_STMT(bot_engine_lock, TENANT,
        "SELECT prompt, limits, revision FROM bot_engine WHERE tenant_id = :tenant AND bot_id = ? FOR UPDATE", "u",
        "ssi");
DB_STMT(bot_chain_select, TENANT,
        "SELECT engine_id FROM bot_engine_chain WHERE tenant_id = :tenant AND bot_id = ? ORDER BY place", "u", "u");
DB_STMT(
    bot_engine_put, TENANT,
    "INSERT INTO bot_engine (tenant_id, bot_id, prompt, limits, revision, updated_at) VALUES (:tenant, ?, ?, ?, 1, ?)"
    " ON DUPLICATE KEY UPDATE prompt = VALUES(prompt), limits = VALUES(limits), revision = revision + 1,"
    " updated_at = VALUES(updated_at)",
    "usst", "");
DB_STMT(bot_chain_clear, TENANT, "DELETE FROM bot_engine_chain WHERE tenant_id = :tenant AND bot_id = ?", "u", "");
DB_STMT(bot_chain_add, TENANT,
        "INSERT INTO bot_engine_chain (tenant_id, bot_id, place, engine_id) VALUES (:tenant, ?, ?, ?)", "uiu", "");

static struct engine_row engine_of(struct db_row r)
{
    return (struct engine_row){.id = db_row_id(r, 0),
                               .name = db_row_str(r, 1),
                               .type = db_row_str(r, 2),
                               .settings = db_row_str(r, 3),
                               .secrets = db_row_str(r, 4),
                               .bots = db_row_int(r, 5),
                               .created_ms = db_row_time(r, 6),
                               .updated_ms = db_row_time(r, 7)};
}

enum status engine_store_list(struct db *c, struct id tenant, struct arena *a, struct engine_row **out, size_t *n,
                              struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &engine_list_all, &tenant, DB_NONE, a, &rows, e);
    *n = 0;
    if (st != OK)
        return st;
    *out = arena_array(a, rows.n + 1, sizeof(**out));
    if (!*out)
        return err_nomem(e);
    for (; *n < rows.n; (*n)++)
        (*out)[*n] = engine_of(rows.rows[*n]);
    return OK;
}

enum status engine_store_get(struct db *c, struct id tenant, struct id engine, bool lock, struct arena *a,
                             struct engine_row *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, lock ? &engine_lock : &engine_select, &tenant, DB_ARGS(db_id(engine)), a, &r, e);
    if (st == ERR_NOT_FOUND)
        return err_raise(e, E_engine_unknown);
    if (st == OK)
        *out = engine_of(r);
    return st;
}

enum status engine_store_count(struct db *c, struct id tenant, struct arena *a, int64_t *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &engine_lock_tenant, &tenant, DB_NONE, a, &r, e);
    if (st == OK)
        st = db_query_one(c, &engine_count, &tenant, DB_NONE, a, &r, e);
    if (st == OK)
        *out = db_row_int(r, 0);
    return st;
}

static enum status engine_name_taken(enum status st, struct err *e)
{
    return st == ERR_CONFLICT && err_is(e, E_duplicate) ? err_raise_at(e, E_engine_name_taken, "/name") : st;
}

enum status engine_store_add(struct db *c, struct id tenant, const struct engine_row *r, struct err *e)
{
    int64_t now = clock_now_ms();
    return engine_name_taken(db_exec(c, &engine_insert, &tenant,
                                     DB_ARGS(db_id(r->id), db_str(r->name), db_str(r->type), db_str(r->settings),
                                             db_bytes(r->secrets.p, r->secrets.n), db_time(now), db_time(now)),
                                     NULL, e),
                             e);
}

enum status engine_store_set(struct db *c, struct id tenant, const struct engine_row *r, struct err *e)
{
    return engine_name_taken(db_exec(c, &engine_update, &tenant,
                                     DB_ARGS(db_str(r->name), db_str(r->settings), db_bytes(r->secrets.p, r->secrets.n),
                                             db_time(clock_now_ms()), db_id(r->id)),
                                     NULL, e),
                             e);
}

enum status engine_store_delete(struct db *c, struct id tenant, struct id engine, bool *there, struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(c, &engine_leave_chains, &tenant, DB_ARGS(db_id(engine)), NULL, e);
    if (st == OK)
        st = db_exec(c, &engine_delete, &tenant, DB_ARGS(db_id(engine)), &n, e);
    *there = n > 0;
    return st;
}

/* ---- the chain of a bot ---- */

enum status engine_store_bot(struct db *c, struct id tenant, struct id bot, struct arena *a, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &engine_bot, &tenant, DB_ARGS(db_id(bot)), a, &r, e);
    return st == ERR_NOT_FOUND ? err_raise(e, E_bot_unknown) : st;
}

static enum status engine_store_chain(struct db *c, struct id tenant, struct id bot, struct arena *a,
                                      struct bot_engines *out, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &bot_chain_select, &tenant, DB_ARGS(db_id(bot)), a, &rows, e);
    for (size_t i = 0; st == OK && i < rows.n && i < ENGINE_LINKS_MAX; i++)
        out->chain[out->n++] = db_row_id(rows.rows[i], 0);
    return st;
}

enum status engine_store_bot_get(struct db *c, struct id tenant, struct id bot, bool lock, struct arena *a,
                                 struct bot_engines *out, struct str *limits, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, lock ? &bot_engine_lock : &bot_engine_select, &tenant, DB_ARGS(db_id(bot)), a, &rows,
                              e);
    *out = (struct bot_engines){.prompt = STR_EMPTY};
    *limits = STR_EMPTY;
    if (st != OK || rows.n == 0)
        return st;
    out->prompt = db_row_str(rows.rows[0], 0);
    *limits = db_row_str(rows.rows[0], 1);
    out->revision = (int)db_row_int(rows.rows[0], 2);
    return engine_store_chain(c, tenant, bot, a, out, e);
}

enum status engine_store_bot_set(struct db *c, struct id tenant, struct id bot, const struct bot_engines *w,
                                 struct str limits, struct err *e)
{
    enum status st = db_exec(c, &bot_engine_put, &tenant,
                             DB_ARGS(db_id(bot), db_str(w->prompt), db_str(limits), db_time(clock_now_ms())), NULL, e);
    if (st == OK)
        st = db_exec(c, &bot_chain_clear, &tenant, DB_ARGS(db_id(bot)), NULL, e);
    for (size_t i = 0; st == OK && i < w->n; i++)
        st = db_exec(c, &bot_chain_add, &tenant, DB_ARGS(db_id(bot), db_int((int64_t)i), db_id(w->chain[i])), NULL, e);
    return st;
}
