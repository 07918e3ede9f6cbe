/* cmd_engine.c: engine types, list, add, probe, remove; bot engines. A key is read from standard input, since arguments
 * are seen by every user of the machine and stay in the shell's history. */
#include "base/limits.h"
#include "base/waker.h"
#include "cli/cli.h"
#include "engine/type.h"
#include "engine/workspace/probe.h"

#include "base/banned.h"

#define KEY_MAX (16 * KB)

static enum status engine_type_print(struct json *out, const struct engine_type *t)
{
    struct json *o, *settings, *s;
    const struct engine_field *f = NULL;
    if (json_push_object(out, &o) != 0 || json_set_str(o, "type", str_from(t->name)) != 0 ||
        json_set_str(o, "label", str_from(t->label)) != 0 || json_set_array(o, "settings", &settings) != 0)
        return ERR_NOMEM;
    while ((f = engine_field_next(t, f)))
        if (json_push_object(settings, &s) != 0 || json_set_str(s, "name", str_from(f->name)) != 0 ||
            json_set_str(s, "label", str_from(f->label)) != 0 || json_set_bool(s, "required", f->required) != 0 ||
            json_set_bool(s, "secret", engine_field_is_secret(f)) != 0)
            return ERR_NOMEM;
    return OK;
}

enum status cmd_engine_types(struct cli *cl, struct err *e)
{
    size_t n;
    const struct engine_type *t = engine_types(&n);
    enum status st = cli_options(cl, NULL, 0, 0, 0, e);
    if (st != OK)
        return st;
    struct json *out = json_new_array(&cl->arena);
    for (size_t i = 0; out && i < n; i++)
        if (engine_type_print(out, &t[i]) != OK)
            out = NULL;
    if (!out)
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

static struct json *engine_json(struct cli *cl, const struct workspace_engine *g)
{
    struct json *o = json_new_object(&cl->arena);
    if (!o || json_set_id(o, "id", ID_ENGINE, g->id) != 0 || json_set_str(o, "name", g->name) != 0 ||
        json_set_str(o, "type", g->type) != 0 || json_set_copy(o, "settings", g->settings) != 0 ||
        json_set_copy(o, "secrets", g->set) != 0 || json_set_int(o, "bots", g->bots) != 0)
        return NULL;
    return o;
}

enum status cmd_engine_list(struct cli *cl, struct err *e)
{
    const char *tenant_text = NULL;
    struct db *c;
    struct id tenant;
    struct workspace_engine *all;
    size_t n;
    enum status st = cli_options(cl, CLI_OPTIONS({"tenant", &tenant_text, NULL}), 0, 0, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK || (st = cli_tenant(cl, c, tenant_text, &tenant, e)) != OK ||
        (st = engines_list(c, tenant, &cl->arena, &all, &n, e)) != OK)
        return st;
    struct json *out = json_new_array(&cl->arena);
    for (size_t i = 0; out && i < n; i++) {
        struct json *o = engine_json(cl, &all[i]);
        if (!o || json_push(out, o) != 0)
            out = NULL;
    }
    if (!out)
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

/* SETTING=VALUE. A secret one is refused here: it would be in the shell's history already, so the refusal also says to
 * make a new key. */
static enum status engine_read_settings(struct cli *cl, const struct engine_type *t, struct json *out, struct err *e)
{
    for (int i = 1; i < cl->argc; i++) {
        struct str rest = str_from(cl->argv[i]), name;
        if (str_find(rest, '=') < 0)
            return cli_usage(e, "\"%s\" is not SETTING=VALUE.", cl->argv[i]);
        str_split(&rest, '=', &name);
        const struct engine_field *f = engine_field_find(t, name);
        if (!f)
            return cli_usage(e, "An engine of the type \"%s\" has no setting \"%.*s\".", t->name, STR_F(name));
        if (engine_field_is_secret(f))
            return cli_usage(e, "%s is secret: give it with --key-stdin, and not as an argument that others can see.",
                             f->label);
        if (engine_field_set(f, rest, out) != 0)
            return err_nomem(e);
    }
    return OK;
}

/* The first secret setting of the type is its key. */
static enum status engine_read_key(struct cli *cl, const struct engine_type *t, struct json *out, struct err *e)
{
    const struct engine_field *f = NULL;
    struct str key;
    while ((f = engine_field_next(t, f)) && !engine_field_is_secret(f)) {
        /* the next */
    }
    if (!f)
        return cli_usage(e, "An engine of the type \"%s\" has no key.", t->name);
    enum status st = cli_read_file(cl, "-", KEY_MAX, &key, e);
    return st == OK && engine_field_set(f, str_trim(key), out) != 0 ? err_nomem(e) : st;
}

enum status cmd_engine_add(struct cli *cl, struct err *e)
{
    const char *tenant_text = NULL, *name = NULL;
    bool key_stdin = false;
    struct db *c;
    struct id tenant;
    struct workspace_engine g;
    enum status st = cli_options(
        cl, CLI_OPTIONS({"tenant", &tenant_text, NULL}, {"name", &name, NULL}, {"key-stdin", NULL, &key_stdin}), 1, 30,
        e);
    if (st != OK)
        return st;
    const struct engine_type *t = engine_type_find(str_from(cl->argv[0]));
    if (!t)
        return cli_usage(e, "There is no type of engine \"%s\"; parley engine types lists them.", cl->argv[0]);
    struct json *settings = json_new_object(&cl->arena);
    if (!settings)
        return err_nomem(e);
    if ((st = engine_read_settings(cl, t, settings, e)) != OK ||
        (key_stdin && (st = engine_read_key(cl, t, settings, e)) != OK))
        return st;
    if ((st = cli_db_change(cl, &c, e)) != OK || (st = cli_tenant(cl, c, tenant_text, &tenant, e)) != OK)
        return st;
    struct actor who = cli_actor(tenant);
    const struct engine_wanted w = {str_from(name ? name : t->label), str_from(t->name), settings};
    st = engines_add(c, cl->config, &who, &w, &cl->arena, &g, e);
    if (st == OK)
        cli_id(cl, ID_ENGINE, g.id);
    return st;
}

static enum status engine_print_probe(struct cli *cl, const struct engine_probe_result *r, struct err *e)
{
    struct json *o = json_new_object(&cl->arena);
    if (!o || json_set_bool(o, "ok", r->ok) != 0 || json_set_int(o, "ms", r->ms) != 0 ||
        json_set_strings(o, "models", r->models, r->model_count) != 0)
        return err_nomem(e);
    if (cl->json && r->ok)
        cli_out(cl, o);
    if (r->ok)
        cli_say(cl, "The engine works; it took %lld ms.", (long long)r->ms);
    if (r->model_count)
        cli_say(cl, "Models that its provider offers:");
    for (size_t i = 0; i < r->model_count; i++)
        cli_say(cl, "%.*s", STR_F(r->models[i]));
    return r->ok ? OK : err_set(e, E_engine_failed, "%.*s", STR_F(r->message));
}

enum status cmd_engine_probe(struct cli *cl, struct err *e)
{
    const char *tenant_text = NULL;
    struct db *c;
    struct id tenant, engine;
    struct waker_wait wait;
    struct waker waker;
    struct engine_probe *p;
    struct engine_probe_result result;
    enum status st = cli_options(cl, CLI_OPTIONS({"tenant", &tenant_text, NULL}), 1, 1, e);
    if (st != OK || (st = cli_id_arg(cl->argv[0], ID_ENGINE, "an engine", &engine, e)) != OK ||
        (st = cli_db(cl, &c, e)) != OK || (st = cli_tenant(cl, c, tenant_text, &tenant, e)) != OK)
        return st;
    waker_wait_begin(&wait, &waker);
    st = engine_probe_begin(c, cl->config, tenant, engine, &cl->arena, &waker, &p, e);
    while (st == OK && !engine_probe_step(p))
        (void)waker_wait_for(&wait, -1);
    waker_wait_end(&wait);
    if (st == OK)
        st = engine_probe_end(c, p, &result, e);
    return st == OK ? engine_print_probe(cl, &result, e) : st;
}

enum status cmd_engine_remove(struct cli *cl, struct err *e)
{
    const char *tenant_text = NULL;
    struct db *c;
    struct id tenant, engine;
    enum status st = cli_options(cl, CLI_OPTIONS({"tenant", &tenant_text, NULL}), 1, 1, e);
    if (st != OK || (st = cli_id_arg(cl->argv[0], ID_ENGINE, "an engine", &engine, e)) != OK ||
        (st = cli_db_change(cl, &c, e)) != OK || (st = cli_tenant(cl, c, tenant_text, &tenant, e)) != OK)
        return st;
    struct actor who = cli_actor(tenant);
    return engines_remove(c, &who, engine, e);
}

static enum status engine_print_chain(struct cli *cl, const struct bot_engines *b, struct err *e)
{
    struct json *o = json_new_object(&cl->arena);
    if (!o || json_set_ids(o, "chain", ID_ENGINE, b->chain, b->n) != 0 || json_set_str(o, "prompt", b->prompt) != 0 ||
        json_set_copy(o, "limits", b->limits) != 0)
        return err_nomem(e);
    cli_out(cl, o);
    return OK;
}

/* Without engines it prints the chain. With engines it replaces the chain; prompt and limits stay. */
enum status cmd_bot_engines(struct cli *cl, struct err *e)
{
    bool none = false;
    struct db *c;
    struct id bot;
    struct actor who;
    struct bot_engines b;
    enum status st = cli_options(cl, CLI_OPTIONS({"none", NULL, &none}), 1, 1 + ENGINE_LINKS_MAX, e);
    bool change = cl->argc > 1 || none;
    if (st != OK || (st = change ? cli_db_change(cl, &c, e) : cli_db(cl, &c, e)) != OK ||
        (st = cli_bot(cl, c, cl->argv[0], &bot, &who, e)) != OK ||
        (st = engines_of_bot(c, who.tenant, bot, &cl->arena, &b, e)) != OK)
        return st;
    b.n = change ? 0 : b.n;
    for (int i = 1; i < cl->argc; i++)
        if ((st = cli_id_arg(cl->argv[i], ID_ENGINE, "an engine", &b.chain[b.n++], e)) != OK)
            return st;
    if (change && (st = engines_of_bot_save(c, &who, bot, &b, &cl->arena, &b, e)) != OK)
        return st;
    return engine_print_chain(cl, &b, e);
}
