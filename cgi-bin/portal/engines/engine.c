/* engine.c: /app/engines/{engine}: one engine, with a form made from the settings of its type. The id "new" is an
 * engine that does not exist yet, of the type that ?type= names. A secret is never sent to the browser: an empty field
 * keeps it. */
#include <stdio.h>

#include "engine/receive.h"
#include "engine/type.h"
#include "portal/engines/engines.h"

#include "base/banned.h"

struct engine_form {
    struct workspace_engine engine;
    const struct engine_type *type;
    bool new;
};

/* A type that does not exist any more, or never did, is 404 like an unknown engine. */
static bool engine_load_form(struct page *pg, struct engine_form *out)
{
    struct str given = request_segment(pg->rq, "engine");
    struct id id;
    *out = (struct engine_form){.engine = {.id = ID_NONE, .name = STR_EMPTY}, .new = str_eqz(given, "new")};
    if (out->new) {
        struct str type = request_form(pg->rq, "type");
        out->type = engine_type_find(type.n ? type : request_query(pg->rq, "type"));
    } else {
        if (!page_id(pg, ID_ENGINE, "engine", &id))
            return false;
        if (engines_get(pg->db, pg->who.tenant, id, pg->rq->arena, &out->engine, &pg->e) != OK) {
            page_fail(pg);
            return false;
        }
        out->type = engine_type_find(out->engine.type);
    }
    if (out->type)
        return true;
    (void)err_raise(&pg->e, E_engine_unknown);
    page_fail(pg);
    return false;
}

static bool engine_secret_is_set(const struct workspace_engine *g, const char *name)
{
    for (size_t i = 0; i < json_len(g->set); i++)
        if (str_eqz(json_str(json_at(g->set, i)), name))
            return true;
    return false;
}

static const char *engine_input_type(const struct engine_field *f)
{
    switch (f->kind) {
    case ENGINE_FIELD_SECRET:
    case ENGINE_FIELD_PASSWORD:
        return "password";
    case ENGINE_FIELD_URL:
        return "url";
    case ENGINE_FIELD_BLOCK:
        return "block";
    case ENGINE_FIELD_NUMBER:
    case ENGINE_FIELD_TEXT:
        break;
    }
    return "text";
}

/* What was typed is shown again after an error, but for a secret, which must be typed again. */
static struct str engine_shown_value(struct page *pg, const struct engine_form *form, const struct engine_field *f)
{
    if (engine_field_is_secret(f))
        return STR_EMPTY;
    if (request_form_has(pg->rq, f->name))
        return request_form(pg->rq, f->name);
    if (form->new)
        return str_from(f->initial);
    const struct json *v = json_get(form->engine.settings, f->name);
    if (!json_is(v, JSON_INT))
        return json_str(v);
    const char *text = arena_printf(pg->rq->arena, "%lld", (long long)json_int(v, 0));
    return str_from(text ? text : "");
}

static void engine_fill_field(struct page *pg, size_t i, const struct engine_form *form, const struct engine_field *f)
{
    struct view *v = pg->v;
    bool set = engine_field_is_secret(f) && engine_secret_is_set(&form->engine, f->name);
    view_text(v, view_at(v, "Fields", i, "Name"), f->name);
    view_text(v, view_at(v, "Fields", i, "Label"), f->label);
    view_text(v, view_at(v, "Fields", i, "Input"), engine_input_type(f));
    view_bool(v, view_at(v, "Fields", i, "Required"), f->required && !set);
    view_bool(v, view_at(v, "Fields", i, "Set"), set);
    view_str(v, view_at(v, "Fields", i, "Value"), engine_shown_value(pg, form, f));
}

/* The address that the provider, or the tenant's own server, sends later replies to. Without the secret that proves
 * them it would refuse them all, so its field is named instead. */
static void engine_fill_late(struct page *pg, const struct engine_form *form)
{
    const char *secret = engine_receive_secret(form->type);
    char workspace[ID_TEXT_MAX], id[ID_TEXT_MAX];
    if (!secret || form->new)
        return;
    const char *address = arena_printf(
        pg->rq->arena, "%s/chat/engines/%s/%s", config_string(pg->rq->config, CONFIG_base_url),
        id_text(ID_TENANT, pg->who.tenant, workspace), id_text(ID_ENGINE, form->engine.id, id));
    if (engine_secret_is_set(&form->engine, secret))
        view_text(pg->v, "Engine.LateAddress", address ? address : "");
    else
        view_text(pg->v, "Engine.LateMissing", engine_field_find(form->type, str_from(secret))->label);
}

static void engine_page_show(struct page *pg, const struct engine_form *form, int status)
{
    struct view *v = pg->v;
    const struct engine_field *f = NULL;
    for (size_t i = 0; (f = engine_field_next(form->type, f)); i++)
        engine_fill_field(pg, i, form, f);
    view_id(v, "Engine.Id", form->new ? "new" : TEXT_ID(ID_ENGINE, form->engine.id));
    view_bool(v, "Engine.New", form->new);
    view_str(v, "Engine.Name", request_form_has(pg->rq, "name") ? request_form(pg->rq, "name") : form->engine.name);
    view_text(v, "Engine.Type", form->type->name);
    view_text(v, "Engine.TypeLabel", form->type->label);
    view_count(v, "Engine.Bots", "Engines.Index.BotsText", form->engine.bots);
    view_bool(v, "Engine.Used", form->engine.bots > 0);
    engine_fill_late(pg, form);
    view_text(v, "Page.Nav", "engines");
    page_send_status(pg, status, "portal/engines/engine.cs",
                     form->new ? "Engines.Engine.NewTitle" : "Engines.Engine.Title");
}

void engines_engine_get(struct request *rq)
{
    struct page pg;
    struct engine_form form;
    if (page_begin(rq, &pg) && engine_load_form(&pg, &form))
        engine_page_show(&pg, &form, 200);
}

/* An empty secret is left out, which keeps the old one; its checkbox removes it. */
static enum status engine_read_form(struct page *pg, const struct engine_form *form, struct json **out)
{
    const struct engine_field *f = NULL;
    struct json *settings = json_new_object(pg->rq->arena);
    bool ok = settings;
    while (ok && (f = engine_field_next(form->type, f))) {
        char remove[64];
        struct str value = request_form(pg->rq, f->name);
        snprintf(remove, sizeof(remove), "remove_%s", f->name);
        if (!engine_field_is_secret(f) || value.n)
            ok = engine_field_set(f, value, settings) == 0;
        else if (request_form_has(pg->rq, remove))
            ok = json_set_null(settings, f->name) == 0;
    }
    *out = settings;
    return ok ? OK : err_nomem(&pg->e);
}

/* Errors carry JSON pointers, as in the API; the form's fields have the last part as their name. */
static void engine_field_of_pointer(struct err *e)
{
    const char *last = strrchr(e->pointer, '/');
    if (last)
        memmove(e->pointer, last + 1, strlen(last + 1) + 1);
}

void engines_engine_post(struct request *rq)
{
    struct page pg;
    struct engine_form form;
    struct workspace_engine saved = {.name = STR_EMPTY};
    struct json *settings;
    if (!page_begin(rq, &pg) || !engine_load_form(&pg, &form))
        return;
    enum status st = engine_read_form(&pg, &form, &settings);
    const struct engine_wanted w = {request_form(rq, "name"), str_from(form.type->name), settings};
    if (st == OK && form.new)
        st = engines_add(pg.db, rq->config, &pg.who, &w, rq->arena, &saved, &pg.e);
    else if (st == OK)
        st = engines_change(pg.db, rq->config, &pg.who, form.engine.id, &w, rq->arena, &saved, &pg.e);
    if (st == OK) {
        page_redirect(&pg, "/app/engines/%s?done=%s", TEXT_ID(ID_ENGINE, saved.id),
                      form.new ? "engine_added" : "saved");
        return;
    }
    engine_field_of_pointer(&pg.e);
    if (page_form_again(&pg))
        engine_page_show(&pg, &form, 422);
}
