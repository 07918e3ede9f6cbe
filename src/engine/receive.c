/* receive.c: a run of an engine on the thread of the request that came in. It has no calls, so it needs neither the
 * calls thread nor a chain: there is nothing to try again. */
#include "engine/receive.h"

#include "engine/chain.h"
#include "engine/ops.h"
#include "engine/run_internal.h"

#include "base/banned.h"

const char *engine_receive_secret(const struct engine_type *type)
{
    return engine_ops_of(type)->receive_secret;
}

bool engine_receives(const struct engine_type *type, const struct json *settings)
{
    const char *secret = engine_receive_secret(type);
    return secret && json_get_str(settings, secret).n > 0;
}

struct receiving {
    const struct engine_receive_request *rq;
    struct engine_failure end;
};

static void receive_on_event(void *ctx, const struct engine_event *ev)
{
    struct receiving *r = ctx;
    r->rq->event(r->rq->ctx, ev);
}

static void receive_on_ended(void *ctx, const struct engine_failure *f)
{
    struct receiving *r = ctx;
    r->end = *f;
}

struct engine_failure engine_receive(const struct engine_receive_request *rq)
{
    struct receiving r = {rq, ENGINE_FAILURE_INIT};
    struct engine_run_request run = {.ops = engine_ops_of(rq->type),
                                     .type = rq->type,
                                     .tenant = rq->tenant,
                                     .settings = rq->settings,
                                     .private_hosts = STR_EMPTY,
                                     .task = ENGINE_TASK_RECEIVE,
                                     .incoming = &rq->incoming,
                                     .max_output = ENGINE_OUTPUT_MAX};
    struct engine_owner owner = {&r, receive_on_event, receive_on_ended};
    r.end.class = ENGINE_INTERNAL; /* stays without memory, and if the engine does not end its run */
    struct engine_run *started = engine_run_start(&run, &owner);
    if (!started)
        return r.end;
    engine_run_cancel(started);
    engine_run_release(started);
    return r.end;
}
