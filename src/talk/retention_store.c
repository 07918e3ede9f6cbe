/* retention_store.c: SQL of what is deleted for its age. Children go before their parents, because the foreign keys
 * say so. */
#include "talk/retention_store.h"

#include "base/banned.h"

/* An id begins with the time it was made, and the last message of a conversation is never older than its beginning. So
 * the range of the primary key holds every conversation that can be due, and few others. */
DB_STMT(conversations_due, TENANT,
        "SELECT conversation_id FROM conversation WHERE tenant_id = :tenant AND conversation_id > ? AND "
        "conversation_id < ? AND"
        " last_at < ? ORDER BY conversation_id LIMIT ? FOR UPDATE",
        "uuti", "u");
DB_STMT(feedback_of, TENANT, "DELETE FROM feedback WHERE tenant_id = :tenant AND conversation_id = ?", "u", "");
DB_STMT(turn_keys_of, TENANT, "DELETE FROM turn_key WHERE tenant_id = :tenant AND conversation_id = ?", "u", "");
/* GLOBAL: ids of all tenants grow old alike. */
DB_STMT(turn_keys_old, GLOBAL, "DELETE FROM turn_key WHERE created_at < ? ORDER BY created_at LIMIT ?", "ti", "");
DB_STMT(visitors_of, TENANT, "DELETE FROM visitor_conversation WHERE tenant_id = :tenant AND conversation_id = ?", "u",
        "");
DB_STMT(messages_of, TENANT, "DELETE FROM message WHERE tenant_id = :tenant AND conversation_id = ?", "u", "");
DB_STMT(conversation_gone, TENANT, "DELETE FROM conversation WHERE tenant_id = :tenant AND conversation_id = ?", "u",
        "");

DB_STMT(turn_events_old, TENANT,
        "DELETE FROM turn_event WHERE tenant_id = :tenant AND event_id < ? ORDER BY event_id LIMIT ?", "ui", "");

enum status retention_store_due(struct db *c, struct id tenant, struct id after, int64_t before_ms, int limit,
                                struct arena *a, struct id **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &conversations_due, &tenant,
                              DB_ARGS(db_id(after), db_id(id_least(before_ms)), db_time(before_ms), db_int(limit)), a,
                              &rows, e);
    if (st != OK)
        return st;
    *n = rows.n;
    if (!(*out = arena_array(a, rows.n, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = db_row_id(rows.rows[i], 0);
    return OK;
}

enum status retention_store_delete(struct db *c, struct id tenant, struct id conversation, struct err *e)
{
    struct db_stmt *const in_order[] = {&feedback_of, &turn_keys_of, &visitors_of, &messages_of, &conversation_gone};
    enum status st = OK;
    for (size_t i = 0; st == OK && i < COUNT_OF(in_order); i++)
        st = db_exec(c, in_order[i], &tenant, DB_ARGS(db_id(conversation)), NULL, e);
    return st;
}

enum status retention_store_events_delete(struct db *c, struct id tenant, int64_t before_ms, int limit, int64_t *n,
                                          struct err *e)
{
    return db_exec(c, &turn_events_old, &tenant, DB_ARGS(db_id(id_least(before_ms)), db_int(limit)), n, e);
}

enum status retention_store_forget_turn_keys(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return db_exec(c, &turn_keys_old, DB_GLOBAL, DB_ARGS(db_time(before_ms), db_int(limit)), n, e);
}
