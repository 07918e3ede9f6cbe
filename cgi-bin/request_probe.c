/* request_probe.c: waits for the test of an engine. The request is parked meanwhile and holds neither a thread nor a
 * connection. A test that no one waits for is cancelled, and still recorded: its provider may charge for it. */
#include "request_probe.h"

#include "base/banned.h"

/* How often to look whether the client has left. */
#define PROBE_LOOK_MS 1000

enum status request_probe_begin(struct request_probe *p, struct db *c, struct id engine, struct err *e)
{
    struct waker waker = request_waker(p->rq);
    return engine_probe_begin(c, p->rq->config, p->rq->who.tenant, engine, p->rq->arena, &waker, &p->probe, e);
}

static void request_probe_end(struct request_probe *p)
{
    struct db *c = NULL;
    p->e = ERR_INIT;
    p->st = db_get(p->pool, &c, &p->e);
    if (p->st == OK)
        p->st = engine_probe_end(c, p->probe, &p->result, &p->e);
    db_put(c);
    if (p->st == ERR_GONE && !request_gone(p->rq)) /* the program stops */
        p->st = err_raise(&p->e, E_unavailable);
    p->ended(p);
}

static void request_probe_continue(struct request *rq, void *ctx)
{
    struct request_probe *p = ctx;
    bool over = engine_probe_step(p->probe);
    if (!over && !p->cancelled && (request_gone(rq) || stream_stopping(rq))) {
        p->cancelled = true;
        engine_probe_cancel(p->probe);
    }
    if (over)
        request_probe_end(p);
    else
        request_park(rq, PROBE_LOOK_MS, request_probe_continue, p);
}

void request_probe_wait(struct request_probe *p)
{
    request_probe_continue(p->rq, p);
}
