/* request_turn.c: a turn that answers a request, step by step. The request is parked while the turn waits, so that a
 * program needs only a few threads, however many visitors wait. */
#include "request_turn.h"

#include "base/banned.h"

/* How long a turn waits at most before it looks at the clock again, and whether the visitor has left. */
#define TURN_LOOK_MS 1000

static bool request_turn_gone(void *ctx)
{
    return request_gone(ctx);
}

struct request_turn *request_turn_new(struct request *rq, struct talk *talk)
{
    struct request_turn *t = ARENA_NEW(rq->arena, struct request_turn);
    if (t) {
        t->rq = rq;
        t->talk = talk;
        t->in.conversation = ID_NONE;
        t->in.visitor = rq->remote_addr;
        t->in.gone = request_turn_gone;
        t->in.gone_ctx = rq;
    }
    return t;
}

static void request_turn_ended(struct request_turn *t)
{
    if (t->turn)
        t->st = talk_end(t->turn, &t->out, &t->e);
    t->turn = NULL;
    if (!id_is_none(t->out.tenant)) /* for the log; a request with a key has its tenant already */
        t->rq->who.tenant = t->out.tenant;
    t->ended(t);
}

static void request_turn_continue(struct request *rq, void *ctx)
{
    struct request_turn *t = ctx;
    if (talk_step(t->turn))
        request_turn_ended(t);
    else
        request_park(rq, TURN_LOOK_MS, request_turn_continue, t);
}

void request_turn_run(struct request_turn *t)
{
    struct waker waker = request_waker(t->rq);
    t->e = ERR_INIT;
    t->out = (struct talk_out){.conversation = ID_NONE};
    t->st = talk_begin(t->talk, &t->in, t->streams ? &t->sink : NULL, t->rq->arena, &waker, &t->turn, &t->e);
    if (t->st == OK)
        request_turn_continue(t->rq, t);
    else
        request_turn_ended(t);
}
