/* turn_engine.c: asks the engines of the bot for a node of its flow.
 *
 * The chain (engine/chain.h) asks, retries and fails over in the calls thread; the turn only takes its events: pieces
 * of the answer go to the visitor's stream at once, and the flow gets the whole text at the end. Each call is recorded
 * before the flow continues, also when it failed. No database connection is held while an engine is waited for. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/workspace/engines.h"
#include "talk/conversation_store.h"
#include "talk/turn_engine_internal.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

#define HISTORY_TOKENS 4000 /* unless the bot has another number */
#define HISTORY_MESSAGES 40
#define CALLS_MAX 16 /* of tools, in one answer */

/* ---- the question ---- */

static int64_t engine_limit(const struct turn_engine *q, const char *name, int64_t otherwise)
{
    return json_int(json_get(q->limits, name), otherwise);
}

/* The visitor and the bot as the two roles that engines know. What was said by a person for the bot counts as the
 * bot's. */
static size_t engine_add_history(const struct message_page *page, struct engine_message *to)
{
    size_t n = 0;
    for (size_t i = 0; i < page->n; i++) {
        const struct talk_message *m = &page->rows[i];
        if (m->m.text.n && m->from != SENDER_SYSTEM)
            to[n++] = (struct engine_message){.role = m->from == SENDER_VISITOR ? ENGINE_USER : ENGINE_ASSISTANT,
                                              .text = m->m.text};
    }
    return n;
}

/* The last messages of the conversation, as many as fit. The first message of a conversation has none before it. */
static enum status engine_read_history(struct turn *u, struct db *c, struct engine_message *to, size_t *n,
                                       struct err *e)
{
    struct turn_engine *q = &u->engine;
    const struct message_range range = {.conversation = u->conv.id,
                                        .after = u->conv.seq > HISTORY_MESSAGES ? u->conv.seq - HISTORY_MESSAGES : 0,
                                        .limit = HISTORY_MESSAGES};
    struct message_page page;
    *n = 0;
    if (!q->call->history || u->opens || u->conv.seq == 0)
        return OK;
    enum status st = conversation_store_messages(c, u->conv.tenant, &range, u->arena, &page, e);
    if (st == OK)
        *n = engine_add_history(&page, to);
    return st;
}

/* The bot's prompt comes first, then what the node adds. */
static enum status engine_system_text(struct turn *u, struct str prompt, struct str *out, struct err *e)
{
    struct str more = u->engine.call->instructions, said = STR_EMPTY;
    enum status st = prompt.n ? flow_render(u->run, prompt, &said, e) : OK;
    if (st != OK)
        return st;
    char *all = said.n && more.n ? arena_printf(u->arena, "%.*s\n\n%.*s", STR_F(said), STR_F(more)) : NULL;
    if (said.n && more.n && !all)
        return err_nomem(e);
    *out = all ? str_from(all) : said.n ? said : more;
    return OK;
}

/* What the engine asked for in this turn, and what came of it: for each round one message with its calls, then one for
 * each result. */
static enum status engine_add_tools(struct turn *u, struct engine_message *to, size_t *n, struct err *e)
{
    const struct flow_engine_call *q = u->engine.call;
    struct engine_tool_call *calls = arena_array(u->arena, q->use_n + 1, sizeof(*calls));
    if (!calls)
        return err_nomem(e);
    for (size_t i = 0, end; i < q->use_n; i = end) {
        for (end = i; end < q->use_n && q->uses[end].round == q->uses[i].round; end++)
            calls[end] = (struct engine_tool_call){q->uses[end].call.id, q->uses[end].call.name,
                                                   q->uses[end].call.arguments};
        to[(*n)++] = (struct engine_message){
            .role = ENGINE_ASSISTANT, .text = STR_EMPTY, .calls = calls + i, .call_count = end - i};
        for (size_t k = i; k < end; k++)
            to[(*n)++] = (struct engine_message){.role = ENGINE_TOOL,
                                                 .text = q->uses[k].result,
                                                 .tool_id = q->uses[k].call.id,
                                                 .tool_name = q->uses[k].call.name};
    }
    return OK;
}

/* System message, history, question, tools: in the order in which every engine expects them. */
static enum status engine_make_turn(struct turn *u, struct db *c, struct str prompt, struct engine_turn *t,
                                    struct err *e)
{
    struct turn_engine *q = &u->engine;
    struct engine_message *all = arena_array(u->arena, HISTORY_MESSAGES + 2 + 2 * q->call->use_n, sizeof(*all));
    struct str system = STR_EMPTY;
    size_t n = 0, from = 0;
    enum status st = all ? engine_system_text(u, prompt, &system, e) : err_nomem(e);
    if (st == OK)
        st = engine_read_history(u, c, all + 1, &n, e);
    if (st != OK)
        return st;
    all[1 + n++] = (struct engine_message){.role = ENGINE_USER, .text = q->call->text};
    st = engine_add_tools(u, all + 1, &n, e);
    if (st != OK)
        return st;
    from = engine_history_begin(all + 1, n, (size_t)engine_limit(q, "history_tokens", HISTORY_TOKENS));
    if (system.n) {
        all[from] = (struct engine_message){.role = ENGINE_SYSTEM, .text = system};
        n++;
    } else {
        from++;
    }
    t->messages = all + from;
    t->message_count = n - (system.n ? from : from - 1);
    return OK;
}

static enum status engine_set_tools(struct turn *u, struct engine_turn *t, struct err *e)
{
    const struct flow_engine_call *q = u->engine.call;
    struct engine_tool *all = arena_array(u->arena, q->tool_n + 1, sizeof(*all));
    if (!all)
        return err_nomem(e);
    for (; t->tool_count < q->tool_n; t->tool_count++)
        all[t->tool_count] = (struct engine_tool){q->tools[t->tool_count].name, q->tools[t->tool_count].description,
                                                  q->tools[t->tool_count].parameters};
    t->tools = all;
    return OK;
}

static void engine_set_sampling(const struct turn_engine *q, struct engine_turn *t, struct str stop[4])
{
    const struct json *list = json_get(q->limits, "stop");
    t->temperature = json_double(json_get(q->limits, "temperature"), -1);
    t->top_p = json_double(json_get(q->limits, "top_p"), -1);
    t->max_tokens = engine_limit(q, "max_tokens", 0);
    t->seed = engine_limit(q, "seed", -1);
    for (; t->stop_count < json_len(list) && t->stop_count < 4; t->stop_count++)
        stop[t->stop_count] = json_str(json_at(list, t->stop_count));
    t->stop = stop;
    t->schema = q->call->schema;
}

/* ---- asking ---- */

static struct engine_account engine_account_of(struct turn *u, char visitor[ID_TEXT_MAX])
{
    static const char *const purposes[] = {
        [FLOW_ASK] = "answer", [FLOW_CLASSIFY] = "classify", [FLOW_EXTRACT] = "extract"};
    bool test = id_is_none(u->conv.id);
    return (struct engine_account){
        .tenant = u->conv.tenant,
        .bot = u->conv.bot,
        .conversation = u->conv.id,
        .visitor = u->in->visitor.n ? u->in->visitor : str_from(id_text(ID_CONVERSATION, u->conv.id, visitor)),
        .purpose = test ? "test" : purposes[u->engine.call->kind],
        .limits = u->engine.limits};
}

/* All that needs the database, with one connection: the chain, its keys, the caps, the history. */
static enum status engine_prepare(struct turn *u, struct engine_chain_request *rq, struct engine_turn *t,
                                  const char **why, struct err *e)
{
    struct bot_engines b;
    struct engine_link *links = arena_array(u->arena, ENGINE_CHAIN_MAX, sizeof(*links));
    char visitor[ID_TEXT_MAX];
    struct db *c = NULL;
    enum status st = links ? db_get(u->talk->pool, &c, e) : err_nomem(e);
    if (st == OK)
        st = engines_for_turn(c, u->talk->config, u->conv.tenant, u->conv.bot, u->arena, &b, links, &rq->link_count, e);
    if (st == OK) {
        u->engine.limits = b.limits;
        rq->links = links;
        for (size_t i = 0; i < rq->link_count; i++)
            links[i].state = turn_engine_state(u, links[i].engine);
        u->engine.links = links;
        if (rq->link_count == 0)
            *why = "No engine is set up for this bot.";
    }
    if (st == OK && !*why) {
        const struct engine_account who = engine_account_of(u, visitor);
        st = engine_account_check(c, &who, u->now_ms, u->arena, why, e);
    }
    if (st == OK && !*why)
        st = engine_make_turn(u, c, b.prompt, t, e);
    db_put(c);
    return st;
}

static void engine_set_masking(struct turn *u, struct engine_chain_request *rq)
{
    const struct json *list = json_get(u->engine.limits, "mask_patterns");
    struct str *patterns = arena_array(u->arena, json_len(list) + 1, sizeof(*patterns));
    rq->mask = json_bool(json_get(u->engine.limits, "mask"));
    for (; patterns && rq->mask_pattern_count < json_len(list); rq->mask_pattern_count++)
        patterns[rq->mask_pattern_count] = json_str(json_at(list, rq->mask_pattern_count));
    rq->mask_patterns = patterns;
}

static enum status turn_engine_ask(struct turn *u, const char **why, struct err *e)
{
    struct str stop[4];
    char id[ID_TEXT_MAX];
    const char *message = arena_printf(u->arena, "%s-%lld-%zu", id_text(ID_CONVERSATION, u->conv.id, id),
                                       (long long)u->conv.seq + 1, u->asked++);
    if (!message)
        return err_nomem(e);
    struct engine_turn t = {.bot = u->conv.bot,
                            .conversation = u->conv.id,
                            .contact = u->conv.id,
                            .message_id = str_from(message),
                            .language = u->engine.call->language};
    struct engine_chain_request rq = {.asking = ENGINE_ASK_TURN, .tenant = u->conv.tenant, .turn = &t};
    enum status st = engine_prepare(u, &rq, &t, why, e);
    if (st == OK && !*why)
        st = engine_set_tools(u, &t, e);
    if (st != OK || *why)
        return st;
    engine_set_sampling(&u->engine, &t, stop);
    engine_set_masking(u, &rq);
    const struct config *c = config_current();
    st = engine_chain_start(c, &rq, &u->waker, &u->engine.chain, e);
    config_drop(c);
    return st;
}

/* What the tenant wants said when no engine answers is an answer to the visitor's question. Where the flow wants a
 * value and not a text, it goes on at its error way. */
static void engine_fall_back(const struct turn *u, struct flow_engine_result *out)
{
    struct str fallback = json_get_str(u->engine.limits, "fallback");
    if (out->why && fallback.n && u->engine.call->kind == FLOW_ASK && !u->engine.call->schema) {
        out->text = fallback;
        out->why = NULL;
    }
}

bool turn_engine_begin(struct turn *u, const struct flow_engine_call *call, struct flow_engine_result *none,
                       enum status *st, struct err *e)
{
    struct err mine = ERR_INIT;
    const char *why = NULL;
    u->engine = (struct turn_engine){.call = call};
    buf_init(&u->engine.text, ENGINE_OUTPUT_MAX * 2);
    *none = (struct flow_engine_result){.text = STR_EMPTY};
    *st = turn_engine_ask(u, &why, &mine);
    if (*st == ERR_INVALID || *st == ERR_TOO_LARGE || *st == ERR_TIMEOUT) { /* the settings are wrong, not the turn */
        why = arena_strdup(u->arena, str_from(mine.message));
        *st = why ? OK : err_nomem(&mine);
    }
    none->why = why;
    if (*st != OK)
        *e = mine;
    else if (!why)
        return true;
    engine_fall_back(u, none);
    turn_engine_abandon(u);
    return false;
}

/* ---- the answer ---- */

static void engine_add_line(struct buf *b, struct str text)
{
    if (text.n) {
        if (b->n)
            buf_puts(b, "\n");
        buf_str_add(b, text);
    }
}

/* The flow says one message, so what an engine sends besides text becomes lines of it. */
static void engine_add_extras(struct buf *b, const struct engine_event *ev)
{
    engine_add_line(b, ev->title);
    engine_add_line(b, ev->text);
    engine_add_line(b, ev->url);
    for (size_t i = 0; i < ev->choice_count; i++) {
        engine_add_line(b, STR("- "));
        buf_str_add(b, ev->choices[i].label);
    }
}

/* More calls than this in one answer are a model that has lost its way; the first ones are run. */
static void engine_take_call(struct turn_engine *q, const struct engine_tool_call *call, struct arena *a)
{
    if (!q->calls)
        q->calls = arena_array(a, CALLS_MAX, sizeof(*q->calls));
    if (q->calls && q->call_n < CALLS_MAX)
        q->calls[q->call_n++] = (struct flow_tool_call){call->id, call->name, call->arguments};
}

/* Events that become lines of the message. The rest of those that are not named below does not concern the visitor. */
static bool engine_is_extra(enum engine_event_kind kind)
{
    return kind == ENGINE_EVENT_CHOICES || kind == ENGINE_EVENT_CARD || kind == ENGINE_EVENT_MEDIA ||
           kind == ENGINE_EVENT_CITATION;
}

static void engine_take_event(struct turn_engine *q, const struct engine_event *ev, struct arena *a)
{
    bool repeats = ev->kind == ENGINE_EVENT_MESSAGE && !q->whole && q->text.n; /* the pieces that came before it */
    bool speaks = ev->kind == ENGINE_EVENT_DELTA || (ev->kind == ENGINE_EVENT_MESSAGE && !repeats);
    if (ev->kind == ENGINE_EVENT_TOOL_CALL)
        engine_take_call(q, &ev->call, a);
    if (speaks && q->whole)
        buf_puts(&q->text, "\n\n");
    if (speaks)
        buf_str_add(&q->text, ev->text);
    if (engine_is_extra(ev->kind))
        engine_add_extras(&q->text, ev);
    if (speaks || repeats || engine_is_extra(ev->kind))
        q->whole = ev->kind != ENGINE_EVENT_DELTA;
}

/* What is new goes to the visitor at once, if the node streams and the channel shows pieces. */
static enum status engine_show(struct turn *u, struct err *e)
{
    struct turn_engine *q = &u->engine;
    if (!q->call->stream || !u->sink || !u->sink->delta || q->shown >= q->text.n)
        return OK;
    struct str piece = str_n(q->text.p + q->shown, q->text.n - q->shown);
    q->shown = q->text.n;
    return u->sink->delta(u->sink->ctx, piece, e);
}

static enum status engine_drain(struct turn *u, struct err *e)
{
    struct turn_engine *q = &u->engine;
    struct engine_event ev;
    struct err mine = ERR_INIT;
    while (engine_chain_next(q->chain, u->arena, &ev, &mine)) {
        enum status st = ev.kind == ENGINE_EVENT_STATE ? turn_engine_state_set(u, q->links[ev.index].engine, &ev, e)
                                                       : OK;
        if (st != OK)
            return st;
        engine_take_event(q, &ev, u->arena);
    }
    if (mine.status != OK || !buf_ok(&q->text))
        return err_nomem(e);
    return engine_show(u, e);
}

/* The account is kept even if the answer is of no use: the provider charges for it. A database that is away does not
 * take the answer from the visitor. */
static void engine_record(struct turn *u, const struct engine_outcome *o)
{
    char visitor[ID_TEXT_MAX];
    struct err e = ERR_INIT;
    struct db *c = NULL;
    const struct engine_account who = engine_account_of(u, visitor);
    enum status st = db_get(u->talk->pool, &c, &e);
    if (st == OK)
        st = engine_account_record(c, &who, o, clock_now_ms(), &e);
    db_put(c);
    if (st != OK)
        log_line(LOG_ERROR, "engine_call_not_recorded", LOG_S("code", err_code(&e)), LOG_S("message", e.message));
}

/* A try that failed before it answered used no tokens unless its server says so. */
static void engine_count(struct turn *u, const struct engine_outcome *o)
{
    for (size_t i = 0; i < o->try_count; i++) {
        const struct engine_try *t = &o->tries[i];
        const struct engine_usage *otherwise = t->answered ? &t->estimate : &(const struct engine_usage){0, 0};
        u->tokens_in += t->usage.tokens_in >= 0 ? t->usage.tokens_in : otherwise->tokens_in;
        u->tokens_out += t->usage.tokens_out >= 0 ? t->usage.tokens_out : otherwise->tokens_out;
        u->outside.spent_us += t->total_ms * 1000;
    }
}

static enum status engine_result(struct turn *u, const struct engine_outcome *o, struct flow_engine_result *out,
                                 struct err *e)
{
    struct buf b;
    bool ok = true;
    out->text = arena_str(u->arena, buf_str(&u->engine.text), &ok);
    out->interrupted = o->interrupted;
    out->calls = u->engine.calls;
    out->call_n = u->engine.call_n;
    if (o->end.class == ENGINE_OK || o->interrupted)
        return ok ? OK : err_nomem(e);
    buf_init(&b, 4 * KB);
    engine_failure_text(&b, &o->end);
    out->why = arena_strdup(u->arena, buf_str(&b));
    ok = ok && out->why && buf_ok(&b);
    buf_release(&b);
    engine_fall_back(u, out);
    return ok ? OK : err_nomem(e);
}

enum status turn_engine_step(struct turn *u, bool *waits, struct flow_engine_result *out, struct err *e)
{
    struct engine_outcome o;
    *out = (struct flow_engine_result){.text = STR_EMPTY};
    enum status st = engine_drain(u, e);
    *waits = st == OK && !engine_chain_over(u->engine.chain, &o);
    if (st != OK || *waits)
        return st;
    engine_record(u, &o);
    engine_count(u, &o);
    st = engine_result(u, &o, out, e);
    if (st == OK && u->path)
        st = turn_engine_note(u, &o, e);
    turn_engine_abandon(u);
    return st;
}

void turn_engine_abandon(struct turn *u)
{
    if (u->engine.call) {
        engine_chain_free(u->engine.chain);
        buf_release(&u->engine.text);
        u->engine = (struct turn_engine){0};
    }
}
