/* session_store.c: rows of session.
 *
 * The role is read with the session, so that a change of membership takes effect with the next request and no cache
 * has to be cleared. Suspending a tenant removes the role in the same way, but keeps the session: the user may still
 * switch to another tenant. */
#include "account/account_store.h"
#include "base/clock.h"
#include "base/limits.h"

#include "base/banned.h"

/* GLOBAL: a session is looked up by its secret; the tenant comes out of it. */
DB_STMT(session_insert, GLOBAL,
        "INSERT INTO session (session_hash, session_id, user_id, tenant_id, ip, agent, created_at, seen_at) VALUES (?, "
        "?, ?, ?, ?, ?, ?, ?)",
        "xuuusstt", "");
DB_STMT(session_select, GLOBAL,
        "SELECT s.session_id, s.tenant_id, s.created_at, s.seen_at, u.user_id, u.email, u.name, u.is_operator, "
        "u.created_at,"
        " IF(t.state = 'active', m.role, NULL)"
        " FROM session s JOIN user u ON u.user_id = s.user_id JOIN tenant t ON t.tenant_id = s.tenant_id"
        " LEFT JOIN member m ON m.tenant_id = s.tenant_id AND m.user_id = s.user_id"
        " WHERE s.session_hash = ? AND s.seen_at > ? AND u.state = 'active'",
        "xt", "uuttussits?");
DB_STMT(session_touch, GLOBAL, "UPDATE session SET seen_at = ? WHERE session_hash = ?", "tx", "");
DB_STMT(session_delete, GLOBAL, "DELETE FROM session WHERE session_hash = ?", "x", "");
DB_STMT(session_delete_user, GLOBAL, "DELETE FROM session WHERE user_id = ?", "u", "");
DB_STMT(session_delete_tenant, TENANT, "DELETE FROM session WHERE tenant_id = :tenant", "", "");
/* GLOBAL: sessions end by their age, whatever tenant they show. */
DB_STMT(session_delete_old, GLOBAL, "DELETE FROM session WHERE seen_at < ? ORDER BY seen_at LIMIT ?", "ti", "");
DB_STMT(session_may_switch, TENANT,
        "SELECT s.session_id FROM session s JOIN member m ON m.tenant_id = :tenant AND m.user_id = s.user_id"
        " JOIN tenant t ON t.tenant_id = :tenant WHERE s.session_hash = ? AND t.state = 'active'",
        "x", "u");
DB_STMT(session_set_tenant, TENANT, "UPDATE session SET tenant_id = :tenant, seen_at = ? WHERE session_hash = ?", "tx",
        "");

/* A conflict is a foreign key: the user or tenant was deleted between the sign-in and this statement. */
enum status session_store_add(struct db *c, const struct session_new *s, struct err *e)
{
    struct db_val now = db_time(clock_now_ms());
    enum status st = db_exec(c, &session_insert, DB_GLOBAL,
                             DB_ARGS(db_bytes(s->hash, 32), db_id(s->id), db_id(s->user), db_id(s->tenant),
                                     db_str(s->ip), db_str(s->agent), now, now),
                             NULL, e);
    if (st == ERR_CONFLICT)
        return err_raise(e, E_member_unknown);
    return st;
}

/* One statement reads session, user, tenant and role, because it runs in every request. The age is part of the
 * condition, so an expired session is not found even before the cleanup has deleted it. */
enum status session_store_get(struct db *c, struct arena *a, const uint8_t hash[32], int64_t seen_after_ms,
                              struct session *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &session_select, DB_GLOBAL, DB_ARGS(db_bytes(hash, 32), db_time(seen_after_ms)), a,
                                  &r, e);
    if (st != OK)
        return st;
    *out = (struct session){.id = db_row_id(r, 0),
                            .tenant = db_row_id(r, 1),
                            .created_ms = db_row_time(r, 2),
                            .seen_ms = db_row_time(r, 3),
                            .user = {.id = db_row_id(r, 4),
                                     .email = db_row_str(r, 5),
                                     .name = db_row_str(r, 6),
                                     .is_operator = db_row_int(r, 7) != 0,
                                     .created_ms = db_row_time(r, 8)},
                            .role = account_role_parse(db_row_str(r, 9))};
    return OK;
}

enum status session_store_touch(struct db *c, const uint8_t hash[32], struct err *e)
{
    return db_exec(c, &session_touch, DB_GLOBAL, DB_ARGS(db_time(clock_now_ms()), db_bytes(hash, 32)), NULL, e);
}

enum status session_store_delete_of_tenant(struct db *c, struct id tenant, struct err *e)
{
    return db_exec(c, &session_delete_tenant, &tenant, DB_NONE, NULL, e);
}

enum status session_store_delete(struct db *c, const uint8_t hash[32], struct err *e)
{
    return db_exec(c, &session_delete, DB_GLOBAL, DB_ARGS(db_bytes(hash, 32)), NULL, e);
}

enum status session_store_delete_of_user(struct db *c, struct id user, struct err *e)
{
    return db_exec(c, &session_delete_user, DB_GLOBAL, DB_ARGS(db_id(user)), NULL, e);
}

/* Limited and in the order of the index, so that the cleanup holds few locks at a time. The worker repeats it until few
 * are left. */
enum status session_store_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return db_exec(c, &session_delete_old, DB_GLOBAL, DB_ARGS(db_time(before_ms), db_int(limit)), n, e);
}

/* The membership is checked by one statement and used by the next; a member removed between the two gets a session
 * without a role, because the role is read again with each request. */
enum status session_store_switch(struct db *c, const uint8_t hash[32], struct id tenant, struct err *e)
{
    struct arena a;
    struct db_row row;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, &session_may_switch, &tenant, DB_ARGS(db_bytes(hash, 32)), &a, &row, e);
    if (st == OK)
        st = db_exec(c, &session_set_tenant, &tenant, DB_ARGS(db_time(clock_now_ms()), db_bytes(hash, 32)), NULL, e);
    arena_release(&a);
    return st;
}
