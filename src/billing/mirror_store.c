#include "billing/mirror_store.h"

#include <stdio.h>

#include "base/banned.h"

/* ---- whose, and for what ---- */

DB_STMT(price_select, GLOBAL, "SELECT plan_terms_id, role = 'base' FROM stripe_price WHERE stripe_price_id = ?", "x",
        "ui");
DB_STMT(terms_select, GLOBAL, "SELECT 1 FROM plan_terms WHERE plan_terms_id = ?", "u", "i");
/* GLOBAL: Stripe's customer is all that is known when its objects arrive: this says whose it is. */
DB_STMT(customer_select, GLOBAL, "SELECT tenant_id FROM billing_customer WHERE stripe_customer_id = ?", "x", "u");
DB_STMT(tenant_select, TENANT, "SELECT state = 'deleted' FROM tenant WHERE tenant_id = :tenant", "", "i");

enum status mirror_store_price(struct db *c, struct arena *a, struct str price, struct id *terms, bool *is_base,
                               struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, &price_select, DB_GLOBAL, DB_ARGS(db_bytes(price.p, price.n)), a, &r, e);
    *terms = ID_NONE;
    *is_base = false;
    if (st == OK && r.n == 1) {
        *terms = db_row_id(r.rows[0], 0);
        *is_base = db_row_int(r.rows[0], 1) != 0;
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

/* ---- subscriptions ---- */

#define SUB_COLUMNS                                                                                                    \
    "stripe_subscription_id, stripe_customer_id, tenant_id, livemode, status, known_status, known_at, plan_terms_id,"  \
    " base_item_id, base_price_id, usage_item_id, usage_price_id, items, period_start, period_end, anchor, cancel_at," \
    " cancel_at_period_end, canceled_at, ended_at, trial_end, collection_paused, first_failed_at, "                    \
    "pending_update_expires_at,"                                                                                       \
    " schedule_id, next_terms_id, next_at, latest_invoice_id, created_at, fetched_at"
#define SUB_TYPES "xxu?isst?u?x?x?x?x?it?t?t?t?it?t?t?it?t?x?u?t?x?tt"
#define SUB_FROM "SELECT " SUB_COLUMNS " FROM subscription_mirror"

/* GLOBAL: Stripe's facts, found by Stripe's id. */
DB_STMT(subscription_lock, GLOBAL, SUB_FROM " WHERE stripe_subscription_id = ? FOR UPDATE", "x", SUB_TYPES);
/* GLOBAL: as above */
DB_STMT(subscription_select, GLOBAL, SUB_FROM " WHERE stripe_subscription_id = ?", "x", SUB_TYPES);
/* GLOBAL: as above: also those of a customer nobody here knows */
DB_STMT(subscription_of_customer, GLOBAL,
        SUB_FROM " WHERE stripe_customer_id = ? ORDER BY created_at, stripe_subscription_id", "x", SUB_TYPES);
DB_STMT(subscription_of_tenant, TENANT,
        SUB_FROM " WHERE tenant_id = :tenant ORDER BY created_at, stripe_subscription_id", "", SUB_TYPES);
/* GLOBAL: Stripe's fact, found by Stripe's id; the workspace is a value of the row. */
DB_STMT(
    subscription_put, GLOBAL,
    "INSERT INTO subscription_mirror (" SUB_COLUMNS ") VALUES"
    " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON DUPLICATE KEY UPDATE stripe_customer_id = VALUES(stripe_customer_id), tenant_id = VALUES(tenant_id),"
    " livemode = VALUES(livemode), status = VALUES(status), known_status = VALUES(known_status), known_at = "
    "VALUES(known_at),"
    " plan_terms_id = VALUES(plan_terms_id), base_item_id = VALUES(base_item_id), base_price_id = "
    "VALUES(base_price_id),"
    " usage_item_id = VALUES(usage_item_id), usage_price_id = VALUES(usage_price_id), items = VALUES(items),"
    " period_start = VALUES(period_start), period_end = VALUES(period_end), anchor = VALUES(anchor),"
    " cancel_at = VALUES(cancel_at), cancel_at_period_end = VALUES(cancel_at_period_end), canceled_at = "
    "VALUES(canceled_at),"
    " ended_at = VALUES(ended_at), trial_end = VALUES(trial_end), collection_paused = VALUES(collection_paused),"
    " first_failed_at = VALUES(first_failed_at), pending_update_expires_at = VALUES(pending_update_expires_at),"
    " schedule_id = VALUES(schedule_id), next_terms_id = VALUES(next_terms_id), next_at = VALUES(next_at),"
    " latest_invoice_id = VALUES(latest_invoice_id), created_at = VALUES(created_at), fetched_at = VALUES(fetched_at)",
    SUB_TYPES, "");
/* GLOBAL: as above */
DB_STMT(open_since, GLOBAL,
        "SELECT MIN(COALESCE(finalized_at, created_at)) FROM invoice_mirror WHERE stripe_subscription_id = ? AND "
        "status = 'open'"
        " AND amount_remaining > 0",
        "x", "t?");

static struct subscription subscription_of(struct db_row r)
{
    struct subscription s = {.id = db_row_str(r, 0),
                             .customer = db_row_str(r, 1),
                             .tenant = db_row_id(r, 2),
                             .livemode = db_row_int(r, 3) != 0,
                             .status_text = db_row_str(r, 4),
                             .known_ms = db_row_time(r, 6),
                             .terms = db_row_id(r, 7),
                             .base_item = db_row_str(r, 8),
                             .base_price = db_row_str(r, 9),
                             .usage_item = db_row_str(r, 10),
                             .usage_price = db_row_str(r, 11),
                             .items = (int)db_row_int(r, 12)};
    s.status = stripe_status_parse(s.status_text);
    s.known_status = stripe_status_parse(db_row_str(r, 5));
    s.period_start_ms = db_row_time(r, 13);
    s.period_end_ms = db_row_time(r, 14);
    s.anchor_ms = db_row_time(r, 15);
    s.cancel_at_ms = db_row_time(r, 16);
    s.cancel_at_period_end = db_row_int(r, 17) != 0;
    s.canceled_ms = db_row_time(r, 18);
    s.ended_ms = db_row_time(r, 19);
    s.trial_end_ms = db_row_time(r, 20);
    s.collection_paused = db_row_int(r, 21) != 0;
    s.first_failed_ms = db_row_time(r, 22);
    s.pending_update_expires_ms = db_row_time(r, 23);
    s.schedule = db_row_str(r, 24);
    s.next_terms = db_row_id(r, 25);
    s.next_ms = db_row_time(r, 26);
    s.latest_invoice = db_row_str(r, 27);
    s.created_ms = db_row_time(r, 28);
    s.fetched_ms = db_row_time(r, 29);
    return s;
}

static enum status list(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *args,
                        size_t nargs, struct arena *a, struct subscription **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, stmt, tenant, args, nargs, a, &rows, e);
    *n = 0;
    if (st != OK)
        return st;
    if (!(*out = arena_array(a, rows.n, sizeof(**out))))
        return err_nomem(e);
    *n = rows.n;
    for (size_t i = 0; i < rows.n; i++)
        (*out)[i] = subscription_of(rows.rows[i]);
    return OK;
}

enum status mirror_store_lock(struct db *c, struct arena *a, struct str id, struct subscription *out, bool *found,
                              struct err *e)
{
    struct subscription *l;
    size_t n;
    enum status st = list(c, &subscription_lock, DB_GLOBAL, DB_ARGS(db_bytes(id.p, id.n)), a, &l, &n, e);
    *found = st == OK && n == 1;
    if (*found)
        *out = l[0];
    return st;
}

enum status mirror_store_get(struct db *c, struct arena *a, struct str id, struct subscription *out, struct err *e)
{
    struct subscription *l;
    size_t n;
    enum status st = list(c, &subscription_select, DB_GLOBAL, DB_ARGS(db_bytes(id.p, id.n)), a, &l, &n, e);
    if (st == OK && n != 1)
        return err_set(e, ERR_NOT_FOUND, "subscription_unknown", "There is no such subscription here.");
    if (st == OK)
        *out = l[0];
    return st;
}

enum status mirror_store_of_tenant(struct db *c, struct arena *a, struct id tenant, struct subscription **out,
                                   size_t *n, struct err *e)
{
    return list(c, &subscription_of_tenant, &tenant, DB_NONE, a, out, n, e);
}

enum status mirror_store_of_customer(struct db *c, struct arena *a, struct str customer, struct subscription **out,
                                     size_t *n, struct err *e)
{
    return list(c, &subscription_of_customer, DB_GLOBAL, DB_ARGS(db_bytes(customer.p, customer.n)), a, out, n, e);
}

static struct db_val opt_time(int64_t ms)
{
    return db_opt(ms != 0, db_time(ms));
}

static struct db_val opt_bytes(struct str s)
{
    return db_opt(s.n != 0, db_bytes(s.p, s.n));
}

static struct db_val opt_id(struct id id)
{
    return db_opt(!id_is_none(id), db_id(id));
}

enum status mirror_store_put(struct db *c, const struct subscription *s, struct err *e)
{
    const char *known = s->known_status == STRIPE_UNKNOWN ? "" : stripe_status_name(s->known_status);
    return db_exec(c, &subscription_put, DB_GLOBAL,
                   DB_ARGS(db_bytes(s->id.p, s->id.n), db_bytes(s->customer.p, s->customer.n), opt_id(s->tenant),
                           db_int(s->livemode), db_str(s->status_text), db_text(known), opt_time(s->known_ms),
                           opt_id(s->terms), opt_bytes(s->base_item), opt_bytes(s->base_price),
                           opt_bytes(s->usage_item), opt_bytes(s->usage_price), db_int(s->items),
                           opt_time(s->period_start_ms), opt_time(s->period_end_ms), opt_time(s->anchor_ms),
                           opt_time(s->cancel_at_ms), db_int(s->cancel_at_period_end), opt_time(s->canceled_ms),
                           opt_time(s->ended_ms), opt_time(s->trial_end_ms), db_int(s->collection_paused),
                           opt_time(s->first_failed_ms), opt_time(s->pending_update_expires_ms), opt_bytes(s->schedule),
                           opt_id(s->next_terms), opt_time(s->next_ms), opt_bytes(s->latest_invoice),
                           db_time(s->created_ms), db_time(s->fetched_ms)),
                   NULL, e);
}

enum status mirror_store_open_since(struct db *c, struct arena *a, struct str subscription, int64_t *ms, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &open_since, DB_GLOBAL, DB_ARGS(db_bytes(subscription.p, subscription.n)), a, &r,
                                  e);
    *ms = st == OK ? db_row_time(r, 0) : 0;
    return st;
}

/* ---- invoices ---- */

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

static struct invoice invoice_of(struct db_row r)
{
    struct invoice v = {.id = db_row_str(r, 0),
                        .tenant = db_row_id(r, 1),
                        .customer = db_row_str(r, 2),
                        .subscription = db_row_str(r, 3),
                        .livemode = db_row_int(r, 4) != 0,
                        .number = db_row_str(r, 5),
                        .status = db_row_str(r, 6),
                        .billing_reason = db_row_str(r, 7)};
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
                   DB_ARGS(db_bytes(v->id.p, v->id.n), opt_id(v->tenant), db_bytes(v->customer.p, v->customer.n),
                           opt_bytes(v->subscription), db_int(v->livemode), db_str(v->number), db_str(v->status),
                           db_str(v->billing_reason), db_text(v->currency), db_int(v->total), db_int(v->amount_due),
                           db_int(v->amount_paid), db_int(v->amount_remaining), db_int(v->attempt_count),
                           opt_time(v->next_attempt_ms), opt_time(v->finalized_ms), db_int(v->finalization_failed),
                           db_opt(v->hosted_url.n != 0, db_str(v->hosted_url)),
                           db_opt(v->pdf_url.n != 0, db_str(v->pdf_url)), db_time(v->created_ms),
                           db_time(v->fetched_ms)),
                   NULL, e);
}

enum status mirror_store_invoice_get(struct db *c, struct arena *a, struct id tenant, struct str id,
                                     struct invoice *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &invoice_select, &tenant, DB_ARGS(db_bytes(id.p, id.n)), a, &r, e);
    if (st == ERR_NOT_FOUND)
        return err_set(e, ERR_NOT_FOUND, "invoice_unknown", "There is no such invoice.");
    if (st == OK)
        *out = invoice_of(r);
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
        (*out)[i] = invoice_of(rows.rows[i]);
    return OK;
}
