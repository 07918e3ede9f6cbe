/* Helpers of the flow module's tests: flows written with ' for ", a conversation that remembers what the bot
 * said. */
#ifndef PARLEY_TESTS_FLOW_HELPER_H
#define PARLEY_TESTS_FLOW_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "flow/flow.h"

static struct arena arena;

static inline struct json *json_of(const char *text)
{
    struct err e = ERR_INIT;
    struct json *j = NULL;
    char *copy = arena_strdup(&arena, str_from(text));
    assert_non_null(copy);
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    if (json_parse(&arena, str_from(copy), MAX_JSON_DEPTH, &j, &e) != OK)
        fail_msg("%s in %s", e.message, copy);
    return j;
}

static inline struct json *read_file(const char *path)
{
    struct err e = ERR_INIT;
    struct json *j = NULL;
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    char *text = arena_alloc(&arena, 4 * MB);
    assert_non_null(text);
    size_t n = fread(text, 1, 4 * MB, f);
    fclose(f);
    if (json_parse(&arena, str_n(text, n), MAX_JSON_DEPTH, &j, &e) != OK)
        fail_msg("%s: %s", path, e.message);
    return j;
}

static inline struct flow *flow_of_doc(const struct json *doc)
{
    struct err e = ERR_INIT;
    struct flow *f = NULL;
    if (flow_parse(doc, &f, &e) != OK)
        fail_msg("%s at %s", e.message, e.pointer);
    return f;
}

/* A flow document with these members after format and languages. */
static inline struct flow *flow_of(const char *rest)
{
    char *text = arena_printf(&arena, "{'format':1,'languages':['en','es'],'start':'a',%s}", rest);
    assert_non_null(text);
    return flow_of_doc(json_of(text));
}

/* A conversation. */
struct talk {
    struct flow *f;
    struct flow_result r;
    char said[16000]; /* lines: what the bot said in this turn */
    char path[4000];  /* a>b>c */
    int delay_ms, messages;
    struct flow_calls calls;
    struct err e;
    const char *language;
    int64_t now_ms;
    /* stubs */
    struct flow_answer answer;
    char asked[400];
    int http_status;
    enum status http_result;
    const char *http_body;
    char http_seen[4000];
    char fault[400]; /* why the last call failed */
};

static inline void add(char *to, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static inline void add(char *to, size_t size, const char *fmt, ...)
{
    size_t n = strlen(to);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(to + n, size - n, fmt, ap);
    va_end(ap);
}

static inline enum status hear(void *ctx, const struct flow_message *m, struct err *e)
{
    struct talk *t = ctx;
    (void)e;
    static const char *const kinds[] = {"", "image:", "card:"};
    add(t->said, sizeof(t->said), "%s%s%.*s", t->said[0] ? "|" : "", kinds[m->kind], STR_F(m->text));
    if (m->title.n)
        add(t->said, sizeof(t->said), " title=%.*s", STR_F(m->title));
    if (m->url.n)
        add(t->said, sizeof(t->said), " url=%.*s", STR_F(m->url));
    if (m->image.n)
        add(t->said, sizeof(t->said), " image=%.*s", STR_F(m->image));
    for (size_t i = 0; i < m->choice_n; i++)
        add(t->said, sizeof(t->said), " [%.*s=%.*s]", STR_F(m->choices[i].label), STR_F(m->choices[i].value));
    for (size_t i = 0; i < m->citation_n; i++)
        add(t->said, sizeof(t->said), " (%.*s %.*s)", STR_F(m->citations[i].title), STR_F(m->citations[i].url));
    t->delay_ms += m->delay_ms;
    t->messages++;
    return OK;
}

static inline enum status give_answer(void *ctx, struct str language, struct str question, struct arena *a,
                                      struct flow_answer *out, struct err *e)
{
    struct talk *t = ctx;
    (void)a;
    (void)e;
    add(t->asked, sizeof(t->asked), "%.*s:%.*s;", STR_F(language), STR_F(question));
    *out = t->answer;
    return OK;
}

static inline enum status give_http(void *ctx, const struct flow_http *rq, struct arena *a, int *status,
                                    struct str *body, struct err *e)
{
    struct talk *t = ctx;
    (void)a;
    add(t->http_seen, sizeof(t->http_seen), "%.*s %.*s %lld", STR_F(rq->method), STR_F(rq->url),
        (long long)rq->timeout_ms);
    for (size_t i = 0; i < rq->header_n; i++) {
        const struct flow_header *h = &rq->headers[i];
        add(t->http_seen, sizeof(t->http_seen), " %.*s=", STR_F(h->name));
        for (size_t k = 0; k < h->piece_n; k++)
            add(t->http_seen, sizeof(t->http_seen), h->pieces[k].is_secret ? "<%.*s>" : "%.*s",
                STR_F(h->pieces[k].text));
    }
    add(t->http_seen, sizeof(t->http_seen), " %.*s", STR_F(rq->body));
    if (t->http_result != OK)
        return err_set_as(e, t->http_result, status_default_code(t->http_result), "no");
    *status = t->http_status;
    *body = str_from(t->http_body);
    return OK;
}

static inline void note_fault(void *ctx, const char *why)
{
    struct talk *t = ctx;
    assert_string_equal(t->fault, "");
    add(t->fault, sizeof(t->fault), "%s", why);
}

static inline void note_step(void *ctx, struct str node, const char *type)
{
    struct talk *t = ctx;
    assert_non_null(type);
    add(t->path, sizeof(t->path), "%s%.*s", t->path[0] ? ">" : "", STR_F(node));
}

static inline void talk_begin(struct talk *t, struct flow *f)
{
    memset(t, 0, sizeof(*t));
    t->f = f;
    t->language = "en";
    t->now_ms = 1772452800000; /* 2026-03-02T12:00:00Z, a Monday */
    t->http_status = 200;
    t->calls = (struct flow_calls){
        .ctx = t, .say = hear, .answer = give_answer, .http = give_http, .step = note_step, .fault = note_fault};
}

static inline enum status try_turn(struct talk *t, const char *text, const char *choice)
{
    struct flow_input in = {
        .text = str_from(text), .choice = str_from(choice), .language = str_from(t->language), .now_ms = t->now_ms};
    t->said[0] = t->path[0] = t->asked[0] = t->http_seen[0] = t->fault[0] = 0;
    t->delay_ms = t->messages = 0;
    return flow_run(t->f, t->r.state, &in, &t->calls, &arena, &t->r, &t->e);
}

static inline const char *say(struct talk *t, const char *text)
{
    if (try_turn(t, text, "") != OK)
        fail_msg("\"%s\": %s", text, t->e.message);
    return t->said;
}

static inline const char *choose(struct talk *t, const char *choice)
{
    if (try_turn(t, "", choice) != OK)
        fail_msg("choice \"%s\": %s", choice, t->e.message);
    return t->said;
}

static inline struct str at(const struct talk *t)
{
    return json_get_str(t->r.state, "at");
}

/* A variable as JSON text. */
static inline const char *var(const struct talk *t, const char *name)
{
    static char text[5000];
    struct buf b;
    buf_init(&b, sizeof(text));
    json_write(&b, json_get(json_get(t->r.state, "vars"), name));
    snprintf(text, sizeof(text), "%s", b.p);
    buf_release(&b);
    return text;
}

#define assert_at(t, node) assert_string_equal(arena_strdup(&arena, at(t)), node)

static inline int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 256 * MB);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

#endif
