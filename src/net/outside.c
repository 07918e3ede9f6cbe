/* outside.c: one budget for all calls of a turn, and the way of a result from the calls thread to the turn.
 *
 * The result lies in a mail that both sides hold. A turn that gives up lets go of its side and may end at once, while
 * the call is still being cancelled; the calls thread then throws the result away. */
#include "net/outside.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/net_internal.h"

#include "base/banned.h"

/* curl's timer may fire a little early. Without this floor a turn whose budget is used up could still make a call to a
 * server that answers within the millisecond that is left. */
#define OUTSIDE_LEAST_MS 10

struct outside_mail {
    atomic_int holders;
    _Atomic(struct call_result *) result;
    struct waker waker;
    struct call *call;
};

static void outside_let_go(struct outside_mail *m)
{
    if (atomic_fetch_sub(&m->holders, 1) == 1) {
        call_result_free(atomic_load(&m->result));
        free(m);
    }
}

/* In the calls thread. The turn may take the result and end as soon as it is there, so the waker is copied before. */
static void outside_on_done(void *ctx, const struct call_result *r)
{
    struct outside_mail *m = ctx;
    struct waker waker = m->waker;
    atomic_store(&m->result, call_result_take(r));
    outside_let_go(m);
    waker_wake(&waker);
}

static int64_t outside_limit(const struct outside *o, int64_t wanted_ms)
{
    int64_t left = o->budget_ms - o->spent_us / 1000;
    int64_t ms = wanted_ms > 0 && wanted_ms < o->call_ms ? wanted_ms : o->call_ms;
    return ms < left ? ms : left;
}

enum status outside_start(struct outside *o, const struct fetch_request *rq, const struct waker *w, struct err *e)
{
    struct call_request call = {.method = rq->method,
                                .url = rq->url,
                                .headers = rq->headers,
                                .header_count = rq->header_count,
                                .body = rq->body,
                                .tenant = o->tenant,
                                .total_ms = outside_limit(o, rq->timeout_ms),
                                .max_body = rq->max_body};
    CHECK(!o->mail);
    if (call.total_ms < OUTSIDE_LEAST_MS)
        return err_set(e, E_fetch_timeout, "The calls of this turn took too long in total.");
    struct outside_mail *m = calloc(1, sizeof(*m));
    if (!m)
        return err_nomem(e);
    const struct call_events on = {.ctx = m, .done = outside_on_done};
    const struct config *c = config_current();
    if (c)
        call.private_hosts = str_from(config_string(c, CONFIG_http_allow_private));
    atomic_init(&m->holders, 2);
    m->waker = *w;
    o->begun_us = clock_mono_us();
    enum status st = call_start(&call, &on, &m->call, e);
    config_drop(c);
    if (st != OK)
        free(m);
    else
        o->mail = m;
    return st;
}

bool outside_ready(const struct outside *o)
{
    return o->mail && atomic_load(&o->mail->result);
}

/* The time is added also when the call failed: a server that never answers must use up the budget, too. */
static void outside_end_call(struct outside *o)
{
    o->spent_us += clock_mono_us() - o->begun_us;
    call_release(o->mail->call);
    outside_let_go(o->mail);
    o->mail = NULL;
}

enum status outside_take(struct outside *o, struct arena *a, struct fetch_reply *out, struct err *e)
{
    enum status st = net_copy_reply(atomic_load(&o->mail->result), a, out, e);
    outside_end_call(o);
    return st;
}

void outside_abandon(struct outside *o)
{
    if (o->mail) {
        call_cancel(o->mail->call);
        outside_end_call(o);
    }
}
