/* reconcile_store.h: what a comparison with Stripe asks of the database. */
#ifndef PARLEY_BILLING_RECONCILE_STORE_H
#define PARLEY_BILLING_RECONCILE_STORE_H

#include "db/db.h"

struct reconcile_ids { struct str *list; size_t n; };
/* When the last run that came to its end began; 0: none did. */
enum status reconcile_store_last(struct db *c, struct arena *a, bool livemode, int64_t *ms, struct err *e);
enum status reconcile_store_ran(struct db *c, bool livemode, int64_t began_ms, struct err *e);
/* Checkouts that should have ended by now, and those that are open for an hour. */
enum status reconcile_store_checkouts(struct db *c, struct arena *a, bool livemode, int64_t now_ms, int limit, struct reconcile_ids *out, struct err *e);
/* A checkout whose session never came to be. */
enum status reconcile_store_checkouts_end(struct db *c, int64_t now_ms, struct err *e);
/* Live subscriptions whose period ended before. */
enum status reconcile_store_stale(struct db *c, struct arena *a, bool livemode, int64_t before_ms, int limit, struct reconcile_ids *out, struct err *e);
/* Mirrors that are not over, by what Stripe last said. */
enum status reconcile_store_subscriptions(struct db *c, struct arena *a, bool livemode, struct reconcile_ids *out, struct err *e);
enum status reconcile_store_invoices(struct db *c, struct arena *a, bool livemode, struct reconcile_ids *out, struct err *e);
enum status reconcile_store_prices(struct db *c, struct arena *a, bool livemode, struct reconcile_ids *out, struct err *e);

struct reconcile_usage { struct str customer; int64_t start_ms, end_ms; };
/* Periods with usage for the meter that ended after. */
enum status reconcile_store_usage(struct db *c, struct arena *a, int64_t after_ms, struct reconcile_usage **out, size_t *n, struct err *e);

struct reconcile_invoice { struct str status; struct id tenant; int64_t remaining, attempts; };
enum status reconcile_store_invoice(struct db *c, struct arena *a, struct str id, struct reconcile_invoice *out, bool *found, struct err *e);

#endif
