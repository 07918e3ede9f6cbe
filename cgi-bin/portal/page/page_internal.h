/* page_internal.h: what the files of page/ share and other folders do not use. */
#ifndef PARLEY_PORTAL_PAGE_PAGE_INTERNAL_H
#define PARLEY_PORTAL_PAGE_PAGE_INTERNAL_H

#include "portal/page/page.h"

/* Brand, theme, language, and the message about the last action. Uses no database. */
void frame_fill(struct page *pg);
/* Takes a connection and fills what a signed-in user sees: name, rights, workspaces, and the banner about payments and
 * limits. */
enum status frame_fill_user(struct page *pg);
/* As page_error, for callers that need the words. Borrowed from the view's texts or from e. */
const char *form_error_words(struct view *v, const struct err *e);

#endif
