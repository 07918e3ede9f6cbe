/* admin.h: what the operator's pages share. Their routes are OPERATOR: for anybody else they are not there. */
#ifndef PARLEY_PORTAL_ADMIN_ADMIN_H
#define PARLEY_PORTAL_ADMIN_ADMIN_H

#include "billing/console/console.h"
#include "portal/billing/billing.h"

struct admin {
    bool on, live;         /* a key of Stripe is set; it is one of live mode */
    struct stripe *stripe; /* NULL: off, or the key is none of Stripe's (admin.trouble) */
    struct str trouble;
};
bool admin_begin(struct request *rq, struct page *pg, const char *nav, struct admin *ad);
/* "Log.*": what operators did to this object ("" = to all), newest first. */
enum status admin_log(struct page *pg, struct str object, int limit);
void admin_fill_terms(struct page *pg, const char *list, size_t i,
                      const struct plan_terms *t); /* .Price .Conversations .Since */
/* <prefix>.Name and .Value: "Bots" "12", "Knowledge base" "Yes", "Support" "Priority support". */
void admin_fill_value(struct page *pg, const char *prefix, enum entitlement x, int64_t value);
/* A limit as typed: nothing is unlimited. */
bool admin_limit(struct str typed, int64_t *out);

#endif
