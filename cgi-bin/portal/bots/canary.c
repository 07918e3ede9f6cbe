/* canary.c: /app/bots/{bot}/canary: begin or end a comparison with another version or other engines. What came of it is
 * shown on the Engines tab. */
#include "engine/workspace/canary.h"

#include "base/num.h"
#include "portal/bots/bots.h"

#include "base/banned.h"

#define CANARY_FIRST_PERCENT 10 /* what the form offers */

/* The live version is what the others run on, so it is no choice. */
static enum status canary_show_versions(struct page *pg, const struct bot *b, int chosen)
{
    struct bot_version *all;
    size_t n = 0, shown = 0;
    enum status st = bot_versions(pg->db, pg->who.tenant, b->id, pg->rq->arena, &all, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        if (all[i].live)
            continue;
        view_int(pg->v, view_at(pg->v, "Versions", shown, "N"), all[i].version);
        view_str(pg->v, view_at(pg->v, "Versions", shown, "Note"), all[i].note);
        view_bool(pg->v, view_at(pg->v, "Versions", shown, "Selected"), all[i].version == chosen);
        shown++;
    }
    return st;
}

/* `typed` is what was refused; NULL: nothing was typed yet. */
static void canary_show(struct page *pg, const struct bot *b, const struct engine_canary *typed, int status)
{
    struct engine_canary now;
    struct workspace_engine *all;
    size_t n = 0;
    enum status st = engine_canary_get(pg->db, pg->who.tenant, b->id, pg->rq->arena, &now, &pg->e);
    if (st == OK)
        st = engines_list(pg->db, pg->who.tenant, pg->rq->arena, &all, &n, &pg->e);
    if (st == OK)
        st = canary_show_versions(pg, b, typed ? typed->version : 0);
    if (st == OK) {
        view_bool(pg->v, "Canary.Running", now.run && now.percent);
        view_bool(pg->v, "Canary.Any", now.run != 0);
        view_int(pg->v, "Canary.Most", CANARY_PERCENT_MAX);
        view_int(pg->v, "Canary.First", CANARY_FIRST_PERCENT);
        if (typed)
            view_str(pg->v, "Canary.Typed", request_form(pg->rq, "percent"));
        bots_chain_show(pg, typed ? typed->chain : NULL, typed ? typed->n : 0, all, n);
    }
    page_end_status(pg, st, status, "portal/bots/canary.cs", NULL);
}

void bots_canary_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    if (bots_begin(rq, &pg, "engines", &b))
        canary_show(&pg, &b, NULL, 200);
}

/* A share of 0 would end the comparison that runs: from this form it is a mistake. */
void bots_canary_post(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct engine_canary k = {.percent = -1};
    int64_t percent, version;
    if (!bots_begin(rq, &pg, "engines", &b))
        return;
    if (num_i64(str_trim(request_form(rq, "percent")), 1, 100, &percent))
        k.percent = (int)percent;
    if (num_i64(request_form(rq, "version"), 0, INT32_MAX, &version))
        k.version = (int)version;
    enum status st = bots_chain_read(&pg, k.chain, &k.n);
    struct engine_canary wanted = k;
    if (st == OK)
        st = engine_canary_save(pg.db, &pg.who, b.id, &wanted, rq->arena, &k, &pg.e);
    if (st == OK)
        page_redirect(&pg, "/app/bots/%s/engines?done=canary_begun", TEXT_ID(ID_BOT, b.id));
    else if (page_form_again(&pg))
        canary_show(&pg, &b, &wanted, 422);
}

void bots_canary_end_post(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct engine_canary k;
    if (!bots_begin(rq, &pg, "engines", &b))
        return;
    enum status st = engine_canary_save(pg.db, &pg.who, b.id, &(struct engine_canary){.percent = 0}, rq->arena, &k,
                                        &pg.e);
    page_end_redirect(&pg, st, "/app/bots/%s/engines?done=canary_ended", TEXT_ID(ID_BOT, b.id));
}
