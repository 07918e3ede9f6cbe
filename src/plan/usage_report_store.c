/* usage_report_store.c: SQL that reads the ledger, and sets a counter to it. */
#include "plan/usage_report_store.h"

#include "base/clock.h"
#include "base/limits.h"

#include "base/banned.h"

/* conversation_gap is at most seven days: a conversation that waited longer for its first reply is over and is not
 * counted any more. One day is added. */
#define BEGUN_BEFORE_MS (8 * DAY_MS)

DB_STMT(ledger_rows, TENANT,
        "SELECT l.conversation_id, v.bot_id, l.counted_at, l.period_start, l.billable FROM usage_ledger l "
        "LEFT JOIN conversation v ON v.tenant_id = l.tenant_id AND v.conversation_id = l.conversation_id "
        "WHERE l.tenant_id = :tenant AND l.conversation_id < ? ORDER BY l.conversation_id DESC LIMIT ?",
        "ui", "uu?tti");
/* Ids grow with the time of their conversation's beginning: the key leads to the part of the ledger that can hold
 * the days. */
DB_STMT(ledger_days, TENANT,
        "SELECT CAST(DATE(counted_at) AS DATETIME(3)), COUNT(*) FROM usage_ledger WHERE tenant_id = :tenant AND "
        "conversation_id >= ? "
        "AND counted_at >= ? AND counted_at < ? GROUP BY 1 ORDER BY 1",
        "utt", "ti");
#define LEDGER_SUMS                                                                                                 \
    "(SELECT tenant_id, period_start, billable, COUNT(*) AS n FROM usage_ledger GROUP BY tenant_id, period_start, " \
    "billable)"
/* GLOBAL: the operator's check goes over all workspaces; one statement, so that it sees counters and ledger at one
 * moment. */
DB_STMT(ledger_drift, GLOBAL,
        "SELECT c.tenant_id, c.period_start, c.billable, c.used, COALESCE(l.n, 0) FROM usage_counter c LEFT "
        "JOIN " LEDGER_SUMS " l "
        "ON l.tenant_id = c.tenant_id AND l.period_start = c.period_start AND l.billable = c.billable WHERE c.used <> "
        "COALESCE(l.n, 0) "
        "UNION ALL "
        "SELECT l.tenant_id, l.period_start, l.billable, 0, l.n FROM " LEDGER_SUMS " l LEFT JOIN usage_counter c "
        "ON c.tenant_id = l.tenant_id AND c.period_start = l.period_start AND c.billable = l.billable WHERE "
        "c.tenant_id IS NULL "
        "ORDER BY 1, 2, 3",
        "", "utiii");
/* The row may be missing: that is one of the differences the check finds, and a lock needs a row. */
DB_STMT(counter_make, TENANT,
        "INSERT IGNORE INTO usage_counter (tenant_id, period_start, billable) VALUES (:tenant, ?, ?)", "ti", "");
DB_STMT(counter_lock, TENANT,
        "SELECT reported FROM usage_counter WHERE tenant_id = :tenant AND period_start = ? AND billable = ? FOR UPDATE",
        "ti", "i");
DB_STMT(ledger_count, TENANT,
        "SELECT COUNT(*) FROM usage_ledger WHERE tenant_id = :tenant AND period_start = ? AND billable = ?", "ti", "i");
/* MariaDB evaluates SET from left to right, so unsent_since is decided from the new value of `used`. */
DB_STMT(counter_set, TENANT,
        "UPDATE usage_counter SET used = ?, unsent_since = IF(billable = 1 AND used > reported, COALESCE(unsent_since, "
        "?), NULL) "
        "WHERE tenant_id = :tenant AND period_start = ? AND billable = ?",
        "itti", "");

static struct usage_row usage_row_of(struct db_row r)
{
    return (struct usage_row){.conversation = db_row_id(r, 0),
                              .bot = db_row_id(r, 1),
                              .counted_ms = db_row_time(r, 2),
                              .period_start_ms = db_row_time(r, 3),
                              .billable = db_row_int(r, 4) != 0,
                              .deleted = db_row_null(r, 1)};
}

enum status report_store_rows(struct db *c, struct id tenant, struct arena *a, struct id before, int limit,
                              struct usage_row **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &ledger_rows, &tenant, DB_ARGS(db_id(before), db_int(limit)), a, &rows, e);
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = usage_row_of(rows.rows[i]);
    *n = rows.n;
    return OK;
}

enum status report_store_days(struct db *c, struct id tenant, struct arena *a, int64_t from_ms, int64_t to_ms,
                              struct usage_day **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &ledger_days, &tenant,
                              DB_ARGS(db_id(id_least(from_ms - BEGUN_BEFORE_MS)), db_time(from_ms), db_time(to_ms)), a,
                              &rows, e);
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = (struct usage_day){db_row_time(rows.rows[i], 0), db_row_int(rows.rows[i], 1)};
    *n = rows.n;
    return OK;
}

enum status report_store_drift(struct db *c, struct arena *a, struct usage_drift **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &ledger_drift, DB_GLOBAL, DB_NONE, a, &rows, e);
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++) {
        struct db_row r = rows.rows[i];
        (*out)[i] = (struct usage_drift){db_row_id(r, 0), db_row_time(r, 1), db_row_int(r, 2) != 0, db_row_int(r, 3),
                                         db_row_int(r, 4)};
    }
    *n = rows.n;
    return OK;
}

enum status report_store_lock(struct db *c, const struct usage_drift *d, int64_t *reported, struct err *e)
{
    struct arena a;
    struct db_row r;
    enum status st = db_exec(c, &counter_make, &d->tenant, DB_ARGS(db_time(d->period_start_ms), db_int(d->billable)),
                             NULL, e);
    arena_init(&a, ROW_ARENA);
    if (st == OK)
        st = db_query_one(c, &counter_lock, &d->tenant, DB_ARGS(db_time(d->period_start_ms), db_int(d->billable)), &a,
                          &r, e);
    if (st == OK)
        *reported = db_row_int(r, 0);
    arena_release(&a);
    return st;
}

enum status report_store_count(struct db *c, const struct usage_drift *d, int64_t *n, struct err *e)
{
    struct arena a;
    struct db_row r;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, &ledger_count, &d->tenant,
                                  DB_ARGS(db_time(d->period_start_ms), db_int(d->billable)), &a, &r, e);
    if (st == OK)
        *n = db_row_int(r, 0);
    arena_release(&a);
    return st;
}

enum status report_store_set(struct db *c, const struct usage_drift *d, int64_t used, int64_t now_ms, struct err *e)
{
    return db_exec(c, &counter_set, &d->tenant,
                   DB_ARGS(db_int(used), db_time(now_ms), db_time(d->period_start_ms), db_int(d->billable)), NULL, e);
}
