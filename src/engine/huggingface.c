/* huggingface.c: Hugging Face: the router and endpoints of one's own, which speak OpenAI's protocol, TGI's own
 * generate_stream, and the serverless tasks of models that do not chat. The setting "task" tells which. A serverless
 * model that nobody used for a while answers 503: it is asked without x-wait-for-model first, because that shows the
 * time it needs, and once more with it. */
#include "engine/huggingface_internal.h"
#include "engine/vectors.h"

#include "base/banned.h"

static const char *const hf_task_names[] = {
    [HF_CHAT] = "chat",
    [HF_GENERATE] = "generate",
    [HF_TEXT] = "text-generation",
    [HF_CONVERSATIONAL] = "conversational",
    [HF_QUESTION] = "question-answering",
    [HF_ZERO_SHOT] = "zero-shot-classification",
};

static void hf_open(struct engine_run *run)
{
    struct hf *h = engine_run_memory(run);
    struct str key = engine_run_setting(run, "api_key"), payer = engine_run_setting(run, "bill_to");
    struct str task = str_trim(engine_run_setting(run, "task"));
    size_t at = task.n ? str_among(task, hf_task_names, COUNT_OF(hf_task_names)) : HF_CHAT;
    h->prompt = STR_EMPTY;
    if (!engine_run_setting(run, "base_url").n)
        engine_run_fail_text(run, ENGINE_CONFIG, "The base address is missing.");
    if (at >= HF_TASKS) {
        engine_run_fail_text(run, ENGINE_CONFIG, "The task is unknown.");
        return;
    }
    h->task = (enum hf_task)at;
    if (key.n) {
        const char *bearer = arena_printf(engine_run_arena(run), "Bearer %.*s", STR_F(key));
        h->headers[h->header_count++] = (struct fetch_header){STR("Authorization"), str_from(bearer)};
        if (!bearer)
            engine_run_end(run, ENGINE_INTERNAL);
    }
    if (payer.n)
        h->headers[h->header_count++] = (struct fetch_header){STR("X-HF-Bill-To"), payer};
    if (engine_run_loading(run))
        h->headers[h->header_count++] = (struct fetch_header){STR("x-wait-for-model"), STR("true")};
}

static void hf_close(struct engine_run *run)
{
    struct hf *h = engine_run_memory(run);
    openai_chat_release(&h->chat);
}

/* ---- addresses ---- */

/* The base address with `path` in place of a "/v1" at its end. */
static struct str hf_url(struct engine_run *run, const char *path)
{
    struct str base = engine_run_setting(run, "base_url");
    while (str_ends(base, STR("/")))
        base.n--;
    if (str_ends(base, STR("/v1")))
        base.n -= 3;
    const char *url = arena_printf(engine_run_arena(run), "%.*s%s", STR_F(base), path);
    if (!url)
        engine_run_end(run, ENGINE_INTERNAL);
    return str_from(url);
}

/* The name of a model is "owner/name", and its slash stays. A part that is "." or ".." would lead elsewhere. */
static void hf_url_model(struct engine_run *run, struct buf *b, struct str model)
{
    struct str rest = model, part;
    while (str_split(&rest, '/', &part)) {
        if (!part.n || str_eqz(part, ".") || str_eqz(part, ".."))
            engine_run_fail_text(run, ENGINE_CONFIG, "The model is not a name like owner/name.");
        buf_putc(b, '/');
        buf_url(b, part);
    }
}

/* Where a task is done: at the endpoint itself if no model is named, otherwise at the serverless address of the model.
 * The router has its chat at /v1 and the models' own tasks at /hf-inference. */
static struct str hf_task_url(struct engine_run *run, struct str model, const char *pipeline)
{
    struct str base = engine_run_setting(run, "base_url"), path, url = STR_EMPTY;
    bool ok = true;
    struct buf b;
    while (str_ends(base, STR("/")))
        base.n--;
    buf_init(&b, 4000);
    if (model.n) {
        buf_puts(&b, str_ends(base, STR("/v1")) ? "/hf-inference/models" : "/models");
        hf_url_model(run, &b, model);
        buf_puts(&b, pipeline);
    } else
        buf_puts(&b, "/");
    path = arena_str(engine_run_arena(run), buf_str(&b), &ok);
    if (ok && buf_ok(&b))
        url = hf_url(run, path.p);
    else
        engine_run_end(run, ENGINE_INTERNAL);
    buf_release(&b);
    return url;
}

/* ---- questions ---- */

/* An endpoint that serves one model takes any name, and "tgi" is the customary one. */
static void hf_ask_chat(struct engine_run *run, const struct engine_turn *t)
{
    const struct hf *h = engine_run_memory(run);
    struct str model = engine_run_setting(run, "model");
    struct openai_where w = {.url = hf_url(run, "/v1/chat/completions"),
                             .model = model.n ? model : STR("tgi"),
                             .headers = h->headers,
                             .header_count = h->header_count,
                             .plain = h->probing,
                             .turn = t};
    openai_chat_ask(run, &w);
}

static void hf_ask_task(struct engine_run *run, const struct engine_turn *t)
{
    static const struct engine_handlers stream = {.document = hf_reply_on_token, .end = hf_reply_on_end};
    static const struct engine_handlers whole = {.document = hf_reply_on_document, .end = hf_reply_on_end};
    const struct hf *h = engine_run_memory(run);
    bool generate = h->task == HF_GENERATE;
    struct json *body = hf_task_body(run, t);
    if (!body)
        return;
    struct engine_request rq = {.method = "POST",
                                .url = generate ? hf_url(run, "/generate_stream")
                                                : hf_task_url(run, engine_run_setting(run, "model"), ""),
                                .headers = h->headers,
                                .header_count = h->header_count,
                                .body = engine_run_json(run, body),
                                .framing = generate ? ENGINE_SSE : ENGINE_WHOLE};
    (void)engine_call(run, &rq, generate ? &stream : &whole);
}

static void hf_ask(struct engine_run *run, const struct engine_turn *t)
{
    const struct hf *h = engine_run_memory(run);
    if (h->task == HF_CHAT)
        hf_ask_chat(run, t);
    else
        hf_ask_task(run, t);
}

static void hf_turn(struct engine_run *run)
{
    hf_ask(run, engine_run_turn(run));
}

/* ---- probe: what the server offers, then one token, because only a question shows whether the token has the right and
 * the account has credit ---- */

static void hf_probe_question(struct engine_run *run)
{
    static const struct engine_message hello = {.role = ENGINE_USER, .text = STR("Hello")};
    static const struct engine_turn turn = {
        .messages = &hello, .message_count = 1, .temperature = -1, .top_p = -1, .max_tokens = 1, .seed = -1};
    struct hf *h = engine_run_memory(run);
    h->probing = true;
    if (h->listed && h->task == HF_CHAT && !engine_run_setting(run, "model").n)
        engine_run_end(run, ENGINE_OK);
    else
        hf_ask(run, &turn);
}

static bool hf_on_models(struct engine_run *run, struct str event, const struct json *doc)
{
    struct hf *h = engine_run_memory(run);
    const struct json *rows = json_get(doc, "data");
    (void)event;
    for (size_t i = 0; i < json_len(rows); i++) {
        struct str id = json_get_str(json_at(rows, i), "id");
        h->listed = true;
        if (id.n)
            engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_MODEL, .text = id});
    }
    return true;
}

/* An endpoint of one's own may have no list; the question shows whether it works. */
static bool hf_on_no_models(struct engine_run *run, const struct engine_failure *f, const struct json *doc)
{
    (void)doc;
    if (f->class != ENGINE_NOT_FOUND)
        return false;
    hf_probe_question(run);
    return true;
}

static void hf_probe(struct engine_run *run)
{
    static const struct engine_handlers on = {
        .document = hf_on_models, .end = hf_probe_question, .failed = hf_on_no_models};
    const struct hf *h = engine_run_memory(run);
    struct engine_request rq = {.method = "GET",
                                .url = hf_url(run, "/v1/models"),
                                .headers = h->headers,
                                .header_count = h->header_count,
                                .framing = ENGINE_WHOLE};
    if (h->task == HF_CHAT)
        (void)engine_call(run, &rq, &on);
    else
        hf_probe_question(run);
}

/* ---- embeddings ---- */

/* The one document of the reply had all vectors, or has ended the run. */
static void hf_on_vectors_end(struct engine_run *run)
{
    engine_run_end(run, ENGINE_OK);
}

static bool hf_on_vectors(struct engine_run *run, struct str event, const struct json *doc)
{
    size_t n;
    (void)event;
    (void)engine_run_texts(run, &n);
    if (json_get(doc, "error"))
        openai_chat_fail(run, doc);
    else
        engine_emit_vectors(run, doc, 0, n);
    return true;
}

static void hf_embed(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = hf_on_vectors, .end = hf_on_vectors_end};
    const struct hf *h = engine_run_memory(run);
    struct str model = engine_run_setting(run, "embedding_model");
    struct json *body = json_new_object(engine_run_scratch(run));
    size_t n;
    const struct str *texts = engine_run_texts(run, &n);
    int bad = !body || json_set_strings(body, "inputs", texts, n);
    if (!model.n) {
        engine_run_fail_text(run, ENGINE_CONFIG, "The model for embeddings is not set.");
        return;
    }
    struct engine_request rq = {.method = "POST",
                                .url = hf_task_url(run, model, "/pipeline/feature-extraction"),
                                .headers = h->headers,
                                .header_count = h->header_count,
                                .body = engine_run_json(run, bad ? NULL : body),
                                .framing = ENGINE_WHOLE};
    (void)engine_call(run, &rq, &on);
}

const struct engine_ops engine_huggingface = {
    .caps = ENGINE_CAN_STREAM | ENGINE_CAN_IMAGES | ENGINE_CAN_TOOLS | ENGINE_CAN_SCHEMA | ENGINE_CAN_EMBED,
    .size = sizeof(struct hf),
    .open = hf_open,
    .close = hf_close,
    .probe = hf_probe,
    .turn = hf_turn,
    .embed = hf_embed,
};
