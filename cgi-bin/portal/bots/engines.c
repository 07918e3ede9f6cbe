/* engines.c: /app/bots/{bot}/engines: which engines the bot asks, in which order, and how. Limits that the form does
 * not show, set through the API, stay as they are. */
#include "engine/workspace/engines.h"

#include <stdio.h>

#include "base/num.h"
#include "portal/bots/bots.h"

#include "base/banned.h"

/* The numbers of the form: their place in the limits, and what one unit of the form is there. */
struct engines_number {
    const char *field, *group, *member;
    double unit;
    bool whole;
};
static const struct engines_number numbers[] = {
    {"temperature", NULL, "temperature", 1, false},
    {"max_tokens", NULL, "max_tokens", 1, true},
    {"history_tokens", NULL, "history_tokens", 1, true},
    {"budget_s", NULL, "budget_ms", 1000, true},
    {"visitor_calls_day", "visitor", "calls_day", 1, true},
    {"bot_calls_day", "bot", "calls_day", 1, true},
    {"bot_tokens_month", "bot", "tokens_month", 1, true},
    {"workspace_tokens_month", "workspace", "tokens_month", 1, true},
};

/* ---- showing ---- */

static void engines_show_numbers(struct page *pg, const struct json *limits)
{
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        const struct engines_number *n = &numbers[i];
        const struct json *v = json_get(n->group ? json_get(limits, n->group) : limits, n->member);
        char key[64], text[40] = "";
        if (v)
            snprintf(text, sizeof(text), "%.10g", json_double(v, 0) / n->unit);
        snprintf(key, sizeof(key), "Engines.%s", n->field);
        view_str(pg->v, key, request_form_has(pg->rq, n->field) ? request_form(pg->rq, n->field) : str_from(text));
    }
}

/* One select for each place of the chain; each lists all engines of the workspace. */
static void engines_show_chain(struct page *pg, const struct bot_engines *b, const struct workspace_engine *all,
                               size_t n)
{
    for (size_t place = 0; place < ENGINE_CHAIN_MAX && place < n; place++) {
        const char *slot = arena_strdup(pg->rq->arena, str_from(view_at(pg->v, "Places", place, "Engines")));
        view_int(pg->v, view_at(pg->v, "Places", place, "Number"), (int64_t)place + 1);
        for (size_t i = 0; slot && i < n; i++) {
            bool here = place < b->n && id_eq(b->chain[place], all[i].id);
            view_id(pg->v, view_at(pg->v, slot, i, "Id"), TEXT_ID(ID_ENGINE, all[i].id));
            view_str(pg->v, view_at(pg->v, slot, i, "Name"), all[i].name);
            view_bool(pg->v, view_at(pg->v, slot, i, "Selected"), here);
        }
    }
}

static void engines_show(struct page *pg, const struct bot_engines *b, int status)
{
    struct workspace_engine *all;
    size_t n = 0;
    if (engines_list(pg->db, pg->who.tenant, pg->rq->arena, &all, &n, &pg->e) != OK) {
        page_fail(pg);
        return;
    }
    engines_show_chain(pg, b, all, n);
    engines_show_numbers(pg, b->limits);
    view_bool(pg->v, "Engines.Any", n > 0);
    view_str(pg->v, "Engines.prompt", b->prompt);
    view_str(pg->v, "Engines.fallback", json_get_str(b->limits, "fallback"));
    view_bool(pg->v, "Engines.mask", json_bool(json_get(b->limits, "mask")));
    view_int(pg->v, "Engines.Revision", b->revision);
    view_int(pg->v, "Engines.PromptMax", ENGINE_PROMPT_MAX);
    page_send_status(pg, status, "portal/bots/engines.cs", NULL);
}

void bots_engines_get(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct bot_engines engines;
    if (!bots_begin(rq, &pg, "engines", &b))
        return;
    if (engines_of_bot(pg.db, pg.who.tenant, b.id, rq->arena, &engines, &pg.e) == OK)
        engines_show(&pg, &engines, 200);
    else
        page_fail(&pg);
}

/* ---- saving ---- */

static enum status engines_read_number(struct page *pg, const struct engines_number *n, struct json *to)
{
    struct str text = str_trim(request_form(pg->rq, n->field));
    double v;
    if (text.n == 0) {
        json_del(to, n->member);
        return OK;
    }
    if (!num_double(text, &v))
        return err_at(&pg->e, E_engine_limit, n->field, "Enter a number.");
    v *= n->unit;
    int failed = n->whole && v == (double)(int64_t)v ? json_set_int(to, n->member, (int64_t)v)
                                                     : json_set_double(to, n->member, v);
    return failed ? err_nomem(&pg->e) : OK;
}

static enum status engines_read_numbers(struct page *pg, struct json *limits)
{
    enum status st = OK;
    for (size_t i = 0; st == OK && i < COUNT_OF(numbers); i++) {
        const struct engines_number *n = &numbers[i];
        struct json *to = n->group ? json_get(limits, n->group) : limits;
        if (!to && json_set_object(limits, n->group, &to) != 0)
            return err_nomem(&pg->e);
        st = engines_read_number(pg, n, to);
    }
    return st;
}

static enum status engines_read_chain(struct page *pg, struct bot_engines *b)
{
    b->n = 0;
    for (int place = 1; place <= ENGINE_CHAIN_MAX; place++) {
        char field[20];
        snprintf(field, sizeof(field), "engine_%d", place);
        struct str text = request_form(pg->rq, field);
        if (text.n && !id_parse(ID_ENGINE, text, &b->chain[b->n++]))
            return err_raise_at(&pg->e, E_engine_unknown, "chain");
    }
    return OK;
}

static enum status engines_read_form(struct page *pg, struct bot_engines *b)
{
    struct str fallback = str_trim(request_form(pg->rq, "fallback"));
    int64_t revision = 0;
    if (!num_i64(request_form(pg->rq, "revision"), 0, INT32_MAX, &revision))
        revision = 0;
    b->revision = (int)revision;
    b->prompt = request_form(pg->rq, "prompt");
    if (json_set_bool(b->limits, "mask", request_form_has(pg->rq, "mask")) != 0 ||
        json_set_str(b->limits, "fallback", fallback) != 0)
        return err_nomem(&pg->e);
    if (fallback.n == 0)
        json_del(b->limits, "fallback");
    enum status st = engines_read_chain(pg, b);
    return st == OK ? engines_read_numbers(pg, b->limits) : st;
}

void bots_engines_post(struct request *rq)
{
    struct page pg;
    struct bot b;
    struct bot_engines engines;
    if (!bots_begin(rq, &pg, "engines", &b))
        return;
    enum status st = engines_of_bot(pg.db, pg.who.tenant, b.id, rq->arena, &engines, &pg.e);
    if (st == OK)
        st = engines_read_form(&pg, &engines);
    if (st == OK)
        st = engines_of_bot_save(pg.db, &pg.who, b.id, &engines, rq->arena, &engines, &pg.e);
    if (st == OK)
        page_redirect(&pg, "/app/bots/%s/engines?done=saved", TEXT_ID(ID_BOT, b.id));
    else if (page_form_again(&pg))
        engines_show(&pg, &engines, 422);
}
