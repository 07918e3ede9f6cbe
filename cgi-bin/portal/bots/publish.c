/* publish.c: /app/bots/{bot}/publish: the differences between the draft and the live version, and publication. */
#include "base/num.h"
#include "base/utf8.h"
#include "portal/bots/bots.h"
#include "portal/bots/flow_view.h"

#include "base/banned.h"

/* Before the first publication there is nothing to compare with. */
static enum status publish_fill_changes(struct page *pg, const struct bot *b, const struct json *draft)
{
    struct json *live = NULL;
    enum status st = OK;
    if (b->live_version)
        st = bot_version_flow(pg->db, pg->who.tenant, b->id, b->live_version, pg->rq->arena, &live, &pg->e);
    return st == OK && live ? flow_view_changes(pg->v, pg->rq->arena, live, draft, &pg->e) : st;
}

/* Checks and differences are on the page before the button is pressed. The revision in the form is that of the draft
 * which they describe. */
static void publish_show(struct page *pg, const struct bot *b, int status)
{
    struct json *doc = NULL;
    int revision = 0;
    enum status st = bot_draft(pg->db, pg->who.tenant, b->id, pg->rq->arena, &doc, &revision, &pg->e);
    if (st == OK)
        st = flow_view_check(pg->v, pg->db, pg->who.tenant, pg->rq->arena, doc, &pg->e);
    if (st == OK)
        st = publish_fill_changes(pg, b, doc);
    view_int(pg->v, "Draft.Revision", revision);
    page_end_status(pg, st, status, "portal/bots/publish.cs", NULL);
}

/* Members who may not publish see this page too: what the next publication would change concerns everyone who edits. */
void bots_publish_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (bots_begin(rq, &pg, "versions", &b))
        publish_show(&pg, &b, 200);
}

/* The form carries the revision that was shown, so that users publish only what they have seen. A form without one has
 * shown nothing. */
static enum status publish_draft(struct page *pg, const struct bot *b)
{
    struct bot_publishing what = {.bot = b->id, .note = utf8_cut(str_trim(request_form(pg->rq, "note")), 500)};
    int64_t revision = 0;
    int version = 0;
    if (!num_i64(request_form(pg->rq, "revision"), 1, INT32_MAX, &revision))
        return err_raise(&pg->e, E_draft_changed);
    what.revision = (int)revision;
    return bot_publish(pg->db, &pg->who, &what, pg->rq->arena, &version, &pg->e);
}

/* A second click on the button finds nothing left to publish and leads to the same page as the first. */
void bots_publish_post(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (!bots_begin(rq, &pg, "versions", &b))
        return;
    if (b.live_version && !b.draft_differs) {
        page_redirect(&pg, "/app/bots/%s?done=published", TEXT_ID(ID_BOT, b.id));
        return;
    }
    if (publish_draft(&pg, &b) == OK) {
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
    pg.e = ERR_INIT;
    publish_show(&pg, &b, status);
}
