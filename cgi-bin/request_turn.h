/* request_turn.h: a turn that answers a request, in any program that has conversations. */
#ifndef PARLEY_REQUEST_TURN_H
#define PARLEY_REQUEST_TURN_H

#include "talk/talk.h"
#include "web/server.h"

/* One turn of a request, in its arena. The handler fills `in`, `sink` and `ended`; the rest is set when `ended` is
 * called. */
struct request_turn {
    struct request *rq;
    struct talk *talk;
    struct talk_in in;
    struct talk_sink sink;
    bool streams; /* `sink` is used */
    /* The turn is over: `st`, with `e` or `out`. The handler replies, or runs another turn. */
    void (*ended)(struct request_turn *t);
    void *ctx; /* the handler's own */
    enum status st;
    struct err e;
    struct talk_out out;
    struct turn *turn; /* private to request_turn.c */
};
/* A new one with the visitor's address and the check whether the visitor has left. NULL: no memory. */
struct request_turn *request_turn_new(struct request *rq, struct talk *talk);
/* Runs the turn and calls `ended`, at once or later: the handler calls this last. */
void request_turn_run(struct request_turn *t);

#endif
