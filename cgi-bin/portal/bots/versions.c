/* Publishing, versions, what differs between two, going back, the bot as a file. */
#include <stdio.h>

#include "base/num.h"
#include "base/utf8.h"
#include "portal/bots/flow_view.h"
#include "portal/page/page.h"

#include "base/banned.h"

#define ROUTE(m, p, h, ...) void h(struct request *rq);
#include "portal/routes.def"
#undef ROUTE

/* ---- publish ---- */

/* What has changed since the live version, for who is about to publish. */
static enum status fill_changes(struct page *pg, const struct bot *b, const struct json *draft)
{
    struct json *live = NULL;
    enum status st = OK;
    if (b->live_version)
        st = bot_version_flow(pg->db, pg->who.tenant, b->id, b->live_version, pg->rq->arena, &live, &pg->e);
    return st == OK && live ? flow_view_changes(pg->v, pg->rq->arena, live, draft, &pg->e) : st;
}

static void publish_show(struct page *pg, const struct bot *b, int status)
{
    struct json *doc = NULL;
    int revision = 0;
    enum status st = bot_draft(pg->db, pg->who.tenant, b->id, pg->rq->arena, &doc, &revision, &pg->e);
    if (st == OK)
        st = flow_view_check(pg->v, pg->rq->arena, doc, &pg->e);
    if (st == OK)
        st = fill_changes(pg, b, doc);
    view_int(pg->v, "Draft.Revision", revision);
    if (st != OK)
        page_fail(pg);
    else
        page_send_status(pg, status, "portal/bots/publish.cs", NULL);
}

void publish_page(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (page_begin(rq, &pg) && page_bot(&pg, "versions", &b))
        publish_show(&pg, &b, 200);
}

/* Who publishes means the draft they have looked at, and a second click means the first. */
static enum status publish_check(struct page *pg, const struct bot *b)
{
    int64_t revision = 0;
    if (num_i64(request_form(pg->rq, "revision"), 0, INT32_MAX, &revision) && revision == b->draft_revision)
        return OK;
    return err_set(&pg->e, E_draft_changed, "The draft was changed meanwhile: look at it again before you publish it.");
}

void publish(struct request *rq)
{
    struct page pg;
    struct bot b;
    int version = 0;
    if (!page_begin(rq, &pg) || !page_bot(&pg, "versions", &b))
        return;
    if (b.live_version && !b.draft_differs) {
        page_redirect(&pg, "/app/bots/%s?done=published", TEXT_ID(ID_BOT, b.id));
        return;
    }
    enum status st = publish_check(&pg, &b);
    if (st == OK)
        st = bot_publish(pg.db, &pg.who, b.id, utf8_cut(str_trim(request_form(rq, "note")), 500), rq->arena, &version,
                         &pg.e);
    if (st == OK) {
        page_redirect(&pg, "/app/bots/%s?done=published", TEXT_ID(ID_BOT, b.id));
        return;
    }
    if (!page_is_form_error(&pg)) {
        page_fail(&pg);
        return;
    }
    view_text(pg.v, "Form.Error", pg.e.message);
    view_str(pg.v, "Form.note", request_form(rq, "note"));
    int status = pg.e.status == ERR_CONFLICT ? 409 : 422;
    pg.e = (struct err)ERR_INIT;
    publish_show(&pg, &b, status);
}

/* ---- versions ---- */

void versions_page(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct bot_version *list = NULL;
    size_t n = 0;
    if (!page_begin(rq, &pg) || !page_bot(&pg, "versions", &b))
        return;
    if (bot_versions(pg.db, pg.who.tenant, b.id, rq->arena, &list, &n, &pg.e) != OK) {
        page_fail(&pg);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct view *v = pg.v;
        view_int(v, view_at(v, "Versions", i, "N"), list[i].version);
        view_bool(v, view_at(v, "Versions", i, "Live"), list[i].live);
        view_str(v, view_at(v, "Versions", i, "By"), list[i].created_by);
        view_str(v, view_at(v, "Versions", i, "Note"), list[i].note);
        view_time(v, view_at(v, "Versions", i, "Created"), list[i].created_ms);
    }
    view_bool(pg.v, "Versions_any", n > 0);
    view_bool(pg.v, "Versions_many", n > 1);
    page_send(&pg, "portal/bots/versions.cs", NULL);
}

/* 0 is the draft. */
static bool version_number(struct page *pg, struct str text, int64_t *out)
{
    if (str_eq(text, STR("draft")))
        *out = 0;
    else if (!num_i64(text, 1, INT32_MAX, out)) {
        (void)err_set(&pg->e, E_not_found, "There is no such version.");
        page_fail(pg);
        return false;
    }
    return true;
}

static enum status version_flow(struct page *pg, const struct bot *b, int64_t version, struct json **out)
{
    int revision = 0;
    if (version == 0)
        return bot_draft(pg->db, pg->who.tenant, b->id, pg->rq->arena, out, &revision, &pg->e);
    return bot_version_flow(pg->db, pg->who.tenant, b->id, (int)version, pg->rq->arena, out, &pg->e);
}

void version_page(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct json *doc = NULL;
    int64_t version = 0;
    if (!page_begin(rq, &pg) || !page_bot(&pg, "versions", &b) ||
        !version_number(&pg, request_segment(rq, "version"), &version))
        return;
    if (version_flow(&pg, &b, version, &doc) != OK ||
        flow_view_fill(pg.v, rq->arena, doc, str_from(view_language(pg.v)), &pg.e) != OK) {
        page_fail(&pg);
        return;
    }
    view_int(pg.v, "Version.N", version);
    view_bool(pg.v, "Version.Live", version == b.live_version);
    page_send(&pg, "portal/bots/versions_version.cs", NULL);
}

static void version_name(struct page *pg, const char *key, int64_t version)
{
    const char *n = arena_printf(pg->rq->arena, "%d", (int)version);
    view_str(pg->v, key,
             version ? view_fill(pg->v, "Versions.Name", {"n", str_from(n)})
                     : str_from(view_t(pg->v, "Versions.Draft")));
}

void compare_page(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct json *before = NULL, *after = NULL;
    int64_t from = 0, to = 0;
    if (!page_begin(rq, &pg) || !page_bot(&pg, "versions", &b) ||
        !version_number(&pg, request_query(rq, "from"), &from) || !version_number(&pg, request_query(rq, "to"), &to))
        return;
    enum status st = version_flow(&pg, &b, from, &before);
    if (st == OK)
        st = version_flow(&pg, &b, to, &after);
    if (st == OK)
        st = flow_view_changes(pg.v, rq->arena, before, after, &pg.e);
    if (st != OK) {
        page_fail(&pg);
        return;
    }
    version_name(&pg, "Compare.From", from);
    version_name(&pg, "Compare.To", to);
    page_send(&pg, "portal/bots/compare.cs", NULL);
}

void rollback(struct request *rq)
{
    struct page pg;
    struct bot b;
    int64_t version = 0;
    if (!page_begin(rq, &pg) || !page_bot(&pg, "versions", &b) ||
        !version_number(&pg, request_form(rq, "version"), &version))
        return;
    enum status st = version == b.live_version ? OK : bot_rollback(pg.db, &pg.who, b.id, (int)version, &pg.e);
    if (st == OK)
        page_redirect(&pg, "/app/bots/%s/versions?done=rolled_back", TEXT_ID(ID_BOT, b.id));
    else
        page_fail(&pg);
}

/* ---- the bot as a file ---- */

static enum status send_part(void *ctx, struct str part, struct err *e)
{
    struct request *rq = ctx;
    buf_str_add(reply_body(rq), part);
    return reply_part(rq, e);
}

void bot_export_file(struct request *rq)
{
    struct page pg;
    struct bot b;
    const struct bot_file_sink out = {rq, send_part};
    if (!page_begin(rq, &pg) || !page_bot(&pg, "overview", &b))
        return;
    const char *name = arena_printf(rq->arena, "attachment; filename=\"%s.json\"", TEXT_ID(ID_BOT, b.id));
    reply_status(rq, 200);
    reply_type(rq, "application/json");
    reply_header(rq, "Content-Disposition", str_from(name ? name : "attachment"));
    reply_header(rq, "Cache-Control", STR("no-store"));
    enum status st = bot_export(pg.db, pg.who.tenant, b.id, &out, &pg.e);
    if (st == OK || st == ERR_GONE)
        page_release(&pg);
    else
        page_fail(&pg); /* what was sent stays sent: without its end it is no JSON */
}
