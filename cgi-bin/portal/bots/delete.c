/* delete.c: /app/bots/{bot}/delete. */
#include "portal/bots/bots.h"

#include "base/banned.h"

/* Deleting asks for the bot's name: a slip of the finger cannot end a bot. */
void bots_delete_post(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (!bots_begin(rq, &pg, "overview", &b))
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
