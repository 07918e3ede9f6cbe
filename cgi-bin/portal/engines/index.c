/* index.c: /app/engines: the engines of the workspace, and the types that can be added. */
#include "base/clock.h"
#include "engine/type.h"
#include "portal/engines/engines.h"
#include "portal/page/engine_caps.h"
#include "portal/page/engine_usage.h"

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

/* A bot with a limit that was reached in this period, unless the limit was raised since. */
static enum status engines_show_bot_caps(struct page *pg, const struct engine_cap_bot *b, size_t *shown)
{
    struct bot_engines engines;
    size_t n = 0;
    enum status st = engines_of_bot(pg->db, pg->who.tenant, b->bot, pg->rq->arena, &engines, &pg->e);
    const char *list = arena_strdup(pg->rq->arena, str_from(view_at(pg->v, "Reached", *shown, "Texts")));
    if (st == OK && list)
        st = page_engine_caps(pg, b->bot, engines.limits, list, true, &n);
    if (st != OK || n == 0)
        return st;
    view_id(pg->v, view_at(pg->v, "Reached", *shown, "Id"), TEXT_ID(ID_BOT, b->bot));
    view_str(pg->v, view_at(pg->v, "Reached", (*shown)++, "Name"), b->name);
    return OK;
}

static enum status engines_show_caps(struct page *pg)
{
    struct engine_cap_bot *bots;
    size_t n = 0, shown = 0;
    enum status st = engine_caps_bots(pg->db, pg->who.tenant, clock_now_ms(), pg->rq->arena, &bots, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++)
        st = engines_show_bot_caps(pg, &bots[i], &shown);
    return st;
}

/* What each engine of the list was used for in this month, and all of them together. */
static enum status engines_show_usage(struct page *pg, const struct workspace_engine *all, size_t n)
{
    struct engine_tally_month m;
    enum status st = page_engine_usage(pg, &m);
    for (size_t i = 0; st == OK && i < n; i++)
        for (size_t k = 0; k < m.engine_count; k++) {
            const struct engine_tally *t = &m.engines[k].month;
            if (!id_eq(all[i].id, m.engines[k].engine))
                continue;
            view_count(pg->v, view_at(pg->v, "Engines", i, "Calls"), "EngineUsage.CallsText", t->calls);
            view_count(pg->v, view_at(pg->v, "Engines", i, "Tokens"), "EngineUsage.TokensText",
                       t->tokens_in + t->tokens_out);
        }
    if (st == OK)
        view_bool(pg->v, "List.Used", m.month.calls > 0);
    return st;
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
    if (st == OK)
        st = engines_show_caps(&pg);
    if (st == OK)
        st = engines_show_usage(&pg, all, n);
    for (size_t i = 0; i < types; i++) {
        view_text(pg.v, view_at(pg.v, "Types", i, "Name"), t[i].name);
        view_text(pg.v, view_at(pg.v, "Types", i, "Label"), t[i].label);
    }
    view_bool(pg.v, "List.Any", n > 0);
    view_bool(pg.v, "List.Full", n >= ENGINES_MAX);
    view_text(pg.v, "Page.Nav", "engines");
    page_end(&pg, st, "portal/engines/index.cs", "Engines.Index.Title");
}
