/* usage_report_store.h: SQL of usage_report.c: lists of the ledger, and the check of counters against it. */
#ifndef PARLEY_PLAN_USAGE_REPORT_STORE_H
#define PARLEY_PLAN_USAGE_REPORT_STORE_H

#include "plan/usage.h"

enum status report_store_rows(struct db *c, struct id tenant, struct arena *a, struct id before, int limit,
                              struct usage_row **out, size_t *n, struct err *e);
/* The days on which something was counted, oldest first. */
enum status report_store_days(struct db *c, struct id tenant, struct arena *a, int64_t from_ms, int64_t to_ms,
                              struct usage_day **out, size_t *n, struct err *e);
enum status report_store_drift(struct db *c, struct arena *a, struct usage_drift **out, size_t *n, struct err *e);
/* Inside a transaction, in this order: lock the counter (made if missing) and read how many were reported to the
 * meter; count the ledger; set the counter. */
enum status report_store_lock(struct db *c, const struct usage_drift *d, int64_t *reported, struct err *e);
enum status report_store_count(struct db *c, const struct usage_drift *d, int64_t *n, struct err *e);
enum status report_store_set(struct db *c, const struct usage_drift *d, int64_t used, int64_t now_ms, struct err *e);

#endif
