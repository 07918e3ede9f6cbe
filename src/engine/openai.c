/* openai.c: servers that speak OpenAI's protocol: OpenAI, Azure, Groq, Mistral, OpenRouter, vLLM, llama.cpp, LM Studio
 * and others. Azure puts the model into the address and the key into a header of its own; the setting api_version
 * tells that it is Azure. */
#include "base/crypto.h"
#include "engine/openai_chat.h"

#include "base/banned.h"

struct openai {
    struct openai_chat chat;
    struct fetch_header headers[1];
    size_t header_count;
    bool azure, listed, found;
    size_t vectors;
};

static bool openai_is_azure(const struct engine_run *run)
{
    return engine_run_setting(run, "api_version").n > 0;
}

static void openai_open(struct engine_run *run)
{
    struct openai *o = engine_run_memory(run);
    struct str key = engine_run_setting(run, "api_key");
    o->azure = openai_is_azure(run);
    if (!engine_run_setting(run, "base_url").n) {
        engine_run_fail_text(run, ENGINE_CONFIG, "The base address is missing.");
        return;
    }
    if (!key.n)
        return; /* servers of one's own often have none */
    bool ok = true;
    const char *bearer = arena_printf(engine_run_arena(run), "Bearer %.*s", STR_F(key));
    o->headers[0] = o->azure ? (struct fetch_header){STR("api-key"), key}
                             : (struct fetch_header){STR("Authorization"), str_from(bearer)};
    ok = bearer;
    o->header_count = 1;
    if (!ok)
        engine_run_end(run, ENGINE_INTERNAL);
}

static void openai_close(struct engine_run *run)
{
    struct openai *o = engine_run_memory(run);
    openai_chat_release(&o->chat);
}

/* The address of an operation. At Azure it names the deployment, except for the list of models. */
static struct str openai_url(struct engine_run *run, const char *operation, struct str model)
{
    const struct openai *o = engine_run_memory(run);
    struct str version = engine_run_setting(run, "api_version"), url = STR_EMPTY;
    bool ok = true;
    struct buf b;
    if (!o->azure)
        return engine_run_url(run, operation);
    buf_init(&b, 4000);
    if (!str_has(engine_run_setting(run, "base_url"), STR("/openai")))
        buf_puts(&b, "/openai");
    if (model.n && !str_has(engine_run_setting(run, "base_url"), STR("/deployments/"))) {
        buf_puts(&b, "/deployments/");
        buf_url(&b, model);
    }
    buf_printf(&b, "%s?api-version=", operation);
    buf_url(&b, version);
    struct str path = arena_str(engine_run_arena(run), buf_str(&b), &ok);
    if (ok && buf_ok(&b))
        url = engine_run_url(run, path.p);
    else
        engine_run_end(run, ENGINE_INTERNAL);
    buf_release(&b);
    return url;
}

/* OpenAI and Azure refuse max_tokens for models that reason; other servers do not know the new name. */
static struct openai_where openai_where(struct engine_run *run)
{
    const struct openai *o = engine_run_memory(run);
    struct str model = engine_run_setting(run, "model");
    return (struct openai_where){
        .url = openai_url(run, "/chat/completions", model),
        .model = model,
        .headers = o->headers,
        .header_count = o->header_count,
        .completion_tokens = o->azure || str_has(engine_run_setting(run, "base_url"), STR("//api.openai.com/"))};
}

static void openai_turn(struct engine_run *run)
{
    struct openai_where w = openai_where(run);
    openai_chat_ask(run, &w);
}

/* ---- probe: the models, then one token of the chosen model, because only a question shows whether it may be asked and
 * whether the account has credit ---- */

static bool openai_on_models(struct engine_run *run, struct str event, const struct json *doc)
{
    struct openai *o = engine_run_memory(run);
    const struct json *rows = json_is(doc, JSON_ARRAY) ? doc : json_get(doc, "data");
    (void)event;
    for (size_t i = 0; i < json_len(rows); i++) {
        struct str id = json_get_str(json_at(rows, i), "id");
        o->listed = true;
        if (id.n)
            engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_MODEL, .text = id});
    }
    return true;
}

static bool openai_on_token(struct engine_run *run, struct str event, const struct json *doc)
{
    struct openai *o = engine_run_memory(run);
    (void)event;
    const struct json *usage = json_get(doc, "usage");
    o->found = json_len(json_get(doc, "choices")) > 0;
    if (usage)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_USAGE,
                                                .usage = {json_int(json_get(usage, "prompt_tokens"), -1),
                                                          json_int(json_get(usage, "completion_tokens"), -1)}});
    if (json_get(doc, "error"))
        openai_chat_fail(run, doc);
    return true;
}

static void openai_on_token_end(struct engine_run *run)
{
    const struct openai *o = engine_run_memory(run);
    if (o->found)
        engine_run_end(run, ENGINE_OK);
    else
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply has no \"choices\".");
}

static void openai_ask_token(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = openai_on_token, .end = openai_on_token_end};
    const struct engine_message hello = {.role = ENGINE_USER, .text = STR("Hello")};
    const struct engine_turn turn = {
        .messages = &hello, .message_count = 1, .temperature = -1, .top_p = -1, .max_tokens = 1, .seed = -1};
    struct openai_where w = openai_where(run);
    if (!w.model.n) {
        engine_run_end(run, ENGINE_OK);
        return;
    }
    w.plain = true;
    struct engine_request rq = {.method = "POST",
                                .url = w.url,
                                .headers = w.headers,
                                .header_count = w.header_count,
                                .body = engine_run_json(run, openai_chat_body(run, &turn, &w)),
                                .framing = ENGINE_WHOLE};
    (void)engine_call(run, &rq, &on);
}

/* Not every server has the list; whether the others work is seen by the question. */
static bool openai_on_no_models(struct engine_run *run, const struct engine_failure *f, const struct json *doc)
{
    (void)doc;
    if (f->class != ENGINE_NOT_FOUND || !engine_run_setting(run, "model").n)
        return false;
    openai_ask_token(run);
    return true;
}

static void openai_probe(struct engine_run *run)
{
    static const struct engine_handlers on = {
        .document = openai_on_models, .end = openai_ask_token, .failed = openai_on_no_models};
    const struct openai *o = engine_run_memory(run);
    struct engine_request rq = {.method = "GET",
                                .url = openai_url(run, "/models", STR_EMPTY),
                                .headers = o->headers,
                                .header_count = o->header_count,
                                .framing = ENGINE_WHOLE};
    (void)engine_call(run, &rq, &on);
}

/* ---- embeddings ---- */

/* Floats, or base64 of little-endian floats, as the server likes. */
static bool openai_read_vector(struct engine_run *run, const struct json *row, size_t at)
{
    const struct json *v = json_get(row, "embedding");
    int64_t index = json_int(json_get(row, "index"), (int64_t)at);
    struct buf b;
    size_t n;
    (void)engine_run_texts(run, &n);
    buf_init(&b, 1 << 20);
    if (json_is(v, JSON_STRING))
        (void)crypto_base64_decode(json_str(v), &b);
    for (size_t i = 0; json_is(v, JSON_ARRAY) && i < json_len(v); i++) {
        float f = (float)json_double(json_at(v, i), 0);
        buf_add(&b, &f, sizeof(f));
    }
    bool good = buf_ok(&b) && b.n >= sizeof(float) && b.n % sizeof(float) == 0 && index >= 0 && index < (int64_t)n;
    if (good)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_VECTOR,
                                                .vector = (const float *)(const void *)b.p,
                                                .dimensions = b.n / sizeof(float),
                                                .index = (size_t)index});
    buf_release(&b);
    return good;
}

static bool openai_on_vectors(struct engine_run *run, struct str event, const struct json *doc)
{
    struct openai *o = engine_run_memory(run);
    const struct json *rows = json_get(doc, "data"), *usage = json_get(doc, "usage");
    (void)event;
    for (size_t i = 0; i < json_len(rows); i++)
        o->vectors += openai_read_vector(run, json_at(rows, i), i) ? 1 : 0;
    if (usage)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_USAGE,
                                                .usage = {json_int(json_get(usage, "prompt_tokens"), -1), 0}});
    return true;
}

static void openai_on_vectors_end(struct engine_run *run)
{
    const struct openai *o = engine_run_memory(run);
    size_t n;
    (void)engine_run_texts(run, &n);
    if (o->vectors == n)
        engine_run_end(run, ENGINE_OK);
    else
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply does not have a vector for each text.");
}

static void openai_embed(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = openai_on_vectors, .end = openai_on_vectors_end};
    const struct openai *o = engine_run_memory(run);
    struct str model = engine_run_setting(run, "embedding_model");
    struct json *body = json_new_object(engine_run_scratch(run));
    size_t n;
    const struct str *texts = engine_run_texts(run, &n);
    int bad = !body || json_set_str(body, "model", model) || json_set_str(body, "encoding_format", STR("float")) ||
              json_set_strings(body, "input", texts, n);
    if (!model.n) {
        engine_run_fail_text(run, ENGINE_CONFIG, "The model for embeddings is not set.");
        return;
    }
    struct engine_request rq = {.method = "POST",
                                .url = openai_url(run, "/embeddings", model),
                                .headers = o->headers,
                                .header_count = o->header_count,
                                .body = engine_run_json(run, bad ? NULL : body),
                                .framing = ENGINE_WHOLE};
    (void)engine_call(run, &rq, &on);
}

const struct engine_ops engine_openai = {
    .caps = ENGINE_CAN_STREAM | ENGINE_CAN_IMAGES | ENGINE_CAN_TOOLS | ENGINE_CAN_SCHEMA | ENGINE_CAN_EMBED,
    .size = sizeof(struct openai),
    .open = openai_open,
    .close = openai_close,
    .probe = openai_probe,
    .turn = openai_turn,
    .embed = openai_embed,
};
