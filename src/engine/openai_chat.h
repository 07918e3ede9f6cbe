/* openai_chat.h: one question in the format of OpenAI's chat completions, which servers of many makers understand.
 * Private to src/engine: for engines whose server speaks it at another address or with other headers. */
#ifndef PARLEY_ENGINE_OPENAI_CHAT_H
#define PARLEY_ENGINE_OPENAI_CHAT_H

#include "base/vec.h"
#include "engine/engine.h"
#include "engine/text.h"

struct openai_tool_call {
    int64_t index;
    struct str id, name; /* in the arena of the run */
    struct buf arguments;
};
/* The memory of an engine that uses these functions begins with it; its `close` calls openai_chat_release. */
struct openai_chat {
    struct text_think think;
    VEC(struct openai_tool_call) calls;
    struct engine_usage usage;
    bool refused, finished, done, used, strange;
    char reason[32]; /* finish_reason */
};
struct openai_where {
    struct str url, model;
    const struct fetch_header *headers;
    size_t header_count;
    bool completion_tokens;         /* the server wants max_completion_tokens and refuses max_tokens */
    bool plain;                     /* ask for one document and not for a stream */
    const struct engine_turn *turn; /* the question; NULL: the turn of the run */
};

/* Ask the question; the run ends when the answer has. */
void openai_chat_ask(struct engine_run *run, const struct openai_where *w);
/* The body of the request, in the scratch memory of the run; NULL without memory. */
struct json *openai_chat_body(struct engine_run *run, const struct engine_turn *t, const struct openai_where *w);
/* Put the tools of a turn into a body, in the form that Ollama shares. 0, or -1 without memory. */
int openai_put_tools(struct json *body, const struct engine_turn *t);
void openai_chat_release(struct openai_chat *c);
/* End the run with what an error document says. `doc` is the whole document of a stream, {"error": ...} or the error
 * itself. */
void openai_chat_fail(struct engine_run *run, const struct json *doc);

#endif
