/* index.c: /app: the bots of the workspace, and how much of the limit is used. POST /app/workspace switches to another
 * workspace. */
#include "base/clock.h"
#include "plan/usage.h"
#include "portal/workspace/workspace.h"

#include "base/banned.h"

/* With fewer bots in the plan than there are, the oldest stay active, or those that the owner chose; the others are
 * marked. */
static void workspace_fill_bots(struct page *pg, const struct bot *bots, size_t n, int64_t room)
{
    struct view *v = pg->v;
    int64_t inactive = 0;
    for (size_t i = 0; i < n; i++) {
        const struct bot *b = &bots[i];
        view_id(v, view_at(v, "Bots", i, "Id"), TEXT_ID(ID_BOT, b->id));
        view_str(v, view_at(v, "Bots", i, "Name"), b->name);
        view_str(v, view_at(v, "Bots", i, "Language"), b->language);
        view_int(v, view_at(v, "Bots", i, "Live"), b->live_version);
        view_bool(v, view_at(v, "Bots", i, "Differs"), b->draft_differs);
        view_bool(v, view_at(v, "Bots", i, "Inactive"), b->before >= room);
        inactive += b->before >= room;
        view_time(v, view_at(v, "Bots", i, "Updated"), b->updated_ms);
        view_text(v, view_at(v, "Bots", i, "ChatPath"),
                  arena_printf(pg->rq->arena, "/chat/%s", TEXT_ID(ID_BOT, b->id)));
    }
    if (inactive) {
        view_count(v, "Bots_inactive", "Workspace.Index.NoRoom", inactive);
        page_way_out(pg);
    }
}

/* "312 of 1,000 conversations this month": only where there is a limit. */
static enum status workspace_fill_usage(struct page *pg)
{
    struct usage u;
    enum status st = usage_now(pg->db, pg->who.tenant, clock_now_ms(), &u, &pg->e);
    if (st != OK || u.limit == USAGE_UNLIMITED)
        return st;
    view_number(pg->v, "Usage.Used", u.used);
    view_number(pg->v, "Usage.Limit", u.limit);
    return OK;
}

void workspace_index_get(struct request *rq)
{
    struct page pg;
    struct bot *bots = NULL;
    size_t n = 0;
    int64_t room = 0;
    if (!page_begin(rq, &pg))
        return;
    enum status st = bot_list(pg.db, pg.who.tenant, rq->arena, &bots, &n, &pg.e);
    if (st == OK)
        st = bot_room(pg.db, pg.who.tenant, &room, &pg.e);
    if (st == OK)
        st = workspace_fill_usage(&pg);
    if (st == OK)
        workspace_fill_bots(&pg, bots, n, room);
    view_count(pg.v, "Bots_count", "Workspace.Index.Count", (int64_t)n);
    view_text(pg.v, "Page.Nav", "bots");
    page_end(&pg, st, "portal/workspace/index.cs", "Workspace.Index.Title");
}

/* Whether the user is a member of the other workspace is checked where the session is switched. An id that is not
 * well-formed gets the same reply as one of a stranger's workspace. */
void workspace_index_post(struct request *rq)
{
    struct page pg;
    struct id tenant;
    if (!page_begin_public(rq, &pg))
        return;
    enum status st = id_parse(ID_TENANT, request_form(rq, "workspace"), &tenant)
                         ? db_get(pg.app->guard.pool, &pg.db, &pg.e)
                         : err_set(&pg.e, E_not_found, "There is no such workspace.");
    if (st == OK)
        st = account_session_switch(pg.db, request_cookie(rq, SESSION_COOKIE), tenant, &pg.e);
    page_end_redirect(&pg, st, "/app");
}
