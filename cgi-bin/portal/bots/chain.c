/* chain.c: the part of a form in which engines are put in an order. */
#include <stdio.h>

#include "portal/bots/bots.h"

#include "base/banned.h"

/* As many selects as there are engines, so that a workspace with two does not see five. */
void bots_chain_show(struct page *pg, const struct id *chain, size_t n, const struct workspace_engine *all,
                     size_t all_n)
{
    for (size_t place = 0; place < ENGINE_LINKS_MAX && place < all_n; place++) {
        const char *slot = arena_strdup(pg->rq->arena, str_from(view_at(pg->v, "Places", place, "Engines")));
        view_int(pg->v, view_at(pg->v, "Places", place, "Number"), (int64_t)place + 1);
        for (size_t i = 0; slot && i < all_n; i++) {
            bool here = place < n && id_eq(chain[place], all[i].id);
            view_id(pg->v, view_at(pg->v, slot, i, "Id"), TEXT_ID(ID_ENGINE, all[i].id));
            view_str(pg->v, view_at(pg->v, slot, i, "Name"), all[i].name);
            view_bool(pg->v, view_at(pg->v, slot, i, "Selected"), here);
        }
    }
}

enum status bots_chain_read(struct page *pg, struct id chain[ENGINE_LINKS_MAX], size_t *n)
{
    *n = 0;
    for (int place = 1; place <= ENGINE_LINKS_MAX; place++) {
        char field[20];
        snprintf(field, sizeof(field), "engine_%d", place);
        struct str text = request_form(pg->rq, field);
        if (text.n && !id_parse(ID_ENGINE, text, &chain[(*n)++]))
            return err_raise_at(&pg->e, E_engine_unknown, "chain");
    }
    return OK;
}
