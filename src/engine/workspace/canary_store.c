/* canary_store.c: SQL of comparisons. A counter is added to where it is, so turns at once lose nothing. */
#include "engine/workspace/canary_store.h"

#include "base/clock.h"

#include "base/banned.h"

#define CANARY_SELECT \
    "SELECT run, percent, version, chain, started_at FROM bot_canary WHERE tenant_id = :tenant AND bot_id = ?"
DB_STMT(canary_select, TENANT, CANARY_SELECT, "u", "iiist");
DB_STMT(canary_lock, TENANT, CANARY_SELECT " FOR UPDATE", "u", "iiist");
DB_STMT(canary_put, TENANT,
        "INSERT INTO bot_canary (tenant_id, bot_id, run, percent, version, chain, started_at)"
        " VALUES (:tenant, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE run = VALUES(run), percent = VALUES(percent),"
        " version = VALUES(version), chain = VALUES(chain), started_at = VALUES(started_at)",
        "uiiist", "");
DB_STMT(canary_version, TENANT,
        "SELECT COALESCE(b.live_version = v.version, 0) FROM bot_version v JOIN bot b ON b.tenant_id = v.tenant_id"
        " AND b.bot_id = v.bot_id WHERE v.tenant_id = :tenant AND v.bot_id = ? AND v.version = ?",
        "ui", "i");
DB_STMT(canary_add, TENANT,
        "INSERT INTO bot_canary_tally (tenant_id, bot_id, canary, conversations, answered, handed_off, rated_up,"
        " rated_down, turns, took_ms, calls, tokens, cost) VALUES (:tenant, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON DUPLICATE KEY UPDATE conversations = conversations + VALUES(conversations),"
        " answered = answered + VALUES(answered), handed_off = handed_off + VALUES(handed_off),"
        " rated_up = rated_up + VALUES(rated_up), rated_down = rated_down + VALUES(rated_down),"
        " turns = turns + VALUES(turns), took_ms = took_ms + VALUES(took_ms), calls = calls + VALUES(calls),"
        " tokens = tokens + VALUES(tokens), cost = cost + VALUES(cost)",
        "uiiiiiiiiiii", "");
DB_STMT(canary_counts, TENANT,
        "SELECT conversations, answered, handed_off, rated_up, rated_down, turns, took_ms, calls, tokens, cost"
        " FROM bot_canary_tally WHERE tenant_id = :tenant AND bot_id = ? AND canary = ?",
        "ui", "iiiiiiiiii");

/* Ids that this release cannot read are left out, as an engine that was removed is. */
static void canary_read_chain(struct str text, struct engine_canary *out)
{
    struct str one;
    while (out->n < ENGINE_LINKS_MAX && str_split(&text, ' ', &one))
        out->n += id_parse(ID_ENGINE, one, &out->chain[out->n]);
}

enum status canary_store_get(struct db *c, struct id tenant, struct id bot, bool lock, struct arena *a,
                             struct engine_canary *out, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, lock ? &canary_lock : &canary_select, &tenant, DB_ARGS(db_id(bot)), a, &rows, e);
    *out = (struct engine_canary){.run = 0};
    if (st != OK || rows.n == 0)
        return st;
    out->run = (int)db_row_int(rows.rows[0], 0);
    out->percent = (int)db_row_int(rows.rows[0], 1);
    out->version = (int)db_row_int(rows.rows[0], 2);
    out->started_ms = db_row_time(rows.rows[0], 4);
    canary_read_chain(db_row_str(rows.rows[0], 3), out);
    return OK;
}

enum status canary_store_put(struct db *c, struct id tenant, struct id bot, const struct engine_canary *k,
                             struct arena *a, struct err *e)
{
    char id[ID_TEXT_MAX];
    const char *chain = "";
    for (size_t i = 0; chain && i < k->n; i++)
        chain = arena_printf(a, "%s%s%s", chain, i ? " " : "", id_text(ID_ENGINE, k->chain[i], id));
    return chain ? db_exec(c, &canary_put, &tenant,
                           DB_ARGS(db_id(bot), db_int(k->run), db_int(k->percent), db_int(k->version), db_text(chain),
                                   db_time(k->started_ms)),
                           NULL, e)
                 : err_nomem(e);
}

enum status canary_store_version(struct db *c, struct id tenant, struct id bot, int version, struct arena *a,
                                 bool *live, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &canary_version, &tenant, DB_ARGS(db_id(bot), db_int(version)), a, &r, e);
    if (st == ERR_NOT_FOUND)
        return err_raise_at(e, E_version_unknown, "/version");
    *live = st == OK && db_row_int(r, 0);
    return st;
}

enum status canary_store_count(struct db *c, struct id tenant, struct id bot, int canary, const struct canary_counts *n,
                               struct err *e)
{
    return db_exec(c, &canary_add, &tenant,
                   DB_ARGS(db_id(bot), db_int(canary), db_int(n->conversations), db_int(n->answered),
                           db_int(n->handed_off), db_int(n->rated_up), db_int(n->rated_down), db_int(n->turns),
                           db_int(n->took_ms), db_int(n->calls), db_int(n->tokens), db_int(n->cost)),
                   NULL, e);
}

enum status canary_store_counts(struct db *c, struct id tenant, struct id bot, int canary, struct arena *a,
                                struct canary_counts *out, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &canary_counts, &tenant, DB_ARGS(db_id(bot), db_int(canary)), a, &rows, e);
    *out = (struct canary_counts){0};
    if (st != OK || rows.n == 0)
        return st;
    struct db_row r = rows.rows[0];
    *out = (struct canary_counts){db_row_int(r, 0), db_row_int(r, 1), db_row_int(r, 2), db_row_int(r, 3),
                                  db_row_int(r, 4), db_row_int(r, 5), db_row_int(r, 6), db_row_int(r, 7),
                                  db_row_int(r, 8), db_row_int(r, 9)};
    return OK;
}
