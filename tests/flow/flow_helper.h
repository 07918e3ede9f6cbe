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
    struct err e;
    const char *language;
    int64_t now_ms;
    /* stubs */
    struct flow_answer answer;
    char asked[400];
    int http_status;
    bool http_fails;
    const char *http_body;
    char http_seen[4000];
    const char *engine_answer; /* NULL: no engine answers */
    bool engine_interrupted, engine_handoff;
    /* What an engine asks for instead of an answer: tools, in each of the first rounds. */
    const struct flow_tool_call *tool_calls;
    size_t tool_call_n;
    int tool_rounds;
    char tools_seen[4000];  /* name(description schema) of each tool; then round:name=result of each that was run */
    char engine_seen[8000]; /* kind|language|instructions|text|history stream|schema, one after the other */
    char fault[400];        /* why the last call failed */
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

static inline void hear(struct talk *t, const struct flow_message *m)
{
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
}

static inline enum status give_answer(struct talk *t, struct flow_run *run, const struct flow_question *q)
{
    add(t->asked, sizeof(t->asked), "%.*s:%.*s;", STR_F(q->language), STR_F(q->text));
    return flow_got_answers(run, &t->answer, &t->e);
}

static inline enum status give_http(struct talk *t, struct flow_run *run, const struct flow_http *rq)
{
    struct flow_http_reply reply = {.status = 0, .body = STR_EMPTY, .why = "no"};
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
    if (!t->http_fails)
        reply = (struct flow_http_reply){.status = t->http_status, .body = str_from(t->http_body)};
    return flow_got_http(run, &reply, &t->e);
}

static inline void note_tools(struct talk *t, const struct flow_engine_call *c)
{
    for (size_t i = 0; i < c->tool_n; i++) {
        struct buf schema;
        buf_init(&schema, MB);
        json_write(&schema, c->tools[i].parameters);
        add(t->tools_seen, sizeof(t->tools_seen), "%.*s(%.*s %s)", STR_F(c->tools[i].name),
            STR_F(c->tools[i].description), schema.p);
        buf_release(&schema);
    }
    for (size_t i = 0; i < c->use_n; i++)
        add(t->tools_seen, sizeof(t->tools_seen), "%d:%.*s=%.*s", c->uses[i].round, STR_F(c->uses[i].call.name),
            STR_F(c->uses[i].result));
    add(t->tools_seen, sizeof(t->tools_seen), ";");
}

static inline enum status give_engine(struct talk *t, struct flow_run *run, const struct flow_engine_call *c)
{
    static const char *const kinds[] = {[FLOW_ASK] = "ask", [FLOW_CLASSIFY] = "classify", [FLOW_EXTRACT] = "extract"};
    struct flow_engine_result result = {.text = STR_EMPTY, .why = "no engine"};
    struct buf schema;
    buf_init(&schema, MB);
    if (c->schema)
        json_write(&schema, c->schema);
    add(t->engine_seen, sizeof(t->engine_seen), "%s|%.*s|%.*s|%.*s|%s%s|%s;", kinds[c->kind], STR_F(c->language),
        STR_F(c->instructions), STR_F(c->text), c->history ? "h" : "", c->stream ? "s" : "", schema.p);
    buf_release(&schema);
    note_tools(t, c);
    if (t->tool_call_n && (c->use_n ? c->uses[c->use_n - 1].round : 0) < t->tool_rounds)
        result = (struct flow_engine_result){.text = STR_EMPTY, .calls = t->tool_calls, .call_n = t->tool_call_n};
    else if (t->engine_answer)
        result = (struct flow_engine_result){
            .text = str_from(t->engine_answer), .interrupted = t->engine_interrupted, .handoff = t->engine_handoff};
    return flow_got_engine(run, &result, &t->e);
}

/* The turn to its end, with the results that the test has set. */
static inline enum status think(struct talk *t, struct flow_run *run)
{
    struct flow_call call;
    enum status st;
    while ((st = flow_next(run, &call, &t->e)) == OK && call.need != FLOW_DONE) {
        st = call.need == FLOW_NEEDS_HTTP     ? give_http(t, run, &call.http)
             : call.need == FLOW_NEEDS_ENGINE ? give_engine(t, run, &call.engine)
                                              : give_answer(t, run, &call.question);
        if (st)
            return st;
    }
    return st ? st : flow_finish(run, &t->r, &t->e);
}

static inline void talk_begin(struct talk *t, struct flow *f)
{
    memset(t, 0, sizeof(*t));
    t->f = f;
    t->language = "en";
    t->now_ms = 1772452800000; /* 2026-03-02T12:00:00Z, a Monday */
    t->http_status = 200;
}

static inline enum status begin_turn(struct talk *t, const char *text, const char *choice, struct flow_run **out)
{
    const struct flow_input in = {
        .text = str_from(text), .choice = str_from(choice), .language = str_from(t->language), .now_ms = t->now_ms};
    return flow_begin(t->f, t->r.state, &in, &arena, out, &t->e);
}

static inline enum status try_turn(struct talk *t, const char *text, const char *choice)
{
    struct flow_run *run;
    size_t said = 0, steps = 0;
    t->said[0] = t->path[0] = t->asked[0] = t->http_seen[0] = t->fault[0] = t->engine_seen[0] = t->tools_seen[0] = 0;
    t->delay_ms = t->messages = 0;
    enum status st = begin_turn(t, text, choice, &run);
    if (!st)
        st = think(t, run);
    const struct flow_message *m = run ? flow_run_messages(run, &said) : NULL;
    const struct flow_step *path = run ? flow_run_path(run, &steps) : NULL;
    for (size_t i = 0; i < said; i++)
        hear(t, &m[i]);
    for (size_t i = 0; i < steps; i++) {
        assert_non_null(path[i].type);
        add(t->path, sizeof(t->path), "%s%.*s", i ? ">" : "", STR_F(path[i].node));
        if (path[i].fault.n) {
            assert_string_equal(t->fault, "");
            add(t->fault, sizeof(t->fault), "%.*s", STR_F(path[i].fault));
        }
    }
    return st;
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
