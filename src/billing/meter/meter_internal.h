/* meter_internal.h: what the files of the meter share. */
#ifndef PARLEY_BILLING_METER_METER_INTERNAL_H
#define PARLEY_BILLING_METER_METER_INTERNAL_H

#include "base/clock.h"
#include "billing/meter/meter.h"

#define METER_WORDS_MAX 400                  /* characters kept of what Stripe said */
#define METER_AGE_MS (35 * DAY_MS - HOUR_MS) /* Stripe takes what is at most 35 days old; an hour for the way */
#define METER_AHEAD_MS (4 * MINUTE_MS)       /* and at most five minutes ahead; one for the clocks */
#define METER_TRY_MS 20000                   /* deadline of a call: a worker with other things to do waits for it */

enum status meter_collect_tenant(struct db *c, struct id tenant, struct err *e);
/* Rejected, with its alarm, in one transaction. Nothing when it is rejected already. */
enum status meter_reject_row(struct db *c, const struct meter_row *r, struct str why, struct err *e);
/* The lease of the customer must be held by the caller, no connection or transaction. What became of an unknown row whose identifier
 * Stripe may have forgotten: sent, or pending anew, or put off with an alarm. */
enum status meter_settle(struct stripe *stripe, struct db_pool *p, const struct meter_row *r, struct err *e);
struct str meter_lease(struct str customer, char out[320]);
struct str meter_key(struct id row, char out[64]); /* idempotency key */

#endif
