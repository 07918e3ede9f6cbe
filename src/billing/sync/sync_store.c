/* sync_store.c: SQL of what a refresh changes besides the mirrors. Stripe names every object here; the tenant is a
 * value of its row. */
#include "billing/sync/sync_store.h"

#include "base/banned.h"

/* GLOBAL: Stripe names a session, and its row names the tenant. */
DB_STMT(session_select, GLOBAL, "SELECT tenant_id FROM checkout_attempt WHERE stripe_session_id = ?", "x", "u");
/* GLOBAL: as above. A failed checkout may become complete, because the customer can still pay on Stripe's page; a
 * complete or expired one never changes. */
DB_STMT(session_update, GLOBAL,
        "UPDATE checkout_attempt SET state = ? WHERE stripe_session_id = ? AND (state IN ('creating', 'open') OR "
        "(state = 'failed' AND ? = "
        "'complete'))",
        "sxs", "");
/* GLOBAL: Stripe names a customer; the workspace is a value of its row. */
DB_STMT(customer_deleted, GLOBAL,
        "UPDATE billing_customer SET deleted_at = ? WHERE stripe_customer_id = ? AND deleted_at IS NULL", "tx", "");
/* GLOBAL: Stripe names an invoice; the workspace is a value of its row. The row stays, because pages and mails may
 * refer to it, but nothing is to be paid any more. */
DB_STMT(
    invoice_gone, GLOBAL,
    "UPDATE invoice_mirror SET status = 'deleted', amount_remaining = 0, fetched_at = ? WHERE stripe_invoice_id = ?",
    "tx", "");
DB_STMT(price_terms, GLOBAL,
        "SELECT s.plan_terms_id, s.role, COALESCE(p.plan_terms_id = t.plan_terms_id AND p.public = 1, 0), t.price,"
        " COALESCE(t.conversations, -1), COALESCE(t.overage, -1), t.currency, t.plan"
        " FROM stripe_price s JOIN plan_terms t ON t.plan_terms_id = s.plan_terms_id JOIN plan p ON p.plan = t.plan"
        " WHERE s.stripe_price_id = ?",
        "x", "usiiiiss");
/* setup stores a product under "product:<plan>"; the name begins after these eight characters. */
DB_STMT(product_plan, GLOBAL,
        "SELECT SUBSTRING(name, 9) FROM stripe_setup WHERE livemode = ? AND stripe_id = ? AND name LIKE 'product:%'",
        "ix", "s");

static struct db_val sync_id(struct str id)
{
    return db_bytes(id.p, id.n);
}

enum status sync_store_session(struct db *c, struct arena *a, struct str session, struct id *tenant, struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, &session_select, DB_GLOBAL, DB_ARGS(sync_id(session)), a, &r, e);
    *tenant = st == OK && r.n == 1 ? db_row_id(r.rows[0], 0) : ID_NONE;
    return st;
}

enum status sync_store_session_end(struct db *c, struct str session, enum session_end end, struct err *e)
{
    static const char *const states[] = {
        [SESSION_EXPIRED] = "expired", [SESSION_COMPLETE] = "complete", [SESSION_FAILED] = "failed"};
    struct db_val state = db_text(states[end]);
    return db_exec(c, &session_update, DB_GLOBAL, DB_ARGS(state, sync_id(session), state), NULL, e);
}

enum status sync_store_customer_deleted(struct db *c, struct str customer, int64_t now_ms, struct err *e)
{
    return db_exec(c, &customer_deleted, DB_GLOBAL, DB_ARGS(db_time(now_ms), sync_id(customer)), NULL, e);
}

enum status sync_store_invoice_gone(struct db *c, struct str invoice, int64_t now_ms, struct err *e)
{
    return db_exec(c, &invoice_gone, DB_GLOBAL, DB_ARGS(db_time(now_ms), sync_id(invoice)), NULL, e);
}

enum status sync_store_price(struct db *c, struct arena *a, struct str price, struct sync_price *out, bool *found,
                             struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &price_terms, DB_GLOBAL, DB_ARGS(sync_id(price)), a, &rows, e);
    *found = st == OK && rows.n == 1;
    if (!*found)
        return st;
    struct db_row r = rows.rows[0];
    *out = (struct sync_price){.terms = db_row_id(r, 0),
                               .role = price_role_parse(db_row_str(r, 1)),
                               .sellable = db_row_int(r, 2) != 0,
                               .price = db_row_int(r, 3),
                               .conversations = db_row_int(r, 4),
                               .overage = db_row_int(r, 5),
                               .currency = db_row_str(r, 6),
                               .plan = db_row_str(r, 7)};
    return OK;
}

enum status sync_store_product(struct db *c, struct arena *a, bool livemode, struct str product, struct str *plan,
                               struct err *e)
{
    struct db_rows r;
    enum status st = db_query(c, &product_plan, DB_GLOBAL, DB_ARGS(db_int(livemode), sync_id(product)), a, &r, e);
    *plan = st == OK && r.n == 1 ? db_row_str(r.rows[0], 0) : STR_EMPTY;
    return st;
}
