/* versions.c: /app/bots/{bot}/versions: the published versions, and the flow of one of them. Versions are few for one
 * bot, so the list is not paged; the store stops at a thousand. */
#include "base/num.h"
#include "portal/bots/bots.h"
#include "portal/bots/flow_view.h"

#include "base/banned.h"

void bots_versions_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct bot_version *list = NULL;
    size_t n = 0;
    if (!bots_begin(rq, &pg, "versions", &b))
        return;
    enum status st = bot_versions(pg.db, pg.who.tenant, b.id, rq->arena, &list, &n, &pg.e);
    for (size_t i = 0; st == OK && i < n; i++) {
        struct view *v = pg.v;
        view_int(v, view_at(v, "Versions", i, "N"), list[i].version);
        view_bool(v, view_at(v, "Versions", i, "Live"), list[i].live);
        view_str(v, view_at(v, "Versions", i, "By"), list[i].created_by);
        view_str(v, view_at(v, "Versions", i, "Note"), list[i].note);
        view_time(v, view_at(v, "Versions", i, "Created"), list[i].created_ms);
    }
    view_bool(pg.v, "Versions_any", n > 0);
    view_bool(pg.v, "Versions_many", n > 1);
    page_end(&pg, st, "portal/bots/versions.cs", NULL);
}

bool bots_version_number(struct page *pg, struct str text, int64_t *out)
{
    if (str_eq(text, STR("draft")))
        *out = 0;
    else if (!num_i64(text, 1, INT32_MAX, out)) {
        (void)err_set(&pg->e, E_not_found, "There is no such version.");
        page_fail(pg);
        return false;
    }
    return true;
}

/* Published versions never change, so a link to one always shows the same flow. */
enum status bots_version_flow(struct page *pg, const struct bot *b, int64_t version, struct json **out)
{
    int revision = 0;
    if (version == 0)
        return bot_draft(pg->db, pg->who.tenant, b->id, pg->rq->arena, out, &revision, &pg->e);
    return bot_version_flow(pg->db, pg->who.tenant, b->id, (int)version, pg->rq->arena, out, &pg->e);
}

void bots_versions_version_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct json *doc = NULL;
    int64_t version = 0;
    if (!bots_begin(rq, &pg, "versions", &b) || !bots_version_number(&pg, request_segment(rq, "version"), &version))
        return;
    enum status st = bots_version_flow(&pg, &b, version, &doc);
    if (st == OK)
        st = flow_view_fill(pg.v, rq->arena, doc, str_from(view_language(pg.v)), &pg.e);
    view_int(pg.v, "Version.N", version);
    view_bool(pg.v, "Version.Live", version == b.live_version);
    page_end(&pg, st, "portal/bots/versions_version.cs", NULL);
}
