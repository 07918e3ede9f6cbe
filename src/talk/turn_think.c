/* turn_think.c: the flow's calls: what it says, asks the answers, asks the world. No database connection is held here. */
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "knowledge/answers.h"
#include "net/fetch.h"
#include "talk/message_internal.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

/* A flow leaves out what a message has not. */
static struct str think_text(struct str s)
{
    return s.p ? s : STR_EMPTY;
}

static struct flow_message think_whole_message(const struct flow_message *m)
{
    struct flow_message w = *m;
    w.text = think_text(w.text);
    w.title = think_text(w.title);
    w.url = think_text(w.url);
    w.image = think_text(w.image);
    return w;
}

static enum status think_add_reply(struct turn *u, const struct flow_message *m, struct err *e)
{
    if (u->reply_n == MAX_TURN_MESSAGES) {
        return err_set_as(e, ERR_INTERNAL, E_flow_loop, "The bot says more than %d messages in one turn.",
                          MAX_TURN_MESSAGES);
    }
    if (u->reply_n == u->reply_cap) {
        size_t cap = u->reply_cap ? 2 * u->reply_cap : 4;
        struct talk_message *grown = arena_array(u->arena, cap, sizeof(*grown));

        if (!grown)
            return err_nomem(e);
        memcpy(grown, u->replies ? u->replies : grown, u->reply_n * sizeof(*grown));
        u->replies = grown;
        u->reply_cap = cap;
    }
    u->replies[u->reply_n++] = (struct talk_message){.from = "bot",
                                                     .type = message_type(m->kind),
                                                     .m = think_whole_message(m),
                                                     .choice = STR_EMPTY,
                                                     .created_ms = u->now_ms};
    return OK;
}

static enum status think_on_say(void *ctx, const struct flow_message *m, struct err *e)
{
    struct turn *u = ctx;
    enum status st = think_add_reply(u, m, e);
    if (st == OK && u->sink)
        st = u->sink->message(u->sink->ctx, &u->replies[u->reply_n - 1], e);
    if (st == OK && u->in->gone && u->in->gone(u->in->gone_ctx))
        st = err_set(e, E_gone, "The visitor has left.");
    u->left = u->left || st == ERR_GONE;
    return st;
}

static enum status think_on_answer(void *ctx, struct str language, struct str question, struct arena *a,
                                   struct flow_answer *out, struct err *e)
{
    static const enum flow_verdict verdicts[] = {
        [ANSWERS_NONE] = FLOW_NONE, [ANSWERS_UNSURE] = FLOW_UNSURE, [ANSWERS_SURE] = FLOW_SURE};
    struct turn *u = ctx;
    struct answers_match m;
    enum status st = answers_find(u->talk->pool, u->conv.tenant, u->conv.bot, language, question, a, &m, e);
    if (st != OK)
        return st;
    out->verdict = verdicts[m.verdict];
    out->n = m.n;
    for (size_t i = 0; i < m.n; i++) {
        const struct answer *h = &m.hits[i].answer;

        out->hits[i].question = h->question;
        out->hits[i].answer = h->answer;
        out->hits[i].title = h->source.n ? h->source : h->link;
        out->hits[i].url = h->link;
    }
    return OK;
}

/* Before anything happens outside: was this message recorded already? Then its call was made then. */
static enum status think_once_only(struct turn *u, struct err *e)
{
    struct talk_out out;
    enum status st = OK;
    if (u->has_key && !u->looked) {
        st = turn_replay(u, &out, &u->repeated, e);
        u->looked = st == OK;
    }
    if (st == OK && u->repeated)
        st = err_raise(e, E_turn_key);
    return st;
}

/* All calls of one turn together: three times what one of them may take. */
static int64_t think_time_left_ms(const struct turn *u, int64_t most_ms)
{
    return 3 * most_ms - u->outside_us / 1000;
}

static enum status think_call(struct turn *u, const struct config *c, struct arena *a, struct fetch_request *f,
                              int64_t wanted_ms, struct fetch_reply *reply, struct err *e)
{
    int64_t most = config_int(c, CONFIG_http_node_timeout), left = think_time_left_ms(u, most), begun = clock_mono_us();
    if (left <= 0)
        return err_set(e, E_fetch_timeout, "The calls of this turn have taken too long together.");
    if (!turn_place_take(u->talk->places, u->conv.tenant)) {
        u->busy = true;
        return err_set(e, E_gone, "Too many calls wait already."); /* ends the flow's run at once */
    }
    f->timeout_ms = wanted_ms > 0 && wanted_ms < most ? wanted_ms : most;
    f->timeout_ms = f->timeout_ms < left ? f->timeout_ms : left;
    enum status st = fetch(c, a, f, reply, e);
    turn_place_give(u->talk->places, u->conv.tenant);
    u->outside_us += clock_mono_us() - begun;
    return st;
}

static enum status think_on_http(void *ctx, const struct flow_http *rq, struct arena *a, int *status, struct str *body,
                                 struct err *e)
{
    struct turn *u = ctx;
    struct fetch_header *headers = arena_array(a, rq->header_n ? rq->header_n : 1, sizeof(*headers));
    struct fetch_request f = {.method = rq->method,
                              .url = rq->url,
                              .headers = headers,
                              .header_count = rq->header_n,
                              .body = rq->body,
                              .max_body = MAX_FETCH,
                              .cancelled = u->in->gone,
                              .cancel_ctx = u->in->gone_ctx};
    struct fetch_reply reply;
    if (!headers)
        return err_nomem(e);
    for (size_t i = 0; i < rq->header_n; i++)
        headers[i] = (struct fetch_header){rq->headers[i].label, rq->headers[i].value};
    enum status st = think_once_only(u, e);
    if (st != OK)
        return st;
    struct config *c = config_current();
    st = think_call(u, c, a, &f, rq->timeout_ms, &reply, e);
    config_drop(c);
    u->left = u->left || (st == ERR_GONE && !u->busy);
    if (st == OK) {
        *status = reply.status;
        *body = reply.body;
    }
    return st;
}

static void think_on_step(void *ctx, struct str node, const char *type)
{
    struct turn *u = ctx;
    struct json *row = NULL;
    if (json_push_object(u->path, &row) == 0) {
        json_set_str(row, "node", node);
        json_set_str(row, "type", str_from(type));
    }
}

/* A wrong flow is the bot's fault, not the visitor's: they hear that it could not go on, the log which node it was. */
static enum status think_flow_fault(const struct turn *u, const struct bot_live *b, struct err *e)
{
    char bot[ID_TEXT_MAX];
    enum error_code code = e->code != E_none && e->code != E_invalid && e->code != E_too_large ? e->code
                                                                                               : E_flow_failed;
    log_line(LOG_WARN, "flow_failed", LOG_S("bot", id_text(ID_BOT, u->conv.bot, bot)), LOG_I("version", b->version),
             LOG_S("code", error_name(code)), LOG_S("message", e->message));
    return err_set_as(e, ERR_INTERNAL, code, "%s", error_text(E_flow_failed));
}

enum status turn_think(struct turn *u, const struct json *state, struct err *e)
{
    const struct bot_live *b = u->has_pinned ? &u->pinned : &u->live;
    const struct flow_calls calls = {.ctx = u,
                                     .say = think_on_say,
                                     .answer = think_on_answer,
                                     .http = think_on_http,
                                     .step = u->path ? think_on_step : NULL};
    const struct flow_input in = {.text = u->in->text,
                                  .choice = u->in->choice,
                                  .now_ms = u->now_ms,
                                  .language = u->in->locale.n    ? u->in->locale
                                              : u->conv.locale.n ? u->conv.locale
                                                                 : b->language};
    u->reply_n = 0;
    u->left = u->repeated = u->looked = u->busy = false;
    enum status st = flow_run(b->flow, state, &in, &calls, u->arena, &u->result, e);
    /* A flow may have a way on for a call that failed: not for these two. */
    if (u->repeated)
        return err_raise(e, E_turn_key);
    if (u->busy) {
        (void)err_raise(e, E_bot_busy);
        if (e)
            e->retry_after_s = 2;
        return ERR_RATE;
    }
    if (u->left)
        return err_set(e, E_gone, "The visitor has left.");
    return st == ERR_INVALID || st == ERR_TOO_LARGE ? think_flow_fault(u, b, e) : st;
}
