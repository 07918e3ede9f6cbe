/* engines.c: /chat/engines/{workspace}/{engine}: the server of an engine sends a reply after the turn that asked for
 * it. Whether it is this server is for the engine to say (its secret, or a signature). It belongs into chat.fcgi, which
 * has the turns: a reply waits, without a thread, until the turn of its conversation has ended. */
#include "base/clock.h"
#include "chat/chat.h"
#include "talk/late.h"
#include "web/server.h"

#include "base/banned.h"

#define LATE_AGAIN_MS 250
#define LATE_WAIT_US (25 * 1000000LL) /* then the server is asked to send it again */

struct chat_late {
    struct talk_late in;
    struct fetch_header headers[4];
    int64_t until_us;
};

static void chat_late_continue(struct request *rq, void *ctx)
{
    struct chat_late *l = ctx;
    struct chat *chat = rq->app;
    struct err e = ERR_INIT;
    bool again = false;
    enum status st = talk_late(chat->talk, &l->in, &again, &e);
    if (st == OK && again && clock_mono_us() < l->until_us && !stream_stopping(rq)) {
        request_park(rq, LATE_AGAIN_MS, chat_late_continue, l);
        return;
    }
    if (st == OK && again) {
        st = err_raise(&e, E_conversation_busy);
        e.retry_after_s = 5;
    }
    if (st != OK) {
        reply_problem(rq, &e);
        return;
    }
    reply_status(rq, 200);
    reply_type(rq, "application/json");
    buf_puts(reply_body(rq), "{\"received\":true}");
}

void chat_engines_engine_post(struct request *rq)
{
    static const struct {
        const char *name, *cgi;
    } wanted[] = {{"x-secret-key", "HTTP_X_SECRET_KEY"},
                  {"webhook-id", "HTTP_WEBHOOK_ID"},
                  {"webhook-timestamp", "HTTP_WEBHOOK_TIMESTAMP"},
                  {"webhook-signature", "HTTP_WEBHOOK_SIGNATURE"}};
    struct err e = ERR_INIT;
    struct chat_late *l = ARENA_NEW(rq->arena, struct chat_late);
    if (!l) {
        (void)err_nomem(&e);
        reply_problem(rq, &e);
        return;
    }
    *l = (struct chat_late){.until_us = clock_mono_us() + LATE_WAIT_US};
    _Static_assert(COUNT_OF(wanted) == COUNT_OF(l->headers), "a place for each header");
    if (!id_parse(ID_TENANT, request_segment(rq, "workspace"), &l->in.tenant) ||
        !id_parse(ID_ENGINE, request_segment(rq, "engine"), &l->in.engine)) {
        (void)err_raise(&e, E_engine_unknown);
        reply_problem(rq, &e);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        l->headers[i] = (struct fetch_header){str_from(wanted[i].name), request_header(rq, wanted[i].cgi)};
    l->in.headers = l->headers;
    l->in.header_count = COUNT_OF(l->headers);
    l->in.body = request_body(rq);
    rq->who.tenant = l->in.tenant; /* for the log */
    chat_late_continue(rq, l);
}
