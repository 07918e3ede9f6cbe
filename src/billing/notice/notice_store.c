/* notice_store.c: SQL of billing_notice, and of the rows that say which tenants need a check.
 *
 * The primary key (tenant, kind, about) is what makes a notice unique; no code compares anything. */
#include "billing/notice/notice_store.h"

#include "base/limits.h"

#include "base/banned.h"

/* GLOBAL: the worker checks all tenants. It may name too many tenants: the rules decide. A counter is named only when
 * it grew, so that a quiet install costs one query. The last part finds failures whose end is still to be announced,
 * even when the subscription has gone. */
DB_STMT(
    tenants_to_check, GLOBAL,
    "SELECT DISTINCT tenant_id FROM ("
    "SELECT tenant_id FROM usage_counter WHERE period_end > ? AND used > noticed AND tenant_id > ? "
    "UNION ALL SELECT tenant_id FROM subscription_mirror WHERE tenant_id > ? AND (first_failed_at IS NOT NULL OR "
    "status IN ('past_due', 'unpaid') "
    "OR trial_end > ? OR next_at > ? OR cancel_at > ? OR cancel_at_period_end = 1 OR ended_at > ?) "
    "UNION ALL SELECT n.tenant_id FROM billing_notice n WHERE n.kind = 'payment_failed' AND n.tenant_id > ? AND NOT "
    "EXISTS "
    "(SELECT 1 FROM billing_notice r WHERE r.tenant_id = n.tenant_id AND r.kind = 'recovered' AND r.about = n.about)"
    ") x ORDER BY tenant_id LIMIT ?",
    "tuuttttui", "u");
DB_STMT(readers, TENANT,
        "SELECT u.email, u.language FROM member m JOIN user u ON u.user_id = m.user_id "
        "WHERE m.tenant_id = :tenant AND m.role IN ('owner', 'billing') AND u.state = 'active' ORDER BY u.user_id",
        "", "ss");
/* A plain INSERT: a duplicate does not end the transaction, and INSERT IGNORE would hide other errors. */
DB_STMT(notice_add, TENANT, "INSERT INTO billing_notice (tenant_id, kind, about, created_at) VALUES (:tenant, ?, ?, ?)",
        "stt", "");
DB_STMT(failures, TENANT,
        "SELECT n.about FROM billing_notice n WHERE n.tenant_id = :tenant AND n.kind = 'payment_failed' AND NOT EXISTS "
        "(SELECT 1 FROM billing_notice r WHERE r.tenant_id = n.tenant_id AND r.kind = 'recovered' AND r.about = "
        "n.about) ORDER BY n.about",
        "", "t");
DB_STMT(tenant_name, TENANT, "SELECT name FROM tenant WHERE tenant_id = :tenant", "", "s");
DB_STMT(running_counters, TENANT,
        "SELECT period_start, billable, used FROM usage_counter WHERE tenant_id = :tenant AND period_end > ? AND used "
        "> noticed",
        "t", "tii");
/* GLOBAL: cleaning covers all tenants. */
DB_STMT(notices_forget, GLOBAL, "DELETE FROM billing_notice WHERE created_at < ? LIMIT ?", "ti", "");

enum status notice_store_tenants(struct db *c, struct arena *a, struct id after, int64_t now_ms, int64_t ended_after_ms,
                                 int limit, struct id **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &tenants_to_check, DB_GLOBAL,
                              DB_ARGS(db_time(now_ms), db_id(after), db_id(after), db_time(now_ms), db_time(now_ms),
                                      db_time(now_ms), db_time(ended_after_ms), db_id(after), db_int(limit)),
                              a, &rows, e);
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = db_row_id(rows.rows[i], 0);
    *n = rows.n;
    return OK;
}

enum status notice_store_readers(struct db *c, struct id tenant, struct arena *a, struct notice_reader **out, size_t *n,
                                 struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &readers, &tenant, DB_NONE, a, &rows, e);
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = (struct notice_reader){db_row_str(rows.rows[i], 0), db_row_str(rows.rows[i], 1)};
    *n = rows.n;
    return OK;
}

enum status notice_store_say(struct db *c, struct id tenant, const char *kind, int64_t about_ms, int64_t now_ms,
                             bool *fresh, struct err *e)
{
    struct err why = ERR_INIT;
    enum status st = db_exec(c, &notice_add, &tenant, DB_ARGS(db_text(kind), db_time(about_ms), db_time(now_ms)), NULL,
                             &why);
    *fresh = st == OK;
    if (st == OK || (st == ERR_CONFLICT && err_is(&why, E_duplicate)))
        return OK;
    *e = why;
    return st;
}

enum status notice_store_failures(struct db *c, struct id tenant, struct arena *a, int64_t **out, size_t *n,
                                  struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &failures, &tenant, DB_NONE, a, &rows, e);
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = db_row_time(rows.rows[i], 0);
    *n = rows.n;
    return OK;
}

enum status notice_store_name(struct db *c, struct id tenant, struct arena *a, struct str *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &tenant_name, &tenant, DB_NONE, a, &r, e);
    if (st == OK)
        *out = db_row_str(r, 0);
    return st;
}

enum status notice_store_counters(struct db *c, struct id tenant, struct arena *a, int64_t now_ms,
                                  struct notice_counter **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &running_counters, &tenant, DB_ARGS(db_time(now_ms)), a, &rows, e);
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = (struct notice_counter){db_row_time(rows.rows[i], 0), db_row_int(rows.rows[i], 2),
                                            db_row_int(rows.rows[i], 1) != 0};
    *n = rows.n;
    return OK;
}

enum status notice_store_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return db_exec(c, &notices_forget, DB_GLOBAL, DB_ARGS(db_time(before_ms), db_int(limit)), n, e);
}
