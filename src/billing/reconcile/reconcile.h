/* reconcile.h: makes the mirror and Stripe agree, whatever was lost in between. Drift raises an alarm and is corrected
 * by a refresh of the object (sync.h). A difference that a waiting event explains is not drift.
 *
 * Hourly: events that were not delivered, checkouts and renewals whose events are missing. Nightly: every subscription,
 * open invoices, prices, the meter's sums of current and recent periods, usage that is on no invoice, and objects that
 * Stripe no longer has. Stripe limits reads to 500 for each payment over 30 days, at least 10,000 (stripe_reads_month).
 * A nightly run leaves a fifth of them for events, an hourly run a twentieth; what is left out is compared in the next
 * run. */
#ifndef PARLEY_BILLING_RECONCILE_RECONCILE_H
#define PARLEY_BILLING_RECONCILE_RECONCILE_H

#include "db/db.h"
#include "stripe/client.h"

struct reconcile_report {
    /* Set by the caller, may be NULL: called now and then, because a run may take minutes. No connection is held
     * meanwhile. */
    void (*alive)(void *ctx);
    void *ctx;
    int64_t looked, drifted, mended, reads;
    bool cut_short; /* the reads were used up */
};
/* Runs a comparison. An object that cannot be corrected raises an alarm and does not end the run; an error means that
 * the database or Stripe is away. */
enum status reconcile_hourly(struct stripe *stripe, struct db_pool *p, struct reconcile_report *r, struct err *e);
enum status reconcile_nightly(struct stripe *stripe, struct db_pool *p, struct reconcile_report *r, struct err *e);
/* Whether the last nightly run did not complete; the hourly job then repeats it. */
enum status reconcile_missed(struct stripe *stripe, struct db_pool *p, bool *missed, struct err *e);

#endif
