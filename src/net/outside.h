/* outside.h: the calls to other servers that one turn makes, whatever makes them: an HTTP node of a flow, or an
 * engine.
 *
 * All calls of a turn share one time budget, pass the same check before they leave, and are cancelled together.
 * After some failures nothing may go on: the visitor has left, or the check refused the call. Such a failure is kept
 * in the struct, every later call fails at once with ERR_GONE, and outside_end gives the reason. Any other failed
 * call is for the flow or the engine to handle. A struct outside belongs to one turn and is used by one thread at a
 * time. */
#ifndef PARLEY_NET_OUTSIDE_H
#define PARLEY_NET_OUTSIDE_H

#include "net/fetch.h"

struct outside {
    int64_t call_ms;   /* the longest that one call may take */
    int64_t budget_ms; /* all calls of the turn together */
    /* Asked before each call, without a database connection of the caller's. A status other than OK ends the turn
     * with that error. `leave` follows each `enter` that returned OK. */
    enum status (*enter)(void *ctx, struct err *e);
    void (*leave)(void *ctx);
    void *ctx;
    /* Has the visitor left? Asked while a call waits, at least every 300 ms. May be NULL. */
    bool (*gone)(void *ctx);
    void *gone_ctx;
    /* Kept by the functions below; zero at first. */
    int64_t spent_us; /* waiting, in all calls so far */
    struct err stop;  /* what ended the turn; its status is OK while nothing did */
};

/* Makes the call, as fetch() does. rq->timeout_ms is what the caller asks for, 0 for the longest allowed; it is
 * lowered to what the turn has left. rq->cancelled is set here. ERR_TIMEOUT code fetch_timeout when less than 10 ms of
 * the budget are left; ERR_GONE when the turn has to end. */
enum status outside_fetch(struct outside *o, struct arena *a, struct fetch_request *rq, struct fetch_reply *out,
                          struct err *e);
/* Ends the turn with the error *why. The first reason counts. */
void outside_stop(struct outside *o, const struct err *why);
/* OK, or the status that ended the turn, with its error in *e. */
enum status outside_end(const struct outside *o, struct err *e);

#endif
