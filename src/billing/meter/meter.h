/* meter.h: counted conversations of paying tenants reach Stripe's meter: counters grow rows of meter_outbox in one transaction, each
 * row is sent with its own identifier, one at a time for each customer.
 *
 * A row is `pending` until it is sent, `unknown` from the moment before, `sent` when Stripe has said so, `rejected` when it never can
 * be billed (with an alarm). Stripe remembers an identifier for 24 hours at least, not longer: a row that was sent and never answered
 * is sent again while it is younger than 23 hours; an older one is first compared with the meter's sums. A timestamp lies
 * inside the row's period, at most 35 days back (older ones can never be billed). Usage is flushed before a period ends. Only
 * what was counted under a subscription is sent, and under the customer it was counted under. */
#ifndef PARLEY_BILLING_METER_METER_H
#define PARLEY_BILLING_METER_METER_H

#include "base/clock.h"
#include "db/db.h"
#include "plan/usage.h"
#include "stripe/client.h"

#define METER_FLUSH_MS \
    (5 * MINUTE_MS) /* how often the worker collects; so also just before and just after a period's end */
#define METER_LAG_ALARM_MS (30 * MINUTE_MS) /* Stripe waits an hour after a period's end */
#define METER_KEEP_MS (90 * DAY_MS)         /* how long rows that were sent are kept */
#define METER_KEEP_CALLS_MS (7 * DAY_MS)    /* and the records of their calls: what became of one is asked for a day */

/* Rows for the counters that grew, at most METER_COLLECT_MAX, those that wait longest first; none beside a row of the same
 * period that has waited for METER_FLUSH_MS, so that what waits for a slow Stripe does not grow with time. *n = rows made. */
#define METER_COLLECT_MAX 500
enum status meter_collect(struct db *c, int64_t *n, struct err *e);
/* Send the row that is due longest; *found false when none is. Its own trouble stays in its row. While Stripe is away, or refuses
 * the key, nothing is found for some seconds. */
enum status meter_step(struct stripe *stripe, struct db_pool *p, bool *found, struct err *e);
/* Before a subscription ends at once: all that one tenant has used is collected and sent now; *sent: there was something. What the
 * worker has in hand is waited for. ERR_UNAVAILABLE meter_unsent when some of it did not arrive (it stays and is sent later). */
enum status meter_flush(struct stripe *stripe, struct db_pool *p, struct id tenant, bool *sent, struct err *e);
/* Compare a customer's rows with the meter's sum over a period (on whole minutes): unknown ones that are too old to be sent again are
 * settled; a difference is the alarm meter_drift (object: customer and day of the period's begin). What was sent a day ago and is missing
 * at the meter is looked for and sent once more, under a new identifier, while the period is not billed; else it is rejected.
 * ERR_UNAVAILABLE busy while somebody sends for this customer; not_set_up without a meter. */
enum status meter_compare(struct stripe *stripe, struct db_pool *p, struct str customer, int64_t period_start_ms,
                          int64_t period_end_ms, struct err *e);
/* An event said that the meter did not take this (identifier as sent): rejected, alarm. One that is not known here is an alarm too. */
enum status meter_reject(struct db *c, struct str identifier, struct str why, struct err *e);
/* The operator mended what a row was rejected for: it is sent again, under a new identifier (*out). ERR_NOT_FOUND unless it is rejected. */
enum status meter_resend(struct db *c, struct id row, struct id *out, struct err *e);

struct meter_lag {
    int64_t pending, unknown, rejected; /* rows */
    int64_t waiting,
        oldest_ms; /* conversations that are counted and not sent; how long the oldest of them has waited */
};
enum status meter_lag(struct db *c, struct meter_lag *out, struct err *e);
/* Raises the alarm meter_lag, or clears it. */
enum status meter_watch(struct db *c, struct err *e);
/* Conversations beyond a plan that are on no invoice, as they reached Stripe after it (a subscription ended at once in Stripe's dashboard, a
 * worker that was down for longer than Stripe waits): an alarm usage_unbilled for each subscription, once a period. Stripe is not asked. */
enum status meter_audit(struct db *c, struct err *e);
struct meter_row {
    struct id tenant, id;
    struct str customer, state, last_error;
    int64_t period_start_ms, quantity, event_ms, created_ms, first_sent_ms, sent_ms, due_ms;
    int attempts;
};
/* Newest first; state "" = those that are not sent. All tenants: for the operator. */
enum status meter_list(struct db *c, struct arena *a, const char *state, int limit, struct meter_row **out, size_t *n,
                       struct err *e);
/* Forget rows that were sent and are older than `before`. */
enum status meter_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);
/* Forget the records (stripe_call) of calls that are done, of rows made before: there is one for each row, each five
 * minutes for each workspace. */
enum status meter_forget_calls(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

/* Counters that do not equal their ledger rows, of all tenants. With `repair`, they are set to the ledger's sum; where more than that
 * was reported to Stripe, the alarm meter_over is raised in the same transaction. Reads the whole ledger. */
enum status meter_verify(struct db *c, struct arena *a, bool repair, struct usage_drift **out, size_t *n,
                         struct err *e);

#endif
