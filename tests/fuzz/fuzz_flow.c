/* A flow, a byte 0xFF, then what visitors write, line by line: parsed, linted, greeted, its own tests run, and
 * talked to. When the first part is not a flow, all of the input is sent to a flow that has every kind of question. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "flow/flow.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char questions[] =
    "{\"format\":1,\"languages\":[\"en\",\"es\",\"de\"],\"start\":\"n\",\"variables\":{\"n\":{\"type\":\"number\"},"
    "\"d\":{\"type\":\"date\"},\"t\":{\"type\":\"text\"}},\"nodes\":{"
    "\"n\":{\"type\":\"ask\",\"text\":\"n\",\"expect\":\"number\",\"min\":-5,\"var\":\"n\",\"retry\":{\"max\":1,"
    "\"then\":\"d\"},\"next\":\"d\"},"
    "\"d\":{\"type\":\"ask\",\"text\":\"d\",\"expect\":\"date\",\"min\":\"today\",\"var\":\"d\",\"retry\":{\"max\":1,"
    "\"then\":\"e\"},\"next\":\"e\"},"
    "\"e\":{\"type\":\"ask\",\"text\":\"e\",\"expect\":\"email\",\"var\":\"t\",\"retry\":{\"max\":1,\"then\":\"p\"},"
    "\"next\":\"p\"},"
    "\"p\":{\"type\":\"ask\",\"text\":\"p\",\"expect\":\"phone\",\"var\":\"t\",\"retry\":{\"max\":1,\"then\":\"r\"},"
    "\"next\":\"r\"},"
    "\"r\":{\"type\":\"ask\",\"text\":\"r\",\"expect\":\"pattern\",\"pattern\":\"(a|b+)+c?\",\"var\":\"t\",\"retry\":{"
    "\"max\":1,\"then\":\"h\"},\"next\":\"h\"},"
    "\"h\":{\"type\":\"http\",\"method\":\"POST\",\"url\":\"https://e.com/"
    "{{t}}\",\"headers\":{\"X\":\"{{t}}\"},\"body\":{\"a\":\"{{t}}\",\"b\":\"x{{input}}\"},"
    "\"map\":{\"t\":\"/a\",\"n\":\"/b/0\"},\"next\":\"g\",\"error\":\"g\"},"
    "\"u\":{\"type\":\"set\",\"set\":[{\"var\":\"t\",\"copy\":\"input\"}],\"tool\":{\"name\":\"u\",\"description\":"
    "\"u\",\"parameters\":{\"n\":\"\",\"d\":\"\"}}},"
    "\"g\":{\"type\":\"engine\",\"tools\":[\"u\"],\"map\":{\"t\":\"/a\",\"n\":\"/b/"
    "c\"},\"next\":\"k\",\"error\":\"k\"},"
    "\"k\":{\"type\":\"classify\",\"labels\":[{\"label\":\"a\",\"next\":\"x\"}],\"else\":\"x\"},"
    "\"x\":{\"type\":\"extract\",\"fill\":{\"t\":\"\",\"n\":\"\",\"d\":\"\"},\"next\":\"f\",\"error\":\"f\"},"
    "\"f\":{\"type\":\"answer\",\"none\":\"n\",\"none_label\":\"none\"}},\"catch_all\":\"f\"}";

static struct str body; /* what the fake service answers, and what the fake list knows */

static void check_messages(const struct flow_run *run)
{
    size_t n;
    const struct flow_message *all = flow_run_messages(run, &n);
    for (const struct flow_message *m = all; m < all + n; m++) {
        if (!utf8_valid(m->text) || !utf8_valid(m->title) || !utf8_valid(m->url) || !utf8_valid(m->image))
            abort();
        for (size_t i = 0; i < m->choice_n; i++)
            if (!utf8_valid(m->choices[i].label) || !m->choices[i].value.n)
                abort();
    }
}

static enum status answer(struct flow_run *run, struct str question, struct err *e)
{
    struct flow_answer found = {.verdict = (enum flow_verdict)(question.n % 3), .n = question.n % 4};
    for (size_t i = 0; i < found.n; i++) {
        found.hits[i].question = i ? question : STR("A question?");
        found.hits[i].answer = found.hits[i].title = found.hits[i].url = question;
    }
    return flow_got_answers(run, &found, e);
}

static enum status http(struct flow_run *run, const struct flow_http *rq, struct err *e)
{
    struct flow_http_reply reply = {.status = 0, .body = STR_EMPTY, .why = "late"};
    for (size_t i = 0; i < rq->header_n; i++)
        for (size_t k = 0; k < rq->headers[i].piece_n; k++)
            if (memchr(rq->headers[i].pieces[k].text.p, '\n', rq->headers[i].pieces[k].text.n))
                abort();
    if (memchr(rq->url.p, '\n', rq->url.n))
        abort();
    if (body.n % 5)
        reply = (struct flow_http_reply){.status = body.n % 2 ? 200 : 404, .body = body};
    return flow_got_http(run, &reply, e);
}

/* Sometimes the engine asks for a tool, with whatever came as its arguments. */
static enum status engine(struct flow_run *run, const struct flow_engine_call *c, struct err *e)
{
    struct flow_engine_result result = {.text = body, .why = body.n % 5 ? NULL : "no engine"};
    struct flow_tool_call call = {.id = STR("1"), .name = STR("x"), .arguments = body};
    if (!utf8_valid(c->instructions) || !utf8_valid(c->text) || !c->text.n)
        abort();
    for (size_t i = 0; i < c->use_n; i++)
        if (!utf8_valid(c->uses[i].result) || !c->uses[i].result.n)
            abort();
    if (c->tool_n)
        call.name = c->tools[body.n % c->tool_n].name;
    if (body.n % 3 == 0) {
        result.calls = &call;
        result.call_n = 1;
    }
    return flow_got_engine(run, &result, e);
}

static enum status turn(const struct flow *f, struct json **state, const struct flow_input *in, struct arena *a)
{
    struct flow_run *run;
    struct flow_call call;
    struct flow_result r = {0};
    struct err e = ERR_INIT;
    enum status st = flow_begin(f, *state, in, a, &run, &e);
    while (!st && !(st = flow_next(run, &call, &e)) && call.need != FLOW_DONE)
        st = call.need == FLOW_NEEDS_HTTP     ? http(run, &call.http, &e)
             : call.need == FLOW_NEEDS_ENGINE ? engine(run, &call.engine, &e)
                                              : answer(run, call.question.text, &e);
    if (!st)
        st = flow_finish(run, &r, &e);
    if (!st) {
        check_messages(run);
        *state = r.state;
    }
    return st;
}

static void talk(const struct flow *f, struct str text, struct arena *a)
{
    struct json *state = NULL;
    struct str line;
    for (int i = 0; i < 12 && str_split(&text, '\n', &line); i++) {
        struct flow_input in = {.text = line,
                                .choice = i % 3 == 2 ? line : STR_EMPTY,
                                .language = i % 4 ? STR("en") : str_sub(line, 0, 8),
                                .now_ms = 1772452800000};
        (void)turn(f, &state, &in, a);
    }
}

static void use(const struct flow *f, struct arena *a)
{
    struct err e = ERR_INIT;
    struct flow_finding *found;
    struct flow_message *said;
    struct flow_test_result *tests;
    size_t n;
    if (flow_lint(f, a, &found, &n, &e) != OK || flow_greeting(f, STR("es"), a, &said, &n, &e) == ERR_INTERNAL ||
        flow_test(f, a, &tests, &n, &e) != OK)
        if (e.status != ERR_NOMEM && e.status != ERR_TOO_LARGE)
            abort(); /* an accepted flow can be linted */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err e = ERR_INIT;
    struct json *doc = NULL;
    struct flow *f = NULL;
    struct str text = str_n((const char *)data, size);
    ptrdiff_t cut = str_find(text, (char)0xFF);
    struct str first = cut < 0 ? text : str_sub(text, 0, (size_t)cut);
    body = cut < 0 ? text : str_sub(text, (size_t)cut + 1, size);
    arena_init(&a, 64 * MB);
    if (json_parse(&a, first, MAX_JSON_DEPTH, &doc, &e) == OK && flow_parse(doc, &f, &e) == OK)
        use(f, &a);
    else if (json_parse(&a, str_from(questions), MAX_JSON_DEPTH, &doc, &e) != OK || flow_parse(doc, &f, &e) != OK)
        abort();
    talk(f, body, &a);
    flow_drop(f);
    arena_release(&a);
    return 0;
}
