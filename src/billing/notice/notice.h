/* notice.h: mails about money, each said once: usage at 75, 90 and 100 % of a period, and at the tenant's own cap; a payment that
 * failed, the days before each step of dunning, the steps, the recovery; a trial that ends, a planned change, an end. Derived from
 * counters and entitlements; cron only sends. They go to owners and billing members. */
#ifndef PARLEY_BILLING_NOTICE_NOTICE_H
#define PARLEY_BILLING_NOTICE_NOTICE_H

#include "base/clock.h"
#include "db/db.h"
#include "plan/entitlement.h"

#define NOTICE_EVERY_MS (5 * MINUTE_MS)

/* Look at the tenants whose counters grew or whose subscription needs words, at most `limit` of them, in the order of their ids
 * beginning behind *after (ID_NONE: at the first), which moves on; *more: some are left. What has to be said is one transaction for each tenant, with
 * the row that keeps it from being said again. */
enum status notice_step(struct db *c, int64_t now_ms, struct id *after, int limit, bool *more, struct err *e);
/* Rows of billing_notice older than `before`. */
enum status notice_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

/* ---- what there is to say: pure ---- */

struct notice {
    char kind[41];    /* of the row in billing_notice */
    const char *mail; /* its texts; NULL: nothing is said, only remembered */
    int64_t about_ms;
    int64_t until_ms; /* of the texts; 0: none */
};
#define NOTICES_MAX 8
/* Lowest first: where several were passed since the last look only the last one has a mail. */
int notice_usage(const struct entitlements *x, int64_t used, struct notice out[NOTICES_MAX]);
int notice_dunning(const struct entitlements *x, int64_t now_ms, struct notice out[NOTICES_MAX]);
/* Each on its own: trial, planned change, planned end. next_plan is what subscription->next_terms belong to ("" if none). */
int notice_coming(const struct entitlements *x, int64_t now_ms, struct str next_plan, struct notice out[NOTICES_MAX]);

#endif
