/* router.h: from method and path to a row of the route table: a tree of path segments, made once. */
#ifndef PARLEY_WEB_ROUTER_H
#define PARLEY_WEB_ROUTER_H

#include "base/err.h"
#include "web/params.h"
#include "web/route.h"

struct router;
/* Two rows of the same method and shape, or a path that does not start with '/', are ERR_INTERNAL with the row's text. */
enum status router_compile(const struct route *routes, size_t n, struct router **out, struct err *e);
void router_free(struct router *r);

/* The row, or NULL. *allow gets one bit (1 << method) for each method the path has: 0 means that nothing is there. A literal
 * segment wins over a {name}; a {name} never takes an empty, "." or ".." segment. Thread safe. */
const struct route *router_find(const struct router *r, enum method m, const struct path *path, unsigned *allow);

/* Where {name} stands in the pattern: the index of its segment, or -1. */
ptrdiff_t route_param_index(const struct route *route, const char *name);
/* False for a method that no route can have (TRACE); HEAD is GET with *head. */
bool method_parse(struct str text, enum method *m, bool *head);

#endif
