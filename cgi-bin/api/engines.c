/* engines.c: /v1/engines: the engines of a workspace. A reply never carries a secret setting; "secrets" names those
 * that are set. */
#include "engine/workspace/engines.h"

#include "api/api.h"
#include "request_probe.h"

#include "base/banned.h"

static int api_engines_fill(struct json *o, const struct workspace_engine *g)
{
    struct json *settings;
    if (json_set_id(o, "id", ID_ENGINE, g->id) != 0 || json_set_str(o, "name", g->name) != 0 ||
        json_set_str(o, "type", g->type) != 0)
        return -1;
    if ((g->settings ? json_set_copy(o, "settings", g->settings) : json_set_object(o, "settings", &settings)) != 0)
        return -1;
    return json_set_copy(o, "secrets", g->set) != 0 || json_set_int(o, "bots", g->bots) != 0 ||
                   json_set_time(o, "created_at", g->created_ms) != 0 ||
                   json_set_time(o, "updated_at", g->updated_ms) != 0
               ? -1
               : 0;
}

static void api_engines_end(struct api_call *call, enum status st, int status, const struct workspace_engine *g)
{
    struct json *o = st == OK ? json_new_object(call->a) : NULL;
    if (st == OK && (!o || api_engines_fill(o, g) != 0))
        st = err_nomem(&call->e);
    api_end(call, st, status, o);
}

/* A workspace has few engines, so the list is not paged. */
void api_engines_get(struct request *rq)
{
    struct api_call call;
    struct workspace_engine *all;
    struct json *out = NULL, *data, *o;
    size_t n;
    if (!api_begin(rq, &call))
        return;
    enum status st = engines_list(call.c, call.who.tenant, call.a, &all, &n, &call.e);
    if (st == OK)
        out = api_list(call.a, false, &data);
    for (size_t i = 0; out && i < n; i++)
        if (json_push_object(data, &o) != 0 || api_engines_fill(o, &all[i]) != 0)
            out = NULL;
    if (st == OK && !out)
        st = err_nomem(&call.e);
    api_end(&call, st, 200, out);
}

void api_engines_post(struct request *rq)
{
    struct api_call call;
    struct workspace_engine g;
    struct json *in;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_body(
        &call, FIELDS({"type", JSON_STRING, true}, {"name", JSON_STRING, true}, {"settings", JSON_OBJECT, false}), &in);
    if (st == OK)
        st = engines_add(
            call.c, rq->config, &call.who,
            &(struct engine_wanted){json_get_str(in, "name"), json_get_str(in, "type"), json_get(in, "settings")},
            call.a, &g, &call.e);
    if (st == OK) {
        char id[ID_TEXT_MAX];
        char *where = arena_printf(call.a, "/v1/engines/%s", id_text(ID_ENGINE, g.id, id));
        if (where)
            reply_header(rq, "Location", str_from(where));
    }
    api_engines_end(&call, st, 201, &g);
}

void api_engines_engine_get(struct request *rq)
{
    struct api_call call;
    struct workspace_engine g;
    struct id id;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_id(&call, "engine", ID_ENGINE, &id);
    if (st == OK)
        st = engines_get(call.c, call.who.tenant, id, call.a, &g, &call.e);
    api_engines_end(&call, st, 200, &g);
}

void api_engines_engine_patch(struct request *rq)
{
    struct api_call call;
    struct workspace_engine g;
    struct id id;
    struct json *in;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_id(&call, "engine", ID_ENGINE, &id);
    if (st == OK)
        st = api_body(&call, FIELDS({"name", JSON_STRING, false}, {"settings", JSON_OBJECT, false}), &in);
    if (st == OK)
        st = engines_change(call.c, rq->config, &call.who, id,
                            &(struct engine_wanted){json_get_str(in, "name"), STR_EMPTY, json_get(in, "settings")},
                            call.a, &g, &call.e);
    api_engines_end(&call, st, 200, &g);
}

void api_engines_engine_delete(struct request *rq)
{
    struct api_call call;
    struct id id;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_id(&call, "engine", ID_ENGINE, &id);
    if (st == OK)
        st = engines_remove(call.c, &call.who, id, &call.e);
    api_end(&call, st, 204, NULL);
}

/* ---- the test of the connection ---- */

struct api_engines_probe {
    struct api_call call;
    struct request_probe probe;
};

/* A test that found something wrong was made as it should be, so its status is 200 like that of one that found
 * nothing. */
static struct json *api_engines_result(struct arena *a, const struct engine_probe_result *r)
{
    struct json *o = json_new_object(a), *problem;
    if (!o || json_set_bool(o, "ok", r->ok) != 0 || json_set_int(o, "ms", r->ms) != 0 ||
        json_set_strings(o, "models", r->models, r->model_count) != 0)
        return NULL;
    if (!r->ok && (json_set_object(o, "problem", &problem) != 0 || json_set_str(problem, "code", r->code) != 0 ||
                   json_set_str(problem, "message", r->message) != 0))
        return NULL;
    return o;
}

static void api_engines_probed(struct request_probe *p)
{
    struct api_call *call = p->ctx;
    struct json *o = p->st == OK ? api_engines_result(call->a, &p->result) : NULL;
    call->e = p->e;
    api_end(call, p->st == OK && !o ? err_nomem(&call->e) : p->st, 200, o);
}

void api_engines_probe_post(struct request *rq)
{
    struct api_engines_probe *x = ARENA_NEW(rq->arena, struct api_engines_probe);
    struct err e = ERR_INIT;
    struct id id;
    if (!x) {
        (void)err_nomem(&e);
        reply_problem(rq, &e);
        return;
    }
    if (!api_begin(rq, &x->call))
        return;
    struct guard *g = rq->app;
    x->probe = (struct request_probe){.rq = rq, .pool = g->pool, .ended = api_engines_probed, .ctx = &x->call};
    enum status st = api_id(&x->call, "engine", ID_ENGINE, &id);
    if (st == OK)
        st = request_probe_begin(&x->probe, x->call.c, id, &x->call.e);
    if (st != OK) {
        api_end(&x->call, st, 200, NULL);
        return;
    }
    db_put(x->call.c);
    x->call.c = NULL;
    request_probe_wait(&x->probe);
}
