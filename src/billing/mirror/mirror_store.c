/* mirror_store.c: SQL of invoice_mirror, and of the rows that lead from a Stripe object to its tenant and terms.
 *
 * There are no foreign keys between mirror rows: Stripe does not promise any order, and an invoice often arrives
 * before its subscription. */
#include "billing/mirror/mirror_store.h"

#include <stdio.h>

#include "billing/mirror/mirror_internal.h"

#include "base/banned.h"

/* ---- whose, and for what ---- */

DB_STMT(price_select, GLOBAL, "SELECT plan_terms_id, role FROM stripe_price WHERE stripe_price_id = ?", "x", "us");
DB_STMT(terms_select, GLOBAL, "SELECT 1 FROM plan_terms WHERE plan_terms_id = ?", "u", "i");
/* GLOBAL: an object of Stripe names only its customer, and this row names the tenant. Deleted customers are included,
 * because their invoices still arrive. */
DB_STMT(customer_select, GLOBAL, "SELECT tenant_id FROM billing_customer WHERE stripe_customer_id = ?", "x", "u");
DB_STMT(tenant_select, TENANT, "SELECT state = 'deleted' FROM tenant WHERE tenant_id = :tenant", "", "i");

enum status mirror_store_price(struct db *c, struct arena *a, struct str price, struct id *terms, enum price_role *role,
                               struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, &price_select, DB_GLOBAL, DB_ARGS(db_bytes(price.p, price.n)), a, &r, e);
    *terms = ID_NONE;
    *role = PRICE_ROLE_NONE;
    if (st == OK && r.n == 1) {
        *terms = db_row_id(r.rows[0], 0);
        *role = price_role_parse(db_row_str(r.rows[0], 1));
    }
    return st;
}

enum status mirror_store_terms_exist(struct db *c, struct arena *a, struct id terms, bool *out, struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, &terms_select, DB_GLOBAL, DB_ARGS(db_id(terms)), a, &r, e);
    *out = st == OK && r.n == 1;
    return st;
}

enum status mirror_store_customer(struct db *c, struct arena *a, struct str customer, struct id *tenant, struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, &customer_select, DB_GLOBAL, DB_ARGS(db_bytes(customer.p, customer.n)), a, &r, e);
    *tenant = st == OK && r.n == 1 ? db_row_id(r.rows[0], 0) : ID_NONE;
    return st;
}

enum status mirror_store_tenant(struct db *c, struct arena *a, struct id tenant, bool *known, bool *deleted,
                                struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, &tenant_select, &tenant, DB_NONE, a, &r, e);
    *known = st == OK && r.n == 1;
    *deleted = *known && db_row_int(r.rows[0], 0) != 0;
    return st;
}

/* ---- invoices ---- */

/* GLOBAL: Stripe's fact, found by Stripe's id. An open invoice with nothing left to pay is not a missing payment. */
DB_STMT(open_since, GLOBAL,
        "SELECT MIN(COALESCE(finalized_at, created_at)) FROM invoice_mirror WHERE stripe_subscription_id = ? AND "
        "status = 'open'"
        " AND amount_remaining > 0",
        "x", "t?");

enum status mirror_store_open_since(struct db *c, struct arena *a, struct str subscription, int64_t *ms, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &open_since, DB_GLOBAL, DB_ARGS(db_bytes(subscription.p, subscription.n)), a, &r,
                                  e);
    *ms = st == OK ? db_row_time(r, 0) : 0;
    return st;
}

#define INVOICE_COLUMNS                                                                                     \
    "stripe_invoice_id, tenant_id, stripe_customer_id, stripe_subscription_id, livemode, number, status, "  \
    "billing_reason,"                                                                                       \
    " currency, total, amount_due, amount_paid, amount_remaining, attempt_count, next_payment_attempt_at, " \
    "finalized_at,"                                                                                         \
    " finalization_failed, hosted_invoice_url, invoice_pdf, created_at, fetched_at"
#define INVOICE_TYPES "xu?xx?issssiiiiit?t?is?s?tt"
#define INVOICE_FROM "SELECT " INVOICE_COLUMNS " FROM invoice_mirror"

/* GLOBAL: Stripe's fact, found by Stripe's id; the workspace is a value of the row. */
DB_STMT(
    invoice_put, GLOBAL,
    "INSERT INTO invoice_mirror (" INVOICE_COLUMNS
    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON DUPLICATE KEY UPDATE tenant_id = VALUES(tenant_id), stripe_customer_id = VALUES(stripe_customer_id),"
    " stripe_subscription_id = VALUES(stripe_subscription_id), livemode = VALUES(livemode), number = VALUES(number),"
    " status = VALUES(status), billing_reason = VALUES(billing_reason), currency = VALUES(currency), total = "
    "VALUES(total),"
    " amount_due = VALUES(amount_due), amount_paid = VALUES(amount_paid), amount_remaining = VALUES(amount_remaining),"
    " attempt_count = VALUES(attempt_count), next_payment_attempt_at = VALUES(next_payment_attempt_at),"
    " finalized_at = VALUES(finalized_at), finalization_failed = VALUES(finalization_failed),"
    " hosted_invoice_url = VALUES(hosted_invoice_url), invoice_pdf = VALUES(invoice_pdf), created_at = "
    "VALUES(created_at),"
    " fetched_at = VALUES(fetched_at)",
    INVOICE_TYPES, "");
/* GLOBAL: as above */
DB_STMT(invoice_lock, GLOBAL, INVOICE_FROM " WHERE stripe_invoice_id = ? FOR UPDATE", "x", INVOICE_TYPES);
/* Only rows without a tenant are taken over, so an invoice never moves from one tenant to another this way. */
DB_STMT(invoice_adopt, TENANT,
        "UPDATE invoice_mirror SET tenant_id = :tenant WHERE stripe_subscription_id = ? AND tenant_id IS NULL", "x",
        "");
DB_STMT(invoice_select, TENANT, INVOICE_FROM " WHERE stripe_invoice_id = ? AND tenant_id = :tenant", "x",
        INVOICE_TYPES);
DB_STMT(invoice_list_new, TENANT,
        INVOICE_FROM " WHERE tenant_id = :tenant ORDER BY created_at DESC, stripe_invoice_id DESC LIMIT ?", "i",
        INVOICE_TYPES);
DB_STMT(invoice_list_before, TENANT,
        INVOICE_FROM
        " WHERE tenant_id = :tenant AND created_at < ? ORDER BY created_at DESC, stripe_invoice_id DESC LIMIT ?",
        "ti", INVOICE_TYPES);

static struct invoice mirror_store_row(struct db_row r)
{
    struct invoice v = {.id = db_row_str(r, 0),
                        .tenant = db_row_id(r, 1),
                        .customer = db_row_str(r, 2),
                        .subscription = db_row_str(r, 3),
                        .livemode = db_row_int(r, 4) != 0,
                        .number = db_row_str(r, 5)};
    mirror_set_status(&v, db_row_str(r, 6), db_row_str(r, 7));
    snprintf(v.currency, sizeof(v.currency), "%.3s", db_row_str(r, 8).p);
    v.total = db_row_int(r, 9);
    v.amount_due = db_row_int(r, 10);
    v.amount_paid = db_row_int(r, 11);
    v.amount_remaining = db_row_int(r, 12);
    v.attempt_count = (int)db_row_int(r, 13);
    v.next_attempt_ms = db_row_time(r, 14);
    v.finalized_ms = db_row_time(r, 15);
    v.finalization_failed = db_row_int(r, 16) != 0;
    v.hosted_url = db_row_str(r, 17);
    v.pdf_url = db_row_str(r, 18);
    v.created_ms = db_row_time(r, 19);
    v.fetched_ms = db_row_time(r, 20);
    return v;
}

enum status mirror_store_adopt(struct db *c, struct id tenant, struct str subscription, struct err *e)
{
    return db_exec(c, &invoice_adopt, &tenant, DB_ARGS(db_bytes(subscription.p, subscription.n)), NULL, e);
}

enum status mirror_store_invoice_put(struct db *c, const struct invoice *v, struct err *e)
{
    return db_exec(c, &invoice_put, DB_GLOBAL,
                   DB_ARGS(db_bytes(v->id.p, v->id.n), db_opt_id(v->tenant), db_bytes(v->customer.p, v->customer.n),
                           db_opt_bytes(v->subscription), db_int(v->livemode), db_str(v->number),
                           db_str(v->status_text), db_str(v->billing_reason), db_text(v->currency), db_int(v->total),
                           db_int(v->amount_due), db_int(v->amount_paid), db_int(v->amount_remaining),
                           db_int(v->attempt_count), db_opt_time(v->next_attempt_ms), db_opt_time(v->finalized_ms),
                           db_int(v->finalization_failed), db_opt(v->hosted_url.n != 0, db_str(v->hosted_url)),
                           db_opt(v->pdf_url.n != 0, db_str(v->pdf_url)), db_time(v->created_ms),
                           db_time(v->fetched_ms)),
                   NULL, e);
}

enum status mirror_store_invoice_lock(struct db *c, struct arena *a, struct str id, struct invoice *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &invoice_lock, DB_GLOBAL, DB_ARGS(db_bytes(id.p, id.n)), a, &r, e);
    if (st == OK)
        *out = mirror_store_row(r);
    return st;
}

enum status mirror_store_invoice_get(struct db *c, struct arena *a, struct id tenant, struct str id,
                                     struct invoice *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &invoice_select, &tenant, DB_ARGS(db_bytes(id.p, id.n)), a, &r, e);
    if (st == ERR_NOT_FOUND)
        return err_raise(e, E_invoice_unknown);
    if (st == OK)
        *out = mirror_store_row(r);
    return st;
}

enum status mirror_store_invoices(struct db *c, struct arena *a, struct id tenant, int64_t before_ms, int limit,
                                  struct invoice **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = before_ms ? db_query(c, &invoice_list_before, &tenant, DB_ARGS(db_time(before_ms), db_int(limit)),
                                          a, &rows, e)
                               : db_query(c, &invoice_list_new, &tenant, DB_ARGS(db_int(limit)), a, &rows, e);
    *n = 0;
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n, sizeof(**out))))
        return err_nomem(e);
    *n = rows.n;
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = mirror_store_row(rows.rows[i]);
    return OK;
}
