/* subscription_store.c: SQL of subscription_mirror. One list of columns serves every statement, so that a row is
 * read and written alike.
 *
 * Only mirror/ calls subscription_put, with the row locked by subscription_lock in the same transaction. A
 * subscription whose customer is unknown here is stored too, without a tenant, because the operator must see it. */
#include "plan/subscription.h"

#include "base/banned.h"

#define SUB_COLUMNS                                                                                                    \
    "stripe_subscription_id, stripe_customer_id, tenant_id, livemode, status, known_status, known_at, plan_terms_id,"  \
    " base_item_id, base_price_id, usage_item_id, usage_price_id, items, period_start, period_end, anchor, cancel_at," \
    " cancel_at_period_end, canceled_at, ended_at, trial_end, collection_paused, first_failed_at, "                    \
    "pending_update_expires_at,"                                                                                       \
    " schedule_id, next_terms_id, next_at, latest_invoice_id, created_at, fetched_at"
#define SUB_TYPES "xxu?isst?u?x?x?x?x?it?t?t?t?it?t?t?it?t?x?u?t?x?tt"
#define SUB_FROM "SELECT " SUB_COLUMNS " FROM subscription_mirror"

/* GLOBAL: Stripe's facts, found by Stripe's id. */
DB_STMT(subscription_hold, GLOBAL, SUB_FROM " WHERE stripe_subscription_id = ? FOR UPDATE", "x", SUB_TYPES);
/* GLOBAL: as above */
DB_STMT(subscription_select, GLOBAL, SUB_FROM " WHERE stripe_subscription_id = ?", "x", SUB_TYPES);
/* GLOBAL: as above. Includes customers that no tenant of this install has. */
DB_STMT(subscriptions_of_customer, GLOBAL,
        SUB_FROM " WHERE stripe_customer_id = ? ORDER BY created_at, stripe_subscription_id", "x", SUB_TYPES);
DB_STMT(subscription_of_tenant, TENANT,
        SUB_FROM " WHERE tenant_id = :tenant ORDER BY created_at, stripe_subscription_id", "", SUB_TYPES);
/* GLOBAL: Stripe's fact, found by Stripe's id; the workspace is a value of the row. */
DB_STMT(
    subscription_write_row, GLOBAL,
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
static struct subscription subscription_of_row(struct db_row r)
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

static enum status subscription_rows(struct db *c, struct db_stmt *stmt, const struct id *tenant,
                                     const struct db_val *args, size_t nargs, struct arena *a,
                                     struct subscription **out, size_t *n, struct err *e)
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
        (*out)[i] = subscription_of_row(rows.rows[i]);
    return OK;
}

enum status subscription_lock(struct db *c, struct arena *a, struct str id, struct subscription *out, bool *found,
                              struct err *e)
{
    struct subscription *l;
    size_t n;
    enum status st = subscription_rows(c, &subscription_hold, DB_GLOBAL, DB_ARGS(db_bytes(id.p, id.n)), a, &l, &n, e);
    *found = st == OK && n == 1;
    if (*found)
        *out = l[0];
    return st;
}

enum status subscription_get(struct db *c, struct arena *a, struct str id, struct subscription *out, struct err *e)
{
    struct subscription *l;
    size_t n;
    enum status st = subscription_rows(c, &subscription_select, DB_GLOBAL, DB_ARGS(db_bytes(id.p, id.n)), a, &l, &n, e);
    if (st == OK && n != 1)
        return err_raise(e, E_subscription_unknown);
    if (st == OK)
        *out = l[0];
    return st;
}

enum status subscription_list(struct db *c, struct id tenant, struct arena *a, struct subscription **out, size_t *n,
                              struct err *e)
{
    return subscription_rows(c, &subscription_of_tenant, &tenant, DB_NONE, a, out, n, e);
}

enum status subscription_of_customer(struct db *c, struct arena *a, struct str customer, struct subscription **out,
                                     size_t *n, struct err *e)
{
    return subscription_rows(c, &subscriptions_of_customer, DB_GLOBAL, DB_ARGS(db_bytes(customer.p, customer.n)), a,
                             out, n, e);
}

enum status subscription_put(struct db *c, const struct subscription *s, struct err *e)
{
    const char *known = s->known_status == STRIPE_UNKNOWN ? "" : stripe_status_name(s->known_status);
    return db_exec(c, &subscription_write_row, DB_GLOBAL,
                   DB_ARGS(db_bytes(s->id.p, s->id.n), db_bytes(s->customer.p, s->customer.n), db_opt_id(s->tenant),
                           db_int(s->livemode), db_str(s->status_text), db_text(known), db_opt_time(s->known_ms),
                           db_opt_id(s->terms), db_opt_bytes(s->base_item), db_opt_bytes(s->base_price),
                           db_opt_bytes(s->usage_item), db_opt_bytes(s->usage_price), db_int(s->items),
                           db_opt_time(s->period_start_ms), db_opt_time(s->period_end_ms), db_opt_time(s->anchor_ms),
                           db_opt_time(s->cancel_at_ms), db_int(s->cancel_at_period_end), db_opt_time(s->canceled_ms),
                           db_opt_time(s->ended_ms), db_opt_time(s->trial_end_ms), db_int(s->collection_paused),
                           db_opt_time(s->first_failed_ms), db_opt_time(s->pending_update_expires_ms),
                           db_opt_bytes(s->schedule), db_opt_id(s->next_terms), db_opt_time(s->next_ms),
                           db_opt_bytes(s->latest_invoice), db_time(s->created_ms), db_time(s->fetched_ms)),
                   NULL, e);
}
