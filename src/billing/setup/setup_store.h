/* setup_store.h: what setup created at Stripe, per mode: ids by name, and the prices of terms. */
#ifndef PARLEY_BILLING_SETUP_SETUP_STORE_H
#define PARLEY_BILLING_SETUP_SETUP_STORE_H

#include "db/db.h"
#include "plan/plan.h"

enum status setup_store_id(struct db *c, struct arena *a, bool livemode, const char *name, struct str *out,
                           struct err *e);
enum status setup_store_put(struct db *c, bool livemode, const char *name, struct str stripe_id, int64_t now_ms,
                            struct err *e);

struct setup_price {
    struct str id;
    enum price_role role;
};
/* The prices that a new subscription to the terms gets: at most one of each role. */
enum status setup_store_prices(struct db *c, struct arena *a, bool livemode, struct id terms, struct setup_price **out,
                               size_t *n, struct err *e);
/* Within a transaction: make this the price of the terms' role. Earlier prices of the role only lead back to the
 * terms. */
enum status setup_store_price_put(struct db *c, bool livemode, struct id terms, struct setup_price price,
                                  struct err *e);
/* Record a price of terms that are no longer sold, so that its subscriptions are recognised. */
enum status setup_store_price_keep(struct db *c, bool livemode, struct id terms, struct setup_price price,
                                   struct err *e);
/* Does a live subscription, a planned change or an open checkout use these terms? */
enum status setup_store_terms_used(struct db *c, bool livemode, struct id terms, int64_t now_ms, bool *out,
                                   struct err *e);

#endif
