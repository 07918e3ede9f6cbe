/* key_store.c: rows of api_key. Only the hash of a key is stored; a revoked key keeps its row for the audit log. */
#include "account/account_store.h"
#include "base/clock.h"

#include "base/banned.h"

DB_STMT(key_insert, TENANT,
        "INSERT INTO api_key (tenant_id, key_id, key_hash, name, hint, scopes, created_at) VALUES (:tenant, ?, ?, ?, "
        "?, ?, ?)",
        "uxssit", "");
/* GLOBAL: a key is looked up by its secret; the tenant comes out of it. */
DB_STMT(key_select, GLOBAL,
        "SELECT k.tenant_id, k.key_id, k.scopes, k.used_at, k.revoked_at IS NOT NULL, t.state = 'active'"
        " FROM api_key k JOIN tenant t ON t.tenant_id = k.tenant_id WHERE k.key_hash = ?",
        "x", "uuit?ii");
DB_STMT(key_touch, TENANT, "UPDATE api_key SET used_at = ? WHERE tenant_id = :tenant AND key_id = ?", "tu", "");

DB_STMT(key_revoke_all, TENANT, "UPDATE api_key SET revoked_at = ? WHERE tenant_id = :tenant AND revoked_at IS NULL",
        "t", "");

enum status key_store_revoke_all(struct db *c, struct id tenant, struct err *e)
{
    return db_exec(c, &key_revoke_all, &tenant, DB_ARGS(db_time(clock_now_ms())), NULL, e);
}

enum status key_store_add(struct db *c, struct id tenant, struct id id, const uint8_t hash[32], struct str name,
                          struct str hint, uint32_t scopes, struct err *e)
{
    enum status st = db_exec(
        c, &key_insert, &tenant,
        DB_ARGS(db_id(id), db_bytes(hash, 32), db_str(name), db_str(hint), db_int(scopes), db_time(clock_now_ms())),
        NULL, e);
    if (st == ERR_CONFLICT)
        return err_raise(e, E_workspace_unknown);
    return st;
}

/* Revoked keys are found too, and the caller decides: it gives them the same answer as unknown ones, but the row shows
 * that the key was real once. */
enum status key_store_get(struct db *c, struct arena *a, const uint8_t hash[32], struct key_row *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &key_select, DB_GLOBAL, DB_ARGS(db_bytes(hash, 32)), a, &r, e);
    if (st != OK)
        return st;
    *out = (struct key_row){.tenant = db_row_id(r, 0),
                            .id = db_row_id(r, 1),
                            .scopes = (uint32_t)db_row_int(r, 2),
                            .used_ms = db_row_time(r, 3),
                            .revoked = db_row_int(r, 4) != 0,
                            .tenant_active = db_row_int(r, 5) != 0};
    return OK;
}

enum status key_store_touch(struct db *c, struct id tenant, struct id id, struct err *e)
{
    return db_exec(c, &key_touch, &tenant, DB_ARGS(db_time(clock_now_ms()), db_id(id)), NULL, e);
}
