/* index.c: /app/conversations: the list, newest first, filtered by bot and state. */
#include "portal/conversations/conversations.h"
#include "talk/conversation.h"

#include "base/banned.h"

#define CONVERSATIONS_PAGE 50 /* rows */

/* The choice of bots for the filter. */
static enum status conversations_fill_bots(struct page *pg, struct id chosen)
{
    struct bot *bots = NULL;
    size_t n = 0;
    enum status st = bot_list(pg->db, pg->who.tenant, pg->rq->arena, &bots, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        view_id(pg->v, view_at(pg->v, "Filter.Bots", i, "Id"), TEXT_ID(ID_BOT, bots[i].id));
        view_str(pg->v, view_at(pg->v, "Filter.Bots", i, "Name"), bots[i].name);
        view_bool(pg->v, view_at(pg->v, "Filter.Bots", i, "Chosen"), id_eq(bots[i].id, chosen));
    }
    return st;
}

/* Unknown filters are ignored: a shared address still shows a list after its bot was deleted. */
static struct conversation_filter conversations_read_filter(struct page *pg)
{
    struct conversation_filter f = {.bot = ID_NONE, .before = ID_NONE, .limit = CONVERSATIONS_PAGE};
    if (!id_parse(ID_BOT, request_query(pg->rq, "bot"), &f.bot))
        f.bot = ID_NONE;
    if (!id_parse(ID_CONVERSATION, request_query(pg->rq, "before"), &f.before))
        f.before = ID_NONE;
    f.in_state = talk_state_parse(request_query(pg->rq, "state"), &f.state);
    return f;
}

/* The link to older conversations carries the last id that was shown, so a page costs the same however far back it
 * is. */
static enum status conversations_fill_list(struct page *pg, const struct conversation_filter *f)
{
    struct conversation_page list;
    enum status st = conversation_list(pg->db, pg->who.tenant, f, pg->rq->arena, &list, &pg->e);
    if (st != OK)
        return st;
    for (size_t i = 0; i < list.n; i++)
        conversations_fill(pg, "Conversations", i, &list.rows[i]);
    view_text(pg->v, "Filter.State", f->in_state ? talk_state_name(f->state) : NULL);
    if (!id_is_none(f->bot))
        view_id(pg->v, "Filter.Bot", TEXT_ID(ID_BOT, f->bot));
    view_bool(pg->v, "List.Any", list.n > 0);
    view_bool(pg->v, "List.Later", !id_is_none(f->before));
    view_bool(pg->v, "List.Filtered", f->in_state || !id_is_none(f->bot));
    if (list.more)
        view_id(pg->v, "List.Before", TEXT_ID(ID_CONVERSATION, list.rows[list.n - 1].id));
    return OK;
}

void conversations_index_get(struct request *rq)
{
    struct page pg;
    if (!page_begin(rq, &pg))
        return;
    struct conversation_filter f = conversations_read_filter(&pg);
    enum status st = conversations_fill_bots(&pg, f.bot);
    if (st == OK)
        st = conversations_fill_list(&pg, &f);
    view_text(pg.v, "Page.Nav", "conversations");
    page_end(&pg, st, "portal/conversations/index.cs", "Conversations.Index.Title");
}
