/* meter.h: counted conversations of paying tenants reach Stripe's meter: counters grow rows of meter_outbox in one transaction, each
 * row is sent with its own identifier, one at a time for each customer.
 *
 * Stripe remembers an identifier for 24 hours at least, not longer: a row that was sent and never answered is, when older than
 * 23 hours, compared with the meter's sums before it is sent again. A timestamp lies inside the row's period, at most 35 days back
 * (older ones can never be billed: rejected, alarm). Usage is flushed before a period ends. */
#ifndef PARLEY_BILLING_METER_H
#define PARLEY_BILLING_METER_H

#include "billing/stripe_client.h"
#include "db/db.h"

#define METER_FLUSH_MS (5 * 60000LL)       /* how often a counter that grew gets a row; more often near its period's end */
#define METER_LAG_ALARM_MS (30 * 60000LL)  /* Stripe waits an hour after a period's end */

/* Rows for all counters that grew. *n = rows made. */
enum status meter_collect(struct db *c, int64_t *n, struct err *e);
/* Send the row that is due longest; *found false when none is. Its own trouble stays in its row. */
enum status meter_step(struct stripe *st, struct db_pool *p, bool *found, struct err *e);
/* Compare a customer's rows of a period with the meter's sum: unknown ones are settled, a difference is an alarm. */
enum status meter_compare(struct stripe *st, struct db_pool *p, struct str customer, int64_t period_start_ms, int64_t period_end_ms,
                          struct err *e);
/* An event said that the meter did not take these (identifier as sent). */
enum status meter_reject(struct db *c, struct str identifier, struct str why, struct err *e);

struct meter_lag { int64_t pending, unknown, rejected, oldest_ms; /* how long the oldest counted and unsent has waited */ };
enum status meter_lag(struct db *c, struct meter_lag *out, struct err *e);

#endif
