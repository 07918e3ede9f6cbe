/* bot.c: /app/bots/{bot}: the overview of a bot: its address, the findings of the checks, and the forms to rename and
 * delete. */
#include "knowledge/answers.h"
#include "portal/bots/bots.h"
#include "portal/bots/flow_view.h"

#include "base/banned.h"

static enum status bot_fill_counts(struct page *pg, const struct bot *b)
{
    int64_t answers = 0;
    enum status st = answers_count(pg->db, pg->who.tenant, b->id, &answers, &pg->e);
    if (st == OK) {
        view_int(pg->v, "Answers.N", answers);
        view_count(pg->v, "Answers.Count", "Bots.Answers.CountText", answers);
    }
    return st;
}

/* Lint and the scripted tests run on each view of the page: they usually take milliseconds, and a stored result could
 * be older than the draft. */
static enum status bot_fill_check(struct page *pg, const struct bot *b)
{
    struct json *doc = NULL;
    int revision = 0;
    enum status st = bot_draft(pg->db, pg->who.tenant, b->id, pg->rq->arena, &doc, &revision, &pg->e);
    return st == OK ? flow_view_check(pg->v, pg->db, pg->who.tenant, pg->rq->arena, doc, &pg->e) : st;
}

void bots_bot_show(struct page *pg, const struct bot *b, int status)
{
    pg->e = ERR_INIT; /* a refusal is already in the view */
    enum status st = bot_fill_counts(pg, b);
    if (st == OK)
        st = bot_fill_check(pg, b);
    if (st == OK)
        st = page_offer(pg, FEATURE_white_label, "Brand.Offer");
    view_bool(pg->v, "Brand.Has", pg->has[FEATURE_white_label]);
    page_end_status(pg, st, status, "portal/bots/bot.cs", NULL);
}

void bots_bot_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (!bots_begin(rq, &pg, "overview", &b))
        return;
    bots_bot_show(&pg, &b, 200);
}
