/* setup_store.h: what was made at Stripe, for each mode: ids by name, prices of terms. */
#ifndef PARLEY_BILLING_SETUP_SETUP_STORE_H
#define PARLEY_BILLING_SETUP_SETUP_STORE_H

#include "db/db.h"

enum status setup_store_id(struct db *c, struct arena *a, bool livemode, const char *name, struct str *out,
                           struct err *e);
enum status setup_store_put(struct db *c, bool livemode, const char *name, struct str stripe_id, int64_t now_ms,
                            struct err *e);

struct setup_price {
    struct str id;
    bool base;
};
/* Those a new subscription to the terms gets: at most one of each role. */
enum status setup_store_prices(struct db *c, struct arena *a, bool livemode, struct id terms, struct setup_price **out,
                               size_t *n, struct err *e);
/* Inside a transaction: this is the price of the terms' role from now on; others of it only lead back to the terms. */
enum status setup_store_price_put(struct db *c, bool livemode, struct id terms, struct setup_price price,
                                  struct err *e);
/* A price of terms that are not sold any more, so that its subscribers are known. */
enum status setup_store_price_keep(struct db *c, bool livemode, struct id terms, struct setup_price price,
                                   struct err *e);
/* Does a subscription that has not ended, or a checkout that is open, stand on these terms, now or soon? */
enum status setup_store_terms_used(struct db *c, bool livemode, struct id terms, int64_t now_ms, bool *out,
                                   struct err *e);

#endif
