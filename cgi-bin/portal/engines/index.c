/* index.c: /app/engines: the engines of the workspace, and the types that can be added. */
#include "engine/type.h"
#include "portal/engines/engines.h"

#include "base/banned.h"

static void engines_fill_row(struct view *v, size_t i, const struct workspace_engine *g)
{
    const struct engine_type *t = engine_type_find(g->type);
    view_id(v, view_at(v, "Engines", i, "Id"), TEXT_ID(ID_ENGINE, g->id));
    view_str(v, view_at(v, "Engines", i, "Name"), g->name);
    view_text(v, view_at(v, "Engines", i, "Type"), t ? t->label : "");
    view_str(v, view_at(v, "Engines", i, "Model"), json_get_str(g->settings, "model"));
    view_str(v, view_at(v, "Engines", i, "Address"), json_get_str(g->settings, "base_url"));
    view_count(v, view_at(v, "Engines", i, "Bots"), "Engines.Index.BotsText", g->bots);
}

void engines_index_get(struct request *rq)
{
    struct page pg;
    struct workspace_engine *all;
    size_t n = 0, types;
    if (!page_begin(rq, &pg))
        return;
    const struct engine_type *t = engine_types(&types);
    enum status st = engines_list(pg.db, pg.who.tenant, rq->arena, &all, &n, &pg.e);
    for (size_t i = 0; st == OK && i < n; i++)
        engines_fill_row(pg.v, i, &all[i]);
    for (size_t i = 0; i < types; i++) {
        view_text(pg.v, view_at(pg.v, "Types", i, "Name"), t[i].name);
        view_text(pg.v, view_at(pg.v, "Types", i, "Label"), t[i].label);
    }
    view_bool(pg.v, "List.Any", n > 0);
    view_bool(pg.v, "List.Full", n >= ENGINES_MAX);
    view_text(pg.v, "Page.Nav", "engines");
    page_end(&pg, st, "portal/engines/index.cs", "Engines.Index.Title");
}
