/* reconcile.h: the books here and at Stripe agree, whatever was lost on the way: drift is reported (alarm), then mended.
 *
 * Hourly: undelivered and recent events, checkouts that ended unheard, unknown meter rows. Nightly: every subscription and open invoice,
 * customers, meter sums, price rows. Reads are rationed by Stripe (500 for each transaction over 30 days, 10,000 a month at least):
 * a run asks how many were done and leaves the rest to the next. */
#ifndef PARLEY_BILLING_RECONCILE_H
#define PARLEY_BILLING_RECONCILE_H

#include "billing/stripe_client.h"
#include "db/db.h"

struct reconcile_report { int64_t looked, drifted, mended, reads; bool cut_short; };
enum status reconcile_hourly(struct stripe *st, struct db_pool *p, struct reconcile_report *out, struct err *e);
enum status reconcile_nightly(struct stripe *st, struct db_pool *p, struct reconcile_report *out, struct err *e);

#endif
