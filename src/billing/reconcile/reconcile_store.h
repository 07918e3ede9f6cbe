/* reconcile_store.h: what a comparison with Stripe asks of the database. */
#ifndef PARLEY_BILLING_RECONCILE_RECONCILE_STORE_H
#define PARLEY_BILLING_RECONCILE_RECONCILE_STORE_H

#include "db/db.h"

struct reconcile_ids {
    struct str *list;
    size_t n;
};
struct reconcile_ran {
    int64_t began_ms; /* 0: none */
    struct str
        left_at; /* nightly: the customer whose usage was compared last when the reads were used up; "" when all were */
};
/* The last run that came to its end. */
enum status reconcile_store_last(struct db *c, struct arena *a, bool livemode, bool nightly, struct reconcile_ran *out,
                                 struct err *e);
enum status reconcile_store_ran(struct db *c, bool livemode, bool nightly, const struct reconcile_ran *ran_now,
                                struct err *e);
/* Checkouts that should have ended by now, and those that are open for an hour. */
enum status reconcile_store_checkouts(struct db *c, struct arena *a, bool livemode, int64_t now_ms, int limit,
                                      struct reconcile_ids *out, struct err *e);
/* A checkout whose session never came to be. */
enum status reconcile_store_checkouts_end(struct db *c, int64_t now_ms, struct err *e);
/* Live subscriptions whose period ended before. */
enum status reconcile_store_stale(struct db *c, struct arena *a, bool livemode, int64_t before_ms, int limit,
                                  struct reconcile_ids *out, struct err *e);
/* Mirrors that are not over, by what Stripe last said. */
enum status reconcile_store_subscriptions(struct db *c, struct arena *a, bool livemode, struct reconcile_ids *out,
                                          struct err *e);
enum status reconcile_store_invoices(struct db *c, struct arena *a, bool livemode, struct reconcile_ids *out,
                                     struct err *e);
enum status reconcile_store_prices(struct db *c, struct arena *a, bool livemode, struct reconcile_ids *out,
                                   struct err *e);

struct reconcile_usage {
    struct str customer;
    int64_t start_ms, end_ms;
};
/* Periods with usage for the meter that ended after, customers of this mode in their order, beginning behind left_at. */
enum status reconcile_store_usage(struct db *c, struct arena *a, bool livemode, int64_t after_ms, struct str left_at,
                                  struct reconcile_usage **out, size_t *n, struct err *e);

struct reconcile_invoice {
    struct str status;
    struct id tenant;
    int64_t remaining, attempts;
};
enum status reconcile_store_invoice(struct db *c, struct arena *a, struct str id, struct reconcile_invoice *out,
                                    bool *found, struct err *e);

enum status reconcile_store_payments(struct db *c, struct arena *a, bool livemode, int64_t from_ms, int64_t *n,
                                     struct err *e); /* invoices that money was paid for */

#endif
