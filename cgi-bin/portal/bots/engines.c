/* engines.c: /app/bots/{bot}/engines: which engines the bot asks, in which order, and how. The form shows all limits,
 * so what was set through the API is seen here, and kept. */
#include "engine/workspace/engines.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "engine/workspace/canary.h"
#include "portal/bots/bots.h"
#include "portal/page/engine_caps.h"
#include "portal/page/engine_usage.h"

#include "base/banned.h"

/* The numbers of the form: their place in the limits, and what one unit of the form is there. The caps of a scope are
 * fields named "<scope>_<cap>". */
struct engines_number {
    const char *field, *group, *member;
    double unit;
    bool whole;
};
#define CURRENCY_UNIT 1e9 /* costs are kept in 10^-9 of the currency */
#define CAPS_OF(scope)                                                                                                \
    {scope "_calls_day", scope, "calls_day", 1, true}, {scope "_calls_month", scope, "calls_month", 1, true},         \
        {scope "_tokens_day", scope, "tokens_day", 1, true}, {scope "_tokens_month", scope, "tokens_month", 1, true}, \
        {scope "_cost_day", scope, "cost_day", CURRENCY_UNIT, true},                                                  \
    {                                                                                                                 \
        scope "_cost_month", scope, "cost_month", CURRENCY_UNIT, true                                                 \
    }
static const struct engines_number numbers[] = {
    {"temperature", NULL, "temperature", 1, false},
    {"top_p", NULL, "top_p", 1, false},
    {"seed", NULL, "seed", 1, true},
    {"max_tokens", NULL, "max_tokens", 1, true},
    {"history_tokens", NULL, "history_tokens", 1, true},
    {"budget_s", NULL, "budget_ms", 1000, true},
    CAPS_OF("visitor"),
    CAPS_OF("bot"),
    CAPS_OF("workspace"),
};
static const char *const scopes[] = {"visitor", "bot", "workspace"};

/* Lists of texts, one a line in the form. */
static const char *const lists[] = {"stop", "mask_patterns"};

static const char *const texts[] = {"fallback", "language"};

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

static enum status engines_show_lists(struct page *pg, const struct json *limits)
{
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        const struct json *list = json_get(limits, lists[i]);
        struct buf b;
        char key[64];
        snprintf(key, sizeof(key), "Engines.%s", lists[i]);
        buf_init(&b, 64 * KB);
        for (size_t k = 0; k < json_len(list); k++) {
            struct str text = json_str(json_at(list, k));
            buf_add(&b, text.p, text.n);
            buf_putc(&b, '\n');
        }
        bool ok = buf_ok(&b);
        if (ok)
            view_str(pg->v, key, request_form_has(pg->rq, lists[i]) ? request_form(pg->rq, lists[i]) : buf_str(&b));
        buf_release(&b);
        if (!ok)
            return err_nomem(&pg->e);
    }
    return OK;
}

/* Which caps are set decides which parts of the form are open. */
static void engines_show_scopes(struct page *pg, const struct json *limits)
{
    static const char *const more[] = {"temperature", "top_p", "seed", "max_tokens", "history_tokens", "stop"};
    char key[64];
    for (size_t i = 0; i < COUNT_OF(scopes); i++) {
        struct json_iter it = {0};
        snprintf(key, sizeof(key), "Unfold.%s", scopes[i]);
        view_bool(pg->v, key, json_each(json_get(limits, scopes[i]), &it));
    }
    for (size_t i = 0; i < COUNT_OF(more); i++)
        if (json_get(limits, more[i]))
            view_bool(pg->v, "Unfold.answers", true);
}

/* Whether the draft has a node that asks an engine: without one, nothing on this page has an effect. */
static enum status engines_show_use(struct page *pg, struct id bot)
{
    struct json *doc = NULL;
    struct flow *f = NULL;
    int revision = 0;
    enum status st = bot_draft(pg->db, pg->who.tenant, bot, pg->rq->arena, &doc, &revision, &pg->e);
    if (st == OK)
        st = flow_parse(doc, &f, &pg->e);
    if (st == OK)
        view_bool(pg->v, "Engines.Unused", !flow_asks_engines(f));
    flow_drop(f);
    return st;
}

static void engines_show_counts(struct page *pg, size_t arm, const struct canary_counts *n)
{
    char price[40];
    snprintf(price, sizeof(price), "%.10g", (double)n->cost / CURRENCY_UNIT);
    view_text(pg->v, view_at(pg->v, "Canary.Arms", arm, "Name"),
              view_t(pg->v, arm ? "Bots.Engines.CanaryArm" : "Bots.Engines.CanaryOthers"));
    view_number(pg->v, view_at(pg->v, "Canary.Arms", arm, "Conversations"), n->conversations);
    view_number(pg->v, view_at(pg->v, "Canary.Arms", arm, "Answered"), n->answered);
    view_number(pg->v, view_at(pg->v, "Canary.Arms", arm, "HandedOff"), n->handed_off);
    view_number(pg->v, view_at(pg->v, "Canary.Arms", arm, "RatedUp"), n->rated_up);
    view_number(pg->v, view_at(pg->v, "Canary.Arms", arm, "RatedDown"), n->rated_down);
    view_number(pg->v, view_at(pg->v, "Canary.Arms", arm, "Time"), n->turns ? n->took_ms / n->turns : 0);
    view_text(pg->v, view_at(pg->v, "Canary.Arms", arm, "Price"), price);
}

/* The newest comparison, also when it has ended. */
static enum status engines_show_canary(struct page *pg, struct id bot)
{
    struct engine_canary k;
    struct canary_counts n[2];
    enum status st = engine_canary_get(pg->db, pg->who.tenant, bot, pg->rq->arena, &k, &pg->e);
    if (st == OK && k.run)
        st = engine_canary_compare(pg->db, pg->who.tenant, bot, k.run, pg->rq->arena, n, &pg->e);
    if (st != OK || !k.run)
        return st;
    view_time(pg->v, "Canary.Since", k.started_ms);
    view_int(pg->v, "Canary.Percent", k.percent);
    if (k.version)
        view_int(pg->v, "Canary.Version", k.version);
    for (size_t arm = 0; arm < 2; arm++)
        engines_show_counts(pg, arm, &n[arm]);
    return OK;
}

static void engines_show(struct page *pg, struct id bot, const struct bot_engines *b, int status)
{
    struct workspace_engine *all;
    size_t n = 0, reached;
    enum status st = engines_list(pg->db, pg->who.tenant, pg->rq->arena, &all, &n, &pg->e);
    if (st == OK)
        st = engines_show_lists(pg, b->limits);
    if (st == OK)
        st = engines_show_use(pg, bot);
    if (st == OK)
        st = page_engine_caps(pg, bot, b->limits, "Reached", false, &reached);
    if (st == OK)
        st = page_engine_usage_bot(pg, bot, b->limits);
    if (st == OK)
        st = engines_show_canary(pg, bot);
    if (st != OK) {
        page_fail(pg);
        return;
    }
    bots_chain_show(pg, b->chain, b->n, all, n);
    engines_show_numbers(pg, b->limits);
    engines_show_scopes(pg, b->limits);
    view_bool(pg->v, "Engines.Any", n > 0);
    view_bool(pg->v, "Engines.None", b->n == 0);
    view_str(pg->v, "Engines.prompt", b->prompt);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        char key[64];
        snprintf(key, sizeof(key), "Engines.%s", texts[i]);
        bool typed = request_form_has(pg->rq, texts[i]);
        view_str(pg->v, key, typed ? request_form(pg->rq, texts[i]) : json_get_str(b->limits, texts[i]));
    }
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
        engines_show(&pg, b.id, &engines, 200);
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
    if (n->unit != 1)
        v = round(v);
    int failed = n->whole && v >= 0 && v < 1e15 && v == (double)(int64_t)v ? json_set_int(to, n->member, (int64_t)v)
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

/* Lines without text are left out; a list without lines is removed. */
static enum status engines_read_list(struct page *pg, const char *name, struct json *limits)
{
    struct str rest = request_form(pg->rq, name), line;
    struct json *list = NULL;
    json_del(limits, name);
    while (str_split(&rest, '\n', &line)) {
        struct str text = str_trim(line);
        if (text.n == 0)
            continue;
        if ((!list && json_set_array(limits, name, &list) != 0) || json_push_str(list, text) != 0)
            return err_nomem(&pg->e);
    }
    return OK;
}

static enum status engines_read_lists(struct page *pg, struct json *limits)
{
    enum status st = OK;
    for (size_t i = 0; st == OK && i < COUNT_OF(lists); i++)
        st = engines_read_list(pg, lists[i], limits);
    return st;
}

static enum status engines_read_form(struct page *pg, struct bot_engines *b)
{
    int64_t revision = 0;
    if (!num_i64(request_form(pg->rq, "revision"), 0, INT32_MAX, &revision))
        revision = 0;
    b->revision = (int)revision;
    b->prompt = request_form(pg->rq, "prompt");
    if (json_set_bool(b->limits, "mask", request_form_has(pg->rq, "mask")) != 0)
        return err_nomem(&pg->e);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct str text = str_trim(request_form(pg->rq, texts[i]));
        if (text.n == 0)
            json_del(b->limits, texts[i]);
        else if (json_set_str(b->limits, texts[i], text) != 0)
            return err_nomem(&pg->e);
    }
    enum status st = bots_chain_read(pg, b->chain, &b->n);
    if (st == OK)
        st = engines_read_lists(pg, b->limits);
    return st == OK ? engines_read_numbers(pg, b->limits) : st;
}

/* The pointer of an error names a member of the limits; the form marks the field of it. */
static void engines_mark_field(struct err *e)
{
    char pointer[80];
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        const struct engines_number *n = &numbers[i];
        snprintf(pointer, sizeof(pointer), "/limits/%s%s%s", n->group ? n->group : "", n->group ? "/" : "", n->member);
        if (strcmp(e->pointer, pointer) == 0) {
            snprintf(e->pointer, sizeof(e->pointer), "%s", n->field);
            return;
        }
    }
    const char *last = strrchr(e->pointer, '/');
    if (last)
        memmove(e->pointer, last + 1, strlen(last));
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
    else {
        engines_mark_field(&pg.e);
        if (page_form_again(&pg))
            engines_show(&pg, b.id, &engines, 422);
    }
}
