/* notice_store.h: which tenants to check, who receives the mails, and what was sent. */
#ifndef PARLEY_BILLING_NOTICE_NOTICE_STORE_H
#define PARLEY_BILLING_NOTICE_NOTICE_STORE_H

#include "billing/notice/notice.h"

/* Tenants after `after` in the order of their ids: those with a counter of a running period that grew, with a
 * subscription in a state that may need a notice, or with a reported payment failure that has not ended. */
enum status notice_store_tenants(struct db *c, struct arena *a, struct id after, int64_t now_ms, int64_t ended_after_ms,
                                 int limit, struct id **out, size_t *n, struct err *e);
struct notice_reader {
    struct str email, language;
};
enum status notice_store_readers(struct db *c, struct id tenant, struct arena *a, struct notice_reader **out, size_t *n,
                                 struct err *e);
/* Record a notice. *fresh is false if it was recorded before. */
enum status notice_store_say(struct db *c, struct id tenant, const char *kind, int64_t about_ms, int64_t now_ms,
                             bool *fresh, struct err *e);
/* Start times of payment failures that were reported and whose end was not. */
enum status notice_store_failures(struct db *c, struct id tenant, struct arena *a, int64_t **out, size_t *n,
                                  struct err *e);
enum status notice_store_name(struct db *c, struct id tenant, struct arena *a, struct str *out, struct err *e);
/* The counters of running periods, with the value up to which they are being checked. */
struct notice_counter {
    int64_t period_start_ms, used;
    bool billable;
};
enum status notice_store_counters(struct db *c, struct id tenant, struct arena *a, int64_t now_ms,
                                  struct notice_counter **out, size_t *n, struct err *e);
enum status notice_store_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
