/* turn.h: a turn that answers a request. */
#ifndef PARLEY_CHAT_TURN_H
#define PARLEY_CHAT_TURN_H

#include "chat/chat.h"
#include "talk/talk.h"

/* One turn of a request, in its arena. The handler fills `in`, `sink` and `ended`; the rest is set when `ended` is
 * called. */
struct chat_turn {
    struct request *rq;
    struct talk_in in;
    struct talk_sink sink;
    bool streams; /* `sink` is used */
    /* The turn is over: `st`, with `e` or `out`. The handler replies, or runs another turn. */
    void (*ended)(struct chat_turn *t);
    void *ctx; /* the handler's own */
    enum status st;
    struct err e;
    struct talk_out out;
    struct turn *turn; /* private to turn.c */
};
/* A new one with the visitor's address and the check whether the visitor has left. NULL: no memory. */
struct chat_turn *chat_turn_new(struct request *rq);
/* Runs the turn and calls `ended`, at once or later: the handler calls this last. */
void chat_turn_run(struct chat_turn *t);

#endif
