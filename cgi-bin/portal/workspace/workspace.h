/* workspace.h: handlers of /app and of the pages of a workspace. */
#ifndef PARLEY_PORTAL_WORKSPACE_WORKSPACE_H
#define PARLEY_PORTAL_WORKSPACE_WORKSPACE_H

#include "portal/page/page.h"

#define ROUTE ROUTE_HANDLER
#include "portal/workspace/routes.def"
#undef ROUTE

#endif
