/* visitor_store.c: SQL of the visitors that a tenant names. */
#include "talk/visitor_store.h"

#include "base/limits.h"

#include "base/banned.h"

DB_STMT(visitor_select, TENANT,
        "SELECT conversation_id FROM visitor_conversation"
        " WHERE tenant_id = :tenant AND bot_id = ? AND visitor_hash = ?",
        "ux", "u");

enum status visitor_store_find(struct db *c, struct id tenant, struct id bot, const uint8_t hash[VISITOR_HASH],
                               struct id *conversation, struct err *e)
{
    struct arena a;
    struct db_rows rows;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query(c, &visitor_select, &tenant, DB_ARGS(db_id(bot), db_bytes(hash, VISITOR_HASH)), &a, &rows,
                              e);
    *conversation = st == OK && rows.n ? db_row_id(rows.rows[0], 0) : ID_NONE;
    arena_release(&a);
    return st;
}
