/* probe.c: /app/engines/{engine}/probe: tests the connection of an engine with its saved settings. A browser with
 * JavaScript asks for JSON and shows the result beside the form, so that nothing that was typed is lost; without it the
 * result is a page of its own. The request is parked while the engine is asked. */
#include "portal/engines/engines.h"
#include "portal/page/words.h"
#include "request_probe.h"

#include "base/banned.h"

struct engines_probe {
    struct page pg;
    struct workspace_engine engine;
    struct request_probe probe;
};

/* What went well is a text of the page; what failed is in the words of the engine's class and its server. */
static struct str engines_probe_words(struct page *pg, const struct engine_probe_result *r)
{
    return r->ok ? view_fill(pg->v, "Engines.Probe.Works", {"ms", words_number(pg, r->ms)}) : r->message;
}

static void engines_probe_reply_json(struct page *pg, const struct engine_probe_result *r)
{
    struct json *o = json_new_object(pg->rq->arena);
    struct str words = engines_probe_words(pg, r);
    if (!o || json_set_bool(o, "ok", r->ok) != 0 || json_set_str(o, "message", words) != 0 ||
        json_set_strings(o, "models", r->models, r->model_count) != 0) {
        (void)err_nomem(&pg->e);
        page_fail(pg);
        return;
    }
    page_release(pg);
    reply_json(pg->rq, 200, o);
}

static void engines_probe_show(struct page *pg, const struct workspace_engine *g, const struct engine_probe_result *r)
{
    for (size_t i = 0; i < r->model_count; i++)
        view_str(pg->v, view_at(pg->v, "Models", i, "Name"), r->models[i]);
    view_bool(pg->v, "Probe.Ok", r->ok);
    view_str(pg->v, "Probe.Words", engines_probe_words(pg, r));
    view_id(pg->v, "Engine.Id", TEXT_ID(ID_ENGINE, g->id));
    view_str(pg->v, "Engine.Name", g->name);
    view_text(pg->v, "Page.Nav", "engines");
    page_send(pg, "portal/engines/probe.cs", "Engines.Probe.Title");
}

static void engines_probed(struct request_probe *p)
{
    struct engines_probe *x = p->ctx;
    x->pg.e = p->e;
    if (p->st != OK)
        page_fail(&x->pg);
    else if (request_wants_json(p->rq))
        engines_probe_reply_json(&x->pg, &p->result);
    else
        engines_probe_show(&x->pg, &x->engine, &p->result);
}

void engines_probe_post(struct request *rq)
{
    struct engines_probe *x = ARENA_NEW(rq->arena, struct engines_probe);
    struct err e = ERR_INIT;
    struct id id;
    if (!x) {
        (void)err_nomem(&e);
        reply_error(rq, &e);
        return;
    }
    if (!page_begin(rq, &x->pg) || !page_id(&x->pg, ID_ENGINE, "engine", &id))
        return;
    x->probe = (struct request_probe){.rq = rq, .pool = x->pg.app->guard.pool, .ended = engines_probed, .ctx = x};
    enum status st = engines_get(x->pg.db, x->pg.who.tenant, id, rq->arena, &x->engine, &x->pg.e);
    if (st == OK)
        st = request_probe_begin(&x->probe, x->pg.db, id, &x->pg.e);
    if (st != OK) {
        page_fail(&x->pg);
        return;
    }
    page_release(&x->pg);
    request_probe_wait(&x->probe);
}
