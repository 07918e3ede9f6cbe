/* sync_store.h: what a look at Stripe changes beside the mirrors: checkouts, customers; and what it is compared with. */
#ifndef PARLEY_BILLING_SYNC_SYNC_STORE_H
#define PARLEY_BILLING_SYNC_SYNC_STORE_H

#include "db/db.h"

/* Whose checkout this session is; ID_NONE: nobody's here. */
enum status sync_store_session(struct db *c, struct arena *a, struct str session, struct id *tenant, struct err *e);
/* A checkout that has ended stays ended, but for one that failed and was paid after all. */
enum status sync_store_session_state(struct db *c, struct str session, const char *state, struct err *e);
enum status sync_store_customer_deleted(struct db *c, struct str customer, int64_t now_ms, struct err *e);
/* An invoice that Stripe no longer has (a draft that was deleted). */
enum status sync_store_invoice_gone(struct db *c, struct str invoice, int64_t now_ms, struct err *e);

struct sync_price {
    struct id terms;
    bool is_base, sellable;
    int64_t price, conversations, overage; /* -1: none */
    struct str currency, plan;
};
/* What the price was made for; *found false: not by this install. */
enum status sync_store_price(struct db *c, struct arena *a, struct str price, struct sync_price *out, bool *found,
                             struct err *e);
/* The plan a product of Stripe's is for; "" when it is none of ours. */
enum status sync_store_product(struct db *c, struct arena *a, bool livemode, struct str product, struct str *plan,
                               struct err *e);

#endif
