/* tei.c: Text Embeddings Inference, Hugging Face's server for embeddings. It answers no questions, so it has no turn.
 * Its texts are cut to what the model can read: a document that is a little too long is better found by its beginning
 * than not at all. */
#include "engine/vectors.h"

#include "base/banned.h"

struct tei {
    struct fetch_header headers[1];
    size_t header_count;
    bool known;
};

static void tei_open(struct engine_run *run)
{
    struct tei *t = engine_run_memory(run);
    struct str key = engine_run_setting(run, "api_key");
    if (!engine_run_setting(run, "base_url").n) {
        engine_run_fail_text(run, ENGINE_CONFIG, "The base address is missing.");
        return;
    }
    if (!key.n)
        return;
    const char *bearer = arena_printf(engine_run_arena(run), "Bearer %.*s", STR_F(key));
    t->headers[0] = (struct fetch_header){STR("Authorization"), str_from(bearer)};
    t->header_count = 1;
    if (!bearer)
        engine_run_end(run, ENGINE_INTERNAL);
}

static bool tei_on_vectors(struct engine_run *run, struct str event, const struct json *doc)
{
    size_t n;
    (void)event;
    (void)engine_run_texts(run, &n);
    engine_emit_vectors(run, doc, n);
    return true;
}

/* Not reached: the one document of the reply has ended the run. */
static void tei_on_end(struct engine_run *run)
{
    engine_run_end(run, ENGINE_PROTOCOL);
}

static void tei_ask_vectors(struct engine_run *run, const struct str *texts, size_t n, const struct engine_handlers *on)
{
    const struct tei *t = engine_run_memory(run);
    struct json *body = json_new_object(engine_run_scratch(run)), *inputs = NULL;
    int bad = !body || json_set_bool(body, "truncate", true) || json_set_array(body, "inputs", &inputs);
    for (size_t i = 0; !bad && i < n; i++)
        bad = json_push_str(inputs, texts[i]);
    struct engine_request rq = {.method = "POST",
                                .url = engine_run_url(run, "/embed"),
                                .headers = t->headers,
                                .header_count = t->header_count,
                                .body = engine_run_json(run, bad ? NULL : body),
                                .framing = ENGINE_WHOLE};
    (void)engine_call(run, &rq, on);
}

static void tei_embed(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = tei_on_vectors, .end = tei_on_end};
    size_t n;
    const struct str *texts = engine_run_texts(run, &n);
    tei_ask_vectors(run, texts, n, &on);
}

/* ---- probe: the name of the model, then one vector, because /info needs no key ---- */

static bool tei_on_info(struct engine_run *run, struct str event, const struct json *doc)
{
    struct tei *t = engine_run_memory(run);
    struct str id = json_get_str(doc, "model_id");
    (void)event;
    t->known = id.n;
    if (id.n)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_MODEL, .text = id});
    return true;
}

static bool tei_on_probe_vector(struct engine_run *run, struct str event, const struct json *doc)
{
    bool good = json_is(doc, JSON_ARRAY) && json_len(json_at(doc, 0)) > 0;
    (void)event;
    if (good)
        engine_run_end(run, ENGINE_OK);
    else
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply does not have a vector for each text.");
    return true;
}

static void tei_on_info_end(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = tei_on_probe_vector, .end = tei_on_end};
    const struct tei *t = engine_run_memory(run);
    const struct str hello = STR("Hello");
    if (t->known)
        tei_ask_vectors(run, &hello, 1, &on);
    else
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply has no \"model_id\".");
}

static void tei_probe(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = tei_on_info, .end = tei_on_info_end};
    const struct tei *t = engine_run_memory(run);
    struct engine_request rq = {.method = "GET",
                                .url = engine_run_url(run, "/info"),
                                .headers = t->headers,
                                .header_count = t->header_count,
                                .framing = ENGINE_WHOLE};
    (void)engine_call(run, &rq, &on);
}

const struct engine_ops engine_tei = {
    .caps = ENGINE_CAN_EMBED, .size = sizeof(struct tei), .open = tei_open, .probe = tei_probe, .embed = tei_embed};
