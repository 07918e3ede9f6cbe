/* console_store.c: SQL of the operator's console. The lists are GLOBAL, because an operator sees every tenant.
 *
 * Everything here only reads. The tables belong to other modules, and sql/owners lists billing as a reader: the
 * joins would otherwise be one query for each tenant of the page. */
#include "billing/console/console_store.h"

#include "base/limits.h"

#include "base/banned.h"

/* The states in which Stripe may still charge something. "incomplete" is left out: it was never paid and ends in a
 * day. */
#define LIVE_STATUS "status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused')"

/* GLOBAL: the operator lists all tenants. The primary key gives the order, so the page ends as soon as it is full. A
 * Stripe id is compared as a whole and found by its index; a part of it would mean reading every row. */
DB_STMT(
    console_tenant_list, GLOBAL,
    "SELECT t.tenant_id, t.name, (SELECT u.email FROM member m JOIN user u ON u.user_id = m.user_id WHERE m.tenant_id "
    "= t.tenant_id "
    "AND m.role = 'owner' ORDER BY m.created_at, m.user_id LIMIT 1), t.plan, t.state, t.created_at FROM tenant t "
    "WHERE t.tenant_id < ? AND t.state <> 'deleted' AND (? = '' OR t.name LIKE ? "
    "OR EXISTS (SELECT 1 FROM member m JOIN user u ON u.user_id = m.user_id WHERE m.tenant_id = t.tenant_id AND "
    "u.email LIKE ?) "
    "OR EXISTS (SELECT 1 FROM billing_customer b WHERE b.tenant_id = t.tenant_id AND b.stripe_customer_id = ?) "
    "OR EXISTS (SELECT 1 FROM subscription_mirror s WHERE s.tenant_id = t.tenant_id AND s.stripe_subscription_id = ?)) "
    "ORDER BY t.tenant_id DESC LIMIT ?",
    "usssssi", "uss?sst");
/* GLOBAL: sums over all tenants. One statement, so that the figures belong to one moment and never contradict each
 * other on the page. */
DB_STMT(console_sums, GLOBAL,
        "SELECT (SELECT COUNT(*) FROM tenant WHERE state <> 'deleted'), COUNT(*), COALESCE(SUM(first_failed_at IS NOT "
        "NULL), 0), "
        "COALESCE(SUM(tenant_id IS NULL), 0) FROM subscription_mirror WHERE livemode = ? AND " LIVE_STATUS,
        "i", "iiii");
/* GLOBAL: number of tenants on each terms. A subscription without terms is counted by console_sums and has an alarm of
 * its own. */
DB_STMT(console_terms_sums, GLOBAL,
        "SELECT plan_terms_id, COUNT(*) FROM subscription_mirror WHERE livemode = ? AND plan_terms_id IS NOT NULL "
        "AND " LIVE_STATUS " GROUP BY plan_terms_id",
        "i", "ui");
/* GLOBAL: number of tenants with each assigned plan. */
DB_STMT(console_plan_sums, GLOBAL, "SELECT plan, COUNT(*) FROM tenant WHERE state <> 'deleted' GROUP BY plan", "",
        "si");
DB_STMT(console_notice_list, TENANT,
        "SELECT kind, about, created_at FROM billing_notice WHERE tenant_id = :tenant ORDER BY created_at DESC LIMIT ?",
        "i", "stt");
DB_STMT(console_customer_list, TENANT,
        "SELECT stripe_customer_id, livemode, created_at, deleted_at FROM billing_customer WHERE tenant_id = :tenant "
        "ORDER BY created_at DESC",
        "", "xitt?");
DB_STMT(
    console_meter_sums, TENANT,
    "SELECT CAST(COALESCE(SUM(IF(state = 'pending', quantity, 0)), 0) AS SIGNED), "
    "CAST(COALESCE(SUM(IF(state = 'sent', quantity, 0)), 0) AS SIGNED), "
    "CAST(COALESCE(SUM(IF(state = 'unknown', quantity, 0)), 0) AS SIGNED), "
    "CAST(COALESCE(SUM(IF(state = 'rejected', quantity, 0)), 0) AS SIGNED) FROM meter_outbox WHERE tenant_id = :tenant",
    "", "iiii");

enum status console_store_tenants(struct db *c, struct arena *a, struct str search, struct str part, struct id before,
                                  int limit, struct console_tenant **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    *n = 0;
    if (db_query(c, &console_tenant_list, DB_GLOBAL,
                 DB_ARGS(db_id(before), db_str(search), db_str(part), db_str(part), db_str(search), db_str(search),
                         db_int(limit)),
                 a, &rows, e) != OK)
        return e->status;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++) {
        struct db_row r = rows.rows[i];
        (*out)[i] = (struct console_tenant){.id = db_row_id(r, 0),
                                            .name = db_row_str(r, 1),
                                            .owner = db_row_str(r, 2),
                                            .plan = db_row_str(r, 3),
                                            .created_ms = db_row_time(r, 5)};
        if (!account_state_parse(db_row_str(r, 4), &(*out)[i].state))
            return db_row_unknown("tenant.state", db_row_str(r, 4), e);
    }
    *n = rows.n;
    return OK;
}

enum status console_counts(struct db *c, bool livemode, struct console_counts *out, struct err *e)
{
    struct arena a;
    struct db_row r;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, &console_sums, DB_GLOBAL, DB_ARGS(db_int(livemode)), &a, &r, e);
    if (st == OK)
        *out = (struct console_counts){db_row_int(r, 0), db_row_int(r, 1), db_row_int(r, 2), db_row_int(r, 3)};
    arena_release(&a);
    return st;
}

enum status console_terms(struct db *c, struct arena *a, bool livemode, struct console_terms **out, size_t *n,
                          struct err *e)
{
    struct db_rows rows;
    *n = 0;
    if (db_query(c, &console_terms_sums, DB_GLOBAL, DB_ARGS(db_int(livemode)), a, &rows, e) != OK)
        return e->status;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = (struct console_terms){db_row_id(rows.rows[i], 0), db_row_int(rows.rows[i], 1)};
    *n = rows.n;
    return OK;
}

enum status console_plans(struct db *c, struct arena *a, struct console_plan **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    *n = 0;
    if (db_query(c, &console_plan_sums, DB_GLOBAL, DB_NONE, a, &rows, e) != OK)
        return e->status;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = (struct console_plan){db_row_str(rows.rows[i], 0), db_row_int(rows.rows[i], 1)};
    *n = rows.n;
    return OK;
}

enum status console_notices(struct db *c, struct arena *a, struct id tenant, int limit, struct console_notice **out,
                            size_t *n, struct err *e)
{
    struct db_rows rows;
    *n = 0;
    if (db_query(c, &console_notice_list, &tenant, DB_ARGS(db_int(limit)), a, &rows, e) != OK)
        return e->status;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++) {
        struct db_row r = rows.rows[i];
        (*out)[i] = (struct console_notice){db_row_str(r, 0), db_row_time(r, 1), db_row_time(r, 2)};
    }
    *n = rows.n;
    return OK;
}

enum status console_customers(struct db *c, struct arena *a, struct id tenant, struct console_customer **out, size_t *n,
                              struct err *e)
{
    struct db_rows rows;
    *n = 0;
    if (db_query(c, &console_customer_list, &tenant, DB_NONE, a, &rows, e) != OK)
        return e->status;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++) {
        struct db_row r = rows.rows[i];
        (*out)[i] = (struct console_customer){db_row_str(r, 0), db_row_int(r, 1) != 0, db_row_time(r, 2),
                                              db_row_time(r, 3)};
    }
    *n = rows.n;
    return OK;
}

enum status console_meter(struct db *c, struct id tenant, struct console_meter *out, struct err *e)
{
    struct arena a;
    struct db_row r;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, &console_meter_sums, &tenant, DB_NONE, &a, &r, e);
    if (st == OK)
        *out = (struct console_meter){db_row_int(r, 0), db_row_int(r, 1), db_row_int(r, 2), db_row_int(r, 3)};
    arena_release(&a);
    return st;
}
