/* engines.h: handlers of the engines of a workspace. */
#ifndef PARLEY_PORTAL_ENGINES_ENGINES_H
#define PARLEY_PORTAL_ENGINES_ENGINES_H

#include "engine/workspace/engines.h"
#include "portal/page/page.h"

#define ROUTE ROUTE_HANDLER
#include "portal/engines/routes.def"
#undef ROUTE

#endif
