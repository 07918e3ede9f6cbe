/* routes: what every door serves, from the very files that the doors are built with. */
#include "cli/cli.h"
#include "web/route.h"

#include "base/banned.h"

struct row {
    const char *door, *method, *path, *handler, *who;
    enum csrf csrf;
    enum body_class body;
    enum rate_class rate;
    enum feature feature;
};

#define ROUTE(m, p, h, w, c, b, r, f) {DOOR, #m, p, #h, #w, c, b, r, f},
static const struct row rows[] = {
#define DOOR "portal"
#include "portal/routes.def"
#undef DOOR
#define DOOR "api"
#include "api/routes.def"
#undef DOOR
#define DOOR "chat"
#include "chat/routes.def"
#undef DOOR
#define DOOR "hooks"
#include "hooks/routes.def"
#undef DOOR
};
#undef ROUTE

static int put_row(struct json *list, const struct row *r)
{
    struct json *o;
    return json_push_object(list, &o) || json_set_str(o, "door", str_from(r->door)) ||
           json_set_str(o, "method", str_from(r->method)) || json_set_str(o, "path", str_from(r->path)) ||
           json_set_str(o, "who", str_from(r->who)) || json_set_str(o, "csrf", str_from(csrf_name(r->csrf))) ||
           json_set_int(o, "body", (int64_t)body_class_cap(r->body)) ||
           json_set_str(o, "rate", str_from(rate_class_name(r->rate))) ||
           json_set_str(o, "feature", str_from(feature_name(r->feature))) ||
           json_set_str(o, "handler", str_from(r->handler));
}

enum status cmd_routes(struct cli *cl, struct err *e)
{
    enum status st = cli_options(cl, NULL, 0, 0, 0, e);
    struct json *list = json_new_array(&cl->arena);
    if (st != OK)
        return st;
    if (!list)
        return err_nomem(e);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (put_row(list, &rows[i]) != 0)
            return err_nomem(e);
    cli_out(cl, list);
    return OK;
}
