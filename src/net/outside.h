/* outside.h: the calls to other servers that one turn makes, whatever makes them: an HTTP node of a flow, or an
 * engine. A turn that waits for one holds no thread.
 *
 * All calls of a turn share one time budget. The budget counts waiting time only, so that a turn which calls often but
 * quickly is not cut off. A struct outside belongs to one turn and is used by one thread at a time; it makes one call
 * after the other. */
#ifndef PARLEY_NET_OUTSIDE_H
#define PARLEY_NET_OUTSIDE_H

#include "base/waker.h"
#include "net/calls.h"

struct outside_mail; /* where the calls thread leaves the result */
struct outside {
    struct id tenant;
    int64_t call_ms;   /* the longest that one call may take */
    int64_t budget_ms; /* all calls of the turn together */
    /* Kept by the functions below; zero at first. */
    int64_t spent_us, begun_us; /* waiting, in all calls so far; since when the present one waits */
    struct outside_mail *mail;  /* of the present call */
};

/* Starts a call. `rq` is copied; rq->timeout_ms is what the caller asks for, 0 for the longest allowed, and is lowered
 * to what the turn has left. The waker is woken once, when the result is there. ERR_TIMEOUT code fetch_timeout when
 * less than 10 ms of the budget are left; otherwise as call_start. It is a bug to start a second call before
 * outside_take or outside_abandon. */
enum status outside_start(struct outside *o, const struct fetch_request *rq, const struct waker *w, struct err *e);
/* Is the result there? */
bool outside_ready(const struct outside *o);
/* Takes the result of a call that is ready: as fetch(), and ERR_RATE code bot_busy when the tenant has too many calls
 * in flight. The reply is copied into the arena. */
enum status outside_take(struct outside *o, struct arena *a, struct fetch_reply *out, struct err *e);
/* Gives the present call up, if there is one, and cancels it. */
void outside_abandon(struct outside *o);

#endif
