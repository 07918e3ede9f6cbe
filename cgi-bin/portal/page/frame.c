/* frame.c: what every page has around its content: brand, theme, menu, the user's workspaces and rights, the message
 * about the last action.
 *
 * frame_fill uses no database, so that the error page and the public pages work when the database is down. */
#include <stdio.h>

#include "base/clock.h"
#include "portal/page/banner.h"
#include "portal/page/page_internal.h"
#include "stripe/client.h"

#include "base/banned.h"

/* These only hide links and buttons. Whether an action is allowed is checked by the dispatcher, from the route's
 * row. */
static void frame_fill_rights(struct view *v, uint32_t perms)
{
    view_bool(v, "Can.BotWrite", perms & BOT_WRITE);
    view_bool(v, "Can.BotPublish", perms & BOT_PUBLISH);
    view_bool(v, "Can.AnswerWrite", perms & KNOWLEDGE_WRITE);
    view_bool(v, "Can.AnswerRead", perms & KNOWLEDGE_READ);
    view_bool(v, "Can.ConversationRead", perms & CONVERSATION_READ);
    view_bool(v, "Can.ConversationReply", perms & CONVERSATION_REPLY);
    view_bool(v, "Can.MemberRead", perms & MEMBER_READ);
    view_bool(v, "Can.BillingRead", perms & BILLING_READ);
    view_bool(v, "Can.WorkspaceWrite", perms & WORKSPACE_WRITE);
}

/* The last action comes as ?done=<key>. The key selects a fixed text: words from the address are never shown. */
static void frame_fill_flash(struct page *pg)
{
    struct str done = request_query(pg->rq, "done");
    char key[64];
    if (!done.n || done.n > 40)
        return;
    for (size_t i = 0; i < done.n; i++)
        if (!((done.p[i] >= 'a' && done.p[i] <= 'z') || done.p[i] == '_'))
            return;
    snprintf(key, sizeof(key), "Flash.%.*s", STR_F(done));
    const char *text = view_t(pg->v, key);
    if (strcmp(text, key) != 0)
        view_text(pg->v, "Page.Flash", text);
}

/* The theme is taken from the cookie only if it is one of the two: it becomes an attribute of the page. */
void frame_fill(struct page *pg)
{
    struct request *rq = pg->rq;
    struct str theme = request_cookie(rq, "theme");
    view_text(pg->v, "Page.Brand", config_string(rq->config, CONFIG_brand_name));
    view_text(pg->v, "Page.Version", PARLEY_VERSION);
    view_text(pg->v, "Page.RequestId", rq->id);
    view_str(pg->v, "Page.Path", rq->path);
    view_bool(pg->v, "Page.SignedIn", rq->who.signed_in);
    view_bool(pg->v, "Page.SignUp", config_bool(rq->config, CONFIG_sign_up));
    view_bool(pg->v, "Page.Billing", stripe_enabled(rq->config));
    if (str_eq(theme, STR("dark")) || str_eq(theme, STR("light")))
        view_str(pg->v, "Page.Theme", theme);
    frame_fill_flash(pg);
}

static enum status frame_fill_workspaces(struct page *pg, const struct session *s)
{
    struct member *m = NULL;
    size_t n = 0;
    enum status st = account_members_of_user(pg->db, pg->rq->arena, s->user.id, &m, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        bool current = id_eq(m[i].tenant.id, s->tenant);
        if (current)
            view_str(pg->v, "Page.Workspace", m[i].tenant.name);
        view_id(pg->v, view_at(pg->v, "Page.Workspaces", i, "Id"), TEXT_ID(ID_TENANT, m[i].tenant.id));
        view_str(pg->v, view_at(pg->v, "Page.Workspaces", i, "Name"), m[i].tenant.name);
        view_bool(pg->v, view_at(pg->v, "Page.Workspaces", i, "Current"), current);
    }
    view_bool(pg->v, "Page.ManyWorkspaces", n > 1);
    return st;
}

/* The role is that of the present workspace; a user may have another one elsewhere. */
static enum status frame_fill_person(struct page *pg)
{
    const struct session *s = pg->rq->who.account;
    view_str(pg->v, "Page.User", s->user.name.n ? s->user.name : s->user.email);
    view_str(pg->v, "Page.Email", s->user.email);
    view_text(pg->v, "Page.Role", view_t(pg->v, arena_printf(pg->rq->arena, "Role.%s", account_role_name(s->role))));
    view_text(pg->v, "Page.Csrf", request_csrf_token(pg->rq));
    view_bool(pg->v, "Page.Operator", s->user.is_operator);
    frame_fill_rights(pg->v, pg->rq->who.perms);
    return frame_fill_workspaces(pg, s);
}

/* The cached entitlements come first, because a cache miss takes a connection of its own: a thread that held one
 * connection while it waited for a second could wait for itself. Operators see the console without the limits and
 * banners of a workspace. */
enum status frame_fill_user(struct page *pg)
{
    struct request *rq = pg->rq;
    struct entitled known;
    bool inside = rq->who.perms && rq->route->who.kind != WHO_OPERATOR;
    enum status st = OK;
    if (inside)
        st = entitled_now(pg->app->guard.pool, pg->who.tenant, clock_now_ms(), &known, &pg->e);
    if (st == OK)
        st = db_get(pg->app->guard.pool, &pg->db, &pg->e);
    if (st == OK)
        st = frame_fill_person(pg);
    if (st == OK && inside) {
        for (int f = FEATURE_NONE + 1; f < FEATURE_COUNT; f++)
            pg->has[f] = guard_has(&known, (enum feature)f);
        st = banner_fill(pg, &known);
    }
    return st;
}
