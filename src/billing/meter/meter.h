/* meter.h: counted conversations of paying tenants are reported to Stripe's meter. What a counter grew by becomes a row
 * of meter_outbox; each row is sent under its own identifier, one at a time for each customer.
 *
 * A row is `pending` until it is sent, `unknown` from the moment before, `sent` when Stripe has confirmed it, and
 * `rejected` (with an alarm) when it can never be billed. Stripe remembers an identifier for at least 24 hours. A row
 * without an answer is sent again while it is younger than 23 hours; an older one is first compared with the meter's
 * sums. Timestamps lie inside the row's period and are at most 35 days old (older usage can never be billed). Only
 * conversations that were counted under a subscription are sent, to the customer under which they were counted.
 *
 * Thread safe; rows of one customer are serialised by a lease. */
#ifndef PARLEY_BILLING_METER_METER_H
#define PARLEY_BILLING_METER_METER_H

#include "base/clock.h"
#include "db/db.h"
#include "plan/usage.h"
#include "stripe/client.h"

#define METER_FLUSH_MS (5 * MINUTE_MS)      /* how often the worker collects */
#define METER_LAG_ALARM_MS (30 * MINUTE_MS) /* half of the hour that Stripe waits after a period's end */
#define METER_KEEP_MS (90 * DAY_MS)         /* how long sent rows are kept */
#define METER_KEEP_CALLS_MS (7 * DAY_MS)    /* and the records of their calls, which are needed for a day */

enum meter_state { METER_PENDING, METER_UNKNOWN, METER_SENT, METER_REJECTED };
/* The state's name in the table, in JSON and on the command line: "pending". */
const char *meter_state_name(enum meter_state s);
/* False if there is no such state. */
bool meter_state_parse(struct str name, enum meter_state *out);

/* Makes rows for the counters that grew, at most METER_COLLECT_MAX, those that have waited longest first. A counter
 * whose last row has been pending for METER_FLUSH_MS gets none, so that the backlog does not grow while Stripe is slow.
 * *n is the number of rows. */
#define METER_COLLECT_MAX 500
enum status meter_collect(struct db *c, int64_t *n, struct err *e);
/* Sends the row that has been due longest; *found is false when none is. A failure that concerns the row is recorded in
 * it. While Stripe cannot be reached or refuses the key, nothing is found for some seconds. */
enum status meter_step(struct stripe *stripe, struct db_pool *p, bool *found, struct err *e);
/* Collects and sends everything that one tenant has used, before its subscription is changed or ended at once. *sent is
 * whether there was anything. Waits for rows that the worker is sending. ERR_UNAVAILABLE meter_unsent when some did not
 * arrive; they are sent later. */
enum status meter_flush(struct stripe *stripe, struct db_pool *p, struct id tenant, bool *sent, struct err *e);
/* Compares a customer's rows with the meter's sum over a period, in whole minutes. Unknown rows that are too old to be
 * sent again are settled. A difference raises the alarm meter_drift (object: customer and first day of the period).
 * Rows that were sent a day ago and are missing at the meter are located and sent once more under a new identifier
 * while the period is not billed; otherwise they are rejected. ERR_UNAVAILABLE busy while rows of this customer are
 * being sent, not_set_up without a meter. */
enum status meter_compare(struct stripe *stripe, struct db_pool *p, struct str customer, int64_t period_start_ms,
                          int64_t period_end_ms, struct err *e);
/* Rejects the row with this identifier, with an alarm: an event reported that the meter did not accept it. An unknown
 * identifier raises an alarm too. */
enum status meter_reject(struct db *c, struct str identifier, struct str why, struct err *e);
/* Sends a rejected row again, under a new identifier (*out), after the operator has removed the cause. ERR_NOT_FOUND
 * unless it is rejected. */
enum status meter_resend(struct db *c, struct id row, struct id *out, struct err *e);

struct meter_lag {
    int64_t pending, unknown, rejected; /* rows */
    int64_t waiting;                    /* conversations that are counted and not sent */
    int64_t oldest_ms;                  /* how long the oldest of them has waited */
};
enum status meter_lag(struct db *c, struct meter_lag *out, struct err *e);
/* Raises or clears the alarm meter_lag. */
enum status meter_watch(struct db *c, struct err *e);
/* Raises the alarm usage_unbilled, once for each subscription and period, where conversations beyond the plan are on no
 * invoice because they reached Stripe too late (a subscription ended at once in Stripe's dashboard; a worker that was
 * down too long). Does not call Stripe. */
enum status meter_audit(struct db *c, struct err *e);
struct meter_row {
    struct id tenant, id;
    struct str customer, last_error;
    enum meter_state state;
    int64_t period_start_ms, quantity, event_ms, created_ms, first_sent_ms, sent_ms, due_ms;
    int attempts;
};
/* The rows of all tenants in state *only, newest first; only NULL: those that are not sent. For the operator. */
enum status meter_list(struct db *c, struct arena *a, const enum meter_state *only, int limit, struct meter_row **out,
                       size_t *n, struct err *e);
/* Deletes at most `limit` sent rows that are older; *n is how many. */
enum status meter_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);
/* Deletes the records (stripe_call) of done calls of rows made before then: there is one for each row, every five
 * minutes for each tenant. */
enum status meter_forget_calls(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

/* Counters that do not equal their ledger rows, of all tenants. With `repair`, they are set to the ledger's sum; where
 * more than that was reported to Stripe, the alarm meter_over is raised in the same transaction. Reads the whole
 * ledger. */
enum status meter_verify(struct db *c, struct arena *a, bool repair, struct usage_drift **out, size_t *n,
                         struct err *e);

#endif
