/* guard.c: identifies the caller of a route by session or key, and checks the route's rights and plan feature. The
 * dispatcher calls these functions before a handler runs, so that no handler can forget a check. Invariant: rq->who is
 * filled only from rows of the database, never from what the client claims about itself. */
#include "guard.h"

#include "base/clock.h"
#include "plan/entitlement.h"

#include "base/banned.h"

/* The rights come from the role that the user has now, not from the time of signing in: a member who was removed is
 * out at once. */
static enum status guard_by_session(struct request *rq, struct db *c, struct err *e)
{
    struct session *s = ARENA_NEW(rq->arena, struct session);
    struct str token = request_cookie(rq, SESSION_COOKIE);
    if (!s)
        return err_nomem(e);
    if (token.n == 0)
        return err_raise(e, E_not_authenticated);
    if (account_session_load(c, rq->arena, token, config_int(rq->config, CONFIG_session_lifetime), s, e) != OK)
        return e->status;
    rq->who = (struct identity){.signed_in = true,
                                .tenant = s->tenant,
                                .user = s->user.id,
                                .perms = account_role_perms(s->role),
                                .is_operator = s->user.is_operator,
                                .account = s};
    memcpy(rq->who.csrf_key, s->csrf_key, sizeof(rq->who.csrf_key));
    return OK;
}

/* Authorization is the usual header; X-Api-Key serves clients that cannot set it. */
static struct str guard_key_of(struct request *rq)
{
    struct str header = request_header(rq, "HTTP_AUTHORIZATION");
    if (header.n > 7 && str_ieq(str_n(header.p, 7), STR("Bearer ")))
        return str_trim(str_sub(header, 7, header.n));
    return request_header(rq, "HTTP_X_API_KEY");
}

/* The scopes of a key take the place of a role's rights. There is no CSRF key: a browser never sends an API key
 * automatically. */
static enum status guard_by_key(struct request *rq, struct db *c, struct err *e)
{
    struct str key = guard_key_of(rq);
    if (key.n == 0)
        return err_raise(e, E_key_missing);
    return account_key_load(c, rq->arena, key, &rq->who.tenant, &rq->who.key, &rq->who.perms, e);
}

enum status guard_identify(struct request *rq, struct err *e)
{
    struct guard *g = rq->app;
    struct db *c = NULL;
    if (db_get(g->pool, &c, e) != OK)
        return e->status;
    enum status st = rq->route->who.kind == WHO_KEY ? guard_by_key(rq, c, e) : guard_by_session(rq, c, e);
    db_put(c);
    return st;
}

bool guard_has(const struct entitled *x, enum feature f)
{
    return (int)f == FEATURE_NONE || x->value[feature_entitlement((int)f)] > 0;
}

const struct plan *guard_offer_of(const struct plans *p, enum feature f)
{
    return entitlement_offer(p, feature_entitlement((int)f), 1);
}

enum status guard_offer(struct request *rq, enum feature f, const struct plan **out, struct err *e)
{
    struct guard *g = rq->app;
    struct plans plans;
    struct db *c = NULL;
    enum status st = db_get(g->pool, &c, e);
    if (st == OK)
        st = plans_read(c, rq->arena, &plans, e);
    db_put(c);
    if (st == OK)
        *out = guard_offer_of(&plans, f);
    return st;
}

/* Refuses, and names the plan that has the feature. */
static enum status guard_refuse_feature(struct request *rq, enum feature f, struct err *e)
{
    const struct plan *offer = NULL;
    if (guard_offer(rq, f, &offer, e) != OK)
        return e->status;
    if (!offer)
        return err_set(e, E_plan_feature, "%s: no plan of this install includes this feature.",
                       entitlement_label(feature_entitlement((int)f)));
    return err_set(e, E_plan_feature, "%s: upgrade to the plan %.*s to use this feature.",
                   entitlement_label(feature_entitlement((int)f)), STR_F(offer->name));
}

/* Asked for every request of a gated route, so it uses the cached summary. Only a refusal reads the plans, to name
 * one. */
enum status guard_feature(struct request *rq, int feature, struct err *e)
{
    struct guard *g = rq->app;
    struct entitled x;
    enum feature f = (enum feature)feature;
    if (feature == FEATURE_NONE)
        return OK;
    if (id_is_none(rq->who.tenant))
        return err_set(e, E_no_workspace, "You are not a member of any workspace.");
    if (entitled_now(g->pool, rq->who.tenant, clock_now_ms(), &x, e) != OK)
        return e->status;
    return guard_has(&x, f) ? OK : guard_refuse_feature(rq, f, e);
}

struct actor guard_actor(const struct request *rq)
{
    const struct session *s = rq->who.account;
    struct actor a = {.tenant = rq->who.tenant,
                      .user = rq->who.user,
                      .key = rq->who.key,
                      .role = s ? s->role : ROLE_NONE,
                      .perms = rq->who.perms};
    struct str ip = str_sub(rq->remote_addr, 0, sizeof(a.ip) - 1);
    memcpy(a.ip, ip.p, ip.n);
    return a;
}
