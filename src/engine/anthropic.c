/* anthropic.c: the Messages API of Anthropic (version 2023-06-01). The answer comes in blocks of text, thinking and
 * tool calls, each with an index; only message_stop ends it. An answer by a schema is asked for as the call of one tool
 * that has to be used: what the model gives to the tool is the answer. */
#include <stdio.h>

#include "base/limits.h"
#include "base/vec.h"
#include "engine/engine.h"

#include "base/banned.h"

#define ANTHROPIC_VERSION "2023-06-01"
#define ANTHROPIC_TOKENS 4096 /* the API wants a number; every model may write so much */
#define ANSWER_TOOL "answer"
#define BLOCK_MAX (256 * KB)

struct anthropic_block {
    int64_t index;
    struct str id, name;
    struct buf input;
};
struct anthropic {
    VEC(struct anthropic_block) blocks; /* of tool calls */
    struct engine_usage usage;
    bool stopped;
    char reason[32];
    struct fetch_header headers[2];
};

/* ---- the request ---- */

static int anthropic_put_text(struct json *content, struct str text)
{
    struct json *block;
    if (!text.n)
        return 0; /* the API refuses empty text */
    return json_push_object(content, &block) || json_set_str(block, "type", STR("text")) ||
           json_set_str(block, "text", text);
}

static int anthropic_put_image(struct engine_run *run, struct json *content, const struct engine_image *image)
{
    struct json *block, *source;
    if (json_push_object(content, &block) || json_set_str(block, "type", STR("image")) ||
        json_set_object(block, "source", &source))
        return -1;
    if (image->url.n)
        return json_set_str(source, "type", STR("url")) || json_set_str(source, "url", image->url);
    return json_set_str(source, "type", STR("base64")) || json_set_str(source, "media_type", image->mime) ||
           json_set_str(source, "data", engine_run_base64(run, STR_EMPTY, image->bytes));
}

static int anthropic_put_call(struct engine_run *run, struct json *content, const struct engine_tool_call *call)
{
    struct json *block, *input = NULL;
    if (json_parse(engine_run_scratch(run), call->arguments, ENGINE_JSON_DEPTH, &input, NULL) != OK ||
        !json_is(input, JSON_OBJECT))
        input = json_new_object(engine_run_scratch(run));
    return json_push_object(content, &block) || json_set_str(block, "type", STR("tool_use")) ||
           json_set_str(block, "id", call->id) || json_set_str(block, "name", call->name) ||
           json_set(block, "input", input);
}

static int anthropic_put_result(struct json *content, const struct engine_message *m)
{
    struct json *block;
    return json_push_object(content, &block) || json_set_str(block, "type", STR("tool_result")) ||
           json_set_str(block, "tool_use_id", m->tool_id) || json_set_str(block, "content", m->text);
}

/* The results of several tools belong into one message of the user, so a message continues the one before if both have
 * the same role. */
static int anthropic_put_message(struct engine_run *run, struct json *rows, struct json **content, const char **role,
                                 const struct engine_message *m)
{
    const char *own = m->role == ENGINE_ASSISTANT ? "assistant" : "user";
    struct json *row;
    int bad = 0;
    if (!*role || strcmp(*role, own) != 0)
        bad = json_push_object(rows, &row) || json_set_str(row, "role", str_from(own)) ||
              json_set_array(row, "content", content);
    *role = own;
    if (!bad)
        bad = m->role == ENGINE_TOOL ? anthropic_put_result(*content, m) : anthropic_put_text(*content, m->text);
    for (size_t i = 0; !bad && i < m->image_count; i++)
        bad = anthropic_put_image(run, *content, &m->images[i]);
    for (size_t i = 0; !bad && i < m->call_count; i++)
        bad = anthropic_put_call(run, *content, &m->calls[i]);
    return bad;
}

static int anthropic_put_messages(struct engine_run *run, struct json *body, const struct engine_turn *t)
{
    struct json *rows, *content = NULL;
    const char *role = NULL;
    int bad = json_set_array(body, "messages", &rows);
    for (size_t i = 0; !bad && i < t->message_count; i++)
        if (t->messages[i].role == ENGINE_SYSTEM)
            bad = t->messages[i].text.n ? json_set_str(body, "system", t->messages[i].text) : 0;
        else
            bad = anthropic_put_message(run, rows, &content, &role, &t->messages[i]);
    return bad;
}

static int anthropic_put_schema(struct json *body, struct json *tools, const struct json *schema)
{
    struct json *one, *choice;
    return json_push_object(tools, &one) || json_set_str(one, "name", STR(ANSWER_TOOL)) ||
           json_set_str(one, "description", STR("Give the answer.")) || json_set_copy(one, "input_schema", schema) ||
           json_set_object(body, "tool_choice", &choice) || json_set_str(choice, "type", STR("tool")) ||
           json_set_str(choice, "name", STR(ANSWER_TOOL));
}

static int anthropic_put_tools(struct json *body, const struct engine_turn *t)
{
    struct json *tools, *one;
    int bad = t->tool_count || t->schema ? json_set_array(body, "tools", &tools) : 0;
    for (size_t i = 0; !bad && i < t->tool_count; i++)
        bad = json_push_object(tools, &one) || json_set_str(one, "name", t->tools[i].name) ||
              json_set_str(one, "description", t->tools[i].description) ||
              json_set_copy(one, "input_schema", t->tools[i].parameters);
    return bad || !t->schema ? bad : anthropic_put_schema(body, tools, t->schema);
}

static int anthropic_put_sampling(struct json *body, const struct engine_turn *t)
{
    int bad = json_set_int(body, "max_tokens", t->max_tokens > 0 ? t->max_tokens : ANTHROPIC_TOKENS);
    if (!bad && t->temperature >= 0) /* other servers take up to 2 */
        bad = json_set_double(body, "temperature", t->temperature > 1 ? 1 : t->temperature);
    if (!bad && t->top_p >= 0)
        bad = json_set_double(body, "top_p", t->top_p);
    if (!bad && t->stop_count)
        bad = json_set_strings(body, "stop_sequences", t->stop, t->stop_count);
    return bad;
}

static struct json *anthropic_body(struct engine_run *run, const struct engine_turn *t, bool stream)
{
    struct json *body = json_new_object(engine_run_scratch(run));
    if (!body || json_set_str(body, "model", engine_run_setting(run, "model")) || anthropic_put_sampling(body, t) ||
        anthropic_put_messages(run, body, t) || anthropic_put_tools(body, t) || json_set_bool(body, "stream", stream))
        return NULL;
    return body;
}

/* ---- the answer ---- */

static void anthropic_fail(struct engine_run *run, const struct json *doc)
{
    struct engine_failure f = ENGINE_FAILURE_INIT;
    const struct json *error = json_get(doc, "error");
    f.delivered = true;
    engine_failure_take(&f, error);
    f.class = engine_class_of_words(str_from(f.code), str_from(f.detail));
    if (f.class == ENGINE_OK)
        f.class = ENGINE_UPSTREAM;
    engine_run_fail(run, &f);
}

static struct anthropic_block *anthropic_find(struct anthropic *m, int64_t index)
{
    for (size_t i = 0; i < m->blocks.n; i++)
        if (m->blocks.p[i].index == index)
            return &m->blocks.p[i];
    return NULL;
}

static void anthropic_begin_block(struct engine_run *run, const struct json *doc)
{
    struct anthropic *m = engine_run_memory(run);
    const struct json *block = json_get(doc, "content_block");
    struct anthropic_block b = {.index = json_int(json_get(doc, "index"), -1)};
    bool ok = true;
    if (str_eqz(json_get_str(block, "type"), "text"))
        engine_emit_delta(run, json_get_str(block, "text"));
    if (!str_eqz(json_get_str(block, "type"), "tool_use"))
        return;
    b.id = arena_str(engine_run_arena(run), json_get_str(block, "id"), &ok);
    b.name = arena_str(engine_run_arena(run), json_get_str(block, "name"), &ok);
    buf_init(&b.input, BLOCK_MAX);
    if (json_len(json_get(block, "input")) > 0)
        json_write(&b.input, json_get(block, "input"));
    if (!ok || !buf_ok(&b.input) || VEC_PUSH(&m->blocks, b) != 0) {
        buf_release(&b.input);
        engine_run_end(run, ENGINE_TOO_BIG);
    }
}

static void anthropic_add_delta(struct engine_run *run, const struct json *doc)
{
    struct anthropic *m = engine_run_memory(run);
    const struct json *delta = json_get(doc, "delta");
    struct str type = json_get_str(delta, "type");
    if (str_eqz(type, "text_delta"))
        engine_emit_delta(run, json_get_str(delta, "text"));
    if (!str_eqz(type, "input_json_delta"))
        return;
    struct anthropic_block *b = anthropic_find(m, json_int(json_get(doc, "index"), -1));
    if (b)
        buf_str_add(&b->input, json_get_str(delta, "partial_json"));
    if (b && !buf_ok(&b->input))
        engine_run_end(run, ENGINE_TOO_BIG);
}

static void anthropic_take_usage(struct anthropic *m, const struct json *usage)
{
    m->usage.tokens_in = json_int(json_get(usage, "input_tokens"), m->usage.tokens_in);
    m->usage.tokens_out = json_int(json_get(usage, "output_tokens"), m->usage.tokens_out);
}

static void anthropic_take_reason(struct anthropic *m, const struct json *from)
{
    struct str reason = json_get_str(from, "stop_reason");
    if (reason.n)
        snprintf(m->reason, sizeof(m->reason), "%.*s", STR_F(str_sub(reason, 0, 30)));
}

static void anthropic_emit_block(struct engine_run *run, const struct anthropic_block *b)
{
    if (engine_run_turn(run)->schema && str_eqz(b->name, ANSWER_TOOL))
        engine_emit_delta(run, buf_str(&b->input));
    else
        engine_emit_call(run, b->id, b->name, buf_str(&b->input));
}

static void anthropic_end(struct engine_run *run)
{
    struct anthropic *m = engine_run_memory(run);
    struct engine_failure f = ENGINE_FAILURE_INIT;
    f.delivered = true;
    engine_failure_code(&f, str_from(m->reason));
    if (!m->stopped)
        f.class = ENGINE_TRUNCATED;
    else if (str_eqz(str_from(m->reason), "refusal"))
        f.class = ENGINE_FILTERED;
    for (size_t i = 0; f.class == ENGINE_OK && i < m->blocks.n; i++)
        anthropic_emit_block(run, &m->blocks.p[i]);
    if (m->usage.tokens_in || m->usage.tokens_out)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_USAGE, .usage = m->usage});
    engine_run_fail(run, &f);
}

/* A whole message instead of a stream. */
static bool anthropic_on_message(struct engine_run *run, const struct json *doc)
{
    struct anthropic *m = engine_run_memory(run);
    const struct json *content = json_get(doc, "content");
    for (size_t i = 0; i < json_len(content) && !engine_run_over(run); i++) {
        struct json *one = json_new_object(engine_run_scratch(run));
        if (!one || json_set_int(one, "index", (int64_t)i) || json_set_copy(one, "content_block", json_at(content, i)))
            engine_run_end(run, ENGINE_INTERNAL);
        else
            anthropic_begin_block(run, one);
    }
    anthropic_take_usage(m, json_get(doc, "usage"));
    anthropic_take_reason(m, doc);
    m->stopped = json_has(doc, "stop_reason");
    return true;
}

static bool anthropic_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    struct anthropic *m = engine_run_memory(run);
    struct str type = json_get_str(doc, "type");
    (void)event;
    if (str_eqz(type, "ping") || m->stopped)
        return false;
    if (str_eqz(type, "message"))
        return anthropic_on_message(run, doc);
    if (str_eqz(type, "error"))
        anthropic_fail(run, doc);
    else if (str_eqz(type, "message_start"))
        anthropic_take_usage(m, json_get(json_get(doc, "message"), "usage"));
    else if (str_eqz(type, "content_block_start"))
        anthropic_begin_block(run, doc);
    else if (str_eqz(type, "content_block_delta"))
        anthropic_add_delta(run, doc);
    else if (str_eqz(type, "message_delta")) {
        anthropic_take_usage(m, json_get(doc, "usage"));
        anthropic_take_reason(m, json_get(doc, "delta"));
    } else if (str_eqz(type, "message_stop")) {
        m->stopped = true;
        anthropic_end(run);
    }
    return true;
}

/* ---- the engine ---- */

static void anthropic_open(struct engine_run *run)
{
    struct anthropic *m = engine_run_memory(run);
    struct str key = engine_run_setting(run, "api_key");
    m->headers[0] = (struct fetch_header){STR("x-api-key"), key};
    m->headers[1] = (struct fetch_header){STR("anthropic-version"), STR(ANTHROPIC_VERSION)};
    if (!key.n)
        engine_run_fail_text(run, ENGINE_CONFIG, "The API key is missing.");
}

static void anthropic_close(struct engine_run *run)
{
    struct anthropic *m = engine_run_memory(run);
    for (size_t i = 0; i < m->blocks.n; i++)
        buf_release(&m->blocks.p[i].input);
    VEC_RELEASE(&m->blocks);
}

static void anthropic_post(struct engine_run *run, const struct engine_turn *t, bool stream,
                           const struct engine_handlers *on)
{
    const struct anthropic *m = engine_run_memory(run);
    struct engine_request rq = {.method = "POST",
                                .url = engine_run_url(run, "/v1/messages"),
                                .headers = m->headers,
                                .header_count = COUNT_OF(m->headers),
                                .body = engine_run_json(run, anthropic_body(run, t, stream)),
                                .framing = stream ? ENGINE_SSE : ENGINE_WHOLE};
    (void)engine_call(run, &rq, on);
}

static void anthropic_turn(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = anthropic_on_document, .end = anthropic_end};
    anthropic_post(run, engine_run_turn(run), true, &on);
}

static bool anthropic_on_models(struct engine_run *run, struct str event, const struct json *doc)
{
    const struct json *rows = json_get(doc, "data");
    (void)event;
    for (size_t i = 0; i < json_len(rows); i++)
        if (json_get_str(json_at(rows, i), "id").n)
            engine_emit(
                run, &(struct engine_event){.kind = ENGINE_EVENT_MODEL, .text = json_get_str(json_at(rows, i), "id")});
    return true;
}

static bool anthropic_on_token(struct engine_run *run, struct str event, const struct json *doc)
{
    struct anthropic *m = engine_run_memory(run);
    (void)event;
    anthropic_take_usage(m, json_get(doc, "usage"));
    engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_USAGE, .usage = m->usage});
    return true;
}

static void anthropic_on_token_end(struct engine_run *run)
{
    engine_run_end(run, ENGINE_OK);
}

/* One token of the chosen model, because only a question shows whether the account has credit. */
static void anthropic_ask_token(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = anthropic_on_token, .end = anthropic_on_token_end};
    const struct engine_message hello = {.role = ENGINE_USER, .text = STR("Hello")};
    const struct engine_turn turn = {
        .messages = &hello, .message_count = 1, .temperature = -1, .top_p = -1, .max_tokens = 1, .seed = -1};
    if (engine_run_setting(run, "model").n)
        anthropic_post(run, &turn, false, &on);
    else
        engine_run_end(run, ENGINE_OK);
}

static void anthropic_probe(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = anthropic_on_models, .end = anthropic_ask_token};
    const struct anthropic *m = engine_run_memory(run);
    struct engine_request rq = {.method = "GET",
                                .url = engine_run_url(run, "/v1/models?limit=1000"),
                                .headers = m->headers,
                                .header_count = COUNT_OF(m->headers),
                                .framing = ENGINE_WHOLE};
    (void)engine_call(run, &rq, &on);
}

const struct engine_ops engine_anthropic = {
    .caps = ENGINE_CAN_STREAM | ENGINE_CAN_IMAGES | ENGINE_CAN_TOOLS | ENGINE_CAN_SCHEMA,
    .size = sizeof(struct anthropic),
    .open = anthropic_open,
    .close = anthropic_close,
    .probe = anthropic_probe,
    .turn = anthropic_turn,
};
