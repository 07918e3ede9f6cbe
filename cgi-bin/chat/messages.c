/* messages.c: /chat/{bot}/messages: a visitor sends a message, or fetches what came after the last one seen.
 *
 * The reply to a message is JSON, or events if the client accepts them. Nothing is final before `done`. */
#include "base/clock.h"
#include "base/num.h"
#include "chat/visitor.h"
#include "request_turn.h"

#include "base/banned.h"

void chat_messages_options(struct request *rq)
{
    visitor_preflight(rq);
}

/* The token is taken from the header only with a conversation: a first message has none. The channel is not a field; it
 * follows from where the request comes from. */
static enum status message_read_body(struct request *rq, struct talk_in *in, struct err *e)
{
    static const struct json_field fields[] = {{"text", JSON_STRING, false},   {"choice", JSON_STRING, false},
                                               {"id", JSON_STRING, false},     {"conversation", JSON_STRING, false},
                                               {"token", JSON_STRING, false},  {"locale", JSON_STRING, false},
                                               {"contact", JSON_OBJECT, false}};
    struct json *body = NULL;
    enum status st;
    if ((st = visitor_bot(rq, &in->bot, e)) != OK || (st = request_json(rq, &body, e)) != OK)
        return st;
    if ((st = json_fields(body, fields, COUNT_OF(fields), e)) != OK)
        return st;
    in->text = json_get_str(body, "text");
    in->choice = json_get_str(body, "choice");
    in->client_id = json_get_str(body, "id");
    in->locale = json_get_str(body, "locale");
    in->contact = json_get(body, "contact");
    in->token = json_get_str(body, "token");
    in->channel = request_from_here(rq) ? CHANNEL_web : CHANNEL_api; /* chat.js on the hosted page, or another client */
    if (json_has(body, "conversation")) {
        in->token = visitor_token(rq, in->token);
        st = visitor_conversation(json_get_str(body, "conversation"), &in->conversation, e);
    }
    return st;
}

/* ---- the answer as JSON ---- */

static void message_ended_json(struct request_turn *t)
{
    struct request *rq = t->rq;
    if (t->st != OK) {
        reply_problem(rq, &t->e);
        return;
    }
    reply_status(rq, 200);
    reply_type(rq, "application/json");
    visitor_write(reply_body(rq), &t->out);
}

/* ---- the answer as events ---- */

#define HEARTBEAT_US (1 * 1000000LL)

/* The stream begins with the first event, so that a refusal before it is an ordinary error reply. */
struct chat_events {
    struct request *rq;
    struct buf data;
    int64_t last_us;
    bool begun;
};

static enum status events_begin(struct chat_events *stream, struct err *e)
{
    enum status st = OK;
    if (!stream->begun) {
        st = stream_begin(stream->rq, e);
        stream->begun = st == OK;
    }
    stream->last_us = clock_mono_us();
    return st;
}

static enum status events_send(struct chat_events *stream, const char *event, struct err *e)
{
    enum status st = events_begin(stream, e);
    if (st == OK)
        st = buf_ok(&stream->data) ? stream_event(stream->rq, event, STR_EMPTY, buf_str(&stream->data), e)
                                   : err_nomem(e);
    buf_clear(&stream->data);
    return st;
}

/* The message is not recorded yet and has no number. `done` carries the turn as it was recorded. */
static enum status events_message(void *ctx, const struct talk_message *m, struct err *e)
{
    struct chat_events *stream = ctx;
    talk_message_write(&stream->data, m);
    return events_send(stream, "message", e);
}

/* A piece of the message that comes next; a client that does not know the event skips it and shows the whole
 * message. */
static enum status events_delta(void *ctx, struct str text, struct err *e)
{
    struct chat_events *stream = ctx;
    visitor_delta_write(&stream->data, text);
    return events_send(stream, "delta", e);
}

/* The turn begins again: a page takes back what it has shown of the answer. A client that does not know the event has
 * the whole turn in `done`. */
static enum status events_again(void *ctx, struct err *e)
{
    struct chat_events *stream = ctx;
    buf_puts(&stream->data, "{}");
    return events_send(stream, "again", e);
}

/* Asked at each step of a turn that waits, so at least once a second. A comment line for each quiet second finds out
 * who has left, and keeps proxies between here and the visitor from giving up. */
static bool events_gone(void *ctx)
{
    struct chat_events *stream = ctx;
    struct err e = ERR_INIT;
    if (request_gone(stream->rq))
        return true;
    if (clock_mono_us() - stream->last_us < HEARTBEAT_US)
        return false;
    return events_begin(stream, &e) != OK || stream_heartbeat(stream->rq, &e) != OK;
}

static void events_write_error(struct buf *b, const struct request *rq, const struct err *e)
{
    buf_puts(b, "{\"type\":\"about:blank\",\"status\":");
    buf_i64(b, http_status_of(e));
    buf_puts(b, ",\"code\":");
    buf_json(b, str_from(err_code(e)));
    buf_puts(b, ",\"detail\":");
    buf_json(b, str_from(e->message));
    buf_puts(b, ",\"request_id\":");
    buf_json(b, str_from(rq->id));
    buf_putc(b, '}');
}

/* Three ways to end. A recorded turn ends with `done`, which carries the whole turn, so a client may ignore the events
 * before it. A failure after the first event cannot change the status any more and becomes the event `error`. A failure
 * before it is an ordinary reply. If the visitor has left, the last event fails, which no longer matters. */
static void message_ended_events(struct request_turn *t)
{
    struct chat_events *stream = t->ctx;
    struct err gone = ERR_INIT;
    if (t->st == OK) {
        visitor_write(&stream->data, &t->out);
        (void)events_send(stream, "done", &gone);
    } else if (stream->begun) {
        buf_clear(&stream->data);
        request_failed(t->rq, &t->e);
        events_write_error(&stream->data, t->rq, &t->e);
        (void)events_send(stream, "error", &gone);
    } else {
        reply_problem(t->rq, &t->e);
    }
}

/* The buffer is released with the request, because the turn may outlive this function. */
static void events_release(void *ctx)
{
    struct chat_events *stream = ctx;
    buf_release(&stream->data);
}

static enum status message_prepare_events(struct request_turn *t, struct err *e)
{
    struct chat_events *stream = ARENA_NEW(t->rq->arena, struct chat_events);
    if (!stream || arena_defer(t->rq->arena, events_release, stream) != 0)
        return err_nomem(e);
    *stream = (struct chat_events){.rq = t->rq, .last_us = clock_mono_us()};
    buf_init(&stream->data, MAX_REPLY);
    t->ctx = stream;
    t->sink = (struct talk_sink){
        .ctx = stream, .message = events_message, .delta = events_delta, .again = events_again};
    t->streams = true;
    t->in.gone = events_gone;
    t->in.gone_ctx = stream;
    t->ended = message_ended_events;
    return OK;
}

void chat_messages_post(struct request *rq)
{
    struct err e = ERR_INIT;
    struct chat *chat = rq->app;
    struct request_turn *t = request_turn_new(rq, chat->talk);
    enum status st = t ? message_read_body(rq, &t->in, &e) : err_nomem(&e);
    if (st == OK) {
        t->ended = message_ended_json;
        if (request_wants_events(rq))
            st = message_prepare_events(t, &e);
    }
    if (st == OK)
        request_turn_run(t);
    else
        reply_problem(rq, &e);
}

/* ---- catching up ---- */

static enum status messages_read_after(struct str text, int64_t *out, struct err *e)
{
    *out = 0;
    if (text.n == 0 || num_i64(text, 0, INT64_MAX, out))
        return OK;
    return err_at(e, E_after_invalid, "/after", "\"after\" must be the number of the last message received.");
}

/* A client that was offline asks with the last number that it has, and gets what it missed, from whichever process
 * recorded it. */
static enum status messages_catch_up(struct request *rq, struct talk_out *out, struct err *e)
{
    struct chat *chat = rq->app;
    struct talk_place at;
    int64_t after;
    enum status st;
    if ((st = visitor_bot(rq, &at.bot, e)) != OK ||
        (st = messages_read_after(request_query(rq, "after"), &after, e)) != OK)
        return st;
    if ((st = visitor_conversation(request_query(rq, "conversation"), &at.conversation, e)) != OK)
        return st;
    at.token = visitor_token(rq, request_query(rq, "token"));
    return talk_messages(chat->talk, &at, after, rq->arena, out, e);
}

void chat_messages_get(struct request *rq)
{
    struct talk_out out;
    struct err e = ERR_INIT;
    if (messages_catch_up(rq, &out, &e) != OK) {
        reply_problem(rq, &e);
        return;
    }
    reply_status(rq, 200);
    reply_type(rq, "application/json");
    visitor_write(reply_body(rq), &out);
}
