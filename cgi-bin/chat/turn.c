/* turn.c: a turn that answers a request, step by step. */
#include "chat/turn.h"

#include "base/banned.h"

/* How long a turn waits at most before it looks at the clock again, and whether the visitor has left. */
#define TURN_LOOK_MS 1000

static bool chat_turn_gone(void *ctx)
{
    return request_gone(ctx);
}

struct chat_turn *chat_turn_new(struct request *rq)
{
    struct chat_turn *t = ARENA_NEW(rq->arena, struct chat_turn);
    if (t) {
        t->rq = rq;
        t->in.conversation = ID_NONE;
        t->in.visitor = rq->remote_addr;
        t->in.gone = chat_turn_gone;
        t->in.gone_ctx = rq;
    }
    return t;
}

static void chat_turn_ended(struct chat_turn *t)
{
    if (t->turn)
        t->st = talk_end(t->turn, &t->out, &t->e);
    t->turn = NULL;
    t->rq->who.tenant = t->out.tenant; /* for the log */
    t->ended(t);
}

void chat_turn_run(struct chat_turn *t)
{
    struct chat *chat = t->rq->app;
    struct waker_wait wait;
    struct waker waker;
    t->e = ERR_INIT;
    t->out = (struct talk_out){.conversation = ID_NONE};
    waker_wait_begin(&wait, &waker);
    t->st = talk_begin(chat->talk, &t->in, t->streams ? &t->sink : NULL, t->rq->arena, &waker, &t->turn, &t->e);
    if (t->st == OK)
        while (!talk_step(t->turn))
            (void)waker_wait_for(&wait, TURN_LOOK_MS);
    waker_wait_end(&wait);
    chat_turn_ended(t);
}
