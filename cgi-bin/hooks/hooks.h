/* hooks.h: the handlers of hooks.fcgi. Its state (rq->app) is its pool of connections. */
#ifndef PARLEY_HOOKS_HOOKS_H
#define PARLEY_HOOKS_HOOKS_H

#include "web/request.h"

#define ROUTE ROUTE_HANDLER
#include "hooks/routes.def"
#undef ROUTE

#endif
