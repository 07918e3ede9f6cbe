/* close.c: /app/conversations/{conversation}/close: ends a conversation. The visitor's next message starts the flow
 * again, in the same conversation. Closing a closed one changes nothing, so a double click does no harm. */
#include "portal/conversations/conversations.h"
#include "talk/conversation.h"

#include "base/banned.h"

void conversations_close_post(struct request *rq)
{
    struct page pg;
    struct id id;
    if (!page_begin(rq, &pg) || !page_id(&pg, ID_CONVERSATION, "conversation", &id))
        return;
    enum status st = conversation_close(pg.db, pg.who.tenant, id, &pg.e);
    page_end_redirect(&pg, st, "/app/conversations/%s?done=conversation_closed", TEXT_ID(ID_CONVERSATION, id));
}
