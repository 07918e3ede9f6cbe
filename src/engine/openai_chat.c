/* openai_chat.c: the answer of a chat completion. Its dialects differ where it matters: an error may be a number, a
 * text or the whole document, may come after half an answer with status 200, and may be followed by [DONE]; a server
 * that fails may just close the stream. So an answer is whole only with a finish_reason or [DONE], and without an
 * error. */
#include "engine/openai_chat.h"

#include <stdio.h>

#include "base/limits.h"

#include "base/banned.h"

#define ARGUMENTS_MAX (256 * KB)
#define TOOL_CALLS_MAX 32

void openai_chat_release(struct openai_chat *c)
{
    for (size_t i = 0; i < c->calls.n; i++)
        buf_release(&c->calls.p[i].arguments);
    VEC_RELEASE(&c->calls);
}

/* vLLM and llama.cpp give the HTTP status as the code, TGI as http_status_code. */
static int chat_error_status(const struct json *error)
{
    int64_t status = json_int(json_get(error, "code"), json_int(json_get(error, "http_status_code"), 0));
    return status >= 400 && status < 600 ? (int)status : 0;
}

void openai_chat_fail(struct engine_run *run, const struct json *doc)
{
    const struct json *error = json_get(doc, "error") ? json_get(doc, "error") : doc;
    struct engine_failure f = ENGINE_FAILURE_INIT;
    f.http = chat_error_status(error);
    f.delivered = true;
    engine_failure_take(&f, error);
    if (json_is(error, JSON_STRING)) /* TGI names the type beside the text */
        engine_failure_take_code(&f, doc);
    f.class = engine_class_of_words(str_from(f.code), str_from(f.detail));
    if (f.class == ENGINE_OK)
        f.class = f.http ? engine_class_of_status(f.http) : ENGINE_UPSTREAM;
    engine_run_fail(run, &f);
}

/* ---- text ---- */

/* A text, or parts of which some are reasoning (Mistral). */
static bool chat_add_content(struct engine_run *run, const struct json *content)
{
    struct openai_chat *c = engine_run_memory(run);
    if (json_is(content, JSON_STRING))
        engine_emit_spoken(run, &c->think, json_str(content));
    for (size_t i = 0; json_is(content, JSON_ARRAY) && i < json_len(content); i++)
        if (str_eqz(json_get_str(json_at(content, i), "type"), "text"))
            engine_emit_spoken(run, &c->think, json_get_str(json_at(content, i), "text"));
    return json_len(content) > 0 || json_str(content).n > 0;
}

/* ---- tool calls ---- */

/* The call that this piece belongs to. Some servers leave the index out: then an id begins a new call. */
static struct openai_tool_call *chat_find_call(struct openai_chat *c, const struct json *piece)
{
    int64_t index = json_int(json_get(piece, "index"), -1);
    if (index < 0) {
        bool begins = json_get_str(piece, "id").n > 0 || !c->calls.n;
        index = begins ? (int64_t)c->calls.n : c->calls.p[c->calls.n - 1].index;
    }
    for (size_t i = 0; i < c->calls.n; i++)
        if (c->calls.p[i].index == index)
            return &c->calls.p[i];
    struct openai_tool_call call = {.index = index, .id = STR_EMPTY, .name = STR_EMPTY};
    buf_init(&call.arguments, ARGUMENTS_MAX);
    if (c->calls.n >= TOOL_CALLS_MAX || VEC_PUSH(&c->calls, call) != 0)
        return NULL;
    return &c->calls.p[c->calls.n - 1];
}

static void chat_add_call(struct engine_run *run, const struct json *piece)
{
    struct openai_tool_call *call = chat_find_call(engine_run_memory(run), piece);
    const struct json *function = json_get(piece, "function"), *arguments = json_get(function, "arguments");
    bool ok = call;
    if (ok && !call->id.n)
        call->id = arena_str(engine_run_arena(run), json_get_str(piece, "id"), &ok);
    if (ok && !call->name.n)
        call->name = arena_str(engine_run_arena(run), json_get_str(function, "name"), &ok);
    if (ok && json_is(arguments, JSON_OBJECT))
        json_write(&call->arguments, arguments);
    else if (ok)
        buf_str_add(&call->arguments, json_str(arguments));
    if (!ok || !buf_ok(&call->arguments))
        engine_run_end(run, ENGINE_TOO_BIG);
}

/* ---- documents ---- */

static bool chat_read_choice(struct engine_run *run, const struct json *choice)
{
    struct openai_chat *c = engine_run_memory(run);
    const struct json *delta = json_get(choice, "delta") ? json_get(choice, "delta") : json_get(choice, "message");
    const struct json *calls = json_get(delta, "tool_calls");
    struct str reason = json_get_str(choice, "finish_reason");
    bool content = chat_add_content(run, json_get(delta, "content"));
    /* The reasoning is no part of the answer, but shows that the model is at work. */
    if (json_get_str(delta, "reasoning").n || json_get_str(delta, "reasoning_content").n)
        content = true;
    if (json_get_str(delta, "refusal").n)
        content = c->refused = true;
    for (size_t i = 0; i < json_len(calls) && !engine_run_over(run); i++)
        chat_add_call(run, json_at(calls, i));
    if (reason.n) {
        c->finished = true;
        snprintf(c->reason, sizeof(c->reason), "%.*s", STR_F(str_sub(reason, 0, 30)));
    }
    return content || json_len(calls) > 0 || reason.n > 0;
}

static void chat_read_usage(struct openai_chat *c, const struct json *usage)
{
    if (!json_is(usage, JSON_OBJECT))
        return;
    c->used = true;
    c->usage.tokens_in = json_int(json_get(usage, "prompt_tokens"), -1);
    c->usage.tokens_out = json_int(json_get(usage, "completion_tokens"), -1);
}

static bool chat_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    struct openai_chat *c = engine_run_memory(run);
    const struct json *choices = json_get(doc, "choices");
    bool content = false;
    if (c->done)
        return false;
    if (json_get(doc, "error") || str_eqz(event, "error") || str_eqz(json_get_str(doc, "object"), "error")) {
        openai_chat_fail(run, doc);
        return true;
    }
    chat_read_usage(c, json_get(doc, "usage"));
    c->strange = !choices && !c->used;
    for (size_t i = 0; i < json_len(choices) && !engine_run_over(run); i++)
        if (json_int(json_get(json_at(choices, i), "index"), 0) == 0 && chat_read_choice(run, json_at(choices, i)))
            content = true;
    return content;
}

static void chat_end(struct engine_run *run)
{
    struct openai_chat *c = engine_run_memory(run);
    struct engine_failure f = ENGINE_FAILURE_INIT;
    f.delivered = true;
    engine_failure_code(&f, str_from(c->reason));
    engine_emit_spoken_end(run, &c->think);
    if (!c->finished && !c->done)
        f.class = c->strange ? ENGINE_PROTOCOL : ENGINE_TRUNCATED;
    else if (c->refused || str_eqz(str_from(c->reason), "content_filter"))
        f.class = ENGINE_FILTERED;
    for (size_t i = 0; f.class == ENGINE_OK && i < c->calls.n; i++)
        engine_emit_call(run, c->calls.p[i].id, c->calls.p[i].name, buf_str(&c->calls.p[i].arguments));
    if (c->used)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_USAGE, .usage = c->usage});
    engine_run_fail(run, &f);
}

/* What follows [DONE] is no part of the answer, so there is nothing to wait for. */
static bool chat_on_text(struct engine_run *run, struct str event, struct str data)
{
    struct openai_chat *c = engine_run_memory(run);
    (void)event;
    if (c->done)
        return false;
    if (str_eqz(str_trim(data), "[DONE]")) {
        c->done = true;
        chat_end(run);
    } else if (str_trim(data).n) {
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The stream contains something that is not JSON.");
    }
    return true;
}

/* A server that said how its answer finished, and then did not close the stream, has answered. */
static bool chat_on_failed(struct engine_run *run, const struct engine_failure *f, const struct json *doc)
{
    struct openai_chat *c = engine_run_memory(run);
    (void)f;
    (void)doc;
    if (c->finished)
        chat_end(run);
    return c->finished;
}

void openai_chat_ask(struct engine_run *run, const struct openai_where *w)
{
    static const struct engine_handlers on = {
        .document = chat_on_document, .text = chat_on_text, .end = chat_end, .failed = chat_on_failed};
    struct json *body = openai_chat_body(run, w->turn ? w->turn : engine_run_turn(run), w);
    struct engine_request rq = {.method = "POST",
                                .url = w->url,
                                .headers = w->headers,
                                .header_count = w->header_count,
                                .body = engine_run_json(run, body),
                                .framing = w->plain ? ENGINE_WHOLE : ENGINE_SSE};
    (void)engine_call(run, &rq, &on);
}
