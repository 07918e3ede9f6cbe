/* secret_store.c: rows of secret. The list leaves the sealed values out, so that no page holds one even in memory; they
 * are read one by one, by name, when a call is made. */
#include "vault/secret_store.h"

#include "base/clock.h"

#include "base/banned.h"

DB_STMT(secret_lock_tenant, TENANT,
        "SELECT tenant_id FROM tenant WHERE tenant_id = :tenant AND state = 'active' FOR UPDATE", "", "u");
DB_STMT(secret_list_all, TENANT,
        "SELECT name, created_at, changed_at FROM secret WHERE tenant_id = :tenant ORDER BY name", "", "stt");
DB_STMT(secret_select, TENANT, "SELECT sealed FROM secret WHERE tenant_id = :tenant AND name = ?", "s", "x");
DB_STMT(secret_insert, TENANT,
        "INSERT INTO secret (tenant_id, name, sealed, created_at, changed_at) VALUES (:tenant, ?, ?, ?, ?)", "sxtt",
        "");
DB_STMT(secret_update, TENANT, "UPDATE secret SET sealed = ?, changed_at = ? WHERE tenant_id = :tenant AND name = ?",
        "xts", "");
DB_STMT(secret_delete, TENANT, "DELETE FROM secret WHERE tenant_id = :tenant AND name = ?", "s", "");
DB_STMT(secret_delete_every, TENANT, "DELETE FROM secret WHERE tenant_id = :tenant", "", "");

enum status secret_store_lock(struct db *c, struct arena *a, struct id tenant, struct err *e)
{
    struct db_row row;
    enum status st = db_query_one(c, &secret_lock_tenant, &tenant, DB_NONE, a, &row, e);
    return st == ERR_NOT_FOUND ? err_raise(e, E_workspace_unknown) : st;
}

enum status secret_store_list(struct db *c, struct arena *a, struct id tenant, struct vault_secret **out, size_t *n,
                              struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &secret_list_all, &tenant, DB_NONE, a, &rows, e);
    if (st != OK)
        return st;
    *n = rows.n;
    *out = arena_array(a, rows.n + 1, sizeof(**out));
    if (!*out)
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = (struct vault_secret){.name = db_row_str(rows.rows[i], 0),
                                          .created_ms = db_row_time(rows.rows[i], 1),
                                          .changed_ms = db_row_time(rows.rows[i], 2)};
    return OK;
}

enum status secret_store_get(struct db *c, struct arena *a, struct id tenant, struct str name, struct str *sealed,
                             struct err *e)
{
    struct db_row row;
    enum status st = db_query_one(c, &secret_select, &tenant, DB_ARGS(db_str(name)), a, &row, e);
    if (st == ERR_NOT_FOUND)
        return err_raise(e, E_secret_unknown);
    if (st == OK)
        *sealed = db_row_str(row, 0);
    return st;
}

enum status secret_store_add(struct db *c, struct id tenant, struct str name, struct str sealed, struct err *e)
{
    struct db_val now = db_time(clock_now_ms());
    return db_exec(c, &secret_insert, &tenant, DB_ARGS(db_str(name), db_bytes(sealed.p, sealed.n), now, now), NULL, e);
}

/* A sealed value is different each time, because it begins with a random nonce, so the row always changes. */
enum status secret_store_change(struct db *c, struct id tenant, struct str name, struct str sealed, struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(c, &secret_update, &tenant,
                             DB_ARGS(db_bytes(sealed.p, sealed.n), db_time(clock_now_ms()), db_str(name)), &n, e);
    return st == OK && n == 0 ? err_raise(e, E_secret_unknown) : st;
}

enum status secret_store_delete(struct db *c, struct id tenant, struct str name, struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(c, &secret_delete, &tenant, DB_ARGS(db_str(name)), &n, e);
    return st == OK && n == 0 ? err_raise(e, E_secret_unknown) : st;
}

enum status secret_store_delete_all(struct db *c, struct id tenant, struct err *e)
{
    return db_exec(c, &secret_delete_every, &tenant, DB_NONE, NULL, e);
}
