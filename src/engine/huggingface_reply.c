/* huggingface_reply.c: the answers of Hugging Face's tasks. The same task answers with an object or with an array of
 * one, some servers repeat the prompt, and generate_stream reports every failure with status 200. Its answer is whole
 * only with the event that has "generated_text"; there is no [DONE]. */
#include <string.h>

#include "engine/huggingface_internal.h"

#include "base/banned.h"

static void reply_protocol(struct engine_run *run, const char *detail)
{
    engine_run_fail_text(run, ENGINE_PROTOCOL, detail);
}

static void reply_end(struct engine_run *run, struct str reason)
{
    struct engine_failure f = ENGINE_FAILURE_INIT;
    f.delivered = true;
    engine_failure_code(&f, reason);
    engine_run_fail(run, &f);
}

/* An empty message is no answer, and then the run ends with ENGINE_NO_REPLY. A probe wants no text. */
static void reply_message(struct engine_run *run, struct str text)
{
    const struct hf *h = engine_run_memory(run);
    if (text.n && !h->probing)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_MESSAGE, .text = text});
}

static bool reply_is_weak(const struct engine_run *run, const struct json *score)
{
    return json_double(score, 1) * 100 < (double)engine_run_number(run, "min_percent");
}

/* ---- generated text ---- */

/* The answer without the prompt before it and without what the model wrote on behalf of the visitor after it. */
static struct str reply_trim(const struct hf *h, struct str text)
{
    const size_t mark = strlen(HF_TURN_MARK);
    if (h->prompt.n && text.n > h->prompt.n && str_starts(text, h->prompt))
        text = str_sub(text, h->prompt.n, text.n);
    text = str_trim(text);
    for (size_t i = 0; i + mark <= text.n; i++)
        if (memcmp(text.p + i, HF_TURN_MARK, mark) == 0)
            return str_trim(str_sub(text, 0, i));
    return text;
}

static void reply_generated(struct engine_run *run, struct str text)
{
    const struct hf *h = engine_run_memory(run);
    struct text_think think = {0};
    struct buf b;
    text = reply_trim(h, text);
    buf_init(&b, text.n + 64);
    text_think(&think, text, &b);
    text_think_end(&think, &b);
    reply_message(run, str_trim(buf_str(&b)));
    buf_release(&b);
}

static void reply_details(struct engine_run *run, const struct json *details)
{
    int64_t in = json_int(json_get(details, "input_length"), -1);
    int64_t out = json_int(json_get(details, "generated_tokens"), -1);
    if (out >= 0)
        engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_USAGE, .usage = {in, out}});
}

bool hf_reply_on_token(struct engine_run *run, struct str event, const struct json *doc)
{
    struct hf *h = engine_run_memory(run);
    const struct json *token = json_get(doc, "token"), *whole = json_get(doc, "generated_text");
    (void)event;
    if (json_get(doc, "error")) {
        openai_chat_fail(run, doc);
        return true;
    }
    h->streamed = h->streamed || token;
    if (token && !json_bool(json_get(token, "special")) && !h->probing)
        engine_emit_spoken(run, &h->chat.think, json_get_str(token, "text"));
    if (json_is(whole, JSON_STRING)) {
        reply_generated(run, json_str(whole));
        reply_details(run, json_get(doc, "details"));
        reply_end(run, json_get_str(json_get(doc, "details"), "finish_reason"));
    }
    return token || whole;
}

void hf_reply_on_end(struct engine_run *run)
{
    const struct hf *h = engine_run_memory(run);
    if (h->streamed)
        engine_run_end(run, ENGINE_TRUNCATED);
    else
        reply_protocol(run, "The reply has no answer.");
}

/* ---- question answering and classification ---- */

static void reply_answer(struct engine_run *run, const struct json *doc)
{
    if (!json_is(json_get(doc, "answer"), JSON_STRING)) {
        reply_protocol(run, "The reply has no \"answer\".");
        return;
    }
    if (!reply_is_weak(run, json_get(doc, "score")))
        reply_message(run, str_trim(json_get_str(doc, "answer")));
    reply_end(run, STR_EMPTY);
}

/* Rows of {"label", "score"}, or two lists of equal length. The best comes first by custom, but not by rule. */
static struct str reply_best_label(const struct json *doc, const struct json **score)
{
    const struct json *labels = json_get(doc, "labels"), *scores = json_get(doc, "scores");
    bool rows = json_is(doc, JSON_ARRAY);
    struct str best = STR_EMPTY;
    for (size_t i = 0; i < json_len(rows ? doc : labels); i++) {
        const struct json *s = rows ? json_get(json_at(doc, i), "score") : json_at(scores, i);
        struct str label = rows ? json_get_str(json_at(doc, i), "label") : json_str(json_at(labels, i));
        if (!label.n || (best.n && json_double(s, 0) <= json_double(*score, 0)))
            continue;
        best = label;
        *score = s;
    }
    return best;
}

static bool reply_knows_label(const struct json *labels, struct str label)
{
    for (size_t i = 0; i < json_len(labels); i++)
        if (str_eq(json_str(json_at(labels, i)), label))
            return true;
    return false;
}

/* Where the question had a schema, the answer has its form. */
static void reply_label(struct engine_run *run, const struct json *doc)
{
    const struct hf *h = engine_run_memory(run);
    static const struct engine_turn none = {.message_count = 0};
    const struct engine_turn *t = h->probing ? &none : engine_run_turn(run);
    const struct json *score = NULL;
    struct str key, label = reply_best_label(doc, &score);
    const struct json *labels = hf_task_labels(run, t, &key);
    if (!label.n || (!h->probing && !reply_knows_label(labels, label))) {
        reply_protocol(run, "The reply has none of the labels.");
        return;
    }
    struct json *answer = key.n ? json_new_object(engine_run_scratch(run)) : NULL;
    if (!reply_is_weak(run, score) && key.n && (!answer || json_set_str(answer, key.p, label)))
        engine_run_end(run, ENGINE_INTERNAL);
    else if (!reply_is_weak(run, score))
        reply_message(run, key.n ? engine_run_json(run, answer) : label);
    reply_end(run, STR_EMPTY);
}

bool hf_reply_on_document(struct engine_run *run, struct str event, const struct json *doc)
{
    const struct hf *h = engine_run_memory(run);
    const struct json *first = json_is(doc, JSON_ARRAY) ? json_at(doc, 0) : doc;
    (void)event;
    if (json_get(doc, "error"))
        openai_chat_fail(run, doc);
    else if (h->task == HF_QUESTION)
        reply_answer(run, first);
    else if (h->task == HF_ZERO_SHOT)
        reply_label(run, json_get(first, "labels") ? first : doc);
    else if (!json_is(json_get(first, "generated_text"), JSON_STRING))
        reply_protocol(run, "The reply has no \"generated_text\".");
    else {
        reply_generated(run, json_get_str(first, "generated_text"));
        reply_end(run, STR_EMPTY);
    }
    return true;
}
