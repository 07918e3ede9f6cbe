/* usage_store.h: SQL of usage.c: the rows of usage_counter and usage_ledger. */
#ifndef PARLEY_PLAN_USAGE_STORE_H
#define PARLEY_PLAN_USAGE_STORE_H

#include "plan/usage.h"

/* Adds ledger rows of any tenants in one bulk statement. ERR_CONFLICT "duplicate" when one of them is already
 * counted. */
enum status usage_store_ledger(struct db *c, const struct usage_count *counts, size_t n, struct err *e);
/* Adds n, counted at at_ms, to the period's counter if it stays within the quota's limit; *taken is whether it did. */
enum status usage_store_take(struct db *c, struct id tenant, const struct usage_quota *q, int64_t n, int64_t at_ms,
                             bool *taken, struct err *e);
/* Makes the period's row, or completes it with its end and the subscription that pays for it (NULL: none). */
enum status usage_store_open(struct db *c, struct id tenant, const struct quota_period *p,
                             const struct subscription *paid_by, struct err *e);
/* *there: the row exists with that end. *beside: what the same period holds under the other `billable`. */
enum status usage_store_find(struct db *c, struct id tenant, const struct quota_period *p, bool *there, int64_t *beside,
                             struct err *e);
/* What the period holds, billable or not. */
enum status usage_store_used(struct db *c, struct id tenant, int64_t period_start_ms, int64_t *used, struct err *e);
/* See usage_mark_reported and usage_mark_noticed of usage.h. */
enum status usage_store_mark_reported(struct db *c, struct id tenant, int64_t period_start_ms, struct err *e);
enum status usage_store_mark_noticed(struct db *c, struct id tenant, int64_t period_start_ms, bool billable,
                                     int64_t used, struct err *e);

#endif
