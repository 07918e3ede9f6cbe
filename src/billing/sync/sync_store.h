/* sync_store.h: what a refresh changes besides the mirrors (checkouts, customers), and what it compares prices and
 * products with. */
#ifndef PARLEY_BILLING_SYNC_SYNC_STORE_H
#define PARLEY_BILLING_SYNC_SYNC_STORE_H

#include "db/db.h"
#include "plan/plan.h"

/* The tenant that this checkout session belongs to; ID_NONE: none here. */
enum status sync_store_session(struct db *c, struct arena *a, struct str session, struct id *tenant, struct err *e);
enum session_end { SESSION_EXPIRED, SESSION_COMPLETE, SESSION_FAILED };
/* Records how a checkout ended. One that has ended stays ended, except that a failed one may be paid after all. */
enum status sync_store_session_end(struct db *c, struct str session, enum session_end end, struct err *e);
enum status sync_store_customer_deleted(struct db *c, struct str customer, int64_t now_ms, struct err *e);
/* Records that Stripe no longer has the invoice (a draft that was deleted). */
enum status sync_store_invoice_gone(struct db *c, struct str invoice, int64_t now_ms, struct err *e);

struct sync_price {
    struct id terms;
    enum price_role role;
    bool sellable;
    int64_t price, conversations, overage; /* -1: none */
    struct str currency, plan;
};
/* What the price was made for; *found is false when it was not made here. */
enum status sync_store_price(struct db *c, struct arena *a, struct str price, struct sync_price *out, bool *found,
                             struct err *e);
/* The plan that a product at Stripe belongs to; "" if none. */
enum status sync_store_product(struct db *c, struct arena *a, bool livemode, struct str product, struct str *plan,
                               struct err *e);

#endif
