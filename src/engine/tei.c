/* tei.c: Text Embeddings Inference, Hugging Face's server for embeddings and ranks. It answers no questions, so it has
 * no turn. Its texts are cut to what the model can read: a document that is a little too long is better found by its
 * beginning than not at all. A server refuses too many texts at once, so they are sent in batches. */
#include "engine/vectors.h"

#include "base/banned.h"

#define TEI_BATCH 32 /* what a server takes at once unless it was started with another limit */

struct tei {
    struct fetch_header headers[1];
    size_t header_count;
    bool known;
    size_t done; /* texts whose batch was answered */
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

static void tei_post(struct engine_run *run, const char *path, const struct json *body,
                     const struct engine_handlers *on)
{
    const struct tei *t = engine_run_memory(run);
    struct engine_request rq = {.method = "POST",
                                .url = engine_run_url(run, path),
                                .headers = t->headers,
                                .header_count = t->header_count,
                                .body = engine_run_json(run, body),
                                .framing = ENGINE_WHOLE};
    (void)engine_call(run, &rq, on);
}

/* ---- embeddings and ranks, one batch after the other ---- */

static size_t tei_batch(const struct engine_run *run, size_t done, const struct str **texts)
{
    size_t n;
    *texts = engine_run_texts(run, &n) + done;
    n -= done;
    return n < TEI_BATCH ? n : TEI_BATCH;
}

/* A body with the texts under `name`; NULL without memory. */
static struct json *tei_body(struct engine_run *run, const char *name, const struct str *texts, size_t n)
{
    struct json *body = json_new_object(engine_run_scratch(run));
    int bad = !body || json_set_bool(body, "truncate", true) || json_set_strings(body, name, texts, n);
    return bad ? NULL : body;
}

static bool tei_on_vectors(struct engine_run *run, struct str event, const struct json *doc)
{
    struct tei *t = engine_run_memory(run);
    const struct str *texts;
    size_t n = tei_batch(run, t->done, &texts);
    (void)event;
    engine_emit_vectors(run, doc, t->done, n);
    t->done += n;
    return true;
}

static void tei_embed(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = tei_on_vectors, .end = tei_embed};
    const struct tei *t = engine_run_memory(run);
    const struct str *texts;
    size_t n = tei_batch(run, t->done, &texts);
    if (n)
        tei_post(run, "/embed", tei_body(run, "inputs", texts, n), &on);
    else
        engine_run_end(run, ENGINE_OK);
}

/* The rows come in the order of their scores, and each names its text. */
static bool tei_emit_scores(struct engine_run *run, const struct json *doc, size_t first, size_t n)
{
    bool seen[TEI_BATCH] = {false};
    for (size_t i = 0; i < n; i++) {
        const struct json *row = json_at(doc, i), *score = json_get(row, "score");
        int64_t index = json_int(json_get(row, "index"), -1);
        bool number = json_is(score, JSON_DOUBLE) || json_is(score, JSON_INT);
        if (index < 0 || index >= (int64_t)n || seen[index] || !number)
            return false;
        seen[index] = true;
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_SCORE,
                                                .index = first + (size_t)index,
                                                .score = json_double(score, 0)});
    }
    return json_is(doc, JSON_ARRAY) && json_len(doc) == n;
}

static bool tei_on_scores(struct engine_run *run, struct str event, const struct json *doc)
{
    struct tei *t = engine_run_memory(run);
    const struct str *texts;
    size_t n = tei_batch(run, t->done, &texts);
    (void)event;
    if (!tei_emit_scores(run, doc, t->done, n))
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply does not have a score for each text.");
    t->done += n;
    return true;
}

static void tei_rerank(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = tei_on_scores, .end = tei_rerank};
    const struct tei *t = engine_run_memory(run);
    const struct str *texts;
    size_t n = tei_batch(run, t->done, &texts);
    struct json *body = n ? tei_body(run, "texts", texts, n) : NULL;
    if (!n)
        engine_run_end(run, ENGINE_OK);
    else if (body && json_set_str(body, "query", engine_run_query(run)) == 0)
        tei_post(run, "/rerank", body, &on);
    else
        engine_run_end(run, ENGINE_INTERNAL);
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
    if (!good)
        engine_run_fail_text(run, ENGINE_PROTOCOL, "The reply does not have a vector for each text.");
    return true;
}

static void tei_on_probe_end(struct engine_run *run)
{
    engine_run_end(run, ENGINE_OK);
}

static void tei_on_info_end(struct engine_run *run)
{
    static const struct engine_handlers on = {.document = tei_on_probe_vector, .end = tei_on_probe_end};
    const struct tei *t = engine_run_memory(run);
    const struct str hello = STR("Hello");
    if (t->known)
        tei_post(run, "/embed", tei_body(run, "inputs", &hello, 1), &on);
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

const struct engine_ops engine_tei = {.caps = ENGINE_CAN_EMBED | ENGINE_CAN_RERANK,
                                      .size = sizeof(struct tei),
                                      .open = tei_open,
                                      .probe = tei_probe,
                                      .embed = tei_embed,
                                      .rerank = tei_rerank};
