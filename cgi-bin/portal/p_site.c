/* The site in front of the portal. */
#include "portal/portal.h"

#include "base/banned.h"

void site_home(struct request *rq);

void site_home(struct request *rq)
{
    struct page pg;
    if (!page_begin_public(rq, &pg))
        return;
    page_send(&pg, "site/home.cs", "Site.Title");
}
