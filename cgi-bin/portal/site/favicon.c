/* favicon.c: /favicon.ico, for browsers that show something other than our pages, which name their icon. */
#include "portal/site/site.h"

#include "base/banned.h"

/* Asked for by browsers that show something other than our pages, which name their icon. */
void site_favicon_ico_get(struct request *rq)
{
    reply_redirect(rq, "/img/parley.svg");
    reply_header(rq, "Cache-Control", STR("public, max-age=86400"));
}
