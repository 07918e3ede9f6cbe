/* signup.c: /signup: a new workspace and its owner, who is signed in at once. An install may close it; then both the
 * page and the form answer with the reason. */
#include "portal/site/site.h"

#include "base/banned.h"

static bool sign_up_open(struct page *pg)
{
    if (config_bool(pg->rq->config, CONFIG_sign_up))
        return true;
    (void)err_raise(&pg->e, E_sign_up_closed);
    page_fail(pg);
    return false;
}

/* A plan that was chosen on the pricing page is carried through the form: after signing up the user continues with
 * buying it. */
static const char *sign_up_next(struct request *rq)
{
    struct str plan = request_form(rq, "plan");
    for (size_t i = 0; i < plan.n; i++)
        if (!((plan.p[i] >= 'a' && plan.p[i] <= 'z') || (plan.p[i] >= '0' && plan.p[i] <= '9') || plan.p[i] == '_'))
            return "/app?done=signed_up";
    const char *path = plan.n && plan.n <= 32 && config_string(rq->config, CONFIG_stripe_secret_key)[0]
                           ? arena_printf(rq->arena, "/app/billing/plans?plan=%.*s", STR_F(plan))
                           : NULL;
    return path ? path : "/app?done=signed_up";
}

void site_signup_get(struct request *rq)
{
    struct page pg;
    if (!page_begin_public(rq, &pg) || !sign_up_open(&pg))
        return;
    if (config_string(rq->config, CONFIG_stripe_secret_key)[0])
        view_str(pg.v, "Form.plan", request_query(rq, "plan"));
    if (rq->who.signed_in)
        page_redirect(&pg, "/app");
    else
        page_send(&pg, "portal/site/signup.cs", "Site.Signup.Title");
}

void site_signup_post(struct request *rq)
{
    struct page pg;
    struct member m;
    if (!page_begin_public(rq, &pg) || !sign_up_open(&pg))
        return;
    struct sign_up in = {.email = request_form(rq, "email"),
                         .password = request_form(rq, "password"),
                         .name = request_form(rq, "name"),
                         .workspace = request_form(rq, "workspace"),
                         .language = str_from(view_language(pg.v))};
    enum status st = db_get(pg.app->guard.pool, &pg.db, &pg.e);
    if (st == OK)
        st = account_sign_up(pg.db, rq->arena, &in, &m, &pg.e);
    if (st == OK)
        st = site_session_begin(&pg, m.user.id, m.tenant.id);
    if (st == OK)
        page_redirect(&pg, "%s", sign_up_next(rq));
    else
        site_form_again(&pg, "portal/site/signup.cs", "Site.Signup.Title");
}
