/* site.c: what signing up and signing in share: the form shown again, and the new session. */
#include "portal/site/site.h"

#include "base/banned.h"

/* What was typed, but never the password: it would be in the page's source and in the browser's cache. */
static void site_fill_form(struct page *pg)
{
    view_str(pg->v, "Form.email", request_form(pg->rq, "email"));
    view_str(pg->v, "Form.name", request_form(pg->rq, "name"));
    view_str(pg->v, "Form.workspace", request_form(pg->rq, "workspace"));
    view_str(pg->v, "Form.next", request_form(pg->rq, "next"));
    view_str(pg->v, "Form.plan", request_form(pg->rq, "plan"));
}

/* A failed sign-in is 401, everything else that the user can correct is 422. */
void site_form_again(struct page *pg, const char *template_name, const char *title_key)
{
    if (!page_is_form_error(pg) && pg->e.status != ERR_AUTH) {
        page_fail(pg);
        return;
    }
    site_fill_form(pg);
    page_form_error(pg);
    page_send_status(pg, pg->e.status == ERR_AUTH ? 401 : 422, template_name, title_key);
}

void site_session_cookie(struct request *rq, const char *token, int64_t lifetime_ms)
{
    struct cookie c = {
        .name = SESSION_COOKIE, .value = str_from(token), .path = "/", .max_age_s = token ? lifetime_ms / 1000 : -1};
    reply_cookie(rq, &c);
}

/* The token is always new, so a token that an attacker has planted in the browser is worth nothing after signing in.
 * The old session ends first: a stolen cookie does not outlive the sign-in of its owner in the same browser. If that
 * fails, signing in still works, and the old session ends by its age. */
enum status site_session_begin(struct page *pg, struct id user, struct id tenant)
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
        site_session_cookie(rq, arena_strdup(rq->arena, str_from(token)), lifetime);
    return st;
}
