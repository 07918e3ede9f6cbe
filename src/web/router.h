/* router.h: from method and path to a row of the route table: a tree of path segments, built once, then read by all
 * threads. */
#ifndef PARLEY_WEB_ROUTER_H
#define PARLEY_WEB_ROUTER_H

#include "base/err.h"
#include "web/params.h"
#include "web/route.h"

struct router;
/* Build the tree; router_free() releases it. The rows must outlive it. ERR_INTERNAL, code route_invalid: two rows of
 * the same method and shape, a path that does not begin with '/', or one with too many segments. */
enum status router_compile(const struct route *routes, size_t n, struct router **out, struct err *e);
void router_free(struct router *r);

/* The row, or NULL. *allow gets one bit (1 << method) for each method that the path has; 0 means that there is no such
 * path. A literal segment wins over a {name}; a {name} never takes an empty segment, "." or "..". Thread safe. */
const struct route *router_find(const struct router *r, enum method m, const struct path *path, unsigned *allow);

/* The index of the segment {name} in the pattern of the route, or -1. */
ptrdiff_t route_param_index(const struct route *route, const char *name);
/* False for a method that no route can have (TRACE); HEAD is GET with *head. */
bool method_parse(struct str text, enum method *m, bool *head);

#endif
