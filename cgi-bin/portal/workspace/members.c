/* members.c: /app/members: who belongs to the workspace. The route needs the right to read members; what they may do is
 * shown as their role. */
#include "portal/workspace/workspace.h"

#include "base/banned.h"

/* Members are few, so the list is not paged. */
void workspace_members_get(struct request *rq)
{
    struct page pg;
    struct member *m = NULL;
    size_t n = 0;
    if (!page_begin(rq, &pg))
        return;
    enum status st = account_members_of_tenant(pg.db, rq->arena, pg.who.tenant, &m, &n, &pg.e);
    for (size_t i = 0; st == OK && i < n; i++) {
        const char *role = arena_printf(rq->arena, "Role.%s", account_role_name(m[i].role));
        view_str(pg.v, view_at(pg.v, "Members", i, "Name"), m[i].user.name);
        view_str(pg.v, view_at(pg.v, "Members", i, "Email"), m[i].user.email);
        view_text(pg.v, view_at(pg.v, "Members", i, "Role"), view_t(pg.v, role ? role : ""));
        view_bool(pg.v, view_at(pg.v, "Members", i, "You"), id_eq(m[i].user.id, pg.who.user));
        view_time(pg.v, view_at(pg.v, "Members", i, "Since"), m[i].user.created_ms);
    }
    view_text(pg.v, "Page.Nav", "members");
    page_end(&pg, st, "portal/workspace/members.cs", "Workspace.Members.Title");
}
