/* banner.h: the notice above every page of a workspace when a payment is missing or a limit is near. */
#ifndef PARLEY_PORTAL_PAGE_BANNER_H
#define PARLEY_PORTAL_PAGE_BANNER_H

#include "plan/entitlement.h"
#include "portal/page/page.h"

/* Banner.* for the workspace. `known` is the cached summary; the database is read only if the banner needs its
 * dates. */
enum status banner_fill(struct page *pg, const struct entitled *known);

#endif
