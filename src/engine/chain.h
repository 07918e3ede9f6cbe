/* chain.h: asks the engines of a bot, one after the other, until one answers: retries, failover, deadlines, masking and
 * the record of what was asked. It holds no thread: the caller starts it, is woken when there are events, and takes
 * them.
 *
 * An engine is asked again only while nothing of its answer was reported, at most twice more, with pauses of 0.5 s and
 * 1 s (each drawn at random from half to the whole of it) or as long as the server asks for, and only if that ends
 * within the time of this engine. After the first piece of an answer nothing is asked again: the chain ends with
 * `interrupted`, and the events so far are the partial answer. Thread rule: one thread at a time uses a chain; the
 * calls thread works on it meanwhile. */
#ifndef PARLEY_ENGINE_CHAIN_H
#define PARLEY_ENGINE_CHAIN_H

#include "base/clock.h"
#include "base/limits.h"
#include "base/waker.h"
#include "engine/engine.h"

#define ENGINE_LINKS_MAX 5 /* engines of one bot (count) */
#define ENGINE_TRIES_MAX 3
#define ENGINE_CONNECT_MS 3000 /* defaults of the times below */
#define ENGINE_FIRST_BYTE_MS 20000
#define ENGINE_IDLE_MS 20000
#define ENGINE_BUDGET_MS (1 * MINUTE_MS)
#define ENGINE_OUTPUT_MAX (64 * KB)

struct engine_chain;

struct engine_link {
    struct id engine;
    const struct engine_type *type;
    const struct json *settings;                /* with the secret ones */
    const struct json *state;                   /* of this engine, in place of the turn's; NULL: that one */
    int64_t connect_ms, first_byte_ms, idle_ms; /* 0: the default; first_byte_ms then grows with budget_ms */
    int64_t budget_ms;                          /* for this engine with all its tries; 0: the default */
};
enum engine_asking { ENGINE_ASK_TURN, ENGINE_ASK_PROBE, ENGINE_ASK_EMBED, ENGINE_ASK_RERANK };
struct engine_chain_request {
    enum engine_asking asking;
    struct id tenant;
    const struct engine_link *links;
    size_t link_count;
    const struct engine_turn *turn; /* of ENGINE_ASK_TURN */
    const struct str *texts;        /* of ENGINE_ASK_EMBED and ENGINE_ASK_RERANK */
    size_t text_count;
    struct str query; /* of ENGINE_ASK_RERANK: what the texts are compared with */
    bool mask;        /* hide personal data in all texts of the turn, and put it back into the answer */
    const struct str *mask_patterns;
    size_t mask_pattern_count;
    size_t max_output; /* bytes of text; 0: the default */
};

/* One try of one engine, for accounting. */
struct engine_try {
    struct id engine;
    const struct engine_type *type;
    char model[128];
    struct engine_usage usage;    /* -1: the server did not say */
    struct engine_usage estimate; /* by text_tokens, of what was sent and what came; 0 if the server refused it */
    int64_t first_ms;             /* from the beginning of the try to the first piece of the answer; -1: none came */
    int64_t total_ms;
    bool answered; /* something of an answer was reported */
    struct engine_failure end;
};
struct engine_outcome {
    struct engine_failure end; /* of the last try; of class ENGINE_OK if an engine answered */
    bool interrupted;          /* the answer ended midway: what was reported is not the whole of it */
    int winner;                /* index of the link that answered; -1: none */
    const struct engine_try *tries;
    size_t try_count;
};

/* Starts asking. Everything is copied. The waker is woken after each new event and at the end. ERR_INVALID: no links,
 * or a wrong pattern; ERR_TIMEOUT, ERR_TOO_LARGE as engine_mask_hide; ERR_NOMEM; ERR_UNAVAILABLE: no calls thread. */
enum status engine_chain_start(const struct config *c, const struct engine_chain_request *rq, const struct waker *waker,
                               struct engine_chain **out, struct err *e);
/* The next event, copied into the arena. False: there is none now, or no memory (*e says so; it is unchanged
 * otherwise). */
bool engine_chain_next(struct engine_chain *c, struct arena *a, struct engine_event *out, struct err *e);
/* True when it is over and all events were taken; *out is valid until engine_chain_free. */
bool engine_chain_over(struct engine_chain *c, struct engine_outcome *out);
/* The visitor has left: the calls end within 50 ms, and the outcome is ENGINE_CANCELLED. Any number of times. */
void engine_chain_cancel(struct engine_chain *c);
/* What was sent: the messages of the turn after masking. Valid until engine_chain_free. */
const struct engine_turn *engine_chain_sent(const struct engine_chain *c);
/* Gives it back; a chain that is not over is cancelled. NULL is allowed. */
void engine_chain_free(struct engine_chain *c);

/* The first message of a history that still fits into `tokens`, counted from the newest by text_tokens and 4 more for
 * each message. What was asked last, and what followed it, is always sent, however long it is; the result is always a
 * message of the visitor, so no answer of a tool is without its call. A system message is not part of `messages`.
 * Pure. */
size_t engine_history_begin(const struct engine_message *messages, size_t n, size_t tokens);

#endif
