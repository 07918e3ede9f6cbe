/* guard.h: what the doors that know accounts share: who asks, what their role may, what their plan has.
 *
 * A door whose handlers sign people in or take API keys starts its state with a struct guard (rq->app points to it) and
 * puts these functions into its struct web_program. */
#ifndef PARLEY_GUARD_H
#define PARLEY_GUARD_H

#include "account/account.h"
#include "db/db.h"
#include "web/server.h"

struct guard {
    struct db_pool *pool;
};

/* struct web_program's identify: the session cookie for WHO_SESSION, WHO_MEMBER, WHO_OPERATOR (and WHO_PUBLIC); for WHO_KEY
 * Authorization: Bearer or X-Api-Key, with the key's scopes as perms. rq->who.account is the struct session, NULL for a
 * key. */
enum status guard_identify(struct request *rq, struct err *e);
/* struct web_program's feature: does the tenant's plan have it? ERR_PLAN code plan_feature; the message names the plan that
 * has it. */
enum status guard_feature(struct request *rq, enum feature f, struct err *e);

/* The same of what is known already, and the plan that is the way to get it: the lowest on offer, in the request's
 * arena; NULL: none. */
struct entitled;
struct plan;
struct plans;
bool guard_has(const struct entitled *x, enum feature f);
const struct plan *guard_offer_of(const struct plans *p, enum feature f);
enum status guard_offer(struct request *rq, enum feature f, const struct plan **out, struct err *e);

/* Who does it, for TENANT statements and the audit log. */
struct actor guard_actor(const struct request *rq);

/* Database set-up of a thread, and its cost for the log line. */
enum status guard_thread_begin(void *app, struct err *e);
void guard_thread_end(void *app);
struct web_cost guard_cost(void);

#endif
