/* ollama.c: Ollama's own protocol, a document a line. Its OpenAI-compatible side hides failures in the middle of an
 * answer and cannot set the size of the context, so this one is better where it can be had. Only "done": true ends an
 * answer. Calls of tools have no ids here; they get one from their order. */
#include <stdio.h>

#include "engine/openai_chat.h"
#include "engine/text.h"
#include "engine/vectors.h"

#include "base/banned.h"

struct ollama {
    struct text_think think;
    bool done, called;
    int64_t calls;
    char reason[32];
    struct engine_usage usage;
};

/* ---- the request ---- */

static int ollama_put_images(struct engine_run *run, struct json *row, const struct engine_message *m)
{
    struct json *images = NULL;
    int bad = 0;
    for (size_t i = 0; !bad && i < m->image_count; i++) {
        if (!m->images[i].bytes.n)
            continue; /* the server fetches no addresses */
        bad = images ? 0 : json_set_array(row, "images", &images);
        bad = bad || json_push_str(images, engine_run_base64(run, STR_EMPTY, m->images[i].bytes));
    }
    return bad;
}

static int ollama_put_calls(struct engine_run *run, struct json *row, const struct engine_message *m)
{
    struct json *calls, *one, *function;
    int bad = m->call_count ? json_set_array(row, "tool_calls", &calls) : 0;
    for (size_t i = 0; !bad && i < m->call_count; i++) {
        struct json *arguments = NULL;
        if (json_parse(engine_run_scratch(run), m->calls[i].arguments, ENGINE_JSON_DEPTH, &arguments, NULL) != OK ||
            !json_is(arguments, JSON_OBJECT))
            arguments = json_new_object(engine_run_scratch(run));
        bad = json_push_object(calls, &one) || json_set_object(one, "function", &function) ||
              json_set_str(function, "name", m->calls[i].name) || json_set(function, "arguments", arguments);
    }
    return bad;
}

static int ollama_put_messages(struct engine_run *run, struct json *body, const struct engine_turn *t)
{
    static const char *const roles[] = {
        [ENGINE_SYSTEM] = "system", [ENGINE_USER] = "user", [ENGINE_ASSISTANT] = "assistant", [ENGINE_TOOL] = "tool"};
    struct json *rows, *row;
    int bad = json_set_array(body, "messages", &rows);
    for (size_t i = 0; !bad && i < t->message_count; i++) {
        const struct engine_message *m = &t->messages[i];
        bad = json_push_object(rows, &row) || json_set_str(row, "role", str_from(roles[m->role])) ||
              json_set_str(row, "content", m->text) || ollama_put_images(run, row, m) || ollama_put_calls(run, row, m);
        if (!bad && m->role == ENGINE_TOOL)
            bad = json_set_str(row, "tool_name", m->tool_name);
    }
    return bad;
}

static int ollama_put_options(struct json *body, const struct engine_turn *t)
{
    struct json *options;
    int bad = json_set_object(body, "options", &options);
    if (!bad && t->temperature >= 0)
        bad = json_set_double(options, "temperature", t->temperature);
    if (!bad && t->top_p >= 0)
        bad = json_set_double(options, "top_p", t->top_p);
    if (!bad && t->max_tokens > 0)
        bad = json_set_int(options, "num_predict", t->max_tokens);
    if (!bad && t->seed >= 0)
        bad = json_set_int(options, "seed", t->seed);
    if (!bad && t->stop_count)
        bad = json_set_strings(options, "stop", t->stop, t->stop_count);
    return bad;
}

static struct json *ollama_body(struct engine_run *run, const struct engine_turn *t, bool stream)
{
    struct json *body = json_new_object(engine_run_scratch(run));
    if (!body || json_set_str(body, "model", engine_run_setting(run, "model")) ||
        json_set_bool(body, "stream", stream) || ollama_put_messages(run, body, t) || openai_put_tools(body, t) ||
        ollama_put_options(body, t))
        return NULL;
    return t->schema && json_set_copy(body, "format", t->schema) ? NULL : body;
}

/* ---- the answer ---- */

static void ollama_fail(struct engine_run *run, const struct json *error)
{
    struct engine_failure f = ENGINE_FAILURE_INIT;
    f.delivered = true;
    engine_failure_take(&f, error);
    f.class = engine_class_of_words(STR_EMPTY, str_from(f.detail));
    if (f.class == ENGINE_OK)
        f.class = ENGINE_UPSTREAM;
    engine_run_fail(run, &f);
}

/* The arguments are an object here; a text of JSON is taken as well. */
static void ollama_add_call(struct engine_run *run, const struct json *call)
{
    struct ollama *o = engine_run_memory(run);
    const struct json *function = json_get(call, "function"), *arguments = json_get(function, "arguments");
    struct str text = json_is(arguments, JSON_STRING) ? json_str(arguments)
                      : arguments                     ? engine_run_json(run, arguments)
                                                      : STR_EMPTY;
    char id[32];
    snprintf(id, sizeof(id), "call_%lld", (long long)++o->calls);
    engine_emit_call(run, str_from(id), json_get_str(function, "name"), text);
}

static void ollama_end(struct engine_run *run)
{
    struct ollama *o = engine_run_memory(run);
    struct engine_failure f = ENGINE_FAILURE_INIT;
    f.delivered = true;
    engine_failure_code(&f, str_from(o->reason));
    engine_emit_spoken_end(run, &o->think);
    if (!o->done)
        f.class = ENGINE_TRUNCATED;
    else if (str_eqz(str_from(o->reason), "load"))
        f.class = ENGINE_LOADING; /* the model was only loaded, and nothing was asked */
    else
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_USAGE, .usage = o->usage});
    engine_run_fail(run, &f);
}

static bool ollama_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    struct ollama *o = engine_run_memory(run);
    const struct json *message = json_get(doc, "message"), *calls = json_get(message, "tool_calls");
    struct str text = json_get_str(message, "content"), reason = json_get_str(doc, "done_reason");
    (void)event;
    if (o->done)
        return false;
    if (json_get(doc, "error")) {
        ollama_fail(run, json_get(doc, "error"));
        return true;
    }
    engine_emit_spoken(run, &o->think, text);
    for (size_t i = 0; i < json_len(calls) && !engine_run_over(run); i++)
        ollama_add_call(run, json_at(calls, i));
    if (json_bool(json_get(doc, "done"))) {
        o->done = true;
        o->usage.tokens_in = json_int(json_get(doc, "prompt_eval_count"), -1);
        o->usage.tokens_out = json_int(json_get(doc, "eval_count"), -1);
        snprintf(o->reason, sizeof(o->reason), "%.*s", STR_F(str_sub(reason, 0, 30)));
        ollama_end(run);
    }
    return text.n > 0 || json_get_str(message, "thinking").n > 0 || json_len(calls) > 0 || o->done;
}

static void ollama_open(struct engine_run *run)
{
    if (!engine_run_setting(run, "base_url").n)
        engine_run_fail_text(run, ENGINE_CONFIG, "The base address is missing.");
}

static void ollama_turn(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = ollama_on_document, .end = ollama_end};
    struct engine_request rq = {.method = "POST",
                                .url = engine_run_url(run, "/api/chat"),
                                .body = engine_run_json(run, ollama_body(run, engine_run_turn(run), true)),
                                .framing = ENGINE_NDJSON};
    (void)engine_call(run, &rq, &on);
}

/* ---- probe: the models that were pulled ---- */

static bool ollama_is_model(struct str name, struct str wanted)
{
    return str_eq(name, wanted) ||
           (name.n == wanted.n + 7 && str_starts(name, wanted) && str_ends(name, STR(":latest")));
}

static bool ollama_on_tags(struct engine_run *run, struct str event, const struct json *doc)
{
    struct ollama *o = engine_run_memory(run);
    const struct json *rows = json_get(doc, "models");
    (void)event;
    o->done = json_is(rows, JSON_ARRAY);
    for (size_t i = 0; i < json_len(rows); i++) {
        struct str name = json_get_str(json_at(rows, i), "name");
        if (ollama_is_model(name, engine_run_setting(run, "model")))
            o->called = true;
        if (name.n)
            engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_MODEL, .text = name});
    }
    return true;
}

static void ollama_on_tags_end(struct engine_run *run)
{
    const struct ollama *o = engine_run_memory(run);
    if (!o->done)
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply has no \"models\".");
    else if (engine_run_setting(run, "model").n && !o->called)
        engine_run_fail_text(run, ENGINE_NOT_FOUND, "The server does not have the model. Pull it there first.");
    else
        engine_run_end(run, ENGINE_OK);
}

static void ollama_probe(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = ollama_on_tags, .end = ollama_on_tags_end};
    struct engine_request rq = {.method = "GET", .url = engine_run_url(run, "/api/tags"), .framing = ENGINE_WHOLE};
    (void)engine_call(run, &rq, &on);
}

/* ---- embeddings ---- */

static bool ollama_on_vectors(struct engine_run *run, struct str event, const struct json *doc)
{
    size_t n;
    (void)event;
    (void)engine_run_texts(run, &n);
    engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_USAGE,
                                            .usage = {json_int(json_get(doc, "prompt_eval_count"), -1), 0}});
    engine_emit_vectors(run, json_get(doc, "embeddings"), 0, n);
    return true;
}

/* The one document of the reply had all vectors, or has ended the run. */
static void ollama_on_vectors_end(struct engine_run *run)
{
    engine_run_end(run, ENGINE_OK);
}

static void ollama_embed(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = ollama_on_vectors, .end = ollama_on_vectors_end};
    struct str model = engine_run_setting(run, "embedding_model");
    struct json *body = json_new_object(engine_run_scratch(run));
    size_t n;
    const struct str *texts = engine_run_texts(run, &n);
    int bad = !body || json_set_str(body, "model", model) || json_set_strings(body, "input", texts, n);
    if (!model.n) {
        engine_run_fail_text(run, ENGINE_CONFIG, "The model for embeddings is not set.");
        return;
    }
    struct engine_request rq = {.method = "POST",
                                .url = engine_run_url(run, "/api/embed"),
                                .body = engine_run_json(run, bad ? NULL : body),
                                .framing = ENGINE_WHOLE};
    (void)engine_call(run, &rq, &on);
}

const struct engine_ops engine_ollama = {
    .caps = ENGINE_CAN_STREAM | ENGINE_CAN_IMAGES | ENGINE_CAN_TOOLS | ENGINE_CAN_SCHEMA | ENGINE_CAN_EMBED,
    .size = sizeof(struct ollama),
    .open = ollama_open,
    .probe = ollama_probe,
    .turn = ollama_turn,
    .embed = ollama_embed,
};
