/* site.h: the public pages: handlers, and what signing up and signing in share. */
#ifndef PARLEY_PORTAL_SITE_SITE_H
#define PARLEY_PORTAL_SITE_SITE_H

#include "portal/page/page.h"

#define ROUTE ROUTE_HANDLER
#include "portal/site/routes.def"
#undef ROUTE

/* Shows the form again with what was typed (never the password), or the error page if that would not help. */
void site_form_again(struct page *pg, const char *template_name, const char *title_key);
/* Opens a session and sets its cookie. The token is always new: the cookie that the browser sent is worth nothing
 * afterwards. */
enum status site_session_begin(struct page *pg, struct id user, struct id tenant);
/* Sets the cookie of the session, or removes it (token NULL). */
void site_session_cookie(struct request *rq, const char *token, int64_t lifetime_ms);

#endif
