/* favicon.c: /favicon.ico. Pages name their icon themselves; browsers ask for this address when they show something
 * else. */
#include "portal/site/site.h"

#include "base/banned.h"

void site_favicon_ico_get(struct request *rq)
{
    reply_redirect(rq, "/img/parley.svg");
    reply_header(rq, "Cache-Control", STR("public, max-age=86400"));
}
