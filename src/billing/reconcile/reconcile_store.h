/* reconcile_store.h: what is compared with Stripe, and when runs completed. It also reads tables of other parts. */
#ifndef PARLEY_BILLING_RECONCILE_RECONCILE_STORE_H
#define PARLEY_BILLING_RECONCILE_RECONCILE_STORE_H

#include "db/db.h"

struct reconcile_ids {
    struct str *list;
    size_t n;
};
struct reconcile_ran {
    int64_t began_ms; /* 0: none */
    /* Nightly: the customer whose usage was compared last when the reads were used up; "" when all were compared. */
    struct str left_at;
};
/* The last completed run. */
enum status reconcile_store_last(struct db *c, struct arena *a, bool livemode, bool nightly, struct reconcile_ran *out,
                                 struct err *e);
enum status reconcile_store_ran(struct db *c, bool livemode, bool nightly, const struct reconcile_ran *ran_now,
                                struct err *e);
/* Checkouts that should have ended by now, and those that have been open for an hour. */
enum status reconcile_store_checkouts(struct db *c, struct arena *a, bool livemode, int64_t now_ms, int limit,
                                      struct reconcile_ids *out, struct err *e);
/* Ends attempts whose session was never made. */
enum status reconcile_store_checkouts_end(struct db *c, int64_t now_ms, struct err *e);
/* Live subscriptions whose period ended before then. */
enum status reconcile_store_stale(struct db *c, struct arena *a, bool livemode, int64_t before_ms, int limit,
                                  struct reconcile_ids *out, struct err *e);
/* Mirrored objects that have not ended. */
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
/* Periods with metered usage that ended after after_ms, ordered by customer, beginning after left_at. */
enum status reconcile_store_usage(struct db *c, struct arena *a, bool livemode, int64_t after_ms, struct str left_at,
                                  struct reconcile_usage **out, size_t *n, struct err *e);

struct reconcile_invoice {
    struct str status;
    struct id tenant;
    int64_t remaining, attempts;
};
enum status reconcile_store_invoice(struct db *c, struct arena *a, struct str id, struct reconcile_invoice *out,
                                    bool *found, struct err *e);

/* The number of invoices that were paid since from_ms. */
enum status reconcile_store_payments(struct db *c, struct arena *a, bool livemode, int64_t from_ms, int64_t *n,
                                     struct err *e);

#endif
