/* One bot: its overview, its draft. */
#include <stdio.h>

#include "base/num.h"
#include "knowledge/answers.h"
#include "portal/bots/flow_view.h"
#include "portal/page/page.h"

#include "base/banned.h"

#define ROUTE(m, p, h, ...) void h(struct request *rq);
#include "portal/routes.def"
#undef ROUTE

static enum status fill_counts(struct page *pg, const struct bot *b)
{
    int64_t answers = 0;
    enum status st = answers_count(pg->db, pg->who.tenant, b->id, &answers, &pg->e);
    if (st == OK) {
        view_int(pg->v, "Answers.N", answers);
        view_count(pg->v, "Answers.Count", "Answers.CountText", answers);
    }
    return st;
}

static enum status fill_check(struct page *pg, const struct bot *b)
{
    struct json *doc = NULL;
    int revision = 0;
    enum status st = bot_draft(pg->db, pg->who.tenant, b->id, pg->rq->arena, &doc, &revision, &pg->e);
    return st == OK ? flow_view_check(pg->v, pg->rq->arena, doc, &pg->e) : st;
}

static void bot_show(struct page *pg, const struct bot *b, int status)
{
    struct err e = ERR_INIT;
    pg->e = e; /* what was refused is filled in already */
    enum status st = fill_counts(pg, b);
    if (st == OK)
        st = fill_check(pg, b);
    if (st == OK)
        st = page_offer(pg, FEATURE_WHITE_LABEL, "Brand.Offer");
    view_bool(pg->v, "Brand.Has", pg->has[FEATURE_WHITE_LABEL]);
    if (st != OK)
        page_fail(pg);
    else
        page_send_status(pg, status, "portal/bots/bot.cs", NULL);
}

void bot_page(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (!page_begin(rq, &pg) || !page_bot(&pg, "overview", &b))
        return;
    bot_show(&pg, &b, 200);
}

void bot_rename_form(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (!page_begin(rq, &pg) || !page_bot(&pg, "overview", &b))
        return;
    if (bot_rename(pg.db, &pg.who, b.id, request_form(rq, "name"), &pg.e) == OK) {
        page_redirect(&pg, "/app/bots/%s?done=saved", TEXT_ID(ID_BOT, b.id));
        return;
    }
    if (!page_is_form_error(&pg)) {
        page_fail(&pg);
        return;
    }
    page_form_error(&pg);
    view_str(pg.v, "Form.name", request_form(rq, "name"));
    bot_show(&pg, &b, 422);
}

/* Deleting asks for the bot's name: a slip of the finger cannot end a bot. */
void bot_delete_form(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (!page_begin(rq, &pg) || !page_bot(&pg, "overview", &b))
        return;
    if (!str_eq(str_trim(request_form(rq, "confirm")), b.name)) {
        page_redirect(&pg, "/app/bots/%s?done=delete_unconfirmed", TEXT_ID(ID_BOT, b.id));
        return;
    }
    if (bot_delete(pg.db, &pg.who, b.id, &pg.e) == OK)
        page_redirect(&pg, "/app?done=bot_deleted");
    else
        page_fail(&pg);
}

/* ---- the draft ---- */

static enum status draft_text(struct page *pg, const struct json *doc, const char *key)
{
    struct buf b;
    buf_init(&b, 4 * MAX_FLOW);
    json_write_pretty(&b, doc);
    enum status st = buf_ok(&b) ? OK : err_nomem(&pg->e);
    if (st == OK)
        view_str(pg->v, key, buf_str(&b));
    buf_release(&b);
    return st;
}

/* `sent_revision` -1: the form goes out with the draft's newest revision; after a refusal it keeps the one it came with, so that
 * a change made meanwhile is still noticed. After a conflict both texts are shown, and saving again means it. */
static void flow_show(struct page *pg, const struct bot *b, int status, int64_t sent_revision)
{
    struct json *doc = NULL;
    int revision = 0;
    struct err e = ERR_INIT;
    enum status st = bot_draft(pg->db, pg->who.tenant, b->id, pg->rq->arena, &doc, &revision, &e);
    if (st == OK)
        st = flow_view_fill(pg->v, pg->rq->arena, doc, str_from(view_language(pg->v)), &e);
    if (st == OK)
        st = flow_view_check(pg->v, pg->rq->arena, doc, &e);
    view_int(pg->v, "Draft.Revision", sent_revision >= 0 ? sent_revision : revision);
    if (st == OK)
        st = draft_text(pg, doc, status == 200 ? "Draft.Text" : "Draft.Saved");
    if (st != OK) {
        pg->e = e;
        page_fail(pg);
        return;
    }
    page_send_status(pg, status, "portal/bots/flow.cs", NULL);
}

void flow_page(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (page_begin(rq, &pg) && page_bot(&pg, "flow", &b))
        flow_show(&pg, &b, 200, -1);
}

static enum status draft_save(struct page *pg, const struct bot *b, struct str text)
{
    struct json *doc = NULL;
    int64_t revision = 0;
    struct str r = request_form(pg->rq, "revision");
    if (!num_i64(r, 0, INT32_MAX, &revision))
        return err_set(&pg->e, E_invalid, "The form is incomplete: load the page again.");
    enum status st = json_parse(pg->rq->arena, text, MAX_JSON_DEPTH, &doc, &pg->e);
    return st == OK ? bot_draft_save(pg->db, &pg->who, b->id, doc, (int)revision, &pg->e) : st;
}

/* What was typed stays in the editor; where the saved draft is another one (two tabs), both are shown. */
static void flow_again(struct page *pg, const struct bot *b, struct str text)
{
    if (!page_is_form_error(pg)) {
        page_fail(pg);
        return;
    }
    bool conflict = pg->e.status == ERR_CONFLICT;
    page_error(pg, "Form.Error", &pg->e);
    view_text(pg->v, "Form.Message", pg->e.message);
    view_str(pg->v, "Draft.Text", text);
    view_bool(pg->v, "Draft.Conflict", conflict);
    size_t line = flow_view_line(text, str_from(pg->e.pointer));
    if (pg->e.pointer[0])
        view_text(pg->v, "Form.Field", pg->e.pointer);
    if (line)
        view_int(pg->v, "Form.Line", (int64_t)line);
    int64_t revision = -1;
    if (conflict || !num_i64(request_form(pg->rq, "revision"), 0, INT32_MAX, &revision))
        revision = -1;
    flow_show(pg, b, conflict ? 409 : 422, revision);
}

void flow_save(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (!page_begin(rq, &pg) || !page_bot(&pg, "flow", &b))
        return;
    struct str text = request_form(rq, "flow");
    if (draft_save(&pg, &b, text) == OK)
        page_redirect(&pg, "/app/bots/%s/flow?done=draft_saved", TEXT_ID(ID_BOT, b.id));
    else
        flow_again(&pg, &b, text);
}
