#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "portal/billing/billing.h"

#include "base/banned.h"

/* ---- the frame ---- */

static void fill_rights(struct view *v, uint32_t perms)
{
    view_bool(v, "Can.BotWrite", perms & BOT_WRITE);
    view_bool(v, "Can.BotPublish", perms & BOT_PUBLISH);
    view_bool(v, "Can.AnswerWrite", perms & KNOWLEDGE_WRITE);
    view_bool(v, "Can.AnswerRead", perms & KNOWLEDGE_READ);
    view_bool(v, "Can.ConversationRead", perms & CONVERSATION_READ);
    view_bool(v, "Can.ConversationReply", perms & CONVERSATION_REPLY);
    view_bool(v, "Can.MemberRead", perms & MEMBER_READ);
    view_bool(v, "Can.BillingRead", perms & BILLING_READ);
}

/* What happened last comes as ?done=<key>: a fixed text, never words from the address. */
static void fill_flash(struct page *pg)
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

static void fill_frame(struct page *pg)
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
    fill_flash(pg);
}

static enum status fill_workspaces(struct page *pg, const struct session *s)
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

static enum status fill_person(struct page *pg)
{
    const struct session *s = pg->rq->who.account;
    view_str(pg->v, "Page.User", s->user.name.n ? s->user.name : s->user.email);
    view_str(pg->v, "Page.Email", s->user.email);
    view_text(pg->v, "Page.Role", view_t(pg->v, arena_printf(pg->rq->arena, "Role.%s", account_role_name(s->role))));
    view_text(pg->v, "Page.Csrf", request_csrf_token(pg->rq));
    view_bool(pg->v, "Page.Operator", s->user.is_operator);
    fill_rights(pg->v, pg->rq->who.perms);
    return fill_workspaces(pg, s);
}

/* ---- the life of a page ---- */

bool page_begin_public(struct request *rq, struct page *pg)
{
    static const struct str supported[] = {STR("en")};
    *pg = (struct page){.rq = rq, .app = rq->app};
    struct str language = request_language(rq, supported, COUNT_OF(supported));
    pg->v = view_new(rq->arena, arena_strdup(rq->arena, language));
    if (!pg->v) {
        (void)err_nomem(&pg->e);
        reply_error(rq, &pg->e);
        return false;
    }
    fill_frame(pg);
    return true;
}

/* What is kept in memory is asked before a connection is taken: a thread that waits for a second one could wait for itself. */
static enum status person_begin(struct page *pg)
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
        st = fill_person(pg);
    if (st == OK && inside) {
        for (int f = 0; f < FEATURE_COUNT; f++)
            pg->has[f] = guard_has(&known, (enum feature)f);
        st = banner_fill(pg, &known);
    }
    return st;
}

bool page_begin(struct request *rq, struct page *pg)
{
    if (!page_begin_public(rq, pg))
        return false;
    if (!rq->who.signed_in)
        return true;
    pg->who = guard_actor(rq);
    if (person_begin(pg) == OK)
        return true;
    page_fail(pg);
    return false;
}

void page_release(struct page *pg)
{
    db_put(pg->db);
    pg->db = NULL;
}

void page_title(struct page *pg, struct str title)
{
    view_str(pg->v, "Page.Title", title);
}

void page_send(struct page *pg, const char *template_name, const char *title_key)
{
    page_send_status(pg, 200, template_name, title_key);
}

void page_send_status(struct page *pg, int status, const char *template_name, const char *title_key)
{
    struct request *rq = pg->rq;
    page_release(pg);
    if (title_key)
        view_text(pg->v, "Page.Title", view_t(pg->v, title_key));
    if (view_render(pg->v, template_name, reply_body(rq), &pg->e) != OK) {
        reply_error(rq, &pg->e);
        return;
    }
    reply_status(rq, status);
    reply_type(rq, "text/html; charset=utf-8");
}

void page_fail(struct page *pg)
{
    page_release(pg);
    reply_error(pg->rq, &pg->e);
}

void page_redirect(struct page *pg, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *path = arena_vprintf(pg->rq->arena, fmt, ap);
    va_end(ap);
    if (!path) {
        (void)err_nomem(&pg->e);
        page_fail(pg);
        return;
    }
    page_release(pg);
    reply_redirect(pg->rq, path);
}

/* ---- errors in a page ---- */

static const char *error_words(struct view *v, const struct err *e)
{
    char key[64];
    snprintf(key, sizeof(key), "Error.%s", err_code(e));
    const char *text = view_t(v, key);
    return strcmp(text, key) != 0 || !e->message[0] ? text : e->message;
}

void page_error(struct page *pg, const char *key, const struct err *e)
{
    view_text(pg->v, key, error_words(pg->v, e));
}

void page_form_error(struct page *pg)
{
    page_error(pg, "Form.Error", &pg->e);
    view_text(pg->v, "Form.Field", pg->e.pointer);
    view_bool(pg->v, "Form.Plans", pg->e.status == ERR_PLAN && (pg->rq->who.perms & BILLING_READ));
}

bool page_is_form_error(const struct page *pg)
{
    enum status st = pg->e.status;
    return st == ERR_INVALID || st == ERR_PLAN || st == ERR_CONFLICT || st == ERR_TOO_LARGE;
}

void page_way_out(struct page *pg)
{
    bool sold = config_string(pg->rq->config, CONFIG_stripe_secret_key)[0] != '\0';
    view_bool(pg->v, "Way.Plans", sold && (pg->rq->who.perms & BILLING_WRITE));
    view_text(pg->v, "Way.Ask", view_t(pg->v, sold ? "Errors.AskOwner" : "Errors.AskOperator"));
}

enum status page_offer(struct page *pg, enum feature f, const char *key)
{
    struct plans plans;
    if (pg->has[f])
        return OK;
    enum status st = plans_read(pg->db, pg->rq->arena, &plans, &pg->e);
    const struct plan *offer = st == OK ? guard_offer_of(&plans, f) : NULL;
    if (offer)
        view_str(pg->v, key, offer->name);
    return st;
}

/* ---- what stands in the path ---- */

bool page_id(struct page *pg, enum id_kind kind, const char *name, struct id *out)
{
    if (id_parse(kind, request_segment(pg->rq, name), out))
        return true;
    (void)err_set(&pg->e, E_not_found, "There is nothing at this address.");
    page_fail(pg);
    return false;
}

static void fill_bot(struct page *pg, const struct bot *b)
{
    struct view *v = pg->v;
    const char *id = arena_strdup(pg->rq->arena, str_from(TEXT_ID(ID_BOT, b->id)));
    view_id(v, "Bot.Id", id);
    view_str(v, "Bot.Name", b->name);
    view_str(v, "Bot.Language", b->language);
    view_int(v, "Bot.Live", b->live_version);
    view_bool(v, "Bot.Differs", b->draft_differs);
    view_int(v, "Bot.Revision", b->draft_revision);
    view_time(v, "Bot.Updated", b->updated_ms);
    view_time(v, "Bot.Published", b->published_ms);
    view_text(v, "Bot.Address",
              arena_printf(pg->rq->arena, "%s/chat/%s", config_string(pg->rq->config, CONFIG_base_url), id));
    view_text(v, "Bot.ChatPath", arena_printf(pg->rq->arena, "/chat/%s", id));
}

bool page_bot(struct page *pg, const char *tab, struct bot *out)
{
    struct id id;
    if (!page_id(pg, ID_BOT, "bot", &id))
        return false;
    if (bot_get(pg->db, pg->who.tenant, id, pg->rq->arena, out, &pg->e) != OK) {
        page_fail(pg);
        return false;
    }
    fill_bot(pg, out);
    view_text(pg->v, "Page.Nav", "bots");
    view_text(pg->v, "Page.Tab", tab);
    page_title(pg, out->name);
    return true;
}

/* ---- who asks ---- */

void identity_cookie(struct request *rq, const char *token, int64_t lifetime_ms)
{
    struct cookie c = {
        .name = SESSION_COOKIE, .value = str_from(token), .path = "/", .max_age_s = token ? lifetime_ms / 1000 : -1};
    reply_cookie(rq, &c);
}

void portal_not_signed_in(struct request *rq)
{
    struct buf b;
    buf_init(&b, 4096);
    buf_puts(&b, "/login");
    bool deep = (str_starts(rq->path, STR("/app")) && rq->path.n > 4) || str_starts(rq->path, STR("/admin"));
    if (rq->method == GET && deep) {
        buf_puts(&b, "?next=");
        buf_url(&b, rq->path);
    }
    const char *path = buf_ok(&b) ? arena_strdup(rq->arena, buf_str(&b)) : NULL;
    buf_release(&b);
    reply_redirect(rq, path ? path : "/login");
}

/* ---- the error page ---- */

/* What the plan lacks in words of its own, and the plan that has it. */
static void fill_lack(struct page *pg)
{
    enum feature f = pg->rq->route->feature;
    const struct plan *offer = NULL;
    struct err e = ERR_INIT;
    char key[48];
    snprintf(key, sizeof(key), "Feature.%s", feature_name(f));
    view_text(pg->v, "Error.Text", view_t(pg->v, key));
    page_way_out(pg);
    if (guard_offer(pg->rq, f, &offer, &e) != OK)
        return; /* the way to all plans is shown */
    if (!offer) {
        view_text(pg->v, "Error.More", view_t(pg->v, "Feature.Nowhere"));
        return;
    }
    view_str(pg->v, "Error.More", view_fill(pg->v, "Feature.In", {"plan", offer->name}));
    view_str(pg->v, "Way.Plan", offer->plan);
    view_str(pg->v, "Way.PlanName", offer->name);
}

void portal_error_page(struct request *rq, const struct err *e, int status)
{
    struct page pg = {.rq = rq, .app = rq->app};
    char key[32];
    pg.v = view_new(rq->arena, "en");
    struct err failed = ERR_INIT;
    struct buf *body = reply_body(rq);
    buf_clear(body);
    reply_status(rq, status);
    reply_type(rq, "text/html; charset=utf-8");
    if (pg.v) {
        fill_frame(&pg);
        snprintf(key, sizeof(key), "Status.%d", status);
        view_text(pg.v, "Page.Title", view_t(pg.v, key));
        view_int(pg.v, "Error.Status", status);
        view_text(pg.v, "Error.Text", error_words(pg.v, e));
        if (e->retry_after_s > 0)
            view_int(pg.v, "Error.RetryAfter", e->retry_after_s);
        if (rq->method != GET)
            view_bool(pg.v, "Error.Back", true);
        if (e->status == ERR_PLAN && rq->who.signed_in) {
            pg.who = guard_actor(rq);
            view_bool(pg.v, "Error.Plan", person_begin(&pg) == OK); /* with the menu, if it can be had */
            page_release(&pg);
            if (rq->route && rq->route->feature != FEATURE_NONE && err_is(e, E_plan_feature))
                fill_lack(&pg);
            else
                page_way_out(&pg);
        }
        if (view_render(pg.v, "error/error.cs", body, &failed) == OK)
            return;
    }
    reply_type(rq, "text/plain; charset=utf-8");
    buf_printf(body, "%d. %s\nRequest %s\n", status, e->message, rq->id);
}
