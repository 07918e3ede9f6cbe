/* outside.c: one budget and one way out for all calls of a turn.
 *
 * The budget counts waiting time only, so that a turn which calls often but quickly is not cut off, and a turn that
 * waits holds one thread for a bounded time. Invariant: after a call that ended the turn, every further call fails at
 * once. */
#include "net/outside.h"

#include "base/clock.h"

#include "base/banned.h"

/* curl's timer may fire a little early. Without this floor a turn whose budget is used up could still make a call to a
 * server that answers within the millisecond that is left. */
#define OUTSIDE_LEAST_MS 10

void outside_stop(struct outside *o, const struct err *why)
{
    if (o->stop.status == OK)
        o->stop = *why;
}

enum status outside_end(const struct outside *o, struct err *e)
{
    if (o->stop.status != OK && e)
        *e = o->stop;
    return o->stop.status;
}

/* The caller of a call that ended the turn sees ERR_GONE whatever the reason: a flow may have a way on for every other
 * status, and would continue to talk to a visitor who gets another answer. */
static enum status outside_gone(struct outside *o, const struct err *why, struct err *e)
{
    outside_stop(o, why);
    return err_raise(e, E_gone);
}

/* The time is added even when the call fails: a server that never answers must use up the budget, too. */
static enum status outside_wait(struct outside *o, struct arena *a, struct fetch_request *rq, struct fetch_reply *out,
                                struct err *e)
{
    const struct config *c = config_current();
    int64_t begun = clock_mono_us();
    enum status st = fetch(c, a, rq, out, e);
    o->spent_us += clock_mono_us() - begun;
    config_drop(c);
    return st;
}

enum status outside_fetch(struct outside *o, struct arena *a, struct fetch_request *rq, struct fetch_reply *out,
                          struct err *e)
{
    struct err why = ERR_INIT;
    int64_t left = o->budget_ms - o->spent_us / 1000;
    if (o->stop.status != OK)
        return err_raise(e, E_gone);
    if (left < OUTSIDE_LEAST_MS)
        return err_set(e, E_fetch_timeout, "The calls of this turn took too long in total.");
    if (o->enter && o->enter(o->ctx, &why) != OK)
        return outside_gone(o, &why, e);
    if (rq->timeout_ms <= 0 || rq->timeout_ms > o->call_ms)
        rq->timeout_ms = o->call_ms;
    if (rq->timeout_ms > left)
        rq->timeout_ms = left;
    rq->cancelled = o->gone;
    rq->cancel_ctx = o->gone_ctx;
    enum status st = outside_wait(o, a, rq, out, &why);
    if (o->leave)
        o->leave(o->ctx);
    if (st == ERR_GONE) { /* only the visitor's leaving cancels a call */
        (void)err_raise(&why, E_gone);
        return outside_gone(o, &why, e);
    }
    if (st != OK && e)
        *e = why;
    return st;
}
