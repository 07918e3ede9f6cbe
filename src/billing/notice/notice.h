/* notice.h: mails about usage and payments to owners and billing members. Each is sent once: usage at 75, 90 and 100
 * % of a period and at the tenant's own limit; a failed payment, the days before each step of dunning, the steps,
 * the recovery; the end of a trial, a planned change, an end. What to send is derived from counters and entitlements
 * at the moment of sending. */
#ifndef PARLEY_BILLING_NOTICE_NOTICE_H
#define PARLEY_BILLING_NOTICE_NOTICE_H

#include "base/clock.h"
#include "db/db.h"
#include "plan/entitlement.h"

#define NOTICE_EVERY_MS (5 * MINUTE_MS)

/* Check the tenants whose counters grew or whose subscription may need a notice: at most `limit` of them, in the
 * order of their ids, starting after *after (ID_NONE: at the first). *after advances; *more says that some are left.
 * The mails of a tenant and the rows that prevent repetition are written in one transaction. */
enum status notice_step(struct db *c, int64_t now_ms, struct id *after, int limit, bool *more, struct err *e);
/* Delete rows of billing_notice older than `before_ms`. */
enum status notice_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

/* ---- the rules: pure functions ---- */

enum notice_kind {
    NOTICE_UNKNOWN,
    NOTICE_USAGE_75,
    NOTICE_USAGE_90,
    NOTICE_USAGE_100,
    NOTICE_USAGE_CAP, /* the limit that the tenant has set */
    NOTICE_PAYMENT_FAILED,
    NOTICE_READ_ONLY_SOON,
    NOTICE_READ_ONLY,
    NOTICE_FREE_SOON,
    NOTICE_SUSPENDED,
    NOTICE_RECOVERED,
    NOTICE_TRIAL_ENDING,
    NOTICE_PLAN_ENDING,
    NOTICE_NEXT, /* another plan follows */
    NOTICE_ENDED,
};
const char *notice_kind_name(enum notice_kind kind); /* "usage_90"; "unknown" for NOTICE_UNKNOWN */
/* The kind of a row in billing_notice by its key: the kind's name, for usage with the number of conversations
 * ("usage_90_10000", *of = 10000, else 0), for NOTICE_NEXT with the plan ("next_starter"). NOTICE_UNKNOWN if this
 * release does not know it. */
enum notice_kind notice_key_parse(struct str key, int64_t *of);

struct notice {
    char key[41];     /* of the row in billing_notice */
    const char *mail; /* name of its texts; NULL: record it without a mail */
    int64_t about_ms;
    int64_t until_ms; /* a date in the texts; 0: none */
};
/* A notice whose key is the name of its kind. */
struct notice notice_of(enum notice_kind kind, const char *mail, int64_t about_ms);
#define NOTICES_MAX 8
/* Thresholds, lowest first. If several were passed since the last check, only the highest has a mail. */
int notice_usage(const struct entitlements *x, int64_t used, struct notice out[NOTICES_MAX]);
int notice_dunning(const struct entitlements *x, int64_t now_ms, struct notice out[NOTICES_MAX]);
/* End of a trial, planned change, planned end. next_plan is the plan of subscription->next_terms, "" if there is
 * none. */
int notice_coming(const struct entitlements *x, int64_t now_ms, struct str next_plan, struct notice out[NOTICES_MAX]);

#endif
