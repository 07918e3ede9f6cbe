/* script.c: the scripted conversations that a flow carries as tests. They run on the same runner as real turns, with
 * stand-ins for answers and calls, so a test cannot pass on something that a visitor would not see. A test fails at its
 * first difference, with the turn and both texts; later differences usually follow from the first. No test calls
 * anything outside, because tests run at every publication. */
#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "flow/run_internal.h"

#include "base/banned.h"

#define TEST_ARENA (8 * MB)

struct script {
    const struct flow *f;
    const struct json *test;
    struct arena *a;          /* of this test */
    struct buf said;          /* what the bot showed since the visitor's message: lines */
    struct flow_message last; /* the last message with choices */
    struct flow_result result;
    int64_t *pattern_us; /* of all tests */
    struct err *e;
    char why[900];   /* what is wrong; "" = nothing yet */
    char fault[400]; /* of the last call of this turn that failed; "" = none */
};

static void script_fail(struct script *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Only the first reason is kept. The sentence may have been cut inside a character, and the message becomes JSON, so it
 * is shortened until it is valid UTF-8 again. */
static void script_fail(struct script *s, const char *fmt, ...)
{
    va_list ap;
    if (s->why[0])
        return;
    va_start(ap, fmt);
    vsnprintf(s->why, sizeof(s->why), fmt, ap);
    va_end(ap);
    for (size_t n = strlen(s->why); n && !utf8_valid(str_n(s->why, n)); n--) /* cut inside a character */
        s->why[n - 1] = 0;
}

static void script_add_line(struct buf *b, struct str s)
{
    if (s.n) {
        buf_str_add(b, s);
        buf_putc(b, '\n');
    }
}

/* Everything that a visitor sees becomes lines of one text, labels and links too, so that `expect` may name any of it.
 * Only the last message with choices can be answered by pressing a button, as on a real screen. */
static enum status script_hear(struct script *s, const struct flow_message *m, struct err *e)
{
    script_add_line(&s->said, m->title);
    script_add_line(&s->said, m->text);
    script_add_line(&s->said, m->image);
    script_add_line(&s->said, m->url);
    for (size_t i = 0; i < m->choice_n; i++)
        script_add_line(&s->said, m->choices[i].label);
    for (size_t i = 0; i < m->citation_n; i++) {
        script_add_line(&s->said, m->citations[i].title);
        script_add_line(&s->said, m->citations[i].url);
    }
    if (m->choice_n)
        s->last = *m;
    return buf_ok(&s->said) ? OK : err_nomem(e);
}

/* ---- stand-ins ---- */

static bool script_folds_to(struct script *s, struct str a, struct str folded, bool *ok)
{
    return str_eq(text_fold(s->a, a, ok), folded);
}

static bool script_has_phrase(struct script *s, const struct json *list, struct str folded, bool *ok)
{
    for (size_t i = 0; i < json_len(list); i++)
        if (script_folds_to(s, json_str(json_at(list, i)), folded, ok))
            return true;
    return false;
}

static void script_add_hit(struct flow_answer *out, const struct json *stub)
{
    size_t i = out->n++;
    out->hits[i].question = json_get_str(stub, "question");
    out->hits[i].answer = json_get_str(stub, "answer");
    out->hits[i].title = json_get_str(stub, "title");
    out->hits[i].url = json_get_str(stub, "url");
}

/* Stand-ins in order: the first sure match wins, and the unsure ones before it are dropped. Texts are compared folded,
 * as the real search is insensitive to case and accents. */
static enum status script_answer(struct script *s, struct str question, struct flow_answer *out, struct err *e)
{
    bool ok = true;
    struct str folded = text_fold(s->a, question, &ok);
    const struct json *stubs = json_get(s->test, "answers");
    *out = (struct flow_answer){.verdict = FLOW_NONE};
    for (size_t i = 0; i < json_len(stubs) && ok; i++) {
        const struct json *stub = json_at(stubs, i);
        if (script_folds_to(s, json_get_str(stub, "question"), folded, &ok) ||
            script_has_phrase(s, json_get(stub, "sure"), folded, &ok)) {
            *out = (struct flow_answer){.verdict = FLOW_SURE};
            script_add_hit(out, stub);
            break;
        }
        if (out->n < 3 && script_has_phrase(s, json_get(stub, "unsure"), folded, &ok)) {
            out->verdict = FLOW_UNSURE;
            script_add_hit(out, stub);
        }
    }
    return ok ? OK : err_nomem(e);
}

/* Parts of the body and not all of it, because bodies hold values such as dates that a test does not fix. */
static bool script_was_sent(const struct json *parts, struct str body)
{
    for (size_t i = 0; i < json_len(parts); i++)
        if (!str_has(body, json_str(json_at(parts, i))))
            return false;
    return true;
}

/* A JSON value of the test as the text that a server would send; a string as it is. */
static enum status script_text(struct arena *a, const struct json *j, struct str *out, struct err *e)
{
    struct buf b;
    bool ok = true;
    *out = json_str(j);
    if (!j || json_is(j, JSON_STRING))
        return OK;
    buf_init(&b, 8 * MAX_FLOW);
    json_write(&b, j);
    *out = arena_str(a, buf_str(&b), &ok);
    ok = ok && buf_ok(&b);
    buf_release(&b);
    return ok ? OK : err_nomem(e);
}

static enum status script_reply(struct arena *a, const struct json *stub, struct flow_http_reply *out, struct err *e)
{
    if (json_bool(json_get(stub, "fail"))) {
        out->why = "The test makes this call fail.";
        return OK;
    }
    out->status = (int)json_int(json_get(stub, "status"), 200);
    return script_text(a, json_get(stub, "body"), &out->body, e);
}

/* A call without a stand-in fails the test even if the flow would handle a failed call: its author has forgotten to say
 * what the server replies. */
static enum status script_http(struct script *s, const struct flow_http *rq, struct flow_http_reply *out, struct err *e)
{
    const struct json *stubs = json_get(s->test, "http");
    for (size_t i = 0; i < json_len(stubs); i++) {
        const struct json *stub = json_at(stubs, i);
        struct str method = json_get_str(stub, "method"), url = json_get_str(stub, "url");
        if ((!method.n || str_eq(method, rq->method)) && (!url.n || str_eq(url, rq->url)) &&
            script_was_sent(json_get(stub, "sent"), rq->body))
            return script_reply(s->a, stub, out, e);
    }
    script_fail(s, "the flow calls %.*s %.*s with the body \"%.*s\", and the test has no answer for that",
                STR_F(rq->method), STR_F(utf8_cut(rq->url, 100)), STR_F(utf8_cut(rq->body, 100)));
    out->why = "The test has no answer for this call.";
    return OK;
}

/* Each part in the result of some tool. Before any tool has run, no part is. */
static bool script_had_results(const struct json *parts, const struct flow_engine_call *c)
{
    for (size_t i = 0; i < json_len(parts); i++) {
        bool found = false;
        for (size_t k = 0; k < c->use_n && !found; k++)
            found = str_has(c->uses[k].result, json_str(json_at(parts, i)));
        if (!found)
            return false;
    }
    return true;
}

static enum status script_tool_calls(struct script *s, const struct json *list, struct flow_engine_result *out,
                                     struct err *e)
{
    struct flow_tool_call *all = arena_array(s->a, json_len(list) + 1, sizeof(*all));
    enum status st = all ? OK : err_nomem(e);
    for (size_t i = 0; i < json_len(list) && !st; i++) {
        all[i] = (struct flow_tool_call){.id = STR("test"), .name = json_get_str(json_at(list, i), "tool")};
        st = script_text(s->a, json_get(json_at(list, i), "arguments"), &all[i].arguments, e);
    }
    out->calls = all;
    out->call_n = json_len(list);
    return st;
}

static bool script_engine_fits(const struct json *stub, struct str asking, const struct flow_engine_call *c)
{
    struct str node = json_get_str(stub, "node");
    return (!node.n || str_eq(node, asking)) && script_was_sent(json_get(stub, "asked"), c->text) &&
           script_was_sent(json_get(stub, "system"), c->instructions) &&
           script_had_results(json_get(stub, "results"), c);
}

/* As with calls, the first stand-in that fits answers, and a question without one fails the test. */
static enum status script_engine(struct script *s, const struct flow_run *run, const struct flow_engine_call *c,
                                 struct flow_engine_result *out, struct err *e)
{
    size_t n;
    const struct flow_step *path = flow_run_path(run, &n);
    const struct json *stubs = json_get(s->test, "engine");
    *out = (struct flow_engine_result){.text = STR_EMPTY};
    for (size_t i = 0; i < json_len(stubs); i++) {
        const struct json *stub = json_at(stubs, i);
        if (!script_engine_fits(stub, path[n - 1].node, c))
            continue;
        if (json_bool(json_get(stub, "fail")))
            out->why = "The test makes this engine fail.";
        out->handoff = json_bool(json_get(stub, "handoff"));
        enum status st = script_text(s->a, json_get(stub, "answer"), &out->text, e);
        return st ? st : script_tool_calls(s, json_get(stub, "calls"), out, e);
    }
    script_fail(s, "the node \"%.*s\" asks an engine \"%.*s\", and the test has no answer for that",
                STR_F(path[n - 1].node), STR_F(utf8_cut(c->text, 200)));
    out->why = "The test has no answer for this question.";
    return OK;
}

/* ---- what is expected ---- */

static struct str script_shown(struct script *s)
{
    struct str all = buf_str(&s->said);
    while (all.n && all.p[all.n - 1] == '\n')
        all.n--;
    return all;
}

static void script_check_lines(struct script *s, const struct json *turn, const char *expect_key)
{
    struct str got = script_shown(s);
    const struct json *expect = json_get(turn, expect_key), *absent = json_get(turn, "not");
    for (size_t i = 0; i < json_len(expect); i++) {
        struct str want = json_str(json_at(expect, i));
        if (!str_has(got, want))
            script_fail(s, "expected \"%.*s\" in the reply, got \"%.*s\"%s", STR_F(utf8_cut(want, 100)),
                        STR_F(utf8_cut(got.n ? got : STR("nothing"), 200)), s->fault);
    }
    for (size_t i = 0; i < json_len(absent); i++) {
        struct str no = json_str(json_at(absent, i));
        if (str_has(got, no))
            script_fail(s, "\"%.*s\" must not be in the reply, got \"%.*s\"", STR_F(utf8_cut(no, 100)),
                        STR_F(utf8_cut(got, 200)));
    }
}

/* Both sides are compared as texts, so a test may write 4 or "4". A variable that the state does not hold is empty. */
static void script_check_vars(struct script *s, const struct json *turn)
{
    struct json_iter it = {0};
    const struct json *vars = json_get(s->result.state, "vars");
    while (json_each(json_get(turn, "vars"), &it)) {
        char want[VALUE_TEXT], have[VALUE_TEXT];
        bool ok = true;
        struct value a = value_of_json(s->a, it.value, KIND_TEXT, &ok),
                     b = value_of_json(s->a, json_get_n(vars, it.key), KIND_TEXT, &ok);
        struct str expected = value_text(&a, want), got = value_text(&b, have);
        if (!str_eq(expected, got))
            script_fail(s, "expected %.*s = \"%.*s\", got \"%.*s\"", STR_F(it.key), STR_F(utf8_cut(expected, 100)),
                        STR_F(utf8_cut(got, 100)));
    }
}

static void script_check_turn(struct script *s, const struct json *turn)
{
    struct str at = json_get_str(turn, "at"), state = json_get_str(turn, "state"),
               now = json_get_str(s->result.state, "at");
    script_check_lines(s, turn, "expect");
    if (at.n && !str_eq(at, now))
        script_fail(s, "expected to be at \"%.*s\", is at \"%.*s\"", STR_F(at), STR_F(now));
    if (state.n && !str_eqz(state, flow_state_word(s->result.status)))
        script_fail(s, "expected the state %.*s, got %s", STR_F(state), flow_state_word(s->result.status));
    script_check_vars(s, turn);
}

/* ---- one test ---- */

/* The value behind the button that the test presses, found by value or label. A button that is not shown fails the
 * test: a visitor could not press it. */
static struct str script_press(struct script *s, struct str wanted)
{
    for (size_t i = 0; i < s->last.choice_n; i++)
        if (str_eq(s->last.choices[i].value, wanted) || str_eq(s->last.choices[i].label, wanted))
            return s->last.choices[i].value;
    script_fail(s, "the visitor chooses \"%.*s\", but no such choice is shown", STR_F(wanted));
    return wanted;
}

/* Gives the flow what it needs until it is done. */
static enum status script_think(struct script *s, struct flow_run *run, struct err *e)
{
    struct flow_call call;
    enum status st;
    while ((st = flow_next(run, &call, e)) == OK && call.need != FLOW_DONE) {
        struct flow_http_reply reply = {.status = 0, .body = STR_EMPTY};
        struct flow_answer found;
        struct flow_engine_result result;
        if (call.need == FLOW_NEEDS_HTTP) {
            st = script_http(s, &call.http, &reply, e);
            st = st ? st : flow_got_http(run, &reply, e);
        } else if (call.need == FLOW_NEEDS_ENGINE) {
            st = script_engine(s, run, &call.engine, &result, e);
            st = st ? st : flow_got_engine(run, &result, e);
        } else {
            st = script_answer(s, call.question.text, &found, e);
            st = st ? st : flow_got_answers(run, &found, e);
        }
        if (st)
            return st;
    }
    return st ? st : flow_finish(run, &s->result, e);
}

static enum status script_hear_all(struct script *s, const struct flow_run *run, struct err *e)
{
    size_t n;
    const struct flow_message *m = flow_run_messages(run, &n);
    enum status st = OK;
    for (size_t i = 0; i < n && !st; i++)
        st = script_hear(s, &m[i], e);
    return st;
}

/* A reason is put in the middle of a sentence, which has a full stop of its own. */
static struct str script_cut_stop(struct str s)
{
    return s.n && s.p[s.n - 1] == '.' ? str_sub(s, 0, s.n - 1) : s;
}

/* A reply that is not what the test expects is often one that follows a failed call. */
static void script_note_fault(struct script *s, const struct flow_run *run)
{
    size_t n;
    const struct flow_step *path = flow_run_path(run, &n);
    s->fault[0] = 0;
    for (size_t i = 0; i < n; i++)
        if (path[i].fault.n)
            snprintf(s->fault, sizeof(s->fault), " after a failed call: %.*s", STR_F(script_cut_stop(path[i].fault)));
}

/* A pressed button is looked up before the turn, among what the turn before has shown. An error of the runner is a
 * failed test and not a failed publication; only a lack of memory ends all tests. */
static enum status script_run_turn(struct script *s, const struct json *turn, struct flow_input *in)
{
    struct flow_run *run;
    struct err why = ERR_INIT;
    in->text = json_get_str(turn, "say");
    in->choice = json_get_str(turn, "choose");
    if (in->choice.n)
        in->choice = script_press(s, in->choice);
    if (s->why[0])
        return OK;
    buf_clear(&s->said);
    s->last = run_message();
    enum status st = flow_begin(s->f, s->result.state, in, s->a, &run, &why);
    if (!st)
        st = script_think(s, run, &why);
    if (!st)
        st = script_hear_all(s, run, &why);
    if (!st)
        script_note_fault(s, run);
    if (st == ERR_NOMEM)
        return err_nomem(s->e);
    if (st)
        script_fail(s, "%s", why.message);
    else if (*s->pattern_us <= 0)
        script_fail(s, "the patterns of the flow took more than %d ms in its tests", MAX_FLOW_TESTS_US / 1000);
    else
        script_check_turn(s, turn);
    return OK;
}

/* The greeting is turn 0: its buttons are what the first turn may press. */
static enum status script_greet(struct script *s, struct str language)
{
    struct flow_message *m = NULL;
    size_t n = 0;
    enum status st = flow_greeting(s->f, language, s->a, &m, &n, s->e);
    for (size_t i = 0; i < n && !st; i++)
        st = script_hear(s, &m[i], s->e);
    if (!st)
        script_check_lines(s, s->test, "greeting");
    return st;
}

/* Noon of the day that the test says it is, so that tests with dates do not depend on today. Noon, because a day begins
 * and ends at different times around the world. */
static int64_t script_day(const struct json *test)
{
    struct str day = json_get_str(test, "today");
    int64_t noon = 12 * HOUR_MS;
    if (!value_iso_day(day))
        return clock_now_ms();
    int64_t ms = clock_date_ms((day.p[0] - '0') * 1000 + (day.p[1] - '0') * 100 + (day.p[2] - '0') * 10 + day.p[3] -
                                   '0',
                               (day.p[5] - '0') * 10 + day.p[6] - '0', (day.p[8] - '0') * 10 + day.p[9] - '0');
    return ms < 0 ? clock_now_ms() : ms + noon;
}

static enum status script_run(struct script *s, int *turn)
{
    const struct json *turns = json_get(s->test, "turns");
    struct str language = json_get_str(s->test, "language");
    struct flow_input in = {
        .language = language.n ? language : s->f->langs[0], .now_ms = script_day(s->test), .pattern_us = s->pattern_us};
    enum status st = script_greet(s, in.language);
    *turn = 0;
    for (size_t i = 0; i < json_len(turns) && !st && !s->why[0]; i++) {
        *turn = (int)i + 1;
        st = script_run_turn(s, json_at(turns, i), &in);
    }
    return st;
}

static enum status script_run_test(const struct flow *f, const struct json *test, struct arena *scratch,
                                   struct arena *a, int64_t *pattern_us, struct flow_test_result *out, struct err *e)
{
    struct script s = {.f = f, .test = test, .a = scratch, .pattern_us = pattern_us, .e = e, .last = run_message()};
    bool ok = true;
    buf_init(&s.said, 32 * MB);
    enum status st = script_run(&s, &out->turn);
    buf_release(&s.said);
    out->name = arena_str(a, json_get_str(test, "name"), &ok);
    out->passed = !st && s.why[0] == 0;
    out->message = STR_EMPTY;
    if (!st && s.why[0]) {
        char *message = arena_printf(a, "Test \"%.*s\", turn %d: %s.", STR_F(out->name), out->turn, s.why);
        ok = ok && message;
        out->message = str_from(message);
    }
    return st ? st : ok ? OK : err_nomem(e);
}

/* Each test gets an arena of its own, so that 200 tests need no more memory than one. The time for patterns is shared
 * by all of them: a publication must not hold its thread for long. */
enum status flow_test(const struct flow *f, struct arena *a, struct flow_test_result **out, size_t *n, struct err *e)
{
    const struct json *tests = json_get(f->doc, "tests");
    int64_t pattern_us = MAX_FLOW_TESTS_US;
    enum status st = OK;
    *n = json_len(tests);
    *out = arena_array(a, *n, sizeof(**out));
    if (*n && !*out)
        return err_nomem(e);
    for (size_t i = 0; i < *n && !st; i++) {
        struct arena scratch;
        arena_init(&scratch, TEST_ARENA);
        st = script_run_test(f, json_at(tests, i), &scratch, a, &pattern_us, &(*out)[i], e);
        arena_release(&scratch);
    }
    return st;
}
