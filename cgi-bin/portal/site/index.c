/* index.c: /: the front page of the site. */
#include "portal/site/site.h"

#include "base/banned.h"

void site_index_get(struct request *rq)
{
    struct page pg;
    if (!page_begin_public(rq, &pg))
        return;
    page_send(&pg, "portal/site/index.cs", "Site.Index.Title");
}
