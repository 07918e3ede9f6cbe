/* chat.c: POST /v1/chat/completions: a bot as an OpenAI-compatible model. One request is one turn: the last message of
 * the user goes to the bot, which remembers its conversation itself, so the messages before it are not read again.
 * `user` names a visitor; the next request with the same name continues that conversation. */
#include <stdio.h>

#include "api/api.h"
#include "api/openai.h"
#include "base/clock.h"
#include "base/limits.h"
#include "engine/text.h"
#include "request_turn.h"
#include "talk/visitor.h"

#include "base/banned.h"

#define COMPLETION_ID_MAX 64
#define STOP_BYTES_MAX 256
#define MODEL_TOKENS_MAX 1000000
/* A stream that has begun cannot fail with a status any more, so it does not begin for a comment line before a proxy
 * might lose patience. From then on a line a second finds out who has left. */
#define COMPLETION_BEGIN_US (15 * 1000000LL)
#define COMPLETION_QUIET_US (1 * 1000000LL)

struct completion {
    struct request *rq;
    struct request_turn *turn;
    char id[COMPLETION_ID_MAX];
    struct str model;
    int64_t created_s, last_us; /* last_us: when the stream sent something */
    bool stream, usage, begun;
    bool spoke;                  /* a part of the answer was sent: it cannot be taken back */
    bool again;                  /* the conversation was gone, and a new one is being tried */
    bool interrupted;            /* an engine stopped in the middle of what the client was to get */
    size_t messages, paragraphs; /* that were sent */
    struct buf piece;            /* of the next message, that was sent before it was whole */
    struct openai_cut cut;
    struct buf text; /* the whole answer, when it is not streamed */
};

/* ---- the request ---- */

/* The text of a message: a string, or the parts of the type "text". */
static enum status completion_text(struct completion *x, const struct json *content, struct str *out, struct err *e)
{
    struct buf b;
    bool ok = true;
    if (json_is(content, JSON_STRING)) {
        *out = json_str(content);
        return OK;
    }
    buf_init(&b, MAX_REPLY);
    for (size_t i = 0; i < json_len(content); i++) {
        const struct json *part = json_at(content, i);
        if (str_eqz(json_get_str(part, "type"), "text")) {
            if (b.n)
                buf_putc(&b, '\n');
            buf_str_add(&b, json_get_str(part, "text"));
        }
    }
    *out = arena_str(x->rq->arena, buf_str(&b), &ok);
    ok = ok && buf_ok(&b);
    buf_release(&b);
    return ok ? OK : err_nomem(e);
}

static enum status completion_read_messages(struct completion *x, const struct json *in, struct err *e)
{
    const struct json *messages = json_get(in, "messages");
    size_t n = json_len(messages);
    if (!json_is(messages, JSON_ARRAY) || n == 0)
        return err_at(e, E_field_missing, "/messages", "\"messages\" must be a list with at least one message.");
    const struct json *last = json_at(messages, n - 1);
    if (!str_eqz(json_get_str(last, "role"), "user"))
        return err_at(e, E_field_type, "/messages", "The last message must have the role \"user\".");
    struct talk_in *to = &x->turn->in;
    struct openai_images images = {0};
    enum status st = completion_text(x, json_get(last, "content"), &to->text, e);
    if (st == OK)
        st = openai_read_images(json_get(last, "content"), x->rq->arena, &images, e);
    if (st == OK && images.n && !to->text.n) /* the flow of a bot answers texts */
        st = err_at(e, E_field_missing, "/messages", "A message with an image needs a text as well.");
    to->images = images.all;
    to->image_n = images.n;
    return st;
}

static enum status completion_read_stop(struct completion *x, const struct json *stop, struct err *e)
{
    size_t n = json_is(stop, JSON_STRING) ? 1 : json_len(stop);
    bool good = !stop || (n <= OPENAI_STOP_MAX && (json_is(stop, JSON_STRING) || json_is(stop, JSON_ARRAY)));
    for (size_t i = 0; good && i < n; i++) {
        struct str s = json_str(json_is(stop, JSON_STRING) ? stop : json_at(stop, i));
        good = s.n <= STOP_BYTES_MAX;
        if (s.n)
            x->cut.stop[x->cut.stop_n++] = s;
    }
    return good ? OK
                : err_at(e, E_field_type, "/stop", "\"stop\" must be a text or a list of at most %d texts.",
                         OPENAI_STOP_MAX);
}

/* Parameters that steer a model (temperature and the like) belong to the bot's own settings, and are accepted and
 * ignored, as clients send them unasked. What would change the shape of the reply is refused. */
static enum status completion_read_options(struct completion *x, const struct json *in, struct err *e)
{
    int64_t max = json_int(json_get(in, "max_completion_tokens"), json_int(json_get(in, "max_tokens"), 0));
    if (json_int(json_get(in, "n"), 1) != 1)
        return err_at(e, E_field_type, "/n", "A bot gives one answer: \"n\" must be 1.");
    if (max < 0 || max > MODEL_TOKENS_MAX)
        return err_at(e, E_field_type, "/max_tokens", "\"max_tokens\" must be a number from 1 to %d.",
                      MODEL_TOKENS_MAX);
    x->cut.max_tokens = (size_t)max;
    x->stream = json_bool(json_get(in, "stream"));
    x->usage = json_bool(json_get(json_get(in, "stream_options"), "include_usage"));
    return completion_read_stop(x, json_get(in, "stop"), e);
}

static enum status completion_read(struct completion *x, struct err *e)
{
    struct json *in = NULL;
    enum status st = request_json(x->rq, &in, e);
    if (st != OK)
        return st;
    x->model = json_get_str(in, "model");
    if (!id_parse(ID_BOT, x->model, &x->turn->in.bot))
        return err_raise_at(e, E_bot_unknown, "/model");
    st = completion_read_messages(x, in, e);
    if (st == OK)
        st = completion_read_options(x, in, e);
    if (st == OK) /* its address would be that of the tenant's own server, for all its visitors */
        st = openai_read_user(in, &x->turn->in.visitor, e);
    x->turn->in.client_id = request_header(x->rq, "HTTP_IDEMPOTENCY_KEY");
    return st;
}

/* The bot must be the caller's: that of another workspace does not exist. The key stands for its visitors, so their
 * tokens are not asked for. */
static enum status completion_find(struct completion *x, struct err *e)
{
    struct guard *g = x->rq->app;
    struct bot b;
    struct db *c = NULL;
    struct talk_in *in = &x->turn->in;
    const struct visitor_of_tenant visitor = {x->rq->who.tenant, in->bot, in->visitor};
    enum status st = db_get(g->pool, &c, e);
    if (st == OK)
        st = bot_get(c, visitor.tenant, in->bot, x->rq->arena, &b, e);
    if (st == OK && visitor.name.n)
        st = visitor_conversation_find(c, &visitor, &in->conversation, e);
    db_put(c);
    in->tenant = visitor.tenant;
    return st;
}

/* ---- the answer as one object ---- */

static void completion_write_head(struct completion *x, struct buf *b, const char *object)
{
    buf_puts(b, "{\"id\":");
    buf_json(b, str_from(x->id));
    buf_printf(b, ",\"object\":\"%s\",\"created\":%lld,\"model\":", object, (long long)x->created_s);
    buf_json(b, x->model);
}

/* A flow has no tokens, so those of its own texts are an estimate. */
static void completion_write_usage(struct completion *x, struct buf *b)
{
    const struct talk_out *out = &x->turn->out;
    bool flow = out->tokens_in + out->tokens_out == 0;
    int64_t asked = flow ? (int64_t)text_tokens(x->turn->in.text) : out->tokens_in;
    int64_t answered = flow ? openai_cut_tokens(&x->cut) : out->tokens_out;
    buf_printf(b, "\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,\"total_tokens\":%lld}",
               (long long)asked, (long long)answered, (long long)asked + (long long)answered);
}

static const char *completion_finish(const struct completion *x)
{
    return x->cut.cut ? "length" : "stop";
}

static void completion_reply(struct completion *x)
{
    struct buf *b = reply_body(x->rq);
    reply_status(x->rq, 200);
    reply_type(x->rq, "application/json");
    completion_write_head(x, b, "chat.completion");
    buf_puts(b, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    buf_json(b, buf_str(&x->text));
    buf_printf(b, ",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"%s\"}],", completion_finish(x));
    completion_write_usage(x, b);
    buf_putc(b, '}');
}

static enum status completion_collect(void *ctx, struct str text, struct err *e)
{
    struct completion *x = ctx;
    buf_str_add(&x->text, text);
    return buf_ok(&x->text) ? OK : err_nomem(e);
}

/* ---- the answer as a stream ---- */

/* The first part sends the headers, so a refusal before it is an ordinary error reply. */
static enum status chunk_begin(struct completion *x, struct err *e)
{
    enum status st = x->begun ? OK : stream_begin(x->rq, e);
    x->begun = st == OK;
    x->last_us = clock_mono_us();
    return st;
}

static bool completion_gone(void *ctx)
{
    struct completion *x = ctx;
    struct err e = ERR_INIT;
    if (request_gone(x->rq))
        return true;
    if (!x->stream || clock_mono_us() - x->last_us < (x->begun ? COMPLETION_QUIET_US : COMPLETION_BEGIN_US))
        return false;
    return chunk_begin(x, &e) != OK || stream_heartbeat(x->rq, &e) != OK;
}

static void chunk_open(struct completion *x, struct buf *b)
{
    buf_puts(b, "data: ");
    completion_write_head(x, b, "chat.completion.chunk");
}

static enum status chunk_delta(struct completion *x, struct str text, struct err *e)
{
    struct buf *b = reply_body(x->rq);
    enum status st = chunk_begin(x, e);
    if (st != OK)
        return st;
    if (!x->spoke) {
        x->spoke = true;
        chunk_open(x, b);
        buf_puts(b, ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                    "\"finish_reason\":null}]}\n\n");
    }
    chunk_open(x, b);
    buf_puts(b, ",\"choices\":[{\"index\":0,\"delta\":{\"content\":");
    buf_json(b, text);
    buf_puts(b, "},\"finish_reason\":null}]}\n\n");
    return reply_part(x->rq, e);
}

static enum status completion_send(void *ctx, struct str text, struct err *e)
{
    return chunk_delta(ctx, text, e);
}

static void chunk_end(struct completion *x, struct err *e)
{
    struct buf *b = reply_body(x->rq);
    if (chunk_begin(x, e) != OK)
        return;
    chunk_open(x, b);
    buf_printf(b, ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"%s\"}]}\n\n", completion_finish(x));
    if (x->usage) {
        chunk_open(x, b);
        buf_puts(b, ",\"choices\":[],");
        completion_write_usage(x, b);
        buf_puts(b, "}\n\n");
    }
    buf_puts(b, "data: [DONE]\n\n");
    (void)reply_part(x->rq, e);
}

/* A stream that fails must not simply end: the client would take what came for the whole answer. */
static void chunk_error(struct completion *x, const struct err *why)
{
    struct err gone = ERR_INIT;
    struct buf *b = reply_body(x->rq);
    request_failed(x->rq, why);
    buf_puts(b, "data: ");
    openai_write_error(b, why, http_status_of(why));
    buf_puts(b, "\n\n");
    (void)reply_part(x->rq, &gone);
}

/* ---- what the bot says ---- */

static void completion_write_line(struct buf *b, const char *before, struct str text)
{
    if (text.n) {
        if (b->n)
            buf_putc(b, '\n');
        buf_puts(b, before);
        buf_str_add(b, text);
    }
}

/* A client of this API shows text only, so a card, an image and the choices become lines. */
static void completion_write_message(struct buf *b, const struct talk_message *m, bool text_sent)
{
    completion_write_line(b, "", m->m.title);
    if (!text_sent)
        completion_write_line(b, "", m->m.text);
    completion_write_line(b, "", m->m.image);
    completion_write_line(b, "", m->m.url);
    for (size_t i = 0; i < m->m.choice_n; i++)
        completion_write_line(b, "- ", m->m.choices[i].label);
    for (size_t i = 0; i < m->m.citation_n; i++)
        completion_write_line(b, "", m->m.citations[i].url);
}

static enum status completion_begin_paragraph(struct completion *x, struct err *e)
{
    return x->paragraphs++ ? openai_cut_add(&x->cut, STR("\n\n"), e) : OK;
}

/* The pieces before a message are normally its text. They are not when the flow did not take the answer of the engine
 * and says something else. */
static enum status completion_on_message(void *ctx, const struct talk_message *m, struct err *e)
{
    struct completion *x = ctx;
    enum status st = OK;
    struct buf b;
    bool sent = x->piece.n && m->m.text.n && str_has(buf_str(&x->piece), m->m.text);
    buf_init(&b, MAX_REPLY);
    completion_write_message(&b, m, sent);
    if (b.n)
        st = sent ? openai_cut_add(&x->cut, STR("\n"), e) : completion_begin_paragraph(x, e);
    if (st == OK)
        st = buf_ok(&b) ? openai_cut_add(&x->cut, buf_str(&b), e) : err_nomem(e);
    buf_release(&b);
    if (m->m.interrupted && !x->cut.ended) /* the client misses nothing of what comes after its own limit */
        x->interrupted = true;
    x->messages++;
    buf_clear(&x->piece);
    return st;
}

static enum status completion_on_delta(void *ctx, struct str text, struct err *e)
{
    struct completion *x = ctx;
    enum status st = x->piece.n ? OK : completion_begin_paragraph(x, e);
    buf_str_add(&x->piece, text);
    if (st == OK && !buf_ok(&x->piece))
        st = err_nomem(e);
    return st == OK ? openai_cut_add(&x->cut, text, e) : st;
}

/* Nothing that a client has got of a stream can be taken back, and a second answer must not follow the first. */
static enum status completion_on_again(void *ctx, struct err *e)
{
    struct completion *x = ctx;
    if (x->spoke)
        return err_raise(e, E_sequence);
    x->messages = x->paragraphs = 0;
    x->interrupted = false;
    buf_clear(&x->piece);
    openai_cut_again(&x->cut);
    return OK;
}

/* ---- the turn ---- */

/* The replay of an earlier turn has sent nothing to the sink. An interrupted answer is recorded like any other, but a
 * client of this API knows no mark for it in a message: only an error tells it that the text is not whole. */
static enum status completion_say_rest(struct completion *x, struct err *e)
{
    enum status st = OK;
    for (size_t i = x->messages; st == OK && i < x->turn->out.n; i++)
        st = completion_on_message(x, &x->turn->out.messages[i], e);
    if (st == OK)
        st = openai_cut_end(&x->cut, e);
    return st == OK && x->interrupted ? err_raise(e, E_answer_interrupted) : st;
}

static void completion_ended(struct request_turn *t)
{
    struct completion *x = t->ctx;
    bool unknown = t->st == ERR_NOT_FOUND || t->st == ERR_AUTH;
    if (unknown && !id_is_none(t->in.conversation) && !x->spoke && !x->again) {
        x->again = true; /* the visitor's conversation was deleted */
        t->in.conversation = ID_NONE;
        request_turn_run(t);
        return;
    }
    enum status st = t->st == OK ? completion_say_rest(x, &t->e) : t->st;
    if (st == OK && x->stream)
        chunk_end(x, &t->e);
    else if (st == OK)
        completion_reply(x);
    else if (x->begun)
        chunk_error(x, &t->e);
    else
        reply_problem(x->rq, &t->e);
}

static void completion_release(void *ctx)
{
    struct completion *x = ctx;
    buf_release(&x->piece);
    buf_release(&x->cut.held);
    buf_release(&x->text);
}

static enum status completion_new(struct request *rq, struct completion **out, struct err *e)
{
    struct api *api = rq->app;
    struct completion *x = ARENA_NEW(rq->arena, struct completion);
    if (!x || !(x->turn = request_turn_new(rq, api->talk)) || arena_defer(rq->arena, completion_release, x) != 0)
        return err_nomem(e);
    x->rq = rq;
    x->created_s = clock_now_ms() / 1000;
    x->last_us = clock_mono_us();
    snprintf(x->id, sizeof(x->id), "chatcmpl-%s", rq->id);
    buf_init(&x->text, MAX_REPLY);
    buf_init(&x->piece, MAX_REPLY);
    buf_init(&x->cut.held, MAX_REPLY);
    x->turn->ctx = x;
    x->turn->ended = completion_ended;
    x->turn->in.text = x->turn->in.choice = x->turn->in.locale = x->turn->in.token = STR_EMPTY;
    x->turn->in.channel = CHANNEL_model;
    x->turn->in.gone = completion_gone;
    x->turn->in.gone_ctx = x;
    *out = x;
    return OK;
}

void api_chat_completions_post(struct request *rq)
{
    struct completion *x = NULL;
    struct err e = ERR_INIT;
    enum status st = completion_new(rq, &x, &e);
    if (st == OK)
        st = completion_read(x, &e);
    if (st == OK)
        st = completion_find(x, &e);
    if (st != OK) {
        reply_problem(rq, &e);
        return;
    }
    x->cut.ctx = x;
    x->cut.out = x->stream ? completion_send : completion_collect;
    x->turn->streams = x->stream;
    x->turn->sink = (struct talk_sink){
        .ctx = x, .message = completion_on_message, .delta = completion_on_delta, .again = completion_on_again};
    request_turn_run(x->turn);
}
