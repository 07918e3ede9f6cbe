/* delete.c: /app/bots/{bot}/delete: the form is on the overview. */
#include "portal/bots/bots.h"

#include "base/banned.h"

/* The user types the name of the bot, so that a wrong click cannot delete it. */
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
    enum status st = bot_delete(pg.db, &pg.who, b.id, &pg.e);
    page_end_redirect(&pg, st, "/app?done=bot_deleted");
}
