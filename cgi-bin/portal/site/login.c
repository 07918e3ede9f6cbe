/* login.c: /login: opens a session. The reply is the same for an unknown address and for a wrong password, so that no
 * one can find out who has an account here. How often one address may try is the route's rate class. */
#include "portal/site/site.h"

#include "base/banned.h"

/* The path to continue with after signing in. Only paths of the portal are accepted, so that a link to /login cannot
 * lead to another site; anything else becomes /app. */
static const char *login_next_path(struct request *rq, struct str next)
{
    bool ours = str_eq(next, STR("/app")) || str_starts(next, STR("/app/")) || str_eq(next, STR("/admin")) ||
                str_starts(next, STR("/admin/"));
    for (size_t i = 0; i < next.n; i++)
        if ((unsigned char)next.p[i] <= ' ' || (unsigned char)next.p[i] > '~' || next.p[i] == '\\' || next.p[i] == '#')
            ours = false;
    const char *path = ours && next.n < 300 ? arena_strdup(rq->arena, next) : NULL;
    return path ? path : "/app";
}

void site_login_get(struct request *rq)
{
    struct page pg;
    if (!page_begin_public(rq, &pg))
        return;
    if (rq->who.signed_in && rq->who.perms) { /* a user without rights may sign in with another account */
        page_redirect(&pg, "%s", login_next_path(rq, request_query(rq, "next")));
        return;
    }
    view_str(pg.v, "Form.next", request_query(rq, "next"));
    page_send(&pg, "portal/site/login.cs", "Site.Login.Title");
}

/* Opens the first workspace of the user, who can switch to another one later. */
static enum status login_first_workspace(struct page *pg, struct id user, struct id *out)
{
    struct member *m = NULL;
    size_t n = 0;
    enum status st = account_members_of_user(pg->db, pg->rq->arena, user, &m, &n, &pg->e);
    if (st == OK && n == 0)
        st = err_set_as(&pg->e, ERR_AUTH, E_no_workspace,
                        "You are not a member of any workspace. Ask an owner or admin to invite you.");
    if (st == OK)
        *out = m[0].tenant.id;
    return st;
}

/* The password is checked first, so that whether someone is in a workspace is shown only to them. */
void site_login_post(struct request *rq)
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
        st = login_first_workspace(&pg, u.id, &tenant);
    if (st == OK)
        st = site_session_begin(&pg, u.id, tenant);
    if (st == OK)
        page_redirect(&pg, "%s", login_next_path(rq, request_form(rq, "next")));
    else
        site_form_again(&pg, "portal/site/login.cs", "Site.Login.Title");
}
