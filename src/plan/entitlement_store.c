/* entitlement_store.c: SQL of the facts that are neither plans, subscriptions nor overrides: the tenant and its
 * choice of overage. */
#include "plan/entitlement_store.h"

#include "base/clock.h"
#include "base/limits.h"

#include "base/banned.h"

DB_STMT(facts_of_tenant, TENANT,
        "SELECT t.plan, t.state = 'active', t.created_at, IFNULL(o.overage = 'bill', 0), IFNULL(o.cap, 0)"
        " FROM tenant t LEFT JOIN overage_choice o ON o.tenant_id = t.tenant_id WHERE t.tenant_id = :tenant",
        "", "sitii");
/* The lock is on the tenant's row, which every tenant has. Counting members locks nothing that does not exist yet. */
DB_STMT(tenant_hold, TENANT, "SELECT tenant_id FROM tenant WHERE tenant_id = :tenant FOR UPDATE", "", "u");
/* A newcomer may be a member already (a second invitation), which takes no place. */
DB_STMT(members_count, TENANT,
        "SELECT COUNT(*), CAST(IFNULL(SUM(user_id = ?), 0) AS SIGNED) FROM member WHERE tenant_id = :tenant", "u",
        "ii");
DB_STMT(overage_put, TENANT,
        "INSERT INTO overage_choice (tenant_id, overage, cap, updated_at) VALUES (:tenant, ?, ?, ?)"
        " ON DUPLICATE KEY UPDATE overage = VALUES(overage), cap = VALUES(cap), updated_at = VALUES(updated_at)",
        "sit", "");

enum status entitlement_store_tenant(struct db *c, struct id tenant, struct arena *a, struct entitlement_facts *out,
                                     struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &facts_of_tenant, &tenant, DB_NONE, a, &r, e);
    if (st == ERR_NOT_FOUND)
        return err_raise(e, E_workspace_unknown);
    if (st != OK)
        return st;
    out->tenant = tenant;
    out->assigned = db_row_str(r, 0);
    out->workspace_active = db_row_int(r, 1) != 0;
    out->tenant_created_ms = db_row_time(r, 2);
    out->bill_overage = db_row_int(r, 3) != 0;
    out->overage_cap = db_row_int(r, 4);
    return OK;
}

enum status entitlement_store_lock(struct db *c, struct id tenant, struct err *e)
{
    struct arena a;
    struct db_row r;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, &tenant_hold, &tenant, DB_NONE, &a, &r, e);
    arena_release(&a);
    return st == ERR_NOT_FOUND ? err_raise(e, E_workspace_unknown) : st;
}

enum status entitlement_store_members(struct db *c, struct id tenant, struct id user, int64_t *n, bool *known,
                                      struct err *e)
{
    struct arena a;
    struct db_row r;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, &members_count, &tenant, DB_ARGS(db_id(user)), &a, &r, e);
    if (st == OK) {
        *n = db_row_int(r, 0);
        *known = db_row_int(r, 1) != 0;
    }
    arena_release(&a);
    return st;
}

enum status overage_store_set(struct db *c, struct id tenant, bool bill, int64_t cap, struct err *e)
{
    return db_exec(c, &overage_put, &tenant,
                   DB_ARGS(db_text(bill ? "bill" : "stop"), db_int(cap), db_time(clock_now_ms())), NULL, e);
}
