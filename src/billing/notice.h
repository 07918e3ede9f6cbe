/* notice.h: mails about money, each said once: usage at 75, 90 and 100 % of a period; a payment that failed, the days before each
 * dunning step, a trial that ends, a planned change. Derived from counters and entitlements; cron only sends. */
#ifndef PARLEY_BILLING_NOTICE_H
#define PARLEY_BILLING_NOTICE_H

#include "db/db.h"

/* Look at the counters that grew and at the tenants whose billing needs words; queues mails to owners and billing members. At most
 * `limit` tenants; *more says that some are left. */
enum status notice_step(struct db *c, int64_t now_ms, int limit, bool *more, struct err *e);

#endif
