/* usage.h: how conversations are counted: quota, ledger, counter, and what a tenant sees of them.
 *
 * The primary key of the ledger (tenant, conversation) is the definition of "counted once". A counter row (tenant,
 * period, billable) is the sum of the ledger's rows of that period. The journal writes both in the turn's
 * transaction. A period is that of the subscription (billable), otherwise a UTC month. */
#ifndef PARLEY_PLAN_USAGE_H
#define PARLEY_PLAN_USAGE_H

#include "db/db.h"
#include "plan/entitlement.h"

#define USAGE_UNLIMITED UNLIMITED
struct usage_quota {
    int64_t limit; /* conversations in the period, or USAGE_UNLIMITED */
    int64_t period_start_ms;
    bool billable;
    bool full; /* it was used up a moment ago: refuse without asking the database */
};
/* The quota for new conversations (from entitled_now). Opens the counter row of a new period. Thread safe. */
enum status usage_quota(struct db_pool *p, struct id tenant, int64_t now_ms, struct usage_quota *out, struct err *e);
/* Called by the journal when it met the limit: for one second usage_quota says `full`. */
void usage_mark_full(struct id tenant, const struct usage_quota *q);

struct usage_count {
    struct id tenant, conversation;
    int64_t counted_ms;
    struct usage_quota quota;
};
/* Counts conversations, inside the turn's transaction: ledger rows in bulk, then one guarded counter update per
 * tenant. ERR_PLAN plan_limit when a tenant has no room for all of its rows (the caller then records one by one);
 * ERR_CONFLICT duplicate when one is already counted. */
enum status usage_record(struct db *c, const struct usage_count *counts, size_t n, struct err *e);
/* The meter has taken over all that the period's billable counter holds; nothing of it is unsent. In the meter's
 * transaction. */
enum status usage_mark_reported(struct db *c, struct id tenant, int64_t period_start_ms, struct err *e);
/* The members were notified about the first `used` conversations of the period's counter. */
enum status usage_mark_noticed(struct db *c, struct id tenant, int64_t period_start_ms, bool billable, int64_t used,
                               struct err *e);

struct usage {
    int64_t used, included, limit, period_start_ms, period_end_ms;
    bool billable;
};
/* What is used in the current period. */
enum status usage_now(struct db *c, struct id tenant, int64_t now_ms, struct usage *out, struct err *e);
/* The same for a period that the caller has, from `struct entitlements` or `struct entitled`: one statement instead
 * of all the facts. */
enum status usage_in(struct db *c, struct id tenant, const struct quota_period *p, struct usage *out, struct err *e);

/* What was counted in the period that begins then, billable or not. */
enum status usage_used(struct db *c, struct id tenant, int64_t period_start_ms, int64_t *used, struct err *e);

/* ---- what a tenant sees ---- */

struct usage_row {
    struct id conversation, bot;
    int64_t counted_ms, period_start_ms;
    bool billable, deleted;
};
/* Counted conversations, newest first; before ID_NONE: from the newest. */
enum status usage_rows(struct db *c, struct id tenant, struct arena *a, struct id before, int limit,
                       struct usage_row **out, size_t *n, struct err *e);
struct usage_day {
    int64_t day_ms, counted;
};
/* The number counted on each UTC day from..to, including days without any; at most 400 days (ERR_INVALID
 * days_invalid). */
enum status usage_days(struct db *c, struct id tenant, struct arena *a, int64_t from_ms, int64_t to_ms,
                       struct usage_day **out, size_t *n, struct err *e);
struct usage_forecast {
    int64_t used_at_end, overage; /* smallest unit; 0 */
    int64_t full_at_ms;           /* 0: not in this period */
};
/* What the period comes to if the rest goes like the last seven days. `days` (from usage_days) may begin before the
 * period; fewer than seven are used as they are, and less than one day counts as one. used_at_end is the expected
 * demand, even beyond the limit; overage is what will be charged, never beyond the limit (terms may be NULL). Pure,
 * in integers. */
struct usage_forecast usage_forecast(const struct usage *u, const struct plan_terms *terms,
                                     const struct usage_day *days, size_t n, int64_t now_ms);

/* ---- the operator's check ---- */

struct usage_drift {
    struct id tenant;
    int64_t period_start_ms;
    bool billable;
    int64_t counter, ledger;
};
/* The counters of all tenants that do not equal the sum of their ledger rows. Reads the whole ledger. */
enum status usage_drift_list(struct db *c, struct arena *a, struct usage_drift **out, size_t *n, struct err *e);
/* Inside the caller's transaction: sets the counter to the ledger's sum. *over is how many conversations more than
 * that were reported to Stripe (0: none); the caller raises the alarm. */
enum status usage_drift_repair(struct db *c, const struct usage_drift *d, int64_t *over, struct err *e);

#endif
