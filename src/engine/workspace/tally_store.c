/* tally_store.c: SQL of what engines were used for. A number is added to where it is, and never read and written back,
 * so two turns at once lose nothing. */
#include "engine/workspace/tally_store.h"

#include "base/banned.h"

DB_STMT(tally_add, TENANT,
        "INSERT INTO engine_tally (tenant_id, bot_id, day, engine_id, calls, tokens_in, tokens_out, cost)"
        " VALUES (:tenant, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE calls = calls + VALUES(calls),"
        " tokens_in = tokens_in + VALUES(tokens_in), tokens_out = tokens_out + VALUES(tokens_out),"
        " cost = cost + VALUES(cost)",
        "utuiiii", "");
DB_STMT(tally_range, TENANT,
        "SELECT t.engine_id, g.name, t.day, t.calls, t.tokens_in, t.tokens_out, t.cost FROM engine_tally t"
        " LEFT JOIN engine g ON g.tenant_id = t.tenant_id AND g.engine_id = t.engine_id"
        " WHERE t.tenant_id = :tenant AND t.bot_id = ? AND t.day >= ? AND t.day < ? ORDER BY t.day, t.engine_id"
        " LIMIT ?",
        "utti", "us?tiiii");

enum status tally_store_add(struct db *c, struct id tenant, struct id bot, int64_t day_ms, struct id engine,
                            const struct engine_tally *used, struct err *e)
{
    return db_exec(c, &tally_add, &tenant,
                   DB_ARGS(db_id(bot), db_time(day_ms), db_id(engine), db_int(used->calls), db_int(used->tokens_in),
                           db_int(used->tokens_out), db_int(used->cost)),
                   NULL, e);
}

enum status tally_store_list(struct db *c, struct id tenant, struct id bot, int64_t from_ms, int64_t to_ms,
                             struct arena *a, struct tally_row **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &tally_range, &tenant,
                              DB_ARGS(db_id(bot), db_time(from_ms), db_time(to_ms), db_int(TALLY_ROWS_MAX)), a, &rows,
                              e);
    *n = 0;
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (; *n < rows.n; (*n)++) {
        struct db_row r = rows.rows[*n];
        (*out)[*n] = (struct tally_row){
            .engine = db_row_id(r, 0),
            .name = db_row_str(r, 1),
            .day_ms = db_row_time(r, 2),
            .used = {db_row_int(r, 3), db_row_int(r, 4), db_row_int(r, 5), db_row_int(r, 6)}};
    }
    return OK;
}
