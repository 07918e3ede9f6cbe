/* reconcile.h: the books here and at Stripe agree, whatever was lost on the way: drift is reported (alarm), then mended by a look
 * at the object (sync.h). What waits as an event, or is served while a run looks, is no drift.
 *
 * Hourly: events that were not delivered, checkouts that ended unheard, renewals that were not told. Nightly: every subscription,
 * open invoices, price rows, the meter's sums of the periods that run or ended in the last days, usage that is on no invoice, whatever
 * here Stripe no longer knows. Reads are rationed by Stripe: 500 for each payment over 30 days, 10,000 at least (stripe_reads_month). A
 * nightly run leaves a fifth of them to the events, an hourly one a twentieth; what is left out comes with the next run. */
#ifndef PARLEY_BILLING_RECONCILE_RECONCILE_H
#define PARLEY_BILLING_RECONCILE_RECONCILE_H

#include "db/db.h"
#include "stripe/client.h"

struct reconcile_report {
    /* By the caller: called now and then, as a run may take minutes. May be NULL. No connection is held meanwhile. */
    void (*alive)(void *ctx);
    void *ctx;
    int64_t looked, drifted, mended, reads;
    bool cut_short; /* for want of reads */
};
/* An object that cannot be mended is an alarm and stops nothing; an error is the database's, or Stripe's being away. */
enum status reconcile_hourly(struct stripe *stripe, struct db_pool *p, struct reconcile_report *r, struct err *e);
enum status reconcile_nightly(struct stripe *stripe, struct db_pool *p, struct reconcile_report *r, struct err *e);
/* Did last night's run not come to its end (Stripe was away)? The hourly job then makes up for it. */
enum status reconcile_missed(struct stripe *stripe, struct db_pool *p, bool *missed, struct err *e);

#endif
