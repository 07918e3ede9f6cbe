/* usage_store.h: the statements of usage.c: counter, ledger. */
#ifndef PARLEY_PLAN_USAGE_STORE_H
#define PARLEY_PLAN_USAGE_STORE_H

#include "plan/usage.h"

/* Ledger rows of any tenants, in one bulk statement. ERR_CONFLICT "duplicate" when one of them is counted already. */
enum status usage_store_ledger(struct db *c, const struct usage_count *counts, size_t n, struct err *e);
/* Add n, counted at at_ms, to the period's counter if it stays within the quota's limit; *taken says whether. */
enum status usage_store_take(struct db *c, struct id tenant, const struct usage_quota *q, int64_t n, int64_t at_ms,
                             bool *taken, struct err *e);
/* The period's row, made when it is missing, with its end and who pays for it (NULL: nobody). */
enum status usage_store_open(struct db *c, struct id tenant, const struct quota_period *p,
                             const struct subscription *paid_by, struct err *e);
/* *there: the row is there, with that end. *beside: what the same period holds under the other `billable`. */
enum status usage_store_look(struct db *c, struct id tenant, const struct quota_period *p, bool *there, int64_t *beside,
                             struct err *e);
enum status usage_store_used(struct db *c, struct id tenant, int64_t period_start_ms, int64_t *used,
                             struct err *e); /* of both */
enum status usage_store_mark_reported(struct db *c, struct id tenant, int64_t period_start_ms, struct err *e);
enum status usage_store_mark_noticed(struct db *c, struct id tenant, int64_t period_start_ms, bool billable,
                                     int64_t used, struct err *e);

#endif
