/* logout.c: /logout: ends the session. The row is deleted before the cookie is removed: a copy of the cookie elsewhere
 * is worthless from then on. It is a POST with a token, so no other site can sign a user out. */
#include "portal/site/site.h"

#include "base/banned.h"

void site_logout_post(struct request *rq)
{
    struct page pg;
    if (!page_begin_public(rq, &pg))
        return;
    enum status st = db_get(pg.app->guard.pool, &pg.db, &pg.e);
    if (st == OK)
        st = account_session_end(pg.db, request_cookie(rq, SESSION_COOKIE), &pg.e);
    if (st != OK) {
        page_fail(&pg);
        return;
    }
    site_session_cookie(rq, NULL, 0);
    page_redirect(&pg, "/login?done=signed_out");
}
