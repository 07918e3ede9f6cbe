/* usage.h: what a tenant has used and may still use: entitlements, counter and ledger of counted conversations.
 *
 * The ledger's primary key (tenant, conversation) is the definition of "counted once"; the counter row is the sum of the
 * ledger for a period (a UTC month until Stripe sets periods). The journal writes both in the turn's transaction. */
#ifndef PARLEY_BILLING_USAGE_H
#define PARLEY_BILLING_USAGE_H

#include "db/db.h"

#define USAGE_UNLIMITED INT64_MAX
struct usage_quota {
    int64_t limit; /* conversations in the period, or USAGE_UNLIMITED */
    int64_t period_start_ms;
    bool full; /* known to be used up a moment ago: refuse without asking the database */
};
/* What the tenant may start now, from plan rows; cached per process until the shared generation "plan" of the tenant grows
 * (bump it after changing its plan) and for at most 10 s. Thread safe. */
enum status usage_quota(struct db_pool *p, struct id tenant, int64_t now_ms, struct usage_quota *out, struct err *e);
/* The journal met the limit: usage_quota says `full` for the next second. */
void usage_mark_full(struct id tenant, const struct usage_quota *q);

struct usage_count { struct id tenant, conversation; int64_t counted_ms; struct usage_quota quota; };
/* Inside the turn's transaction: ledger rows in bulk, then one guarded counter update per tenant. ERR_PLAN code plan_limit when one of
 * the tenants has not room for all of its rows (the caller then records one by one); ERR_CONFLICT duplicate if counted. */
enum status usage_record(struct db *c, const struct usage_count *counts, size_t n, struct err *e);

struct usage { int64_t used, limit, period_start_ms, period_end_ms; };
enum status usage_now(struct db *c, struct id tenant, int64_t now_ms, struct usage *out, struct err *e);
enum status usage_bot_limit(struct db *c, struct id tenant, int64_t *out, struct err *e); /* bots, or USAGE_UNLIMITED */

#endif
