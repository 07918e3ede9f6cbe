/* The site in front of the portal. */
#include "portal/page/page.h"

#include "base/banned.h"

void site_home(struct request *rq);
void site_icon(struct request *rq);

void site_home(struct request *rq)
{
    struct page pg;
    if (!page_begin_public(rq, &pg))
        return;
    page_send(&pg, "portal/site/home.cs", "Site.Title");
}

/* Asked for by browsers that show something other than our pages, which name their icon. */
void site_icon(struct request *rq)
{
    reply_redirect(rq, "/img/parley.svg");
    reply_header(rq, "Cache-Control", STR("public, max-age=86400"));
}
