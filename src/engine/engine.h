/* engine.h: what an engine is: the one interface between Parley and whatever answers in place of a flow.
 *
 * An engine is a row of engine.def and a file that defines `const struct engine_ops engine_<type>`. It is a state
 * machine that the calls thread feeds (net/calls.h): it starts calls, takes what they bring, reports events, and ends
 * its run. It never blocks, owns no thread, touches no database, retries nothing, and knows nothing of the other
 * engines of a bot: chain.h does all of that above it. One run is one question to one engine; nothing of it outlives
 * the run, except what the engine reports as ENGINE_EVENT_STATE.
 *
 * Thread rule: every function here is called in the calls thread, except where stated otherwise. Texts in events and
 * handlers are borrowed until the function returns; what an engine has to keep goes into engine_run_arena(). */
#ifndef PARLEY_ENGINE_ENGINE_H
#define PARLEY_ENGINE_ENGINE_H

#include "base/config.h"
#include "engine/failure.h"
#include "engine/type.h"
#include "net/fetch.h"

struct engine_run;
struct engine_call;
struct text_think; /* engine/text.h */

#define ENGINE_JSON_DEPTH 64 /* levels, of what servers send */
#define ENGINE_STOP_MAX 4    /* texts at which an answer ends; OpenAI takes no more */
#define ENGINE_HIDDEN_MAX 8  /* secrets of a run */

/* ---- the question ---- */

/* What an engine can do. */
#define ENGINE_CAN_STREAM 1U
#define ENGINE_CAN_IMAGES 2U
#define ENGINE_CAN_TOOLS 4U
#define ENGINE_CAN_SCHEMA 8U /* structured output */
#define ENGINE_CAN_EMBED 16U
#define ENGINE_KEEPS_HISTORY 32U /* the server remembers the conversation: only the last message is sent */
#define ENGINE_LATE_REPLIES 64U
#define ENGINE_CAN_RERANK 256U

enum engine_role { ENGINE_SYSTEM, ENGINE_USER, ENGINE_ASSISTANT, ENGINE_TOOL };
/* Either an address that the server fetches, or the bytes themselves with their media type. */
struct engine_image {
    struct str url, mime, bytes;
};
struct engine_tool_call {
    struct str id, name;
    struct str arguments; /* a JSON object, as text */
};
struct engine_message {
    enum engine_role role;
    struct str text;
    const struct engine_image *images; /* of a user */
    size_t image_count;
    const struct engine_tool_call *calls; /* of an assistant */
    size_t call_count;
    struct str tool_id, tool_name; /* of a tool: which call this is the result of */
};
struct engine_tool {
    struct str name, description;
    const struct json *parameters; /* JSON Schema of an object */
};
struct engine_turn {
    /* One question of a conversation is asked at a time: its turns follow each other. A server that cannot bear two
     * questions of one user at once (Botpress v12) is given the conversation as the user. */
    struct id bot, conversation, contact;
    struct str message_id;                 /* ours, of the visitor's message; unique in the conversation */
    struct str language;                   /* BCP 47, or "" */
    const struct engine_message *messages; /* oldest first; a system message, if any, is the first */
    size_t message_count;
    const struct engine_tool *tools;
    size_t tool_count;
    const struct json *schema; /* the answer is to be JSON of this schema; NULL: text */
    const struct json *state;  /* an object: what ENGINE_EVENT_STATE reported in earlier turns; may be NULL */
    double temperature, top_p; /* less than 0: the server's own */
    int64_t max_tokens, seed;  /* max_tokens 0, seed less than 0: the server's own */
    const struct str *stop;    /* at most ENGINE_STOP_MAX */
    size_t stop_count;
};

/* What the visitor has said last; "" if that has no text. */
struct str engine_turn_question(const struct engine_turn *t);

/* ---- the answer ---- */

enum engine_event_kind {
    ENGINE_EVENT_DELTA,     /* text: the next piece of the message that is being written; whole characters */
    ENGINE_EVENT_MESSAGE,   /* text (markdown): a whole message. After deltas it is the message they were pieces of, and
                             * takes their place */
    ENGINE_EVENT_CHOICES,   /* text, choices */
    ENGINE_EVENT_CARD,      /* title, text, url (of an image), choices (buttons) */
    ENGINE_EVENT_MEDIA,     /* url, title, mime ("image" when only the kind is known) */
    ENGINE_EVENT_CITATION,  /* title, url, text */
    ENGINE_EVENT_TOOL_CALL, /* call */
    ENGINE_EVENT_USAGE,     /* usage; the last one counts */
    ENGINE_EVENT_STATE,     /* key, text (a value to be kept for this contact and engine), secret */
    ENGINE_EVENT_HANDOFF,   /* a person is wanted; text says why, or "" */
    ENGINE_EVENT_MODEL,     /* of a probe: text is the id of a model that the server offers */
    ENGINE_EVENT_VECTOR,    /* of an embedding: vector, dimensions, index of its text */
    ENGINE_EVENT_SCORE,     /* of a rerank: score (higher is nearer to the query), index of its text */
    ENGINE_EVENT_CONVERSATION, /* of a request that came in: text is the shown id of the conversation it belongs to;
                                * key is what the server calls the message, "" if the state tells it from others */
};
struct engine_choice {
    struct str label, value, url; /* a reply to be sent back word for word, or an address to open */
};
struct engine_usage {
    int64_t tokens_in, tokens_out; /* -1: not reported */
};
struct engine_event {
    enum engine_event_kind kind;
    struct str text, title, url, mime, key;
    bool secret;
    const struct engine_choice *choices;
    size_t choice_count;
    struct engine_tool_call call;
    struct engine_usage usage;
    const float *vector;
    size_t dimensions, index;
    double score; /* of a vector; of the link, in the state that a chain reports */
};

/* ---- an engine ---- */

/* A request that the server of an ENGINE_LATE_REPLIES engine sends to us. */
struct engine_incoming {
    const struct fetch_header *headers;
    size_t header_count;
    struct str body;
    const struct json *state; /* as in a turn; NULL if it is not yet known whose request it is */
};

struct engine_ops {
    unsigned caps; /* ENGINE_CAN_... */
    size_t size;   /* of its memory in a run: engine_run_memory(), filled with zeros */
    /* Looks at the settings before anything is asked; ends the run with ENGINE_CONFIG if they do not suffice. NULL:
     * there is nothing to prepare. */
    void (*open)(struct engine_run *run);
    /* Releases what engine_run_memory() refers to outside the arena. NULL: nothing. */
    void (*close)(struct engine_run *run);
    /* Each starts calls and returns; sooner or later one of the engine's handlers ends the run. NULL: not offered. */
    void (*probe)(struct engine_run *run);
    void (*turn)(struct engine_run *run);
    void (*embed)(struct engine_run *run);
    void (*rerank)(struct engine_run *run);
    /* Turns a request from the server into events and ends the run, before it returns; on any thread, since it starts
     * no calls. It checks first that the request is from the server. Without a state it reports
     * ENGINE_EVENT_CONVERSATION only, with one also what is new to it. */
    void (*receive)(struct engine_run *run, const struct engine_incoming *in);
    const char *receive_secret; /* the setting that `receive` needs; NULL without ENGINE_LATE_REPLIES */
};
/* Every row of engine.def has its file. */
#define ENGINE(type, label) extern const struct engine_ops engine_##type;
#define FIELD(...)
#include "engine/engine.def"
#undef ENGINE
#undef FIELD

/* ---- what an engine uses: its run ---- */

void *engine_run_memory(struct engine_run *run);
/* Lives as long as the run; at most 16 MB. */
struct arena *engine_run_arena(struct engine_run *run);
/* Lives until the function or handler of the engine returns: for building a request, which engine_call copies. */
struct arena *engine_run_scratch(struct engine_run *run);
const struct engine_turn *engine_run_turn(const struct engine_run *run);
const struct str *engine_run_texts(const struct engine_run *run, size_t *n); /* of an embedding or rerank */
/* What the texts of a rerank are compared with. */
struct str engine_run_query(const struct engine_run *run);
/* A setting as text, its initial value if it was never set, "" without one. */
struct str engine_run_setting(const struct engine_run *run, const char *name);
/* A setting of kind NUMBER, its initial value if it was never set, 0 without one. */
int64_t engine_run_number(const struct engine_run *run, const char *name);
/* True when the same engine was asked just before, and said that its model is being loaded. */
bool engine_run_loading(const struct engine_run *run);
/* The setting base_url without slashes at its end, followed by `path`; "" without memory (the run has ended then). */
struct str engine_run_url(struct engine_run *run, const char *path);

/* Control characters are left out of what the visitor sees. */
void engine_emit(struct engine_run *run, const struct engine_event *ev);
/* A piece of the answer of any bytes: half characters are completed by the next piece. */
void engine_emit_delta(struct engine_run *run, struct str text);
/* The same for models that write their reasoning before the answer: what text_think leaves of it. At the end of the
 * answer engine_emit_spoken_end() reports what was held back. */
void engine_emit_spoken(struct engine_run *run, struct text_think *think, struct str text);
void engine_emit_spoken_end(struct engine_run *run, struct text_think *think);
/* A call of a tool; its arguments are checked and written anew as compact JSON. "" is an empty object; anything else
 * that is not an object ends the run with ENGINE_PROTOCOL. */
void engine_emit_call(struct engine_run *run, struct str id, struct str name, struct str arguments);
/* Ends the run; later events and ends are ignored, and all its calls are cancelled. With ENGINE_OK the message of the
 * deltas so far is reported first; without any answer ENGINE_OK becomes ENGINE_NO_REPLY for a turn. */
void engine_run_end(struct engine_run *run, enum engine_class class);
void engine_run_fail(struct engine_run *run, const struct engine_failure *f);
/* With a sentence for the tenant. */
void engine_run_fail_text(struct engine_run *run, enum engine_class class, const char *detail);
bool engine_run_over(const struct engine_run *run);
/* True once anything of an answer was reported. */
bool engine_run_answered(const struct engine_run *run);
/* Take a secret that is not a setting, such as a token, out of what the end of the run says. It must live as long as
 * the run. At most ENGINE_HIDDEN_MAX of them. */
void engine_run_hide(struct engine_run *run, struct str secret);

/* ---- calls ---- */

enum engine_framing {
    ENGINE_WHOLE,  /* one JSON document */
    ENGINE_SSE,    /* an event stream of JSON documents; a reply of type application/json is taken as one document */
    ENGINE_NDJSON, /* a document a line, whatever the type of the reply */
    ENGINE_LINES,  /* a document a line, sent as an event stream or as NDJSON, or no line at all; a reply of type
                    * application/json is taken as one document */
};
struct engine_request {
    const char *method;
    struct str url;
    const struct fetch_header *headers; /* besides Content-Type */
    size_t header_count;
    struct str body, type; /* type: of the body; "" is application/json */
    enum engine_framing framing;
    int64_t idle_ms; /* the longest time without content; 0: as the bot has it */
};
/* All but `end` may be NULL. None is called after engine_call_close() or the end of the run. */
struct engine_handlers {
    /* The head of a reply with status 2xx has come that is a stream, and not one document. */
    void (*head)(struct engine_run *run);
    /* A document of a reply with status 2xx. `event` is its type in an event stream. `doc` is valid until this returns.
     * True: it held content; false: it only kept the connection alive. */
    bool (*document)(struct engine_run *run, struct str event, const struct json *doc);
    /* Data that is not JSON, such as [DONE]. Without it such data ends the run with ENGINE_PROTOCOL. */
    bool (*text)(struct engine_run *run, struct str event, struct str data);
    /* A reply with status 2xx has come to its end as HTTP knows it. An engine that saw no mark of the end in it says
     * ENGINE_TRUNCATED. */
    void (*end)(struct engine_run *run);
    /* The call failed: no reply, or a status other than 2xx, whose body is `doc` if it was JSON. False, and without
     * this function: the run ends with *f. True: the engine goes on in its own way. */
    bool (*failed)(struct engine_run *run, const struct engine_failure *f, const struct json *doc);
};
/* Start a call. NULL: the run has ended with the reason. Everything is copied. The call may be closed until its `end`
 * or `failed` is called. */
struct engine_call *engine_call(struct engine_run *run, const struct engine_request *rq,
                                const struct engine_handlers *on);
/* End a call of this run that is no longer needed. */
void engine_call_close(struct engine_call *call);
/* Call fire(run) after `ms` milliseconds, unless the run has ended by then. */
void engine_timer(struct engine_run *run, int64_t ms, void (*fire)(struct engine_run *run));

/* ---- helpers for the bodies of requests ---- */

/* The text of a document, in the scratch memory of the run; "" when it or memory is missing (the run has ended
 * then). */
struct str engine_run_json(struct engine_run *run, const struct json *doc);
/* "data:image/png;base64,..." or only the base64 part; the same rule for memory. */
struct str engine_run_base64(struct engine_run *run, struct str mime, struct str bytes);

#endif
