/* brand.c: /app/bots/{bot}/brand: the name and link at the foot of the chat, for plans with white label. The route's
 * row names the feature, so neither handler checks the plan. */
#include "portal/bots/bots.h"

#include "base/banned.h"

static void brand_show(struct page *pg, const struct bot_brand *b, int status)
{
    view_str(pg->v, "Brand.name", b->name);
    view_str(pg->v, "Brand.link", b->link);
    view_int(pg->v, "Brand.NameMax", BRAND_NAME_MAX);
    view_int(pg->v, "Brand.LinkMax", BRAND_LINK_MAX);
    page_send_status(pg, status, "portal/bots/brand.cs", NULL);
}

void bots_brand_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct bot_brand brand;
    if (!bots_begin(rq, &pg, "overview", &b))
        return;
    if (bot_brand(pg.db, pg.who.tenant, b.id, rq->arena, &brand, &pg.e) == OK)
        brand_show(&pg, &brand, 200);
    else
        page_fail(&pg);
}

/* What was typed is shown again when it is refused. */
void bots_brand_post(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (!bots_begin(rq, &pg, "overview", &b))
        return;
    struct bot_brand brand = {request_form(rq, "name"), request_form(rq, "link")};
    if (bot_brand_save(pg.db, &pg.who, b.id, &brand, &pg.e) == OK)
        page_redirect(&pg, "/app/bots/%s/brand?done=brand_saved", TEXT_ID(ID_BOT, b.id));
    else if (page_form_again(&pg))
        brand_show(&pg, &brand, 422);
}
