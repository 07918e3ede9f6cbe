/* chain.c: which engines a bot asks, in which order, and how. */
#include <stdio.h>

#include "base/limits.h"
#include "base/pattern.h"
#include "base/shared.h"
#include "base/utf8.h"
#include "engine/workspace/engine_store.h"
#include "engine/workspace/language.h"

#include "base/banned.h"

#define LIMITS_MAX (16 * KB)
#define PATTERNS_MAX 20

/* The members of `limits`. A number out of its range is refused and not clamped: a tenant who types 20 for a
 * temperature means something else. */
struct chain_limit {
    const char *name;
    enum { LIMIT_NUMBER, LIMIT_COUNT, LIMIT_SWITCH, LIMIT_TEXT, LIMIT_TEXTS, LIMIT_LANGUAGE, LIMIT_CAPS } kind;
    double least, most; /* of a number; of texts: how many, and characters of one */
};
static const struct chain_limit limits[] = {
    {"temperature", LIMIT_NUMBER, 0, 2},
    {"top_p", LIMIT_NUMBER, 0, 1},
    {"max_tokens", LIMIT_COUNT, 1, 1000000},
    {"seed", LIMIT_COUNT, 0, 2147483647},
    {"stop", LIMIT_TEXTS, ENGINE_STOP_MAX, 100},
    {"history_tokens", LIMIT_COUNT, 0, 1000000},
    {"budget_ms", LIMIT_COUNT, 1000, 300000}, /* of one engine */
    {"language", LIMIT_LANGUAGE, 0, 0},       /* in which engines answer; without it they are told nothing */
    {"fallback", LIMIT_TEXT, 0, 4000},        /* what the visitor reads when all engines have failed */
    {"mask", LIMIT_SWITCH, 0, 0},
    {"mask_patterns", LIMIT_TEXTS, PATTERNS_MAX, 500},
    {"visitor", LIMIT_CAPS, 0, 0},
    {"bot", LIMIT_CAPS, 0, 0},
    {"workspace", LIMIT_CAPS, 0, 0},
};
static const char *const caps[] = {"calls_day", "calls_month", "tokens_day", "tokens_month", "cost_day", "cost_month"};

static enum status limit_wrong(struct err *e, const char *name, const char *why)
{
    char pointer[100];
    snprintf(pointer, sizeof(pointer), "/limits/%s", name);
    return err_at(e, E_engine_limit, pointer, "%s", why);
}

static bool limit_is_text(const struct json *v, const struct chain_limit *l)
{
    return json_is(v, JSON_STRING) && utf8_text(json_str(v)) && utf8_length(json_str(v)) <= (size_t)l->most;
}

static enum status limit_check_number(const struct chain_limit *l, const struct json *v, struct err *e)
{
    char why[120];
    double d = json_double(v, -1);
    bool whole = l->kind == LIMIT_COUNT;
    bool number = json_is(v, JSON_INT) || (!whole && json_is(v, JSON_DOUBLE));
    if (number && d >= l->least && d <= l->most)
        return OK;
    snprintf(why, sizeof(why), "This must be a %snumber from %.10g to %.10g.", whole ? "whole " : "", l->least,
             l->most);
    return limit_wrong(e, l->name, why);
}

static enum status limit_check_texts(const struct chain_limit *l, const struct json *v, struct err *e)
{
    char why[120];
    bool good = json_is(v, JSON_ARRAY) && json_len(v) <= (size_t)l->least;
    for (size_t i = 0; good && i < json_len(v); i++)
        good = limit_is_text(json_at(v, i), l);
    if (good)
        return OK;
    snprintf(why, sizeof(why), "This must be a list of at most %.0f texts of at most %.0f characters.", l->least,
             l->most);
    return limit_wrong(e, l->name, why);
}

/* The two words are no tags, because the language of a tag has two or three letters. */
static enum status limit_check_language(const struct chain_limit *l, const struct json *v, struct err *e)
{
    struct str s = json_is(v, JSON_STRING) ? json_str(v) : STR("-");
    if (s.n == 0 || str_eqz(s, "visitor") || str_eqz(s, "flow") || language_tag_ok(s))
        return OK;
    return limit_wrong(e, l->name, "This must be \"visitor\", \"flow\" or a language tag such as \"de\" or \"pt-BR\".");
}

static bool cap_known(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(caps); i++)
        if (str_eqz(name, caps[i]))
            return true;
    return false;
}

static enum status limit_check_caps(const struct chain_limit *l, const struct json *v, struct err *e)
{
    struct json_iter it = {0};
    char name[80];
    if (!json_is(v, JSON_OBJECT))
        return limit_wrong(e, l->name, "This must be an object of caps.");
    while (json_each(v, &it)) {
        if (!cap_known(it.key))
            return limit_wrong(e, l->name, "The caps are calls, tokens and cost, each with _day or _month.");
        snprintf(name, sizeof(name), "%s/%.*s", l->name, STR_F(it.key));
        if (!json_is(it.value, JSON_INT) || json_int(it.value, -1) < 0)
            return limit_wrong(e, name, "This must be a whole number, 0 or more.");
    }
    return OK;
}

static enum status limit_check(const struct chain_limit *l, const struct json *v, struct err *e)
{
    switch (l->kind) {
    case LIMIT_NUMBER:
    case LIMIT_COUNT:
        return limit_check_number(l, v, e);
    case LIMIT_SWITCH:
        return json_is(v, JSON_BOOL) ? OK : limit_wrong(e, l->name, "This must be true or false.");
    case LIMIT_TEXT:
        return limit_is_text(v, l) ? OK : limit_wrong(e, l->name, "This must be a text, and not too long.");
    case LIMIT_TEXTS:
        return limit_check_texts(l, v, e);
    case LIMIT_LANGUAGE:
        return limit_check_language(l, v, e);
    case LIMIT_CAPS:
        return limit_check_caps(l, v, e);
    }
    return OK;
}

static const struct chain_limit *limit_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(limits); i++)
        if (str_eqz(name, limits[i].name))
            return &limits[i];
    return NULL;
}

static enum status limits_check(const struct json *doc, struct err *e)
{
    struct json_iter it = {0};
    enum status st = OK;
    while (st == OK && json_each(doc, &it)) {
        const struct chain_limit *l = limit_find(it.key);
        if (!l)
            return err_at(e, E_engine_limit, "/limits", "There is no limit \"%.*s\".", STR_F(str_sub(it.key, 0, 60)));
        st = it.value ? limit_check(l, it.value, e) : OK;
    }
    return st;
}

/* A pattern that does not compile would end every question to an engine, so it is refused when it is saved. */
static enum status patterns_check(const struct json *list, struct arena *a, struct err *e)
{
    struct pattern *p;
    enum status st = OK;
    for (size_t i = 0; st == OK && i < json_len(list); i++) {
        st = pattern_new(a, json_str(json_at(list, i)), &p, e);
        if (st == ERR_INVALID) {
            const struct err why = *e;
            st = err_at(e, E_engine_limit, "/limits/mask_patterns", "In line %zu %s.", i + 1, why.message);
        }
    }
    return st;
}

static enum status chain_check(const struct bot_engines *w, struct arena *a, struct err *e)
{
    if (w->n > ENGINE_LINKS_MAX)
        return err_at(e, E_engines_too_many, "/chain", "A bot can have at most %d engines.", ENGINE_LINKS_MAX);
    for (size_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < i; k++)
            if (id_eq(w->chain[i], w->chain[k]))
                return err_raise_at(e, E_engine_twice, "/chain");
    if (!utf8_text(w->prompt) || utf8_length(w->prompt) > ENGINE_PROMPT_MAX)
        return err_at(e, E_prompt_too_long, "/prompt", "A prompt can have at most %d characters.", ENGINE_PROMPT_MAX);
    enum status st = limits_check(w->limits, e);
    return st == OK ? patterns_check(json_get(w->limits, "mask_patterns"), a, e) : st;
}

enum status engines_of_bot(struct db *c, struct id tenant, struct id bot, struct arena *a, struct bot_engines *out,
                           struct err *e)
{
    struct str text;
    enum status st = engine_store_bot(c, tenant, bot, a, e);
    if (st == OK)
        st = engine_store_bot_get(c, tenant, bot, false, a, out, &text, e);
    if (st == OK && text.n)
        return json_parse(a, text, MAX_JSON_DEPTH, &out->limits, e);
    if (st == OK && !(out->limits = json_new_object(a)))
        return err_nomem(e);
    return st;
}

struct chain_tx {
    const struct actor *who;
    struct arena *a;
    struct id bot;
    const struct bot_engines *wanted;
    struct str limits;
};

static enum status chain_write(struct db *c, void *ctx, struct err *e)
{
    struct chain_tx *tx = ctx;
    struct bot_engines now;
    struct str unused;
    char id[ID_TEXT_MAX];
    enum status st = engine_store_bot(c, tx->who->tenant, tx->bot, tx->a, e);
    if (st == OK)
        st = engine_store_bot_get(c, tx->who->tenant, tx->bot, true, tx->a, &now, &unused, e);
    if (st == OK && tx->wanted->revision >= 0 && tx->wanted->revision != now.revision)
        st = err_raise(e, E_engines_changed);
    if (st == OK)
        st = engine_store_bot_set(c, tx->who->tenant, tx->bot, tx->wanted, tx->limits, e);
    if (st == ERR_CONFLICT && err_is(e, E_reference))
        st = err_raise_at(e, E_engine_unknown, "/chain");
    return st == OK ? account_audit(c, tx->who, "bot.engines", str_from(id_text(ID_BOT, tx->bot, id)), NULL, e) : st;
}

enum status engines_of_bot_save(struct db *c, const struct actor *who, struct id bot, const struct bot_engines *wanted,
                                struct arena *a, struct bot_engines *out, struct err *e)
{
    struct chain_tx tx = {.who = who, .a = a, .bot = bot, .wanted = wanted, .limits = STR("{}")};
    struct buf b;
    bool ok = true;
    enum status st = chain_check(wanted, a, e);
    if (st != OK)
        return st;
    buf_init(&b, LIMITS_MAX);
    if (wanted->limits)
        json_write(&b, wanted->limits);
    if (b.n && buf_ok(&b))
        tx.limits = arena_str(a, buf_str(&b), &ok);
    ok = ok && buf_ok(&b);
    buf_release(&b);
    if (!ok)
        return err_at(e, E_engine_limit, "/limits", "The limits can have at most %zu KB.", LIMITS_MAX / KB);
    st = db_transaction(c, chain_write, &tx, e);
    if (st != OK)
        return st;
    shared_bump("engines", bot);
    return engines_of_bot(c, who->tenant, bot, a, out, e);
}
