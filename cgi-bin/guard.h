/* guard.h: what the programs that know accounts share: who sends a request, what the role allows, what the plan
 * includes.
 *
 * A program whose handlers sign people in or take API keys begins its state with a struct guard (rq->app points to
 * it) and puts these functions into its struct web_program. */
#ifndef PARLEY_GUARD_H
#define PARLEY_GUARD_H

#include "account/account.h"
#include "db/db.h"
#include "plan/plan.h"
#include "web/server.h"

struct guard {
    struct db_pool *pool;
};

/* For `identify` of struct web_program: the session cookie for WHO_SESSION, WHO_MEMBER, WHO_OPERATOR and WHO_PUBLIC;
 * for WHO_KEY "Authorization: Bearer" or X-Api-Key, with the scopes of the key as perms. rq->who.account is the
 * struct session, NULL for a key. ERR_AUTH, ERR_DENIED, ERR_PLAN. */
enum status guard_identify(struct request *rq, struct err *e);
/* For `feature` of struct web_program. ERR_PLAN, code plan_feature, unless the plan of the tenant includes it; the
 * message names the plan that does. */
enum status guard_feature(struct request *rq, int feature, struct err *e);

struct entitled;
/* True if what the tenant has includes the feature. */
bool guard_has(const struct entitled *x, enum feature f);
/* The lowest plan on offer that includes the feature, or NULL. */
const struct plan *guard_offer_of(const struct plans *p, enum feature f);
/* The same, in the arena of the request. */
enum status guard_offer(struct request *rq, enum feature f, const struct plan **out, struct err *e);

/* The user or key that sends the request, for TENANT statements and the audit log. */
struct actor guard_actor(const struct request *rq);

#endif
