/* admin.h: handlers of the operator's console, and what its pages share. Their routes are OPERATOR: everyone else gets
 * 404. */
#ifndef PARLEY_PORTAL_ADMIN_ADMIN_H
#define PARLEY_PORTAL_ADMIN_ADMIN_H

#include "billing/console/console.h"
#include "portal/page/plan.h"
#include "portal/page/stripe.h"

#define ROUTE ROUTE_HANDLER
#include "portal/admin/routes.def"
#undef ROUTE

struct admin {
    bool on;               /* the install has a Stripe key */
    bool live;             /* the key belongs to live mode */
    struct stripe *stripe; /* NULL: no key, or a key that cannot be used (see trouble) */
    struct str trouble;
};
/* Starts a page of the console. A key that cannot be used is shown, and the page continues without Stripe. False: the
 * reply is written. */
bool admin_begin(struct request *rq, struct page *pg, const char *nav, struct admin *ad);
/* Log.*: what operators did to this object ("": to any), newest first. */
enum status admin_log(struct page *pg, struct str object, int limit);
/* Alarms.*, newest first. */
enum status admin_fill_alarms(struct page *pg, bool open_only, int limit);
/* Row i of a list of terms: .Price, .Conversations, .Since, .Thousand. */
void admin_fill_terms(struct page *pg, const char *list, size_t i, const struct plan_terms *t);
/* <prefix>.Name and .Value: "Bots" "12", "Knowledge base" "Yes", "Support" "Priority support". */
void admin_fill_value(struct page *pg, const char *prefix, enum entitlement x, int64_t value);
/* A limit as typed: an empty field means unlimited. */
bool admin_limit(struct str typed, int64_t *out);

#endif
