/* flow.h: the flow language: parse, lint, run, scripted tests, difference. Format: htdocs/schema/flow-1.json.
 *
 * A parsed flow is immutable and thread safe; it is reference counted. The runner calls nothing outside: it returns the
 * call that it needs, and continues when its caller gives it the result. So a turn is a pure function of (flow, state,
 * input, results), and a turn that waits is only data. */
#ifndef PARLEY_FLOW_FLOW_H
#define PARLEY_FLOW_FLOW_H

#include "base/json.h"

struct flow;
/* Checks everything the JSON Schema says and what it cannot say, with the pointer of the first wrong place. Keeps
 * its own copy of `doc`. ERR_INVALID code flow_invalid, ERR_TOO_LARGE code flow_too_large. Targets and variables
 * that do not exist are taken, so that a draft can be saved half done: they are lint's. */
enum status flow_parse(const struct json *doc, struct flow **out, struct err *e);
struct flow *flow_retain(struct flow *f);
void flow_drop(struct flow *f);
const struct json *flow_doc(const struct flow *f);
size_t flow_bytes(const struct flow *f); /* the memory it takes */
/* True if a node asks the engines of the bot. */
bool flow_asks_engines(const struct flow *f);

/* ---- lint: findings of a flow that parses ---- */
enum flow_severity { FLOW_ERROR, FLOW_WARNING };
struct flow_finding {
    enum flow_severity severity;
    /* errors: start_missing unknown_node unreachable dead_end loop_without_input undefined_variable
     * missing_translation (of a command's words: a warning) duplicate_choice duplicate_word type_mismatch; warnings:
     * no_catch_all no_tests unused_variable never_set literal_key body_type; from bot_check: the error
     * unknown_secret */
    const char *code;
    struct str node;             /* "" outside the nodes */
    struct str pointer, message; /* JSON pointer into the flow; a sentence that names the node */
};
enum status flow_lint(const struct flow *f, struct arena *a, struct flow_finding **out, size_t *n, struct err *e);

/* ---- secrets ---- */
/* A place where the flow uses a secret of its workspace. The texts belong to the flow. */
struct flow_secret {
    struct str name, node, header;
};
/* All of them, in the order of the nodes. The array is in the arena. */
enum status flow_secrets(const struct flow *f, struct arena *a, struct flow_secret **out, size_t *n, struct err *e);
/* The address of a call as a member who may not change the flow sees it: with stars in place of the values of
 * parameters that are keys by their name. The result is `url` or in the arena; *ok is false without memory. */
struct str flow_url_shown(struct arena *a, struct str url, bool *ok);

/* ---- run ---- */
enum flow_message_kind { FLOW_TEXT, FLOW_IMAGE, FLOW_CARD };
struct flow_choice {
    struct str label, value;
};
struct flow_citation {
    struct str title, url;
};
struct flow_message {
    enum flow_message_kind kind;
    struct str text;              /* of a card: its text; of an image: its alternative text */
    struct str title, url, image; /* card title, link of card; image address */
    const struct flow_choice *choices;
    size_t choice_n;
    const struct flow_citation *citations;
    size_t citation_n;
    bool interrupted; /* an engine wrote it and was cut off: it is not the whole answer */
    int delay_ms;     /* of a wait node before it: the client's typing pause, never a server sleep */
};
enum flow_state { FLOW_OPEN, FLOW_HANDOFF, FLOW_CLOSED };

/* The value of a header is its pieces, one after the other. A piece may be a secret of the workspace: the flow knows
 * only its name, and whoever makes the call puts the value there. A visitor's text is never such a piece, whatever it
 * looks like. */
struct flow_piece {
    struct str text; /* or the name of the secret */
    bool is_secret;
};
struct flow_header {
    struct str name;
    const struct flow_piece *pieces;
    size_t piece_n;
};
struct flow_http {
    struct str method, url, body;
    const struct flow_header *headers;
    size_t header_n;
    int64_t timeout_ms;
};
enum flow_verdict { FLOW_NONE, FLOW_UNSURE, FLOW_SURE };
struct flow_answer {
    enum flow_verdict verdict;
    struct {
        struct str question, answer, title, url;
    } hits[3];
    size_t n;
};
/* What a turn needs from outside before it can continue. */
enum flow_need { FLOW_DONE, FLOW_NEEDS_HTTP, FLOW_NEEDS_ANSWERS, FLOW_NEEDS_ENGINE };
struct flow_question {
    struct str language, text;
};
/* A question to the engines of the bot. */
enum flow_engine_kind { FLOW_ASK, FLOW_CLASSIFY, FLOW_EXTRACT };
struct flow_label {
    struct str name, description;
};
/* A node that the engine may run. */
struct flow_tool {
    struct str name, description;
    const struct json *parameters; /* JSON schema of an object */
};
struct flow_tool_call {
    struct str id, name;
    struct str arguments; /* a JSON object, as text */
};
/* A tool that this turn has run for this question. Those of one `round` were asked for in one answer. */
struct flow_tool_use {
    struct flow_tool_call call;
    struct str result; /* a JSON object, as text */
    int round;
};
struct flow_engine_call {
    enum flow_engine_kind kind;
    struct str language;     /* of the conversation */
    struct str instructions; /* system prompt, after that of the bot; may be "" */
    struct str text;         /* what is asked, never "" */
    bool history;            /* the conversation so far is sent, too */
    bool stream;             /* the answer may be shown while it is written; the flow says it as a message at the end */
    const struct flow_label *labels; /* with FLOW_CLASSIFY; `instructions` and `schema` name them already */
    size_t label_n;
    const struct flow_tool *tools;
    size_t tool_n;
    const struct flow_tool_use *uses; /* so far, oldest first; they follow `text` in what is sent */
    size_t use_n;
    const struct json *schema; /* of the answer, a JSON object; NULL: the answer is a text */
};
struct flow_engine_result {
    struct str text;                    /* the whole answer */
    const struct flow_tool_call *calls; /* instead of an answer: the tools to run first */
    size_t call_n;
    const char *why;  /* why there is none, a sentence for the author of the flow; NULL: there is one */
    bool interrupted; /* the answer ended midway: `text` is what came of it */
    bool handoff;     /* a person is wanted; `text` may be "" then */
};
struct flow_call {
    enum flow_need need;
    struct flow_http http;          /* with FLOW_NEEDS_HTTP */
    struct flow_question question;  /* with FLOW_NEEDS_ANSWERS */
    struct flow_engine_call engine; /* with FLOW_NEEDS_ENGINE */
};
struct flow_http_reply {
    int status; /* 0: there is no reply, because the call failed or was not made */
    struct str body;
    const char *why; /* with the status 0: a sentence for the author of the flow */
};
/* One node of the path that a turn took. */
struct flow_step {
    struct str node;
    const char *type;
    struct str fault; /* why the call of the node failed, for the author of the flow; "" otherwise */
};
struct flow_input {
    struct str text, choice;
    struct str language;
    int64_t now_ms;
    /* Microseconds that patterns may still take, where several turns share them; NULL: MAX_FLOW_PATTERN_US for this
     * turn. */
    int64_t *pattern_us;
};
struct flow_result {
    struct json *state; /* to hand in at the next turn; in the arena */
    enum flow_state status;
    struct str language;
};

/* What is shown when the page opens, before the visitor has said anything: the start node's messages if it is a `say`.
 * Nothing is recorded. Texts live in the arena. */
enum status flow_greeting(const struct flow *f, struct str language, struct arena *a, struct flow_message **out,
                          size_t *n, struct err *e);

/* One turn, from the visitor's message to the state that is saved:
 *
 *     flow_begin, then flow_next until it says FLOW_DONE, then flow_finish
 *
 * Whenever flow_next says that it needs something else, the caller sends on the new messages, gets the result in its
 * own way and time, gives it with the flow_got_... function of that need, and calls flow_next again. A turn may be
 * abandoned at any point: struct flow_run is plain data in the arena, holds nothing, and may pass from thread to
 * thread, but is used by one at a time. The flow, `state` and the texts of `in` must live until flow_finish has
 * returned.
 *
 * The turn failed, and has to be abandoned, if one of these functions returns anything but OK: ERR_INVALID code
 * flow_loop (more than MAX_FLOW_STEPS nodes), flow_messages (more than MAX_TURN_MESSAGES), "invalid" (the message is
 * not text); ERR_TOO_LARGE code flow_text (one text past MAX_FLOW_RENDERED), flow_state (past MAX_STATE); ERR_NOMEM. */
struct flow_run;

/* `state` NULL = first message of the conversation: the visitor has seen the greeting and answers it (a matching choice
 * is taken, else the flow continues after it); a closed state starts again in the same way. in->choice is the value of
 * a button, in->text what was typed; in->language the visitor's locale ("" = unknown), and when it changes the
 * conversation's language follows. */
enum status flow_begin(const struct flow *f, const struct json *state, const struct flow_input *in, struct arena *a,
                       struct flow_run **out, struct err *e);
/* Runs until the turn needs something from outside or is done, and says so in *call. Called again before the result was
 * given, it says the same again. A turn that stays open has said something when it is done. */
enum status flow_next(struct flow_run *r, struct flow_call *call, struct err *e);
/* The result that flow_next asked for; it need not live longer than this call. A failed HTTP call is the flow's to
 * handle and has the status 0; answers that could not be looked up are an error of the caller's, which abandons the
 * turn. It is a bug to give a result that was not asked for. */
enum status flow_got_http(struct flow_run *r, const struct flow_http_reply *reply, struct err *e);
enum status flow_got_answers(struct flow_run *r, const struct flow_answer *found, struct err *e);
/* An engine that fails is the flow's to handle, too. */
enum status flow_got_engine(struct flow_run *r, const struct flow_engine_result *result, struct err *e);
/* A text that is not of the flow, with the flow's variables put in as they are now; in the arena. A name that the flow
 * does not have stays as it is written. */
enum status flow_render(struct flow_run *r, struct str text, struct str *out, struct err *e);
/* All messages of the turn so far, and the nodes it has taken so far. Messages are only ever added; the arrays are
 * valid until the next call of one of the functions above. Texts of messages live in the arena, so that they outlive
 * the flow; those of the path belong to the flow. */
const struct flow_message *flow_run_messages(const struct flow_run *r, size_t *n);
const struct flow_step *flow_run_path(const struct flow_run *r, size_t *n);
/* After FLOW_DONE. *out lives in the arena. */
enum status flow_finish(struct flow_run *r, struct flow_result *out, struct err *e);

/* ---- scripted tests carried in the flow ----
 * One result for each, in order; the message names test, turn (0 = the greeting), what was expected and what came. */
struct flow_test_result {
    struct str name;
    bool passed;
    int turn;
    struct str message;
};
enum status flow_test(const struct flow *f, struct arena *a, struct flow_test_result **out, size_t *n, struct err *e);

/* ---- difference in words: added, removed and changed nodes, texts, targets ---- */
struct flow_change {
    enum { FLOW_ADDED, FLOW_REMOVED, FLOW_CHANGED } kind;
    struct str node, pointer, before, after;
    struct str words; /* node "welcome", message 1, text, en: changed from "Hi" to "Hello" */
};
enum status flow_diff(const struct json *before, const struct json *after, struct arena *a, struct flow_change **out,
                      size_t *n, struct err *e);

#endif
