/* usage_store.h: the statements of usage.c: plan rows, counter, ledger. */
#ifndef PARLEY_BILLING_USAGE_STORE_H
#define PARLEY_BILLING_USAGE_STORE_H

#include "billing/usage.h"

/* What the tenant's plan allows; NULL in the row reads as USAGE_UNLIMITED. ERR_NOT_FOUND for an unknown tenant. */
enum status usage_store_plan(struct db *c, struct id tenant, int64_t *conversations, int64_t *bots, struct err *e);
/* Ledger rows of any tenants, in one bulk statement. ERR_CONFLICT "duplicate" when one of them is counted already. */
enum status usage_store_ledger(struct db *c, const struct usage_count *counts, size_t n, struct err *e);
/* Add n to the period's counter if it stays within `limit`; *taken says whether. */
enum status usage_store_take(struct db *c, struct id tenant, int64_t period_start_ms, int64_t n, int64_t limit, bool *taken,
                             struct err *e);
enum status usage_store_used(struct db *c, struct id tenant, int64_t period_start_ms, int64_t *used, struct err *e);

#endif
