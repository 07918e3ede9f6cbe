/* visitor_store.c: SQL of the visitors that a tenant names. */
#include "talk/visitor_store.h"

#include "base/clock.h"
#include "base/limits.h"

#include "base/banned.h"

DB_STMT(visitor_select, TENANT,
        "SELECT conversation_id FROM visitor_conversation"
        " WHERE tenant_id = :tenant AND bot_id = ? AND visitor_hash = ?",
        "ux", "u");
DB_STMT(visitor_put, TENANT,
        "INSERT INTO visitor_conversation (tenant_id, bot_id, visitor_hash, conversation_id, updated_at)"
        " VALUES (:tenant, ?, ?, ?, ?)"
        " ON DUPLICATE KEY UPDATE conversation_id = VALUES(conversation_id), updated_at = VALUES(updated_at)",
        "uxut", "");

enum status visitor_store_find(struct db *c, struct id tenant, struct id bot, const uint8_t hash[32],
                               struct id *conversation, struct err *e)
{
    struct arena a;
    struct db_rows rows;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query(c, &visitor_select, &tenant, DB_ARGS(db_id(bot), db_bytes(hash, 32)), &a, &rows, e);
    *conversation = st == OK && rows.n ? db_row_id(rows.rows[0], 0) : ID_NONE;
    arena_release(&a);
    return st;
}

enum status visitor_store_put(struct db *c, struct id tenant, struct id bot, const uint8_t hash[32],
                              struct id conversation, struct err *e)
{
    return db_exec(c, &visitor_put, &tenant,
                   DB_ARGS(db_id(bot), db_bytes(hash, 32), db_id(conversation), db_time(clock_now_ms())), NULL, e);
}
