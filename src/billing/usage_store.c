/* usage_store.c: SQL of plans, counter and ledger. */
#include "billing/usage_store.h"
#include "base/limits.h"
#include "base/banned.h"

DB_STMT(plan_of_tenant, TENANT,
        "SELECT m.conversations, IF(x.plan IS NULL, 0, x.value) FROM tenant t JOIN plan p ON p.plan = t.plan "
        "JOIN plan_terms m ON m.plan_terms_id = p.plan_terms_id "
        "LEFT JOIN plan_entitlement x ON x.plan = p.plan AND x.entitlement = 'bots' WHERE t.tenant_id = :tenant", "", "i?i?");
/* GLOBAL: one batch of the journal holds turns of many; each row carries its own tenant. */
DB_STMT(ledger_add, GLOBAL,
        "INSERT INTO usage_ledger (tenant_id, conversation_id, period_start, counted_at) VALUES (?, ?, ?, ?)", "uutt", "");
DB_STMT(counter_take, TENANT,
        "UPDATE usage_counter SET used = used + ? WHERE tenant_id = :tenant AND period_start = ? AND used <= ?", "iti", "");
DB_STMT(counter_begin, TENANT,
        "INSERT IGNORE INTO usage_counter (tenant_id, period_start, used) VALUES (:tenant, ?, 0)", "t", "");
DB_STMT(counter_used, TENANT, "SELECT used FROM usage_counter WHERE tenant_id = :tenant AND period_start = ?", "t", "i");

static int64_t limit_of(struct db_row r, size_t i)
{
    return db_row_null(r, i) ? USAGE_UNLIMITED : db_row_int(r, i);
}

enum status usage_store_plan(struct db *c, struct id tenant, int64_t *conversations, int64_t *bots, struct err *e)
{
    struct arena a;
    struct db_row r;
    enum status s;

    arena_init(&a, 64 * KB);
    s = db_query_one(c, &plan_of_tenant, &tenant, DB_NONE, &a, &r, e);
    if (s == OK) {
        *conversations = limit_of(r, 0);
        *bots = limit_of(r, 1);
    }
    arena_release(&a);
    return s;
}

enum status usage_store_ledger(struct db *c, const struct usage_count *counts, size_t n, struct err *e)
{
    enum { COLUMNS = 4 };
    struct arena a;
    struct db_val *v;
    enum status s;

    arena_init(&a, 1 * MB);
    v = arena_array(&a, n, COLUMNS * sizeof(*v));
    if (!v) {
        arena_release(&a);
        return err_nomem(e);
    }
    for (size_t i = 0; i < n; i++) {
        v[i * COLUMNS + 0] = db_id(counts[i].tenant);
        v[i * COLUMNS + 1] = db_id(counts[i].conversation);
        v[i * COLUMNS + 2] = db_time(counts[i].quota.period_start_ms);
        v[i * COLUMNS + 3] = db_time(counts[i].counted_ms);
    }
    s = db_bulk(c, &ledger_add, DB_GLOBAL, v, COLUMNS, n, NULL, e);
    arena_release(&a);
    return s;
}

static enum status take_once(struct db *c, struct id tenant, int64_t period_start_ms, int64_t n, int64_t limit, bool *taken,
                             struct err *e)
{
    int64_t changed = 0;
    enum status s = db_exec(c, &counter_take, &tenant, DB_ARGS(db_int(n), db_time(period_start_ms), db_int(limit - n)),
                            &changed, e);

    *taken = s == OK && changed == 1;
    return s;
}

enum status usage_store_take(struct db *c, struct id tenant, int64_t period_start_ms, int64_t n, int64_t limit, bool *taken,
                             struct err *e)
{
    enum status s;

    *taken = false;
    if (n > limit) {
        return OK;
    }
    s = take_once(c, tenant, period_start_ms, n, limit, taken, e);
    if (s != OK || *taken) {
        return s;
    }
    /* Nothing changed: the limit is met, or the period has no row yet. Somebody else may add it at this moment, so that the
     * insert says nothing: only the second try decides. */
    s = db_exec(c, &counter_begin, &tenant, DB_ARGS(db_time(period_start_ms)), NULL, e);
    if (s != OK) {
        return s;
    }
    return take_once(c, tenant, period_start_ms, n, limit, taken, e);
}

enum status usage_store_used(struct db *c, struct id tenant, int64_t period_start_ms, int64_t *used, struct err *e)
{
    struct arena a;
    struct db_rows rows;
    enum status s;

    arena_init(&a, 64 * KB);
    s = db_query(c, &counter_used, &tenant, DB_ARGS(db_time(period_start_ms)), &a, &rows, e);
    if (s == OK) {
        *used = rows.n ? db_row_int(rows.rows[0], 0) : 0;
    }
    arena_release(&a);
    return s;
}
