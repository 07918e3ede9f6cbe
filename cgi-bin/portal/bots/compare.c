/* compare.c: /app/bots/{bot}/compare?from=&to=: the differences between two versions, or a version and the draft. */
#include "portal/bots/bots.h"
#include "portal/bots/flow_view.h"

#include "base/banned.h"

static void compare_fill_name(struct page *pg, const char *key, int64_t version)
{
    const char *n = arena_printf(pg->rq->arena, "%d", (int)version);
    view_str(pg->v, key,
             version ? view_fill(pg->v, "Bots.Versions.Name", {"n", str_from(n)})
                     : str_from(view_t(pg->v, "Bots.Versions.Draft")));
}

/* Either side may be the draft, which is version 0. Both are read as JSON and not as flows, so a draft that no longer
 * parses can still be compared. */
void bots_compare_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct json *before = NULL, *after = NULL;
    int64_t from = 0, to = 0;
    if (!bots_begin(rq, &pg, "versions", &b) || !bots_version_number(&pg, request_query(rq, "from"), &from) ||
        !bots_version_number(&pg, request_query(rq, "to"), &to))
        return;
    enum status st = bots_version_flow(&pg, &b, from, &before);
    if (st == OK)
        st = bots_version_flow(&pg, &b, to, &after);
    if (st == OK)
        st = flow_view_changes(pg.v, rq->arena, before, after, &pg.e);
    compare_fill_name(&pg, "Compare.From", from);
    compare_fill_name(&pg, "Compare.To", to);
    page_end(&pg, st, "portal/bots/compare.cs", NULL);
}
