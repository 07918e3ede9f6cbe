/* turn_engine_internal.h: a question of a flow to the engines of its bot, as a part of a turn. Private to src/talk. */
#ifndef PARLEY_TALK_TURN_ENGINE_INTERNAL_H
#define PARLEY_TALK_TURN_ENGINE_INTERNAL_H

#include "engine/chain.h"
#include "engine/workspace/account.h"
#include "engine/workspace/engines.h"
#include "flow/flow.h"

struct turn;
/* What the first question of a turn reads for all of them; all zeros before it. */
struct turn_engines {
    struct bot_engines bot;
    struct engine_link *links;
    size_t link_n;
    struct engine_message *history; /* of the conversation; NULL: not read yet */
    size_t history_n;
};
/* The present question; all zeros when there is none. */
struct turn_engine {
    struct engine_chain *chain;
    const struct flow_engine_call *call;
    struct json *limits;  /* of the bot */
    struct buf text;      /* of the answer so far */
    size_t shown;         /* how much of it went to the sink as it came */
    bool whole;           /* a message has ended: the next piece begins another */
    enum status given_up; /* the turn will end with this; OK: it continues */
    struct err why;
    bool handoff;      /* a person is wanted */
    struct str reason; /* why; may be "" */
    struct flow_tool_call *calls;
    size_t call_n;
};
/* Asks the engines of the bot. True: the turn waits, and its waker will be woken. False: there is nothing to wait for:
 * *none is the result, because no engine can be asked, or *st is not OK. */
bool turn_engine_begin(struct turn *u, const struct flow_engine_call *call, struct flow_engine_result *none,
                       enum status *st, struct err *e);
/* Sends what has come to the sink. *waits: more will come. Otherwise *out is the answer, in the arena. A failure of the
 * sink ends the call first: the turn waits for its end, and then gets the status of the sink. */
enum status turn_engine_step(struct turn *u, bool *waits, struct flow_engine_result *out, struct err *e);
/* The visitor has left. True: the turn waits for the end of a call, which has to be recorded; turn_engine_step then
 * returns ERR_GONE. False: there is no call. */
bool turn_engine_leave(struct turn *u);
/* Events that become lines of a message. The other ones, but for texts, do not concern the visitor. */
bool turn_engine_is_extra(enum engine_event_kind kind);
/* The flow says one message, so what an engine sends besides text becomes lines of it. */
void turn_engine_add_extras(struct buf *b, const struct engine_event *ev);

/* turn_engine_state.c: what the engine wanted to be remembered in earlier turns, as one object. NULL: nothing,
 * or without memory. */
const struct json *turn_engine_state(struct turn *u, struct id engine);
/* Remembers a value that the engine reports; it becomes a part of the conversation's state. Values beyond 16 KB are
 * left out, with a line in the log. */
enum status turn_engine_state_set(struct turn *u, struct id engine, const struct engine_event *ev, struct err *e);

/* turn_engine_note.c: notes in the path of a test turn, with the node that asked, what was sent and how each try ended:
 * "asked": {"sent": [{"role", "text"}], "cut" (true: that is not all), "tries": [{"engine" (its name), "model", "in",
 * "out" (tokens), "first", "total" (ms), "fault"}], "handoff" (the engine's reason, if it wants a person)}. A number
 * that is not known is -1. To be called before turn_engine_abandon. */
enum status turn_engine_note(struct turn *u, const struct engine_outcome *o, struct err *e);

/* Gives the question up, if there is one. */
void turn_engine_abandon(struct turn *u);

#endif
