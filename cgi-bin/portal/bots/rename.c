/* rename.c: /app/bots/{bot}/rename: the form is on the overview, which is shown again with what was typed when the name
 * is refused. */
#include "portal/bots/bots.h"

#include "base/banned.h"

void bots_rename_post(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (!bots_begin(rq, &pg, "overview", &b))
        return;
    if (bot_rename(pg.db, &pg.who, b.id, request_form(rq, "name"), &pg.e) == OK) {
        page_redirect(&pg, "/app/bots/%s?done=saved", TEXT_ID(ID_BOT, b.id));
        return;
    }
    if (!page_form_again(&pg))
        return;
    view_str(pg.v, "Form.name", request_form(rq, "name"));
    bots_bot_show(&pg, &b, 422);
}
