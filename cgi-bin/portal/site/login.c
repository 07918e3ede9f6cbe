/* Sign up, sign in, sign out; the workspace and its members. */
#include "portal/page/page.h"

#include "base/banned.h"

#define ROUTE(m, p, h, ...) void h(struct request *rq);
#include "portal/routes.def"
#undef ROUTE

/* Where to after signing in: a path of the portal and nothing else. */
static const char *next_path(struct request *rq, struct str next)
{
    bool ours = str_eq(next, STR("/app")) || str_starts(next, STR("/app/")) || str_eq(next, STR("/admin")) ||
                str_starts(next, STR("/admin/"));
    for (size_t i = 0; i < next.n; i++)
        if ((unsigned char)next.p[i] <= ' ' || (unsigned char)next.p[i] > '~' || next.p[i] == '\\' || next.p[i] == '#')
            ours = false;
    const char *path = ours && next.n < 300 ? arena_strdup(rq->arena, next) : NULL;
    return path ? path : "/app";
}

/* The form fields as typed, never the password. */
static void fill_form(struct page *pg)
{
    view_str(pg->v, "Form.email", request_form(pg->rq, "email"));
    view_str(pg->v, "Form.name", request_form(pg->rq, "name"));
    view_str(pg->v, "Form.workspace", request_form(pg->rq, "workspace"));
    view_str(pg->v, "Form.next", request_form(pg->rq, "next"));
    view_str(pg->v, "Form.plan", request_form(pg->rq, "plan"));
}

static void form_again(struct page *pg, const char *template_name, const char *title)
{
    if (!page_is_form_error(pg) && pg->e.status != ERR_AUTH) {
        page_fail(pg);
        return;
    }
    fill_form(pg);
    page_form_error(pg);
    page_send_status(pg, pg->e.status == ERR_AUTH ? 401 : 422, template_name, title);
}

/* Always a fresh token: whatever cookie the browser came with is worth nothing afterwards. */
static enum status session_begin(struct page *pg, struct id user, struct id tenant)
{
    struct request *rq = pg->rq;
    char token[SESSION_TOKEN_MAX];
    int64_t lifetime = config_int(rq->config, CONFIG_session_lifetime);
    struct err ignored = ERR_INIT;
    struct str old = request_cookie(rq, SESSION_COOKIE);
    if (old.n)
        (void)account_session_end(pg->db, old, &ignored);
    enum status st = account_session_start(pg->db, user, tenant, rq->remote_addr, rq->user_agent, token, &pg->e);
    if (st == OK)
        identity_cookie(rq, arena_strdup(rq->arena, str_from(token)), lifetime);
    return st;
}

/* ---- sign up ---- */

static bool sign_up_open(struct page *pg)
{
    if (config_bool(pg->rq->config, CONFIG_sign_up))
        return true;
    (void)err_raise(&pg->e, E_sign_up_closed);
    page_fail(pg);
    return false;
}

/* A plan chosen on the page of prices goes with the form: signed up, its buyer is where it is bought. */
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

void sign_up_page(struct request *rq)
{
    struct page pg;
    if (!page_begin_public(rq, &pg) || !sign_up_open(&pg))
        return;
    if (config_string(rq->config, CONFIG_stripe_secret_key)[0])
        view_str(pg.v, "Form.plan", request_query(rq, "plan"));
    if (rq->who.signed_in)
        page_redirect(&pg, "/app");
    else
        page_send(&pg, "portal/site/signup.cs", "SignUp.Title");
}

void sign_up(struct request *rq)
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
        st = session_begin(&pg, m.user.id, m.tenant.id);
    if (st == OK)
        page_redirect(&pg, "%s", sign_up_next(rq));
    else
        form_again(&pg, "portal/site/signup.cs", "SignUp.Title");
}

/* ---- sign in, sign out ---- */

void sign_in_page(struct request *rq)
{
    struct page pg;
    if (!page_begin_public(rq, &pg))
        return;
    if (rq->who.signed_in && rq->who.perms) { /* a member who was removed may sign in as somebody else */
        page_redirect(&pg, "%s", next_path(rq, request_query(rq, "next")));
        return;
    }
    view_str(pg.v, "Form.next", request_query(rq, "next"));
    page_send(&pg, "portal/site/login.cs", "SignIn.Title");
}

/* Their first workspace is opened: they may switch inside. */
static enum status workspace_first(struct page *pg, struct id user, struct id *out)
{
    struct member *m = NULL;
    size_t n = 0;
    enum status st = account_members_of_user(pg->db, pg->rq->arena, user, &m, &n, &pg->e);
    if (st == OK && n == 0)
        st = err_set_as(&pg->e, ERR_AUTH, E_no_workspace,
                        "You are not a member of any workspace. Ask somebody to invite you.");
    if (st == OK)
        *out = m[0].tenant.id;
    return st;
}

void sign_in(struct request *rq)
{
    struct page pg;
    struct user u;
    struct id tenant;
    if (!page_begin_public(rq, &pg))
        return;
    enum status st = db_get(pg.app->guard.pool, &pg.db, &pg.e);
    if (st == OK)
        st = account_sign_in(pg.db, rq->arena, request_form(rq, "email"), request_form(rq, "password"), &u, &pg.e);
    if (st == OK)
        st = workspace_first(&pg, u.id, &tenant);
    if (st == OK)
        st = session_begin(&pg, u.id, tenant);
    if (st == OK)
        page_redirect(&pg, "%s", next_path(rq, request_form(rq, "next")));
    else
        form_again(&pg, "portal/site/login.cs", "SignIn.Title");
}

void sign_out(struct request *rq)
{
    struct page pg;
    if (!page_begin_public(rq, &pg))
        return;
    enum status st = db_get(pg.app->guard.pool, &pg.db, &pg.e);
    if (st == OK)
        st = account_session_end(pg.db, request_cookie(rq, SESSION_COOKIE), &pg.e);
    if (st != OK) {
        page_fail(&pg);
        return;
    }
    identity_cookie(rq, NULL, 0);
    page_redirect(&pg, "/login?done=signed_out");
}

/* ---- workspace ---- */

void workspace_switch(struct request *rq)
{
    struct page pg;
    struct id tenant;
    if (!page_begin_public(rq, &pg))
        return;
    enum status st = id_parse(ID_TENANT, request_form(rq, "workspace"), &tenant)
                         ? db_get(pg.app->guard.pool, &pg.db, &pg.e)
                         : err_set(&pg.e, E_not_found, "There is no such workspace.");
    if (st == OK)
        st = account_session_switch(pg.db, request_cookie(rq, SESSION_COOKIE), tenant, &pg.e);
    if (st == OK)
        page_redirect(&pg, "/app");
    else
        page_fail(&pg);
}

void members_page(struct request *rq)
{
    struct page pg;
    struct member *m = NULL;
    size_t n = 0;
    if (!page_begin(rq, &pg))
        return;
    if (account_members_of_tenant(pg.db, rq->arena, pg.who.tenant, &m, &n, &pg.e) != OK) {
        page_fail(&pg);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const char *role = arena_printf(rq->arena, "Role.%s", account_role_name(m[i].role));
        view_str(pg.v, view_at(pg.v, "Members", i, "Name"), m[i].user.name);
        view_str(pg.v, view_at(pg.v, "Members", i, "Email"), m[i].user.email);
        view_text(pg.v, view_at(pg.v, "Members", i, "Role"), view_t(pg.v, role ? role : ""));
        view_bool(pg.v, view_at(pg.v, "Members", i, "You"), id_eq(m[i].user.id, pg.who.user));
        view_time(pg.v, view_at(pg.v, "Members", i, "Since"), m[i].user.created_ms);
    }
    view_text(pg.v, "Page.Nav", "members");
    page_send(&pg, "portal/workspace/members.cs", "Members.Title");
}
