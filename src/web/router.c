/* router.c: from method and path to a row of the route table, through a tree of path segments.
 *
 * The tree is built once at the start and never changes, so threads share it without a lock. A segment of the path is
 * compared with the literal children of one node; the cost depends on the depth of the path, not on the number of
 * routes. */
#include "web/router.h"

#include <stdlib.h>

#include "base/banned.h"

struct router_node {
    struct str literal;                     /* "" for the {name} child */
    struct router_node *child, *next, *any; /* the first literal child, the next sibling, the {name} child */
    const struct route *by_method[METHOD_COUNT];
};

struct router {
    struct router_node root;
};

static void node_free(struct router_node *n)
{
    while (n) {
        struct router_node *next = n->next;
        node_free(n->child);
        node_free(n->any);
        free(n);
        n = next;
    }
}

void router_free(struct router *r)
{
    if (!r)
        return;
    node_free(r->root.child);
    node_free(r->root.any);
    free(r);
}

static bool is_param(struct str segment)
{
    return segment.n >= 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
}

/* The child for one segment of a pattern, made if it is not there; NULL without memory. */
static struct router_node *child_of(struct router_node *parent, struct str segment)
{
    struct router_node **slot = &parent->child;
    if (is_param(segment))
        slot = &parent->any;
    else
        while (*slot && !str_eq((*slot)->literal, segment))
            slot = &(*slot)->next;
    if (!*slot && (*slot = calloc(1, sizeof(**slot))))
        (*slot)->literal = is_param(segment) ? STR_EMPTY : segment;
    return *slot;
}

/* The end of the pattern gets the row. Two patterns that differ only in the names of their parameters meet at the same
 * node. */
static enum status router_insert(struct router *r, const struct route *route, struct err *e)
{
    struct str rest = str_from(route->path), segment;
    if (rest.n == 0 || rest.p[0] != '/')
        return err_set(e, E_route_invalid, "The path of a route must begin with '/': %s", route->path);
    rest = str_sub(rest, 1, rest.n);
    struct router_node *n = &r->root;
    size_t depth = 0;
    while (rest.n && str_split(&rest, '/', &segment)) {
        if (++depth > PATH_SEGMENTS_MAX)
            return err_set(e, E_route_invalid, "The path of a route has too many segments: %s", route->path);
        n = child_of(n, segment);
        if (!n)
            return err_nomem(e);
    }
    if (n->by_method[route->method])
        return err_set(e, E_route_invalid, "There are two routes for %s %s.", method_name(route->method), route->path);
    n->by_method[route->method] = route;
    return OK;
}

/* Two rows for the same address are an error at the start: which of them would win must not depend on their order. */
enum status router_compile(const struct route *routes, size_t n, struct router **out, struct err *e)
{
    struct router *r = calloc(1, sizeof(*r));
    if (!r)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        enum status st = router_insert(r, &routes[i], e);
        if (st != OK) {
            router_free(r);
            return st;
        }
    }
    *out = r;
    return OK;
}

/* A {name} never takes an empty segment, nor one that means another folder: handlers may use it as the name of a
 * thing. */
static bool fit_for_param(struct str s)
{
    return s.n && !str_eq(s, STR(".")) && !str_eq(s, STR(".."));
}

static bool has_rows(const struct router_node *n)
{
    for (int m = 0; m < METHOD_COUNT; m++)
        if (n->by_method[m])
            return true;
    return false;
}

/* Depth first, a literal child before the {name} child: "/item/new" wins over "/item/{id}", but "/item/new/part/1"
 * still finds "/item/{id}/part/{part}" when only that leads to a row. */
static const struct router_node *router_walk(const struct router_node *n, const struct path *path, size_t at)
{
    if (at == path->n)
        return has_rows(n) ? n : NULL;
    struct str s = path->segment[at];
    for (const struct router_node *c = n->child; c; c = c->next) {
        if (!str_eq(c->literal, s))
            continue;
        const struct router_node *found = router_walk(c, path, at + 1);
        if (found)
            return found;
        break;
    }
    return n->any && fit_for_param(s) ? router_walk(n->any, path, at + 1) : NULL;
}

const struct route *router_find(const struct router *r, enum method m, const struct path *path, unsigned *allow)
{
    *allow = 0;
    const struct router_node *n = router_walk(&r->root, path, 0);
    if (!n)
        return NULL;
    for (int i = 0; i < METHOD_COUNT; i++)
        if (n->by_method[i])
            *allow |= 1u << i;
    return m < METHOD_COUNT ? n->by_method[m] : NULL;
}

ptrdiff_t route_param_index(const struct route *route, const char *name)
{
    struct str rest = str_from(route->path + 1), segment;
    for (ptrdiff_t i = 0; str_split(&rest, '/', &segment); i++)
        if (is_param(segment) && str_eqz(str_sub(segment, 1, segment.n - 2), name))
            return i;
    return -1;
}
