/* meter_internal.h: what the files of the meter share. */
#ifndef PARLEY_BILLING_METER_METER_INTERNAL_H
#define PARLEY_BILLING_METER_METER_INTERNAL_H

#include "base/clock.h"
#include "billing/meter/meter.h"

#define METER_WORDS_MAX 400                  /* characters kept of an error */
#define METER_AGE_MS (35 * DAY_MS - HOUR_MS) /* Stripe accepts usage of the last 35 days; less an hour in transit */
#define METER_AHEAD_MS (4 * MINUTE_MS)       /* and at most five minutes ahead; less one for clocks that differ */
#define METER_TRY_MS 20000                   /* the deadline of a call; the worker has other work */

/* Makes rows for the counters of one tenant (meter_collect). */
enum status meter_collect_tenant(struct db *c, struct id tenant, struct err *e);
/* Rejects a row and raises its alarm, in one transaction. Does nothing when it is already rejected. */
enum status meter_reject_row(struct db *c, const struct meter_row *r, struct str why, struct err *e);
/* Decides about an unknown row whose identifier Stripe may have forgotten: sent, pending again, or put off with an
 * alarm. The caller holds the customer's lease, and no connection or transaction. */
enum status meter_settle(struct stripe *stripe, struct db_pool *p, const struct meter_row *r, struct err *e);
/* The name of the customer's lease, and the idempotency key of a row's call. */
struct str meter_lease(struct str customer, char out[320]);
struct str meter_key(struct id row, char out[64]);

#endif
