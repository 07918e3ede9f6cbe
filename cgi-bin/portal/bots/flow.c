/* flow.c: /app/bots/{bot}/flow: the draft as text. A draft with errors can be saved; publishing it is what is refused.
 * What was typed is never lost: it comes back in the editor with the reason of the refusal. */
#include "base/num.h"
#include "portal/bots/bots.h"
#include "portal/bots/flow_view.h"

#include "base/banned.h"

/* The document is indented again, whatever it looked like when it was sent: the database keeps its compact form. */
static enum status flow_fill_text(struct page *pg, const struct json *doc, const char *key)
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

/* Shows the draft. sent_revision is the revision that the form carries: -1 for the newest. After a refusal the form
 * keeps the one it came with, so that a change made meanwhile is still noticed. After a conflict it gets the newest:
 * both texts are shown, and saving again replaces the other one. */
static void flow_show(struct page *pg, const struct bot *b, int status, int64_t sent_revision)
{
    struct json *doc = NULL;
    int revision = 0;
    pg->e = ERR_INIT; /* a refusal is already in the view */
    enum status st = bot_draft(pg->db, pg->who.tenant, b->id, pg->rq->arena, &doc, &revision, &pg->e);
    if (st == OK)
        st = flow_view_fill(pg->v, pg->rq->arena, doc, str_from(view_language(pg->v)), &pg->e);
    if (st == OK)
        st = flow_view_check(pg->v, pg->db, pg->who.tenant, pg->rq->arena, doc, &pg->e);
    view_int(pg->v, "Draft.Revision", sent_revision >= 0 ? sent_revision : revision);
    if (st == OK)
        st = flow_fill_text(pg, doc, status == 200 ? "Draft.Text" : "Draft.Saved");
    page_end_status(pg, st, status, "portal/bots/flow.cs", NULL);
}

void bots_flow_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (bots_begin(rq, &pg, "flow", &b))
        flow_show(&pg, &b, 200, -1);
}

/* A form without a revision is refused rather than taken as the newest: it would overwrite a change that its user has
 * not seen. */
static enum status flow_save(struct page *pg, const struct bot *b, struct str text)
{
    struct json *doc = NULL;
    int64_t revision = 0;
    struct str r = request_form(pg->rq, "revision");
    if (!num_i64(r, 0, INT32_MAX, &revision))
        return err_set(&pg->e, E_invalid, "The form is incomplete. Load the page again.");
    enum status st = json_parse(pg->rq->arena, text, MAX_JSON_DEPTH, &doc, &pg->e);
    return st == OK ? bot_draft_save(pg->db, &pg->who, b->id, doc, (int)revision, &pg->e) : st;
}

/* What was typed stays in the editor. If the draft was changed elsewhere (two tabs), both texts are shown. */
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
    /* People look for a line, not for a JSON pointer. */
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

void bots_flow_post(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (!bots_begin(rq, &pg, "flow", &b))
        return;
    struct str text = request_form(rq, "flow");
    if (flow_save(&pg, &b, text) == OK)
        page_redirect(&pg, "/app/bots/%s/flow?done=draft_saved", TEXT_ID(ID_BOT, b.id));
    else
        flow_again(&pg, &b, text);
}
