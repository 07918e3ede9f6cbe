/* reconcile_store.c: SQL of the comparison with Stripe: what should have ended or been renewed, and completed runs. */
#include "billing/reconcile/reconcile_store.h"

#include "base/clock.h"

#include "base/banned.h"

/* The rows "reconciled" (hourly), "reconciled:night": when the last run began that came to its end; of the nightly one
 * also at which customer the comparison of usage was cut short. The moment is that of the beginning: what happened
 * during the run belongs to the next one. */
DB_STMT(last_run, GLOBAL, "SELECT updated_at, stripe_id FROM stripe_setup WHERE livemode = ? AND name = ?", "is", "tx");
DB_STMT(ran, GLOBAL,
        "INSERT INTO stripe_setup (livemode, name, stripe_id, updated_at) VALUES (?, ?, ?, ?)"
        " ON DUPLICATE KEY UPDATE stripe_id = VALUES(stripe_id), updated_at = VALUES(updated_at)",
        "isxt", "");
/* GLOBAL: all workspaces are compared with Stripe. A checkout that has been open for an hour is included, because a
 * customer rarely needs longer and the event of its end may be lost. */
DB_STMT(checkouts, GLOBAL,
        "SELECT stripe_session_id FROM checkout_attempt WHERE state = 'open' AND stripe_session_id IS NOT NULL AND "
        "livemode = ?"
        " AND (expires_at < ? OR created_at < ?) ORDER BY expires_at LIMIT ?",
        "itti", "x");
/* GLOBAL: as above */
DB_STMT(checkouts_end, GLOBAL,
        "UPDATE checkout_attempt SET state = 'expired' WHERE state = 'creating' AND stripe_session_id IS NULL AND "
        "expires_at < ?",
        "t", "");
/* GLOBAL: as above. Those that were fetched longest ago come first, so that one that cannot be fetched does not hold up
 * the others. */
DB_STMT(stale, GLOBAL,
        "SELECT stripe_subscription_id FROM subscription_mirror WHERE livemode = ? AND period_end < ? AND status IN "
        "('trialing', 'active', 'past_due')"
        " ORDER BY fetched_at LIMIT ?",
        "iti", "x");
/* GLOBAL: as above */
DB_STMT(subscriptions, GLOBAL,
        "SELECT stripe_subscription_id FROM subscription_mirror WHERE livemode = ? AND status NOT IN ('canceled', "
        "'incomplete_expired')",
        "i", "x");
/* GLOBAL: as above */
DB_STMT(invoices, GLOBAL,
        "SELECT stripe_invoice_id FROM invoice_mirror WHERE livemode = ? AND status IN ('open', 'draft')", "i", "x");
/* GLOBAL: prices belong to the install. Those of older terms are included: subscriptions are still billed by them. */
DB_STMT(prices, GLOBAL, "SELECT stripe_price_id FROM stripe_price WHERE livemode = ?", "i", "x");
/* GLOBAL: as above. Sorting by "<= left_at" first puts the customers that follow left_at at the front, and the others
 * after them. */
DB_STMT(usage, GLOBAL,
        "SELECT u.stripe_customer_id, u.period_start, u.period_end FROM usage_counter u JOIN billing_customer b"
        " ON b.stripe_customer_id = u.stripe_customer_id AND b.tenant_id = u.tenant_id WHERE b.livemode = ? AND "
        "u.billable = 1"
        " AND u.period_end > ? ORDER BY u.stripe_customer_id <= ?, u.stripe_customer_id, u.period_start",
        "itx", "xtt");
/* GLOBAL: as above */
DB_STMT(invoice, GLOBAL,
        "SELECT status, tenant_id, amount_remaining, attempt_count FROM invoice_mirror WHERE stripe_invoice_id = ?",
        "x", "su?ii");

/* GLOBAL: as above. An estimate of the payments for which Stripe grants reads. */
DB_STMT(payments, GLOBAL,
        "SELECT COUNT(*) FROM invoice_mirror WHERE livemode = ? AND amount_paid > 0 AND created_at >= ?", "it", "i");

static struct db_val reconcile_store_run_name(bool nightly)
{
    return db_text(nightly ? "reconciled:night" : "reconciled");
}

enum status reconcile_store_last(struct db *c, struct arena *a, bool livemode, bool nightly, struct reconcile_ran *out,
                                 struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, &last_run, DB_GLOBAL, DB_ARGS(db_int(livemode), reconcile_store_run_name(nightly)), a,
                              &r, e);
    *out = (struct reconcile_ran){.left_at = STR_EMPTY};
    if (st == OK && r.n == 1)
        *out = (struct reconcile_ran){db_row_time(r.rows[0], 0), db_row_str(r.rows[0], 1)};
    return st;
}

enum status reconcile_store_ran(struct db *c, bool livemode, bool nightly, const struct reconcile_ran *ran_now,
                                struct err *e)
{
    return db_exec(c, &ran, DB_GLOBAL,
                   DB_ARGS(db_int(livemode), reconcile_store_run_name(nightly),
                           db_bytes(ran_now->left_at.p, ran_now->left_at.n), db_time(ran_now->began_ms)),
                   NULL, e);
}

static enum status reconcile_store_ids(struct db *c, struct db_stmt *stmt, const struct db_val *args, size_t n,
                                       struct arena *a, struct reconcile_ids *out, struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, stmt, DB_GLOBAL, args, n, a, &r, e);
    *out = (struct reconcile_ids){0};
    if (st != OK)
        return st;
    if (!(out->list = arena_array(a, r.n, sizeof(*out->list))))
        return err_nomem(e);
    for (; out->n < r.n; out->n++)
        out->list[out->n] = db_row_str(r.rows[out->n], 0);
    return OK;
}

enum status reconcile_store_checkouts(struct db *c, struct arena *a, bool livemode, int64_t now_ms, int limit,
                                      struct reconcile_ids *out, struct err *e)
{
    return reconcile_store_ids(
        c, &checkouts, DB_ARGS(db_int(livemode), db_time(now_ms), db_time(now_ms - HOUR_MS), db_int(limit)), a, out, e);
}

enum status reconcile_store_checkouts_end(struct db *c, int64_t now_ms, struct err *e)
{
    return db_exec(c, &checkouts_end, DB_GLOBAL, DB_ARGS(db_time(now_ms)), NULL, e);
}

enum status reconcile_store_stale(struct db *c, struct arena *a, bool livemode, int64_t before_ms, int limit,
                                  struct reconcile_ids *out, struct err *e)
{
    return reconcile_store_ids(c, &stale, DB_ARGS(db_int(livemode), db_time(before_ms), db_int(limit)), a, out, e);
}

enum status reconcile_store_subscriptions(struct db *c, struct arena *a, bool livemode, struct reconcile_ids *out,
                                          struct err *e)
{
    return reconcile_store_ids(c, &subscriptions, DB_ARGS(db_int(livemode)), a, out, e);
}

enum status reconcile_store_invoices(struct db *c, struct arena *a, bool livemode, struct reconcile_ids *out,
                                     struct err *e)
{
    return reconcile_store_ids(c, &invoices, DB_ARGS(db_int(livemode)), a, out, e);
}

enum status reconcile_store_prices(struct db *c, struct arena *a, bool livemode, struct reconcile_ids *out,
                                   struct err *e)
{
    return reconcile_store_ids(c, &prices, DB_ARGS(db_int(livemode)), a, out, e);
}

enum status reconcile_store_usage(struct db *c, struct arena *a, bool livemode, int64_t after_ms, struct str left_at,
                                  struct reconcile_usage **out, size_t *n, struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, &usage, DB_GLOBAL,
                              DB_ARGS(db_int(livemode), db_time(after_ms), db_bytes(left_at.p, left_at.n)), a, &r, e);
    *n = 0;
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, r.n, sizeof(**out))))
        return err_nomem(e);
    for (; *n < r.n; ++*n)
        (*out)[*n] = (struct reconcile_usage){db_row_str(r.rows[*n], 0), db_row_time(r.rows[*n], 1),
                                              db_row_time(r.rows[*n], 2)};
    return OK;
}

enum status reconcile_store_invoice(struct db *c, struct arena *a, struct str id, struct reconcile_invoice *out,
                                    bool *found, struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, &invoice, DB_GLOBAL, DB_ARGS(db_bytes(id.p, id.n)), a, &r, e);
    *found = st == OK && r.n == 1;
    if (*found)
        *out = (struct reconcile_invoice){.status = db_row_str(r.rows[0], 0),
                                          .tenant = db_row_id(r.rows[0], 1),
                                          .remaining = db_row_int(r.rows[0], 2),
                                          .attempts = db_row_int(r.rows[0], 3)};
    return st;
}

enum status reconcile_store_payments(struct db *c, struct arena *a, bool livemode, int64_t from_ms, int64_t *n,
                                     struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, &payments, DB_GLOBAL, DB_ARGS(db_int(livemode), db_time(from_ms)), a, &r, e);
    *n = st == OK && r.n == 1 ? db_row_int(r.rows[0], 0) : 0;
    return st;
}
