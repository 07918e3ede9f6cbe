/* meter_store.c: SQL of meter_outbox. A row's state is text only here. plan/ owns usage_counter; this file reads and
 * locks its rows, and usage_mark_reported changes them. */
#include "billing/meter/meter_store.h"

#include "base/limits.h"
#include "stripe/lease.h"

#include "base/banned.h"

/* ---- counters ---- */

/* GLOBAL: the worker collects for all tenants. A counter whose row has waited since before the limit is left out: its
 * next growth joins the row after that, and a slow Stripe does not make a row every five minutes. */
DB_STMT(
    counters_grown, GLOBAL,
    "SELECT c.tenant_id, c.period_start FROM usage_counter c WHERE c.unsent_since IS NOT NULL AND c.billable = 1 "
    "AND NOT EXISTS (SELECT 1 FROM meter_outbox o WHERE o.stripe_customer_id = c.stripe_customer_id "
    "AND o.state = 'pending' AND o.period_start = c.period_start AND o.created_at < ?) ORDER BY c.unsent_since LIMIT ?",
    "ti", "ut");
DB_STMT(counters_grown_of, TENANT,
        "SELECT tenant_id, period_start FROM usage_counter WHERE tenant_id = :tenant AND billable = 1 AND unsent_since "
        "IS NOT NULL",
        "", "ut");
/* The lock orders collecting with counting: a turn that counts at this moment waits, and its growth is in the next
 * row. */
DB_STMT(counter_lock, TENANT,
        "SELECT used, reported, period_end, stripe_customer_id, unsent_since FROM usage_counter "
        "WHERE tenant_id = :tenant AND period_start = ? AND billable = 1 AND unsent_since IS NOT NULL FOR UPDATE",
        "t", "iit?x?t");

/* GLOBAL: all tenants. The invoice of a counter is the first one that its subscription got after the period. A
 * subscription that ended early ends its period then. An alarm raised since the end leaves the counter out, even when
 * the operator has closed it, so that each case is reported once. */
DB_STMT(
    unbilled, GLOBAL,
    "SELECT x.tenant_id, x.stripe_subscription_id, x.period_start, x.used, x.conversations, x.invoiced_at, x.late FROM"
    " (SELECT k.*, t.conversations, (SELECT COALESCE(SUM(o.quantity), 0) FROM meter_outbox o WHERE o.tenant_id = "
    "k.tenant_id"
    " AND o.period_start = k.period_start AND o.stripe_customer_id = k.stripe_customer_id"
    " AND (o.sent_at IS NULL OR k.invoiced_at IS NULL OR o.sent_at > k.invoiced_at)) AS late FROM"
    " (SELECT c.tenant_id, c.stripe_customer_id, c.stripe_subscription_id, c.period_start, c.used, s.plan_terms_id,"
    " LEAST(c.period_end, COALESCE(s.ended_at, c.period_end)) AS over_at,"
    " (SELECT MIN(COALESCE(i.finalized_at, i.fetched_at)) FROM invoice_mirror i WHERE i.stripe_subscription_id = "
    "c.stripe_subscription_id"
    " AND i.created_at >= LEAST(c.period_end, COALESCE(s.ended_at, c.period_end))) AS invoiced_at"
    " FROM usage_counter c JOIN subscription_mirror s ON s.stripe_subscription_id = c.stripe_subscription_id"
    " WHERE c.billable = 1 AND c.period_end > ?) k"
    " JOIN plan_terms t ON t.plan_terms_id = k.plan_terms_id WHERE k.over_at BETWEEN ? AND ? AND k.used > "
    "t.conversations) x"
    " WHERE x.late > 0 AND NOT EXISTS (SELECT 1 FROM billing_alarm a WHERE a.kind = 'usage_unbilled' AND a.object = "
    "x.stripe_subscription_id"
    " AND a.last_at > x.over_at) ORDER BY x.tenant_id, x.period_start LIMIT 1000",
    "ttt", "uxtiit?i");

/* ---- rows ---- */

static const char *const meter_states[] = {
    [METER_PENDING] = "pending", [METER_UNKNOWN] = "unknown", [METER_SENT] = "sent", [METER_REJECTED] = "rejected"};

const char *meter_state_name(enum meter_state s)
{
    CHECK((size_t)s < COUNT_OF(meter_states));
    return meter_states[s];
}

bool meter_state_parse(struct str name, enum meter_state *out)
{
    size_t i = str_among(name, meter_states, COUNT_OF(meter_states));
    if (i < COUNT_OF(meter_states))
        *out = (enum meter_state)i;
    return i < COUNT_OF(meter_states);
}

DB_STMT(row_add, TENANT,
        "INSERT INTO meter_outbox (tenant_id, meter_outbox_id, stripe_customer_id, period_start, quantity, event_at, "
        "created_at, due_at) "
        "VALUES (:tenant, ?, ?, ?, ?, ?, ?, ?)",
        "uxtittt", "");
#define ROW_COLUMNS                                                                                             \
    "o.tenant_id, o.meter_outbox_id, o.stripe_customer_id, o.state, o.last_error, o.period_start, o.quantity, " \
    "o.event_at, o.created_at, "                                                                                \
    "o.first_sent_at, o.sent_at, o.due_at, o.attempts"
#define ROW_TYPES "uuxsstittt?t?ti"
/* Rows of customers of this mode whose lease is free, in the order of their index, so that the first one is found
 * however many wait. A test key must not send the rows of a live customer, which Stripe would refuse for good. */
#define DUE_JOIN                                                                                   \
    "SELECT " ROW_COLUMNS                                                                          \
    " FROM meter_outbox o JOIN billing_customer b ON b.stripe_customer_id = o.stripe_customer_id " \
    "AND b.tenant_id = o.tenant_id AND b.livemode = ? "
#define DUE_FIRST                                                                                                 \
    "o.state = ? AND o.due_at <= ? AND NOT EXISTS (SELECT 1 FROM stripe_lease l "                                 \
    "WHERE l.name = CONCAT('meter:', o.stripe_customer_id) AND l.until > ? AND l.until <= ?) ORDER BY o.due_at, " \
    "o.tenant_id, o.meter_outbox_id LIMIT 1"
/* GLOBAL: the worker sends for all tenants. */
DB_STMT(row_due, GLOBAL, DUE_JOIN "WHERE " DUE_FIRST, "isttt", ROW_TYPES);
DB_STMT(row_due_of, TENANT, DUE_JOIN "WHERE o.tenant_id = :tenant AND " DUE_FIRST, "isttt", ROW_TYPES);
/* GLOBAL: an event from Stripe names nothing but the identifier. */
DB_STMT(row_get, GLOBAL, "SELECT " ROW_COLUMNS " FROM meter_outbox o WHERE o.meter_outbox_id = ?", "u", ROW_TYPES);
/* first_sent_at keeps the first moment: the identifier's 24 hours began then. */
DB_STMT(row_begin, TENANT,
        "UPDATE meter_outbox SET state = 'unknown', attempts = attempts + 1, first_sent_at = COALESCE(first_sent_at, "
        "?), due_at = ? "
        "WHERE tenant_id = :tenant AND meter_outbox_id = ? AND state IN ('pending', 'unknown')",
        "ttu", "");
DB_STMT(row_put_off, TENANT,
        "UPDATE meter_outbox SET state = ?, first_sent_at = ?, due_at = ?, last_error = ? "
        "WHERE tenant_id = :tenant AND meter_outbox_id = ? AND state IN ('pending', 'unknown')",
        "st?tsu", "");
DB_STMT(row_sent, TENANT,
        "UPDATE meter_outbox SET state = 'sent', sent_at = ?, last_error = '' "
        "WHERE tenant_id = :tenant AND meter_outbox_id = ? AND state IN ('pending', 'unknown')",
        "tu", "");
/* A row that counts as sent may be rejected: Stripe validates events after it has accepted them. */
DB_STMT(row_rejected, TENANT,
        "UPDATE meter_outbox SET state = 'rejected', due_at = ?, last_error = ? "
        "WHERE tenant_id = :tenant AND meter_outbox_id = ? AND state <> 'rejected'",
        "tsu", "");
/* event_at stays, because the usage belongs to the minute in which it was counted. */
DB_STMT(row_again, TENANT,
        "UPDATE meter_outbox SET meter_outbox_id = ?, state = 'pending', first_sent_at = NULL, sent_at = NULL, "
        "attempts = 0, created_at = ?, "
        "due_at = ?, last_error = ? WHERE tenant_id = :tenant AND meter_outbox_id = ? AND state = 'rejected'",
        "uttsu", "");
/* GLOBAL: for the operator. */
DB_STMT(rows_in_state, GLOBAL,
        "SELECT " ROW_COLUMNS " FROM meter_outbox o WHERE o.state = ? ORDER BY o.due_at DESC LIMIT ?", "si", ROW_TYPES);
/* GLOBAL: for the operator. */
DB_STMT(rows_unsent, GLOBAL,
        "SELECT " ROW_COLUMNS
        " FROM meter_outbox o WHERE o.state IN ('pending', 'unknown', 'rejected') ORDER BY o.created_at DESC LIMIT ?",
        "i", ROW_TYPES);
/* GLOBAL: cleaning goes over all tenants. */
DB_STMT(rows_forget, GLOBAL, "DELETE FROM meter_outbox WHERE state = 'sent' AND due_at < ? LIMIT ?", "ti", "");

/* ---- sums ---- */

/* GLOBAL: a customer belongs to one tenant. */
DB_STMT(rows_sums, GLOBAL,
        "SELECT COALESCE(SUM(IF(state = 'sent', quantity, 0)), 0), COALESCE(SUM(IF(state = 'unknown', quantity, 0)), "
        "0), MAX(sent_at) "
        "FROM meter_outbox WHERE stripe_customer_id = ? AND state IN ('sent', 'unknown') AND event_at >= ? AND "
        "event_at < ?",
        "xtt", "iit?");
/* GLOBAL: a customer belongs to one tenant. */
DB_STMT(rows_unknown, GLOBAL,
        "SELECT " ROW_COLUMNS
        " FROM meter_outbox o WHERE o.stripe_customer_id = ? AND o.state = 'unknown' AND o.event_at >= ? "
        "AND o.event_at < ? AND o.first_sent_at <= ?",
        "xttt", ROW_TYPES);
/* GLOBAL: a customer belongs to one tenant. */
DB_STMT(
    rows_sent_in, GLOBAL,
    "SELECT " ROW_COLUMNS
    " FROM meter_outbox o WHERE o.stripe_customer_id = ? AND o.state = 'sent' AND o.event_at >= ? AND o.event_at < ?",
    "xtt", ROW_TYPES);
DB_STMT(rows_waiting, TENANT,
        "SELECT COUNT(*) FROM meter_outbox WHERE tenant_id = :tenant AND state IN ('pending', 'unknown')", "", "i");
/* GLOBAL: numbers for the whole installation. */
DB_STMT(rows_counts, GLOBAL,
        "SELECT (SELECT COUNT(*) FROM meter_outbox WHERE state = 'pending'), (SELECT COUNT(*) FROM meter_outbox WHERE "
        "state = 'unknown'), "
        "(SELECT COUNT(*) FROM meter_outbox WHERE state = 'rejected'), "
        "(SELECT MIN(created_at) FROM meter_outbox WHERE state IN ('pending', 'unknown')), "
        "(SELECT MIN(unsent_since) FROM usage_counter WHERE unsent_since IS NOT NULL), "
        "(SELECT CAST(COALESCE(SUM(quantity), 0) AS SIGNED) FROM meter_outbox WHERE state IN ('pending', 'unknown')) + "
        "(SELECT CAST(COALESCE(SUM(used - reported), 0) AS SIGNED) FROM usage_counter WHERE unsent_since IS NOT NULL)",
        "", "iiit?t?i");

/* ---- counters ---- */

static enum status meter_counters_of(struct arena *a, const struct db_rows *rows, struct meter_counter **out, size_t *n,
                                     struct err *e)
{
    if (!(*out = arena_array(a, rows->n + 1, sizeof(**out))))
        return err_nomem(e);
    for (size_t i = 0; i < rows->n; i++)
        (*out)[i] = (struct meter_counter){.tenant = db_row_id(rows->rows[i], 0),
                                           .period_start_ms = db_row_time(rows->rows[i], 1),
                                           .customer = STR_EMPTY};
    *n = rows->n;
    return OK;
}

enum status meter_store_grown(struct db *c, struct arena *a, int64_t waits_ms, int limit, struct meter_counter **out,
                              size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &counters_grown, DB_GLOBAL, DB_ARGS(db_time(waits_ms), db_int(limit)), a, &rows, e);
    return st == OK ? meter_counters_of(a, &rows, out, n, e) : st;
}

enum status meter_store_grown_of(struct db *c, struct id tenant, struct arena *a, struct meter_counter **out, size_t *n,
                                 struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &counters_grown_of, &tenant, DB_NONE, a, &rows, e);
    return st == OK ? meter_counters_of(a, &rows, out, n, e) : st;
}

enum status meter_store_lock(struct db *c, struct arena *a, struct meter_counter *k, bool *found, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &counter_lock, &k->tenant, DB_ARGS(db_time(k->period_start_ms)), a, &rows, e);
    *found = st == OK && rows.n == 1;
    if (*found) {
        struct db_row r = rows.rows[0];
        k->used = db_row_int(r, 0);
        k->reported = db_row_int(r, 1);
        k->period_end_ms = db_row_time(r, 2);
        k->customer = db_row_str(r, 3);
        k->unsent_ms = db_row_time(r, 4);
    }
    return st;
}

/* ---- rows ---- */

static enum status meter_row_of(struct db_row r, struct meter_row *out, struct err *e)
{
    enum meter_state state;
    if (!meter_state_parse(db_row_str(r, 3), &state))
        return db_row_unknown("meter_outbox.state", db_row_str(r, 3), e);
    *out = (struct meter_row){.tenant = db_row_id(r, 0),
                              .id = db_row_id(r, 1),
                              .customer = db_row_str(r, 2),
                              .state = state,
                              .last_error = db_row_str(r, 4),
                              .period_start_ms = db_row_time(r, 5),
                              .quantity = db_row_int(r, 6),
                              .event_ms = db_row_time(r, 7),
                              .created_ms = db_row_time(r, 8),
                              .first_sent_ms = db_row_time(r, 9),
                              .sent_ms = db_row_time(r, 10),
                              .due_ms = db_row_time(r, 11),
                              .attempts = (int)db_row_int(r, 12)};
    return OK;
}

static enum status meter_rows_of(struct arena *a, const struct db_rows *rows, struct meter_row **out, size_t *n,
                                 struct err *e)
{
    if (!(*out = arena_array(a, rows->n + 1, sizeof(**out))))
        return err_nomem(e);
    enum status st = OK;
    for (size_t i = 0; st == OK && i < rows->n; i++)
        st = meter_row_of(rows->rows[i], &(*out)[i], e);
    *n = rows->n;
    return st;
}

enum status meter_store_add(struct db *c, const struct meter_row *r, struct err *e)
{
    return db_exec(c, &row_add, &r->tenant,
                   DB_ARGS(db_id(r->id), db_bytes(r->customer.p, r->customer.n), db_time(r->period_start_ms),
                           db_int(r->quantity), db_time(r->event_ms), db_time(r->created_ms), db_time(r->due_ms)),
                   NULL, e);
}

static enum status meter_due_in(struct db *c, struct arena *a, const struct id *tenant, bool livemode,
                                enum meter_state state, int64_t now_ms, struct db_rows *out, struct err *e)
{
    struct db_stmt *stmt = tenant ? &row_due_of : &row_due;
    return db_query(c, stmt, tenant,
                    DB_ARGS(db_int(livemode), db_text(meter_state_name(state)), db_time(now_ms), db_time(now_ms),
                            db_time(now_ms + LEASE_LONGEST_MS)),
                    a, out, e);
}

/* Two queries, one for each state: each reads one row of the index on (state, due_at), and "IN" would sort them all. */
enum status meter_store_due(struct db *c, struct arena *a, const struct id *tenant, bool livemode, int64_t now_ms,
                            struct meter_row *out, struct err *e)
{
    struct db_rows pending, unknown;
    enum status st = meter_due_in(c, a, tenant, livemode, METER_PENDING, now_ms, &pending, e);
    if (st == OK)
        st = meter_due_in(c, a, tenant, livemode, METER_UNKNOWN, now_ms, &unknown, e);
    if (st != OK)
        return st;
    if (!pending.n && !unknown.n)
        return err_set(e, E_not_found, "No usage is due.");
    struct meter_row u;
    st = meter_row_of(pending.n ? pending.rows[0] : unknown.rows[0], out, e);
    if (st == OK && unknown.n && (st = meter_row_of(unknown.rows[0], &u, e)) == OK && u.due_ms < out->due_ms)
        *out = u;
    return st;
}

enum status meter_store_get(struct db *c, struct arena *a, struct id row, struct meter_row *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &row_get, DB_GLOBAL, DB_ARGS(db_id(row)), a, &r, e);
    return st == OK ? meter_row_of(r, out, e) : st;
}

enum status meter_store_begin(struct db *c, const struct meter_row *r, int64_t now_ms, int64_t due_ms, struct err *e)
{
    return db_exec(c, &row_begin, &r->tenant, DB_ARGS(db_time(now_ms), db_time(due_ms), db_id(r->id)), NULL, e);
}

enum status meter_store_put_off(struct db *c, const struct meter_row *r, enum meter_state state, int64_t first_sent_ms,
                                int64_t due_ms, struct str why, struct err *e)
{
    return db_exec(c, &row_put_off, &r->tenant,
                   DB_ARGS(db_text(meter_state_name(state)), db_opt(first_sent_ms > 0, db_time(first_sent_ms)),
                           db_time(due_ms), db_str(why), db_id(r->id)),
                   NULL, e);
}

enum status meter_store_sent(struct db *c, const struct meter_row *r, int64_t now_ms, struct err *e)
{
    return db_exec(c, &row_sent, &r->tenant, DB_ARGS(db_time(now_ms), db_id(r->id)), NULL, e);
}

enum status meter_store_rejected(struct db *c, const struct meter_row *r, struct str why, int64_t now_ms, bool *changed,
                                 struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(c, &row_rejected, &r->tenant, DB_ARGS(db_time(now_ms), db_str(why), db_id(r->id)), &n, e);
    *changed = st == OK && n == 1;
    return st;
}

enum status meter_store_again(struct db *c, const struct meter_row *r, struct id new_id, int64_t now_ms,
                              struct str note, bool *changed, struct err *e)
{
    int64_t n = 0;
    enum status st = db_exec(c, &row_again, &r->tenant,
                             DB_ARGS(db_id(new_id), db_time(now_ms), db_time(now_ms), db_str(note), db_id(r->id)), &n,
                             e);
    *changed = st == OK && n == 1;
    return st;
}

enum status meter_store_list(struct db *c, struct arena *a, const enum meter_state *only, int limit,
                             struct meter_row **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = only ? db_query(c, &rows_in_state, DB_GLOBAL,
                                     DB_ARGS(db_text(meter_state_name(*only)), db_int(limit)), a, &rows, e)
                          : db_query(c, &rows_unsent, DB_GLOBAL, DB_ARGS(db_int(limit)), a, &rows, e);
    return st == OK ? meter_rows_of(a, &rows, out, n, e) : st;
}

enum status meter_store_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return db_exec(c, &rows_forget, DB_GLOBAL, DB_ARGS(db_time(before_ms), db_int(limit)), n, e);
}

/* ---- sums ---- */

enum status meter_store_sums(struct db *c, struct str customer, int64_t from_ms, int64_t to_ms, struct meter_sums *out,
                             struct err *e)
{
    struct arena a;
    struct db_row r;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, &rows_sums, DB_GLOBAL,
                                  DB_ARGS(db_bytes(customer.p, customer.n), db_time(from_ms), db_time(to_ms)), &a, &r,
                                  e);
    if (st == OK)
        *out = (struct meter_sums){db_row_int(r, 0), db_row_int(r, 1), db_row_time(r, 2)};
    arena_release(&a);
    return st;
}

enum status meter_store_unsent(struct db *c, struct id tenant, int64_t *n, struct err *e)
{
    struct arena a;
    struct db_row r;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, &rows_waiting, &tenant, DB_NONE, &a, &r, e);
    if (st == OK)
        *n = db_row_int(r, 0);
    arena_release(&a);
    return st;
}

enum status meter_store_unknown(struct db *c, struct arena *a, struct str customer, int64_t from_ms, int64_t to_ms,
                                int64_t old_ms, struct meter_row **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(
        c, &rows_unknown, DB_GLOBAL,
        DB_ARGS(db_bytes(customer.p, customer.n), db_time(from_ms), db_time(to_ms), db_time(old_ms)), a, &rows, e);
    return st == OK ? meter_rows_of(a, &rows, out, n, e) : st;
}

enum status meter_store_sent_in(struct db *c, struct arena *a, struct str customer, int64_t from_ms, int64_t to_ms,
                                struct meter_row **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &rows_sent_in, DB_GLOBAL,
                              DB_ARGS(db_bytes(customer.p, customer.n), db_time(from_ms), db_time(to_ms)), a, &rows, e);
    return st == OK ? meter_rows_of(a, &rows, out, n, e) : st;
}

enum status meter_store_counts(struct db *c, struct meter_counts *out, struct err *e)
{
    struct arena a;
    struct db_row r;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, &rows_counts, DB_GLOBAL, DB_NONE, &a, &r, e);
    if (st == OK)
        *out = (struct meter_counts){db_row_int(r, 0), db_row_int(r, 1),  db_row_int(r, 2),
                                     db_row_int(r, 5), db_row_time(r, 3), db_row_time(r, 4)};
    arena_release(&a);
    return st;
}

enum status meter_store_unbilled(struct db *c, struct arena *a, int64_t from_ms, int64_t to_ms,
                                 struct meter_unbilled **out, size_t *n, struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, &unbilled, DB_GLOBAL, DB_ARGS(db_time(from_ms), db_time(from_ms), db_time(to_ms)), a,
                              &r, e);
    *n = 0;
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, r.n, sizeof(**out))))
        return err_nomem(e);
    for (; *n < r.n; ++*n)
        (*out)[*n] = (struct meter_unbilled){.tenant = db_row_id(r.rows[*n], 0),
                                             .subscription = db_row_str(r.rows[*n], 1),
                                             .period_start_ms = db_row_time(r.rows[*n], 2),
                                             .used = db_row_int(r.rows[*n], 3),
                                             .included = db_row_int(r.rows[*n], 4),
                                             .invoiced_ms = db_row_time(r.rows[*n], 5),
                                             .late = db_row_int(r.rows[*n], 6)};
    return OK;
}
