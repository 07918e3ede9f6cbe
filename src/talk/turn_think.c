/* turn_think.c: runs the flow of a turn. The flow says what it needs; what it says is sent to the visitor, the answers
 * and other servers are asked for it, and it is run on with the result.
 *
 * No database connection is held while the flow runs; each call borrows one for as long as it takes. The flow may be
 * run again for the same message (turn.c), so nothing here may have an effect outside before think_once_only has
 * looked. All that a turn has to remember between two steps is in struct turn. */
#include "base/charset.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "knowledge/answers.h"
#include "talk/message_internal.h"
#include "talk/turn_headers_internal.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

#define CALLS_PER_TURN 3 /* as long as so many calls may take, all calls of a turn may take together */
#define BUSY_RETRY_S 2

/* A flow leaves out the texts that a message does not have. The rest of the program expects every struct str to be
 * set. */
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

/* Replies are kept in an array that doubles: most turns say one or two messages, a few say many. */
static enum status think_add_reply(struct turn *u, const struct flow_message *m, struct err *e)
{
    if (u->reply_n == MAX_TURN_MESSAGES) {
        return err_set_as(e, ERR_INTERNAL, E_flow_loop, "The bot sends more than %d messages in one turn.",
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
    u->replies[u->reply_n++] = (struct talk_message){.from = SENDER_BOT,
                                                     .type = talk_message_type_of(m->kind),
                                                     .m = think_whole_message(m),
                                                     .choice = STR_EMPTY,
                                                     .created_ms = u->now_ms};
    return OK;
}

/* New messages go to the sink before the flow's next call is made, so that a streaming client sees them while the call
 * takes its time. This is also where a visitor who has left is noticed. */
static enum status think_send_new(struct turn *u, struct err *e)
{
    size_t n;
    const struct flow_message *said = flow_run_messages(u->run, &n);
    enum status st = OK;
    for (; st == OK && u->reply_n < n;) {
        st = think_add_reply(u, &said[u->reply_n], e);
        u->writing = false;
        if (st == OK && u->sink)
            st = u->sink->message(u->sink->ctx, &u->replies[u->reply_n - 1], e);
        if (st == OK && u->in->gone && u->in->gone(u->in->gone_ctx))
            st = err_raise(e, E_gone);
    }
    return st;
}

/* Borrows a connection only for this look-up, so a flow that then calls a slow server holds none. */
static enum status think_answers(struct turn *u, const struct flow_call *call, struct err *e)
{
    static const enum flow_verdict verdicts[] = {
        [ANSWERS_NONE] = FLOW_NONE, [ANSWERS_UNSURE] = FLOW_UNSURE, [ANSWERS_SURE] = FLOW_SURE};
    struct answers_match m;
    const struct answers_question q = {u->conv.tenant, u->conv.bot, call->question.language, call->question.text};
    enum status st = answers_find(u->talk->pool, &q, u->arena, &m, e);
    if (st != OK)
        return st;
    struct flow_answer found = {.verdict = verdicts[m.verdict], .n = m.n};
    for (size_t i = 0; i < m.n; i++) {
        const struct answer *h = &m.hits[i].answer;

        found.hits[i].question = h->question;
        found.hits[i].answer = h->answer;
        found.hits[i].title = h->source.n ? h->source : h->link;
        found.hits[i].url = h->link;
    }
    return flow_got_answers(u->run, &found, e);
}

/* The same message may have been recorded meanwhile, by another process or before a crash: then its call was made
 * then, and must not be made again. Looked up once in a run, and only when there is a call to make. */
static enum status think_once_only(struct turn *u, struct err *e)
{
    struct talk_out out;
    bool repeated = false;
    if (!u->has_key || u->looked)
        return OK;
    enum status st = turn_replay(u, &out, &repeated, e);
    u->looked = st == OK;
    return st == OK && repeated ? err_raise(e, E_turn_key) : st;
}

/* What was spent stays when a turn is thought again: the budget is the visitor's wait. */
static void think_begin_outside(struct turn *u)
{
    const struct config *c = config_current();
    int64_t call_ms = config_int(c, CONFIG_http_node_timeout);
    config_drop(c);
    u->looked = false;
    u->outside = (struct outside){.tenant = u->conv.tenant,
                                  .call_ms = call_ms,
                                  .budget_ms = CALLS_PER_TURN * call_ms,
                                  .spent_us = u->outside.spent_us};
}

/* The flow continues at `error` when a secret is missing, so only the log says why. */
static void think_secret_fault(const struct turn *u, const struct err *e)
{
    char bot[ID_TEXT_MAX];
    log_line(LOG_WARN, "http_secret", LOG_S("bot", id_text(ID_BOT, u->conv.bot, bot)), LOG_S("code", err_code(e)),
             LOG_S("message", e->message));
}

/* The flow's own time-out may only shorten the install's; outside_start takes the smaller one. The calls thread decides
 * which addresses may be called (net/calls.h). The headers are kept until the reply is there, because it
 * may repeat their secrets. */
static enum status think_start(struct turn *u, const struct flow_http *rq, struct err *e)
{
    enum status st = turn_headers_fill(&u->headers, u->talk->pool, u->conv.tenant, rq, u->arena, e);
    const struct fetch_request f = {.method = rq->method,
                                    .url = rq->url,
                                    .headers = u->headers.p,
                                    .header_count = u->headers.n,
                                    .body = rq->body,
                                    .timeout_ms = rq->timeout_ms,
                                    .max_body = MAX_FETCH};
    if (st != OK)
        think_secret_fault(u, e);
    else
        st = outside_start(&u->outside, &f, &u->waker, e);
    if (st != OK)
        turn_headers_wipe(&u->headers);
    return st;
}

/* A failed call is the flow's to handle, and its sentence must not stay in the turn's error. But these failures end the
 * turn: no memory, too many calls in flight, a fault of Parley. A flow that continued after them would hide them. */
static bool think_ends_turn(enum status st)
{
    return st == ERR_NOMEM || st == ERR_RATE || st == ERR_INTERNAL;
}

static enum status think_give_reply(struct turn *u, enum status st, const struct fetch_reply *reply,
                                    const struct err *why, struct err *e)
{
    struct flow_http_reply got = {.status = 0, .body = STR_EMPTY};
    if (think_ends_turn(st)) {
        *e = *why;
        if (st == ERR_RATE && e->retry_after_s == 0)
            e->retry_after_s = BUSY_RETRY_S;
        return st;
    }
    if (st == OK)
        got = (struct flow_http_reply){.status = reply->status, .body = reply->body};
    else
        got.why = why->message;
    return flow_got_http(u->run, &got, e);
}

/* The replay check comes first, so that a repeated message calls nothing. */
static enum status think_http(struct turn *u, const struct flow_call *call, bool *waits, struct err *e)
{
    struct err why = ERR_INIT;
    enum status st = think_once_only(u, e);
    if (st != OK)
        return st;
    st = think_start(u, &call->http, &why);
    *waits = st == OK;
    return st == OK ? OK : think_give_reply(u, st, NULL, &why, e);
}

/* The reply of a call that is ready. */
static enum status think_take_reply(struct turn *u, struct err *e)
{
    struct err why = ERR_INIT;
    struct fetch_reply reply;
    enum status st = outside_take(&u->outside, u->arena, &reply, &why);
    if (st == OK)
        st = charset_to_utf8(u->arena, reply.content_type, &reply.body, &why);
    if (st == OK)
        st = turn_headers_hide(&u->headers, u->arena, &reply.body, &why);
    turn_headers_wipe(&u->headers);
    return think_give_reply(u, st, &reply, &why, e);
}

void turn_think_abandon(struct turn *u)
{
    if (u->outside.mail) {
        outside_abandon(&u->outside);
        turn_headers_wipe(&u->headers);
    }
    turn_engine_abandon(u);
}

/* A message is asked about once, like the call of an HTTP node: asking costs the tenant money. */
static enum status think_engine(struct turn *u, const struct flow_call *call, bool *waits, struct err *e)
{
    struct flow_engine_call *kept = ARENA_NEW(u->arena, struct flow_engine_call);
    struct flow_engine_result none = {.text = STR_EMPTY};
    enum status st = kept ? think_once_only(u, e) : err_nomem(e);
    if (st != OK)
        return st;
    *kept = call->engine;
    *waits = turn_engine_begin(u, kept, &none, &st, e);
    return st == OK && !*waits ? flow_got_engine(u->run, &none, e) : st;
}

/* What the engine has said so far; *waits when more will come. */
static enum status think_take_answer(struct turn *u, bool *waits, struct err *e)
{
    struct flow_engine_result got;
    enum status st = turn_engine_step(u, waits, &got, e);
    return st == OK && !*waits ? flow_got_engine(u->run, &got, e) : st;
}

/* The test chat shows the nodes that were taken, also those of a turn that failed, and why a call of the flow failed.
 * The last node that was noted is looked at again: it was noted before its call. */
static void think_note_path(struct turn *u)
{
    size_t n;
    struct json *to = u->trial ? u->trial->path : NULL;
    const struct flow_step *path = flow_run_path(u->run, &n);
    for (size_t i = u->path_n ? u->path_n - 1 : 0; to && i < n; i++) {
        struct json *row = i < u->path_n ? json_at(to, json_len(to) - 1) : NULL;
        if (!row && json_push_object(to, &row) == 0) {
            json_set_str(row, "node", path[i].node);
            json_set_str(row, "type", str_from(path[i].type));
        }
        if (row && path[i].fault.n)
            json_set_str(row, "fault", path[i].fault);
    }
    u->path_n = n;
}

/* A wrong flow is the fault of the bot, not of the visitor. The visitor reads that the bot cannot continue; the log
 * says which bot, version and fault. */
static enum status think_flow_fault(const struct turn *u, const struct bot_live *b, struct err *e)
{
    char bot[ID_TEXT_MAX];
    enum error_code code = e->code != E_none && e->code != E_invalid && e->code != E_too_large ? e->code
                                                                                               : E_flow_failed;
    log_line(LOG_WARN, "flow_failed", LOG_S("bot", id_text(ID_BOT, u->conv.bot, bot)), LOG_I("version", b->version),
             LOG_S("code", error_name(code)), LOG_S("message", e->message));
    return err_set_as(e, ERR_INTERNAL, code, "%s", error_text(E_flow_failed));
}

/* What the engines of the bot remember is a part of the state that the flow does not know. It is a copy, because a try
 * that is repeated begins with the state as it was. */
static enum status think_read_engines(struct turn *u, const struct json *state, struct err *e)
{
    const struct json *kept = json_get(state, "engines");
    u->engines_kept = kept ? json_copy(u->arena, kept) : NULL;
    return kept && !u->engines_kept ? err_nomem(e) : OK;
}

/* What an earlier try has read is forgotten: its conversation was not as it had been read. */
enum status turn_think_begin(struct turn *u, const struct json *state, struct err *e)
{
    const struct bot_live *b = u->has_pinned ? &u->pinned : &u->live;
    const struct flow_input in = {.text = u->in->text,
                                  .choice = u->in->choice,
                                  .now_ms = u->now_ms,
                                  .language = u->in->locale.n    ? u->in->locale
                                              : u->conv.locale.n ? u->conv.locale
                                                                 : b->language};
    u->path_n = 0;
    u->writing = false;
    u->engines = (struct turn_engines){0};
    think_begin_outside(u);
    enum status st = think_read_engines(u, state, e);
    if (st == OK)
        st = flow_begin(b->flow, state, &in, u->arena, &u->run, e);
    return st == ERR_INVALID || st == ERR_TOO_LARGE ? think_flow_fault(u, b, e) : st;
}

static enum status think_finish(struct turn *u, struct err *e)
{
    enum status st = flow_finish(u->run, &u->result, e);
    if (st == OK && u->engines_kept && json_set_copy(u->result.state, "engines", u->engines_kept) != 0)
        return err_nomem(e);
    return st;
}

/* The flow runs until it needs something or is done, its messages are sent, and what it needs is got or asked for. */
static enum status think_run(struct turn *u, bool *done, bool *waits, struct err *e)
{
    struct flow_call call;
    enum status st = flow_next(u->run, &call, e);
    think_note_path(u);
    if (st == OK)
        st = think_send_new(u, e);
    if (st != OK)
        return st;
    *done = call.need == FLOW_DONE;
    switch (call.need) {
    case FLOW_NEEDS_HTTP:
        return think_http(u, &call, waits, e);
    case FLOW_NEEDS_ANSWERS:
        return think_answers(u, &call, e);
    case FLOW_NEEDS_ENGINE:
        return think_engine(u, &call, waits, e);
    case FLOW_DONE:
        break;
    }
    return think_finish(u, e);
}

enum status turn_think_step(struct turn *u, bool *waits, struct err *e)
{
    const struct bot_live *b = u->has_pinned ? &u->pinned : &u->live;
    bool done = false;
    enum status st = OK;
    *waits = u->outside.mail && !outside_ready(&u->outside);
    if (u->outside.mail && !*waits)
        st = think_take_reply(u, e);
    else if (u->engine.call)
        st = think_take_answer(u, waits, e);
    if (*waits)
        return st;
    while (st == OK && !done && !*waits)
        st = think_run(u, &done, waits, e);
    return st == ERR_INVALID || st == ERR_TOO_LARGE ? think_flow_fault(u, b, e) : st;
}
