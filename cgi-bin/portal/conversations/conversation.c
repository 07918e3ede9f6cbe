/* conversation.c: /app/conversations/{conversation}: the transcript, in pages by message number. */
#include "talk/conversation.h"

#include "base/num.h"
#include "portal/conversations/conversations.h"
#include "portal/page/messages.h"

#include "base/banned.h"

#define TRANSCRIPT_PAGE 200 /* messages */

/* Pages go by message number and not by offset: messages that arrive while someone reads do not move the pages. */
static enum status conversation_fill_transcript(struct page *pg, struct id id, int64_t after)
{
    const struct message_range range = {.conversation = id, .after = after, .limit = TRANSCRIPT_PAGE};
    struct message_page page;
    enum status st = conversation_messages(pg->db, pg->who.tenant, &range, pg->rq->arena, &page, &pg->e);
    if (st != OK)
        return st;
    for (size_t i = 0; i < page.n; i++)
        page_fill_message(pg->v, pg->rq->arena, "Messages", i, &page.rows[i]);
    view_bool(pg->v, "List.Later", after > 0);
    if (page.more)
        view_int(pg->v, "List.After", page.rows[page.n - 1].seq);
    return OK;
}

/* A long conversation is shown in pages of TRANSCRIPT_PAGE messages, from the beginning. */
void conversations_conversation_get(struct request *rq)
{
    struct page pg;
    struct id id;
    struct conversation c;
    int64_t after = 0;
    if (!page_begin(rq, &pg) || !page_id(&pg, ID_CONVERSATION, "conversation", &id))
        return;
    if (!num_i64(request_query(rq, "after"), 0, INT64_MAX, &after))
        after = 0;
    enum status st = conversation_get(pg.db, pg.who.tenant, id, rq->arena, &c, &pg.e);
    if (st == OK)
        st = conversation_fill_transcript(&pg, id, after);
    if (st == OK)
        conversations_fill(&pg, "Conversation", 0, &c);
    view_text(pg.v, "Page.Nav", "conversations");
    page_end(&pg, st, "portal/conversations/conversation.cs", "Conversations.Conversation.Title");
}
