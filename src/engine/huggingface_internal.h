/* huggingface_internal.h: what the files of the Hugging Face engine share: huggingface.c its addresses and calls,
 * huggingface_task.c the bodies of requests, huggingface_reply.c the answers. In the calls thread. */
#ifndef PARLEY_ENGINE_HUGGINGFACE_INTERNAL_H
#define PARLEY_ENGINE_HUGGINGFACE_INTERNAL_H

#include "engine/openai_chat.h"

#define HF_TURN_MARK "\nUser:" /* where a model that completes a transcript begins to speak for the visitor */

enum hf_task { HF_CHAT, HF_GENERATE, HF_TEXT, HF_CONVERSATIONAL, HF_QUESTION, HF_ZERO_SHOT, HF_TASKS };
struct hf {
    struct openai_chat chat; /* first: openai_chat.c works on it */
    struct fetch_header headers[3];
    size_t header_count;
    enum hf_task task;
    struct str prompt; /* what a model was to complete, since some servers repeat it; in the arena of the run */
    bool probing, listed;
    bool streamed; /* a token of generate_stream has come */
};

/* The body of a task other than HF_CHAT, in scratch memory. NULL: the run has ended with the reason. */
struct json *hf_task_body(struct engine_run *run, const struct engine_turn *t);
/* The labels among which zero-shot classification chooses, as an array in scratch memory: those of the first property
 * of the schema that has an "enum", otherwise of the setting. *key is the name of that property, or "". NULL without
 * memory. */
struct json *hf_task_labels(struct engine_run *run, const struct engine_turn *t, struct str *key);

/* Take the whole answer of a task. Ends the run. */
bool hf_reply_on_document(struct engine_run *run, struct str event, const struct json *doc);
/* Take an event of generate_stream. The last one ends the run. */
bool hf_reply_on_token(struct engine_run *run, struct str event, const struct json *doc);
/* The reply ended without an answer. */
void hf_reply_on_end(struct engine_run *run);

#endif
