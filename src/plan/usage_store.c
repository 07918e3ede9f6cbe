/* usage_store.c: SQL of counter and ledger. The counter is changed only by an UPDATE that checks the limit, so two
 * programs that count at once cannot exceed it together. Reading first and writing after would let both pass.
 *
 * meter/ reads the counters and sets `reported`, notice/ reads them and sets `noticed`, both through usage.h. */
#include "plan/usage_store.h"

#include "base/limits.h"

#include "base/banned.h"

/* GLOBAL: one batch of the journal holds turns of many; each row carries its own tenant. */
DB_STMT(
    ledger_add, GLOBAL,
    "INSERT INTO usage_ledger (tenant_id, conversation_id, period_start, billable, counted_at) VALUES (?, ?, ?, ?, ?)",
    "uutit", "");
/* unsent_since is the time of the oldest conversation that the meter has not taken yet; meter_lag is measured from
 * it. */
DB_STMT(counter_take, TENANT,
        "UPDATE usage_counter SET used = used + ?, unsent_since = IF(billable = 1, COALESCE(unsent_since, ?), NULL) "
        "WHERE tenant_id = :tenant AND period_start = ? AND billable = ? AND used <= ?",
        "ittii", "");
/* Without period_end and subscription: this row is made in the middle of a turn, and counter_open completes it. */
DB_STMT(counter_begin, TENANT,
        "INSERT IGNORE INTO usage_counter (tenant_id, period_start, billable, used) VALUES (:tenant, ?, ?, 0)", "ti",
        "");
/* Opened again when the period's end has moved. What was counted is left as it is. */
DB_STMT(counter_open, TENANT,
        "INSERT INTO usage_counter (tenant_id, period_start, billable, period_end, stripe_subscription_id, "
        "stripe_customer_id, used) "
        "VALUES (:tenant, ?, ?, ?, ?, ?, 0) ON DUPLICATE KEY UPDATE period_end = VALUES(period_end), "
        "stripe_subscription_id = VALUES(stripe_subscription_id), stripe_customer_id = VALUES(stripe_customer_id)",
        "titx?x?", "");
DB_STMT(counter_select, TENANT,
        "SELECT billable, used, IFNULL(period_end = ?, 0) FROM usage_counter WHERE tenant_id = :tenant AND "
        "period_start = ?",
        "tt", "iii");
/* GREATEST: after a repair lowered `used`, what was reported to Stripe stays on record. */
DB_STMT(counter_reported, TENANT,
        "UPDATE usage_counter SET reported = GREATEST(reported, used), unsent_since = NULL "
        "WHERE tenant_id = :tenant AND period_start = ? AND billable = 1",
        "t", "");
DB_STMT(counter_noticed, TENANT,
        "UPDATE usage_counter SET noticed = ? WHERE tenant_id = :tenant AND period_start = ? AND billable = ?", "iti",
        "");
DB_STMT(counter_used, TENANT,
        "SELECT CAST(IFNULL(SUM(used), 0) AS SIGNED) FROM usage_counter WHERE tenant_id = :tenant AND period_start = ?",
        "t", "i");

/* One statement for the whole batch of the journal: a group of turns costs one round trip. */
enum status usage_store_ledger(struct db *c, const struct usage_count *counts, size_t n, struct err *e)
{
#define LEDGER_COLUMNS 5
    struct arena a;
    struct db_val *v;

    arena_init(&a, LIST_ARENA);
    v = arena_array(&a, n, LEDGER_COLUMNS * sizeof(*v));
    if (!v) {
        arena_release(&a);
        return err_nomem(e);
    }
    for (size_t i = 0; i < n; i++) {
        v[i * LEDGER_COLUMNS + 0] = db_id(counts[i].tenant);
        v[i * LEDGER_COLUMNS + 1] = db_id(counts[i].conversation);
        v[i * LEDGER_COLUMNS + 2] = db_time(counts[i].quota.period_start_ms);
        v[i * LEDGER_COLUMNS + 3] = db_int(counts[i].quota.billable);
        v[i * LEDGER_COLUMNS + 4] = db_time(counts[i].counted_ms);
    }
    enum status st = db_bulk(c, &ledger_add, DB_GLOBAL, v, LEDGER_COLUMNS, n, NULL, e);
    arena_release(&a);
    return st;
}

static enum status usage_take_once(struct db *c, struct id tenant, const struct usage_quota *q, int64_t n,
                                   int64_t at_ms, bool *taken, struct err *e)
{
    int64_t changed = 0;
    enum status st = db_exec(
        c, &counter_take, &tenant,
        DB_ARGS(db_int(n), db_time(at_ms), db_time(q->period_start_ms), db_int(q->billable), db_int(q->limit - n)),
        &changed, e);
    *taken = st == OK && changed == 1;
    return st;
}

enum status usage_store_take(struct db *c, struct id tenant, const struct usage_quota *q, int64_t n, int64_t at_ms,
                             bool *taken, struct err *e)
{
    *taken = false;
    /* Also keeps limit - n from wrapping below zero. */
    if (n > q->limit)
        return OK;
    enum status st = usage_take_once(c, tenant, q, n, at_ms, taken, e);
    if (st != OK || *taken)
        return st;
    /* Nothing changed: the limit is met, or the period has no row yet. Another program may add the row at this
     * moment, so the result of the insert means nothing; the second try decides. */
    st = db_exec(c, &counter_begin, &tenant, DB_ARGS(db_time(q->period_start_ms), db_int(q->billable)), NULL, e);
    if (st != OK)
        return st;
    return usage_take_once(c, tenant, q, n, at_ms, taken, e);
}

static struct db_val usage_stripe_id(const struct subscription *s, struct str id)
{
    return db_opt(s && id.n, db_bytes(id.p, id.n));
}

enum status usage_store_open(struct db *c, struct id tenant, const struct quota_period *p,
                             const struct subscription *paid_by, struct err *e)
{
    return db_exec(c, &counter_open, &tenant,
                   DB_ARGS(db_time(p->start_ms), db_int(p->billable), db_time(p->end_ms),
                           usage_stripe_id(paid_by, paid_by ? paid_by->id : STR_EMPTY),
                           usage_stripe_id(paid_by, paid_by ? paid_by->customer : STR_EMPTY)),
                   NULL, e);
}

enum status usage_store_find(struct db *c, struct id tenant, const struct quota_period *p, bool *there, int64_t *beside,
                             struct err *e)
{
    struct arena a;
    struct db_rows rows;
    *there = false;
    *beside = 0;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query(c, &counter_select, &tenant, DB_ARGS(db_time(p->end_ms), db_time(p->start_ms)), &a, &rows,
                              e);
    for (size_t i = 0; st == OK && i < rows.n; i++)
        if ((db_row_int(rows.rows[i], 0) != 0) == p->billable)
            *there = db_row_int(rows.rows[i], 2) != 0;
        else
            *beside += db_row_int(rows.rows[i], 1);
    arena_release(&a);
    return st;
}

enum status usage_store_used(struct db *c, struct id tenant, int64_t period_start_ms, int64_t *used, struct err *e)
{
    struct arena a;
    struct db_row row;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, &counter_used, &tenant, DB_ARGS(db_time(period_start_ms)), &a, &row, e);
    if (st == OK)
        *used = db_row_int(row, 0);
    arena_release(&a);
    return st;
}

enum status usage_store_mark_reported(struct db *c, struct id tenant, int64_t period_start_ms, struct err *e)
{
    return db_exec(c, &counter_reported, &tenant, DB_ARGS(db_time(period_start_ms)), NULL, e);
}

enum status usage_store_mark_noticed(struct db *c, struct id tenant, int64_t period_start_ms, bool billable,
                                     int64_t used, struct err *e)
{
    return db_exec(c, &counter_noticed, &tenant, DB_ARGS(db_int(used), db_time(period_start_ms), db_int(billable)),
                   NULL, e);
}
