/* checkout_store.c: SQL of customers, attempts to buy and changes of plan. States and kinds are text only here.
 *
 * The tenant's lease orders what these statements do for one tenant. sync/ and reconcile/ write the same rows without
 * that lease when an event arrives, so each UPDATE names the states that it may leave. */
#include "billing/checkout/checkout_store.h"

#include "base/limits.h"
#include "base/num.h"

#include "base/banned.h"

static enum status checkout_number(struct db *c, struct db_stmt *stmt, struct id tenant, const struct db_val *args,
                                   size_t n, int64_t *out, struct err *e)
{
    struct arena a;
    struct db_row r;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query_one(c, stmt, &tenant, args, n, &a, &r, e);
    if (st == OK)
        *out = db_row_int(r, 0);
    arena_release(&a);
    return st;
}

/* ---- customers ---- */

DB_STMT(
    customer_select, TENANT,
    "SELECT stripe_customer_id FROM billing_customer WHERE tenant_id = :tenant AND livemode = ? AND deleted_at IS NULL"
    " ORDER BY created_at DESC, stripe_customer_id LIMIT 1",
    "i", "x");
/* Customers of both modes and deleted ones count: the number is part of an idempotency key and must never come back. */
DB_STMT(customer_count, TENANT, "SELECT COUNT(*) FROM billing_customer WHERE tenant_id = :tenant", "", "i");
DB_STMT(customer_insert, TENANT,
        "INSERT INTO billing_customer (tenant_id, stripe_customer_id, livemode, created_at) VALUES (:tenant, ?, ?, ?)",
        "xit", "");
DB_STMT(customer_delete, TENANT,
        "UPDATE billing_customer SET deleted_at = ? WHERE tenant_id = :tenant AND stripe_customer_id = ? AND "
        "deleted_at IS NULL",
        "tx", "");
DB_STMT(
    /* '/' is the character after '.', so the condition is a range of the primary key that holds every
     * "<prefix>.<serial>". */
    customer_calls, TENANT,
    "SELECT SUBSTRING_INDEX(CONVERT(idem_key USING ascii), '.', -1), first_sent_at, state = 'failed' FROM stripe_call"
    " WHERE tenant_id = :tenant AND idem_key > CONCAT(?, '.') AND idem_key < CONCAT(?, '/')",
    "xx", "sti");
/* A workspace whose owners are all deleted still has a row, with no address: Stripe needs a name but no e-mail. */
DB_STMT(customer_owner, TENANT,
        "SELECT t.name, u.email FROM tenant t LEFT JOIN member m ON m.tenant_id = :tenant AND m.role = 'owner'"
        " LEFT JOIN user u ON u.user_id = m.user_id AND u.state <> 'deleted' WHERE t.tenant_id = :tenant"
        " ORDER BY u.user_id IS NULL, m.created_at, m.user_id LIMIT 1",
        "", "ss?");

enum status customer_store_current(struct db *c, struct id tenant, bool livemode, struct arena *a, struct str *out,
                                   struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &customer_select, &tenant, DB_ARGS(db_int(livemode)), a, &rows, e);
    if (st == OK)
        *out = rows.n ? db_row_str(rows.rows[0], 0) : STR_EMPTY;
    return st;
}

enum status customer_store_count(struct db *c, struct id tenant, int64_t *n, struct err *e)
{
    return checkout_number(c, &customer_count, tenant, DB_NONE, n, e);
}

enum status customer_store_add(struct db *c, struct id tenant, bool livemode, struct str customer, int64_t now_ms,
                               struct err *e)
{
    return db_exec(c, &customer_insert, &tenant,
                   DB_ARGS(db_bytes(customer.p, customer.n), db_int(livemode), db_time(now_ms)), NULL, e);
}

enum status customer_store_gone(struct db *c, struct id tenant, struct str customer, int64_t now_ms, struct err *e)
{
    return db_exec(c, &customer_delete, &tenant, DB_ARGS(db_time(now_ms), db_bytes(customer.p, customer.n)), NULL, e);
}

enum status customer_store_call(struct db *c, struct id tenant, struct arena *a, struct str prefix,
                                struct customer_call *out, struct err *e)
{
    struct db_rows rows;
    struct db_val p = db_bytes(prefix.p, prefix.n);
    enum status st = db_query(c, &customer_calls, &tenant, DB_ARGS(p, p), a, &rows, e);
    *out = (struct customer_call){.serial = -1};
    for (size_t i = 0; st == OK && i < rows.n; i++) {
        int64_t serial;
        if (num_i64(db_row_str(rows.rows[i], 0), 0, INT64_MAX, &serial) && serial > out->serial)
            *out = (struct customer_call){.serial = serial,
                                          .first_sent_ms = db_row_time(rows.rows[i], 1),
                                          .failed = db_row_int(rows.rows[i], 2) != 0};
    }
    return st;
}

enum status customer_store_facts(struct db *c, struct id tenant, struct arena *a, struct customer_facts *out,
                                 struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &customer_owner, &tenant, DB_NONE, a, &r, e);
    if (st == OK)
        *out = (struct customer_facts){.workspace = db_row_str(r, 0), .email = db_row_str(r, 1)};
    return st;
}

/* ---- attempts ---- */

static const char *const attempt_states[] = {[ATTEMPT_CREATING] = "creating",
                                             [ATTEMPT_OPEN] = "open",
                                             [ATTEMPT_COMPLETE] = "complete",
                                             [ATTEMPT_EXPIRED] = "expired",
                                             [ATTEMPT_FAILED] = "failed"};

DB_STMT(
    /* Beyond expires_at Stripe accepts no payment, so such an attempt is over even if no event has said so. */
    attempt_open, TENANT,
    "SELECT checkout_attempt_id, plan_terms_id, stripe_session_id, state, created_at, expires_at FROM checkout_attempt"
    " WHERE tenant_id = :tenant AND livemode = ? AND state IN ('creating', 'open') AND expires_at > ?"
    " ORDER BY checkout_attempt_id DESC",
    "it", "uux?stt");
DB_STMT(
    attempt_of_session, TENANT,
    "SELECT checkout_attempt_id, plan_terms_id, stripe_session_id, state, created_at, expires_at FROM checkout_attempt"
    " WHERE tenant_id = :tenant AND stripe_session_id = ?",
    "x", "uux?stt");
DB_STMT(attempt_insert, TENANT,
        "INSERT INTO checkout_attempt (tenant_id, checkout_attempt_id, plan_terms_id, livemode, state, created_at, "
        "expires_at)"
        " VALUES (:tenant, ?, ?, ?, 'creating', ?, ?)",
        "uuitt", "");
/* Only from "creating": the answer of a slow call must not reopen an attempt that was given up or paid in the
 * meantime. */
DB_STMT(attempt_begun, TENANT,
        "UPDATE checkout_attempt SET stripe_session_id = ?, state = 'open'"
        " WHERE tenant_id = :tenant AND checkout_attempt_id = ? AND state = 'creating'",
        "xu", "");
/* An event may have completed the attempt while this operation talked to Stripe. Paid is final. */
DB_STMT(attempt_ended, TENANT,
        "UPDATE checkout_attempt SET state = ? WHERE tenant_id = :tenant AND checkout_attempt_id = ? AND state <> "
        "'complete'",
        "su", "");

/* A state that a newer release wrote counts as over, so an older program never sells on top of it. */
static enum attempt_state attempt_state_of(struct str s)
{
    return (enum attempt_state)str_among_or(s, attempt_states, COUNT_OF(attempt_states), ATTEMPT_FAILED);
}

static struct attempt attempt_of(struct db_row r)
{
    return (struct attempt){.id = db_row_id(r, 0),
                            .terms = db_row_id(r, 1),
                            .session = db_row_str(r, 2),
                            .state = attempt_state_of(db_row_str(r, 3)),
                            .created_ms = db_row_time(r, 4),
                            .expires_ms = db_row_time(r, 5)};
}

enum status attempt_store_open(struct db *c, struct id tenant, bool livemode, int64_t now_ms, struct arena *a,
                               struct attempt **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &attempt_open, &tenant, DB_ARGS(db_int(livemode), db_time(now_ms)), a, &rows, e);
    if (st != OK)
        return st;
    *n = rows.n;
    *out = arena_array(a, rows.n ? rows.n : 1, sizeof(**out));
    if (!*out)
        return err_nomem(e);
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = attempt_of(rows.rows[i]);
    return OK;
}

enum status attempt_store_add(struct db *c, struct id tenant, bool livemode, const struct attempt *x, struct err *e)
{
    return db_exec(
        c, &attempt_insert, &tenant,
        DB_ARGS(db_id(x->id), db_id(x->terms), db_int(livemode), db_time(x->created_ms), db_time(x->expires_ms)), NULL,
        e);
}

enum status attempt_store_session(struct db *c, struct id tenant, struct id attempt, struct str session, struct err *e)
{
    return db_exec(c, &attempt_begun, &tenant, DB_ARGS(db_bytes(session.p, session.n), db_id(attempt)), NULL, e);
}

enum status attempt_store_state(struct db *c, struct id tenant, struct id attempt, enum attempt_state state,
                                struct err *e)
{
    return db_exec(c, &attempt_ended, &tenant, DB_ARGS(db_text(attempt_states[state]), db_id(attempt)), NULL, e);
}

enum status attempt_store_find(struct db *c, struct id tenant, struct arena *a, struct str session, struct attempt *out,
                               struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &attempt_of_session, &tenant, DB_ARGS(db_bytes(session.p, session.n)), a, &r, e);
    if (st == OK)
        *out = attempt_of(r);
    return st;
}

/* ---- changes ---- */

const char *change_kind_name(enum change_kind k)
{
    static const char *const names[] = {
        [CHANGE_NONE] = "none",           [CHANGE_BUY] = "buy",       [CHANGE_UPGRADE] = "upgrade",
        [CHANGE_DOWNGRADE] = "downgrade", [CHANGE_CANCEL] = "cancel", [CHANGE_MOVE] = "move",
        [CHANGE_UNDO] = "undo",           [CHANGE_END] = "end"};
    return names[k];
}

const char *change_outcome_name(enum change_outcome o)
{
    static const char *const names[] = {
        [OUTCOME_FAILED] = "failed", [OUTCOME_ASKED] = "asked", [OUTCOME_WAITING] = "waiting", [OUTCOME_DONE] = "done"};
    return names[o];
}

DB_STMT(change_insert, TENANT,
        "INSERT INTO plan_change (tenant_id, plan_change_id, stripe_subscription_id, kind, from_terms_id, to_terms_id, "
        "created_at)"
        " VALUES (:tenant, ?, ?, ?, ?, ?, ?)",
        "uxsu?u?t", "");
DB_STMT(change_finish, TENANT,
        "UPDATE plan_change SET state = ?, finished_at = ? WHERE tenant_id = :tenant AND plan_change_id = ?", "stu",
        "");
DB_STMT(
    change_last, TENANT,
    "SELECT finished_at FROM plan_change WHERE tenant_id = :tenant AND state <> 'failed' AND finished_at IS NOT NULL"
    " ORDER BY finished_at DESC LIMIT 1",
    "", "t");

enum status change_store_add(struct db *c, struct id tenant, const struct plan_change *x, int64_t now_ms, struct err *e)
{
    return db_exec(c, &change_insert, &tenant,
                   DB_ARGS(db_id(x->id), db_bytes(x->subscription.p, x->subscription.n),
                           db_text(change_kind_name(x->kind)), db_opt(!id_is_none(x->from), db_id(x->from)),
                           db_opt(!id_is_none(x->to), db_id(x->to)), db_time(now_ms)),
                   NULL, e);
}

enum status change_store_finish(struct db *c, struct id tenant, struct id change, enum change_outcome outcome,
                                int64_t now_ms, struct err *e)
{
    return db_exec(c, &change_finish, &tenant,
                   DB_ARGS(db_text(change_outcome_name(outcome)), db_time(now_ms), db_id(change)), NULL, e);
}

enum status change_store_last(struct db *c, struct id tenant, int64_t *finished_ms, struct err *e)
{
    struct arena a;
    struct db_rows rows;
    arena_init(&a, ROW_ARENA);
    enum status st = db_query(c, &change_last, &tenant, DB_NONE, &a, &rows, e);
    if (st == OK)
        *finished_ms = rows.n ? db_row_time(rows.rows[0], 0) : 0;
    arena_release(&a);
    return st;
}
