/* calls.c: the life of a call, from call_start to the end of its last reference.
 *
 * A call belongs to the thread of its starter until it is posted, and to the calls thread afterwards. Its memory stays
 * as long as anyone has a reference, so call_cancel() needs no answer to the question whether the call has ended.
 * Invariant: `over` is set under the lock before `done` is called, and nothing is posted for a call that is over. */
#include "net/calls.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/config.h"
#include "net/calls_internal.h"
#include "net/net_internal.h"

#include "base/banned.h"

/* Read for each call, so that a reload takes effect. A process without settings keeps the default. */
static void calls_read_max(void)
{
    const struct config *c = config_current();
    if (c)
        share_set_max((int)config_int(c, CONFIG_calls_max));
    config_drop(c);
}

/* *out is set before the call is posted, since `done` may run before this function returns. */
enum status call_start(const struct call_request *rq, const struct call_events *on, struct call **out, struct err *e)
{
    struct call *c = calloc(1, sizeof(*c));
    if (!c)
        return err_nomem(e);
    CHECK(rq->total_ms > 0 && on->done);
    CHECK(!rq->keep || (rq->trusted && id_is_none(rq->tenant)));
    c->on = *on;
    c->started_at = clock_mono_us();
    atomic_init(&c->refs, out ? 2 : 1);
    atomic_init(&c->cancelled, false);
    net_library_begin();
    calls_read_max();
    enum status st = call_setup(c, rq, e);
    if (out)
        *out = st == OK ? c : NULL;
    if (st == OK)
        st = calls_thread_post(c, e);
    if (st != OK) {
        atomic_store(&c->refs, 1);
        call_unref(c);
        if (out)
            *out = NULL;
    }
    return st;
}

void call_cancel(struct call *c)
{
    atomic_store(&c->cancelled, true);
    calls_thread_cancel(c);
}

void call_release(struct call *c)
{
    if (c)
        call_unref(c);
}

/* The result is a part of its call; who has the result has a reference of the call. */
static struct call *call_of_result(const struct call_result *r)
{
    return (struct call *)((char *)(uintptr_t)r - offsetof(struct call, result));
}

struct call_result *call_result_take(const struct call_result *r)
{
    struct call *c = call_of_result(r);
    atomic_fetch_add(&c->refs, 1);
    return &c->result;
}

void call_result_free(struct call_result *r)
{
    if (r)
        call_unref(call_of_result(r));
}

/* ---- timers ---- */

/* The thread sleeps until the first timer, so it has to know of a new first one. */
enum status call_timer(int64_t ms, void (*fire)(void *ctx), void *ctx, struct call_timer **out, struct err *e)
{
    struct call_timer *t = calloc(1, sizeof(*t));
    if (!t)
        return err_nomem(e);
    t->fire = fire;
    t->ctx = ctx;
    t->allocated = true;
    enum status st = calls_thread_begin(e);
    if (st != OK) {
        free(t);
        return st;
    }
    *out = t;
    if (timer_set(t, clock_mono_us() + (ms > 0 ? ms : 0) * 1000))
        calls_thread_wake();
    return OK;
}

void call_timer_cancel(struct call_timer *t)
{
    if (t)
        timer_free(t);
}

struct calls_count calls_count(struct id tenant)
{
    return share_count(tenant);
}
