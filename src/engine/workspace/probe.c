/* probe.c: tests the connection to an engine of a workspace.
 *
 * The chain does the asking, with one link and no second try, because a person waits for the result. The provider's
 * list of models is untrusted: each name is read into memory of its own first, and only those that fit the form are
 * kept. Since anybody who may edit an engine chooses the address that is called, a workspace has a rate of its own. */
#include "engine/workspace/probe.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "base/utf8.h"
#include "engine/workspace/account.h"

#include "base/banned.h"

#define PROBE_BUDGET_MS 30000
#define PROBE_MODEL_MAX 200 /* bytes of a model's name, as in the table of calls */
#define PROBE_CODE_MAX 32
#define PROBE_EVENT_ARENA (16 * MB)

struct engine_probe {
    struct id tenant, engine;
    int64_t updated_ms; /* of the engine, when its settings were read */
    struct str model;   /* that its settings name */
    struct arena *a;
    struct engine_chain *chain;
    struct engine_outcome outcome;
    struct str models[ENGINE_PROBE_MODELS_MAX];
    size_t n;
    char code[PROBE_CODE_MAX];
    bool no_memory;
};

static void probe_release(void *ctx)
{
    struct engine_probe *p = ctx;
    engine_chain_free(p->chain);
}

/* ---- the beginning ---- */

/* The rate is taken last, so that a wrong id costs none of it. */
static enum status probe_take_rate(struct id tenant, struct err *e)
{
    int wait_s = 0;
    if (shared_take("engine_probe", str_n((const char *)tenant.b, sizeof(tenant.b)), ENGINE_PROBE_PER_MINUTE,
                    ENGINE_PROBE_PER_MINUTE, &wait_s))
        return OK;
    (void)err_set(e, E_rate_limited, "This workspace has tested its engines too often. Wait %d s.", wait_s);
    e->retry_after_s = wait_s;
    return ERR_RATE;
}

static enum status probe_start(struct engine_probe *p, const struct config *cf, const struct workspace_engine *g,
                               const struct json *settings, const struct waker *waker, struct err *e)
{
    const struct engine_link link = {
        .engine = g->id, .type = engine_type_find(g->type), .settings = settings, .budget_ms = PROBE_BUDGET_MS};
    const struct engine_chain_request rq = {
        .asking = ENGINE_ASK_PROBE, .tenant = p->tenant, .links = &link, .link_count = 1};
    if (!link.type)
        return err_raise(e, E_engine_type_unknown);
    enum status st = probe_take_rate(p->tenant, e);
    return st == OK ? engine_chain_start(cf, &rq, waker, &p->chain, e) : st;
}

enum status engine_probe_begin(struct db *c, const struct config *cf, struct id tenant, struct id engine,
                               struct arena *a, const struct waker *waker, struct engine_probe **out, struct err *e)
{
    struct workspace_engine g;
    struct json *settings = NULL;
    struct engine_probe *p = ARENA_NEW(a, struct engine_probe);
    if (!p || arena_defer(a, probe_release, p) != 0)
        return err_nomem(e);
    enum status st = engines_open(c, cf, tenant, engine, a, &g, &settings, e);
    if (st != OK)
        return st;
    p->tenant = tenant;
    p->engine = engine;
    p->updated_ms = g.updated_ms;
    p->model = json_get_str(g.settings, "model");
    p->a = a;
    *out = p;
    return probe_start(p, cf, &g, settings, waker, e);
}

/* ---- the list of models ---- */

static void probe_take_model(struct engine_probe *p, struct str name)
{
    bool ok = true;
    if (p->n == ENGINE_PROBE_MODELS_MAX || !name.n || name.n > PROBE_MODEL_MAX || !utf8_text(name) ||
        str_has(name, STR("\n")))
        return;
    p->models[p->n] = arena_str(p->a, name, &ok);
    if (ok)
        p->n++;
    else
        p->no_memory = true;
}

bool engine_probe_step(struct engine_probe *p)
{
    struct engine_event ev;
    struct err e = ERR_INIT;
    struct arena one;
    arena_init(&one, PROBE_EVENT_ARENA);
    while (e.status == OK && engine_chain_next(p->chain, &one, &ev, &e)) {
        if (ev.kind == ENGINE_EVENT_MODEL)
            probe_take_model(p, ev.text);
        arena_reset(&one);
    }
    arena_release(&one);
    p->no_memory = p->no_memory || e.status != OK;
    return engine_chain_over(p->chain, &p->outcome);
}

void engine_probe_cancel(struct engine_probe *p)
{
    engine_chain_cancel(p->chain);
}

static int probe_compare_models(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void probe_sort_models(struct engine_probe *p)
{
    size_t kept = 0;
    if (p->n)
        qsort(p->models, p->n, sizeof(*p->models), probe_compare_models);
    for (size_t i = 0; i < p->n; i++)
        if (!i || !str_eq(p->models[i], p->models[kept - 1]))
            p->models[kept++] = p->models[i];
    p->n = kept;
}

static bool probe_offers(const struct engine_probe *p, struct str model)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(p->models[i], model))
            return true;
    return false;
}

/* ---- the end ---- */

/* A provider that sent its list knows the address, so what it does not know is the model. */
static bool probe_model_is_wrong(const struct engine_probe *p)
{
    return p->outcome.end.class == ENGINE_NOT_FOUND && p->n && p->model.n && !probe_offers(p, p->model);
}

/* Codes of the API are in lower case. */
static struct str probe_code(enum engine_class class, char out[PROBE_CODE_MAX])
{
    const char *name = engine_class_name(class);
    size_t n = 0;
    for (; name[n] && n + 1 < PROBE_CODE_MAX; n++)
        out[n] = (char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] + 'a' - 'A' : name[n]);
    return str_n(out, n);
}

static enum status probe_describe(struct engine_probe *p, struct engine_probe_result *out, struct err *e)
{
    bool ok = true;
    struct buf b;
    buf_init(&b, 4 * KB);
    if (probe_model_is_wrong(p)) {
        buf_printf(&b, "The provider does not offer the model \"%.*s\". Choose one that it offers.", STR_F(p->model));
        out->code = STR("model");
    } else {
        engine_failure_text(&b, &p->outcome.end);
        out->code = probe_code(p->outcome.end.class, p->code);
    }
    if (buf_ok(&b))
        out->message = arena_str(p->a, buf_str(&b), &ok);
    ok = ok && buf_ok(&b);
    buf_release(&b);
    return ok ? OK : err_nomem(e);
}

static enum status probe_check_unchanged(struct db *c, const struct engine_probe *p, struct err *e)
{
    struct workspace_engine now;
    enum status st = engines_get(c, p->tenant, p->engine, p->a, &now, e);
    return st == OK && now.updated_ms != p->updated_ms ? err_raise(e, E_engine_changed) : st;
}

enum status engine_probe_end(struct db *c, struct engine_probe *p, struct engine_probe_result *out, struct err *e)
{
    const struct engine_account who = {
        .tenant = p->tenant, .bot = ID_NONE, .conversation = ID_NONE, .visitor = STR_EMPTY, .purpose = "probe"};
    const struct engine_outcome *o = &p->outcome;
    *out = (struct engine_probe_result){.ok = o->end.class == ENGINE_OK, .code = STR_EMPTY, .message = STR_EMPTY};
    enum status st = engine_account_record(c, &who, o, clock_now_ms(), e);
    if (st == OK && o->end.class == ENGINE_CANCELLED)
        st = err_raise(e, E_cancelled);
    if (st == OK)
        st = probe_check_unchanged(c, p, e);
    if (st == OK && p->no_memory)
        st = err_nomem(e);
    if (st != OK)
        return st;
    probe_sort_models(p);
    out->models = p->models;
    out->model_count = p->n;
    out->ms = o->try_count ? o->tries[o->try_count - 1].total_ms : 0;
    return out->ok ? OK : probe_describe(p, out, e);
}
