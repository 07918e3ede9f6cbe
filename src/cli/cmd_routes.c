/* cmd_routes.c: routes: the addresses that the programs serve, with the source file of each handler.
 *
 * The rows come from the same routes.def files that the programs are built with. The source file is not stored: it
 * follows from the name of the handler (FOLDER_FILE_...), and tools/lint-routes checks that. */
#include "cli/cli.h"
#include "plan/plan.h"
#include "web/route.h"

#include "base/banned.h"

struct routes_row {
    const char *program, *method, *path, *handler, *who;
    enum csrf csrf;
    enum body_class body;
    enum rate_class rate;
    int feature;
};

#define ROUTE(m, p, h, w, c, b, r, f) {PROGRAM, #m, p, #h, #w, c, b, r, f},
static const struct routes_row rows[] = {
#define PROGRAM "portal"
#include "portal/routes.def"
#undef PROGRAM
#define PROGRAM "api"
#include "api/routes.def"
#undef PROGRAM
#define PROGRAM "chat"
#include "chat/routes.def"
#undef PROGRAM
#define PROGRAM "hooks"
#include "hooks/routes.def"
#undef PROGRAM
};
#undef ROUTE

/* "bots_flow_post" of the portal is in cgi-bin/portal/bots/flow.c; the other programs have one folder, named as they
 * are. */
static struct str routes_source(struct arena *a, const struct routes_row *r)
{
    struct str folder, file, rest = str_from(r->handler);
    bool one_folder = str_starts(rest, str_from(r->program));
    folder = str_sub(rest, 0, (size_t)str_find(rest, '_'));
    rest = str_sub(rest, folder.n + 1, rest.n);
    file = str_sub(rest, 0, (size_t)str_find(rest, '_'));
    return str_from(one_folder ? arena_printf(a, "cgi-bin/%s/%.*s.c", r->program, STR_F(file))
                               : arena_printf(a, "cgi-bin/%s/%.*s/%.*s.c", r->program, STR_F(folder), STR_F(file)));
}

/* Takes the segment in front, without its slash, off the path. */
static struct str routes_segment(struct str *path)
{
    struct str rest = str_sub(*path, 1, path->n);
    ptrdiff_t slash = str_find(rest, '/');
    struct str segment = slash < 0 ? rest : str_sub(rest, 0, (size_t)slash);
    *path = slash < 0 ? STR_EMPTY : str_sub(rest, (size_t)slash, rest.n);
    return segment;
}

/* Does the row serve this address? A parameter of the row takes any one segment, so that both a real address and one
 * with parameters match. */
static bool routes_match(const struct routes_row *r, struct str asked)
{
    struct str path = str_from(r->path);
    while (path.n && asked.n) {
        struct str want = routes_segment(&path), have = routes_segment(&asked);
        if (!str_starts(want, STR("{")) && !str_eq(want, have))
            return false;
    }
    return !path.n && !asked.n;
}

static const char *routes_feature(int feature)
{
    return feature == FEATURE_NONE ? "none" : entitlement_name(feature_entitlement(feature));
}

/* Every column of the table is printed. A route is correct only if all its columns are, and this is how they are
 * reviewed. */
static int routes_put(struct json *list, struct arena *a, const struct routes_row *r)
{
    struct json *o;
    return json_push_object(list, &o) || json_set_str(o, "program", str_from(r->program)) ||
           json_set_str(o, "method", str_from(r->method)) || json_set_str(o, "path", str_from(r->path)) ||
           json_set_str(o, "who", str_from(r->who)) || json_set_str(o, "csrf", str_from(csrf_name(r->csrf))) ||
           json_set_int(o, "body", (int64_t)body_class_cap(r->body)) ||
           json_set_str(o, "rate", str_from(rate_class_name(r->rate))) ||
           json_set_str(o, "feature", str_from(routes_feature(r->feature))) ||
           json_set_str(o, "handler", str_from(r->handler)) || json_set_str(o, "source", routes_source(a, r));
}

/* Lists what is compiled into this command, which is built with the programs, so it needs neither a configuration nor a
 * database. The order is that of the tables: a reader finds an address beside its neighbours. */
enum status cmd_routes(struct cli *cl, struct err *e)
{
    enum status st = cli_options(cl, NULL, 0, 0, 1, e);
    struct json *list = json_new_array(&cl->arena);
    bool found = false;
    if (st != OK)
        return st;
    if (!list)
        return err_nomem(e);
    struct str asked = cl->argc ? str_from(cl->argv[0]) : STR_EMPTY;
    if (asked.n && !str_starts(asked, STR("/")))
        return err_set(e, E_invalid, "A path must begin with \"/\", for example: parley routes /app/billing");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (asked.n && !routes_match(&rows[i], asked))
            continue;
        found = true;
        if (routes_put(list, &cl->arena, &rows[i]) != 0)
            return err_nomem(e);
    }
    if (!found)
        return err_set(e, E_not_found, "No program serves %.*s.", STR_F(asked));
    cli_out(cl, list);
    return OK;
}
