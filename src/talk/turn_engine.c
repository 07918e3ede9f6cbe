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
static void engine_add_history(struct turn_engines *g, const struct talk_message *said, size_t n)
{
    for (size_t i = n > HISTORY_MESSAGES ? n - HISTORY_MESSAGES : 0; i < n; i++)
        if (said[i].m.text.n && said[i].from != SENDER_SYSTEM)
            g->history[g->history_n++] = (struct engine_message){
                .role = said[i].from == SENDER_VISITOR ? ENGINE_USER : ENGINE_ASSISTANT, .text = said[i].m.text};
}

/* The last messages of the conversation, as many as fit. The first message of a conversation has none before it. */
static enum status engine_read_history(struct turn *u, struct db *c, struct err *e)
{
    struct turn_engines *g = &u->engines;
    const struct message_range range = {.conversation = u->conv.id,
                                        .after = u->conv.seq > HISTORY_MESSAGES ? u->conv.seq - HISTORY_MESSAGES : 0,
                                        .limit = HISTORY_MESSAGES};
    struct message_page page = {0};
    enum status st = OK;
    if (g->history || !u->engine.call->history)
        return OK;
    if (!u->trial && !u->opens && u->conv.seq > 0)
        st = conversation_store_messages(c, u->conv.tenant, &range, u->arena, &page, e);
    const struct talk_message *said = u->trial ? u->trial->history : page.rows;
    size_t n = u->trial ? u->trial->history_n : page.n;
    if (st == OK &&
        !(g->history = arena_array(u->arena, n < HISTORY_MESSAGES ? n : HISTORY_MESSAGES, sizeof(*g->history))))
        st = err_nomem(e);
    if (st == OK)
        engine_add_history(g, said, n);
    return st;
}

/* The language of the answer by the bot's settings; "": the author of the prompt takes care of it. The visitor's is
 * that of the browser, which the flow need not have; a visitor whose language is not known gets that of the flow. */
static struct str engine_language(const struct turn *u)
{
    struct str set = json_get_str(u->engine.limits, "language");
    if (str_eqz(set, "visitor") && u->in->locale.n)
        return u->in->locale;
    return str_eqz(set, "visitor") || str_eqz(set, "flow") ? u->engine.call->language : set;
}

/* The bot's prompt comes first, then what the node adds, then the language of an answer that people read. A choice or a
 * form has none. */
static enum status engine_system_text(struct turn *u, struct str *out, struct err *e)
{
    struct str prompt = u->engines.bot.prompt, more = u->engine.call->instructions, said = STR_EMPTY;
    struct str language = u->engine.call->kind == FLOW_ASK ? engine_language(u) : STR_EMPTY;
    enum status st = prompt.n ? flow_render(u->run, prompt, &said, e) : OK;
    if (st != OK)
        return st;
    const char *in = language.n ? arena_printf(u->arena, "Answer in the language with the BCP 47 tag \"%.*s\".",
                                               STR_F(language))
                                : "";
    const char *all = in ? arena_printf(u->arena, "%.*s%s%.*s%s%s", STR_F(said), said.n && more.n ? "\n\n" : "",
                                        STR_F(more), (said.n || more.n) && *in ? "\n\n" : "", in)
                         : NULL;
    *out = str_from(all);
    return all ? OK : err_nomem(e);
}

/* What the engine asked for in this turn, and what came of it: for each round one message with its calls, then one for
 * each result. */
static enum status engine_add_tools(struct turn *u, struct engine_message *to, size_t *n, struct err *e)
{
    const struct flow_engine_call *q = u->engine.call;
    struct engine_tool_call *calls = arena_array(u->arena, q->use_n, sizeof(*calls));
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

/* System message, history, question, tools: in the order in which every engine expects them. What is dropped of the
 * history leaves a place for the system message in front of the rest. */
static enum status engine_make_turn(struct turn *u, struct engine_turn *t, struct err *e)
{
    const struct flow_engine_call *q = u->engine.call;
    size_t n = q->history ? u->engines.history_n : 0;
    struct engine_message *all = arena_array(u->arena, 1 + n + 1 + 2 * q->use_n, sizeof(*all));
    struct str system = STR_EMPTY;
    enum status st = all ? engine_system_text(u, &system, e) : err_nomem(e);
    if (st != OK)
        return st;
    struct engine_message *said = all + 1;
    if (n)
        memcpy(said, u->engines.history, n * sizeof(*said));
    bool hides = json_bool(json_get(u->engine.limits, "mask"));
    said[n++] = (struct engine_message){
        .role = ENGINE_USER, .text = q->text, .images = u->in->images, .image_count = hides ? 0 : u->in->image_n};
    st = engine_add_tools(u, said, &n, e);
    if (st != OK)
        return st;
    int64_t tokens = engine_limit(&u->engine, "history_tokens", HISTORY_TOKENS);
    struct engine_message *first = said + engine_history_begin(said, n, (size_t)tokens);
    if (system.n)
        *--first = (struct engine_message){.role = ENGINE_SYSTEM, .text = system};
    t->messages = first;
    t->message_count = (size_t)(said + n - first);
    return OK;
}

static enum status engine_set_tools(struct turn *u, struct engine_turn *t, struct err *e)
{
    const struct flow_engine_call *q = u->engine.call;
    struct engine_tool *all = arena_array(u->arena, q->tool_n, sizeof(*all));
    if (!all)
        return err_nomem(e);
    for (; t->tool_count < q->tool_n; t->tool_count++)
        all[t->tool_count] = (struct engine_tool){q->tools[t->tool_count].name, q->tools[t->tool_count].description,
                                                  q->tools[t->tool_count].parameters};
    t->tools = all;
    return OK;
}

static void engine_set_sampling(const struct turn_engine *q, struct engine_turn *t, struct str stop[ENGINE_STOP_MAX])
{
    const struct json *list = json_get(q->limits, "stop");
    t->temperature = json_double(json_get(q->limits, "temperature"), -1);
    t->top_p = json_double(json_get(q->limits, "top_p"), -1);
    t->max_tokens = engine_limit(q, "max_tokens", 0);
    t->seed = engine_limit(q, "seed", -1);
    for (; t->stop_count < json_len(list) && t->stop_count < ENGINE_STOP_MAX; t->stop_count++)
        stop[t->stop_count] = json_str(json_at(list, t->stop_count));
    t->stop = stop;
    t->schema = q->call->schema;
}

/* ---- asking ---- */

static struct engine_account engine_account_of(struct turn *u, char visitor[ID_TEXT_MAX])
{
    static const char *const purposes[] = {
        [FLOW_ASK] = "answer", [FLOW_CLASSIFY] = "classify", [FLOW_EXTRACT] = "extract"};
    struct str id = str_from(id_text(ID_CONVERSATION, u->conv.id, visitor));
    if (u->trial) /* people who test share no cap of one visitor */
        return (struct engine_account){.tenant = u->conv.tenant,
                                       .bot = u->conv.bot,
                                       .visitor = STR_EMPTY,
                                       .purpose = "test",
                                       .limits = u->engine.limits};
    return (struct engine_account){.tenant = u->conv.tenant,
                                   .bot = u->conv.bot,
                                   .conversation = u->conv.id,
                                   .visitor = u->in->visitor.n ? u->in->visitor : id,
                                   .canary = u->conv.canary,
                                   .purpose = purposes[u->engine.call->kind],
                                   .limits = u->engine.limits};
}

/* The chain and its keys are read once in a turn: an engine that asks for tools is asked again with what it began
 * with. */
static enum status engine_read_bot(struct turn *u, struct db *c, struct err *e)
{
    struct turn_engines *g = &u->engines;
    if (g->links)
        return OK;
    struct engine_link *links = arena_array(u->arena, ENGINE_LINKS_MAX, sizeof(*links));
    enum status st = links ? engines_for_turn(c, u->talk->config, u->conv.tenant, u->conv.bot, u->conv.canary, u->arena,
                                              &g->bot, links, &g->link_n, e)
                           : err_nomem(e);
    g->links = st == OK ? links : NULL;
    return st;
}

/* All that needs the database, with one connection: the chain, its keys, the caps, the history. */
static enum status engine_prepare(struct turn *u, const char **why, struct err *e)
{
    struct turn_engines *g = &u->engines;
    char visitor[ID_TEXT_MAX];
    struct db *c = NULL;
    enum status st = db_get(u->talk->pool, &c, e);
    if (st == OK)
        st = engine_read_bot(u, c, e);
    u->engine.limits = g->bot.limits;
    if (st == OK && g->link_n == 0)
        *why = g->bot.n ? "None of the bot's engines can be asked. Test the connection of each of them."
                        : "No engine is set up for this bot.";
    if (st == OK && !*why) {
        const struct engine_account who = engine_account_of(u, visitor);
        st = engine_account_check(c, &who, u->now_ms, u->arena, why, e);
    }
    if (st == OK && !*why)
        st = engine_read_history(u, c, e);
    if (st == OK && !*why)
        st = turn_late_expect(u, c, g->links, g->link_n, e);
    db_put(c);
    for (size_t i = 0; st == OK && i < g->link_n; i++)
        g->links[i].state = turn_engine_state(u, g->links[i].engine);
    return st;
}

static void engine_set_masking(struct turn *u, struct engine_chain_request *rq)
{
    const struct json *list = json_get(u->engine.limits, "mask_patterns");
    struct str *patterns = arena_array(u->arena, json_len(list), sizeof(*patterns));
    rq->mask = json_bool(json_get(u->engine.limits, "mask"));
    for (; patterns && rq->mask_pattern_count < json_len(list); rq->mask_pattern_count++)
        patterns[rq->mask_pattern_count] = json_str(json_at(list, rq->mask_pattern_count));
    rq->mask_patterns = patterns;
}

static enum status turn_engine_ask(struct turn *u, const char **why, struct err *e)
{
    struct str stop[ENGINE_STOP_MAX];
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
    enum status st = engine_prepare(u, why, e);
    if (engine_language(u).n)
        t.language = engine_language(u);
    if (st == OK && !*why)
        st = engine_make_turn(u, &t, e);
    if (st == OK && !*why)
        st = engine_set_tools(u, &t, e);
    if (st != OK || *why)
        return st;
    struct engine_chain_request rq = {.asking = ENGINE_ASK_TURN,
                                      .tenant = u->conv.tenant,
                                      .links = u->engines.links,
                                      .link_count = u->engines.link_n,
                                      .turn = &t};
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

void turn_engine_add_extras(struct buf *b, const struct engine_event *ev)
{
    engine_add_line(b, ev->title);
    engine_add_line(b, ev->text);
    engine_add_line(b, ev->url);
    for (size_t i = 0; i < ev->choice_count; i++) {
        engine_add_line(b, STR("- "));
        buf_str_add(b, ev->choices[i].label);
    }
}

/* A model that asks for more calls than this in one answer has lost its way: only the first ones are run. */
static void engine_take_call(struct turn_engine *q, const struct engine_tool_call *call, struct arena *a)
{
    if (!q->calls)
        q->calls = arena_array(a, CALLS_MAX, sizeof(*q->calls));
    if (q->calls && q->call_n < CALLS_MAX)
        q->calls[q->call_n++] = (struct flow_tool_call){call->id, call->name, call->arguments};
}

bool turn_engine_is_extra(enum engine_event_kind kind)
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
    if (ev->kind == ENGINE_EVENT_HANDOFF) {
        q->handoff = true;
        q->reason = ev->text;
    }
    if (speaks && q->whole)
        buf_puts(&q->text, "\n\n");
    if (speaks)
        buf_str_add(&q->text, ev->text);
    if (turn_engine_is_extra(ev->kind))
        turn_engine_add_extras(&q->text, ev);
    if (speaks || repeats || turn_engine_is_extra(ev->kind))
        q->whole = ev->kind != ENGINE_EVENT_DELTA;
}

/* The provider charges for what it has begun, so the call is recorded before the turn ends. */
static void engine_give_up(struct turn_engine *q, enum status st, const struct err *why)
{
    if (q->given_up == OK) {
        q->given_up = st;
        q->why = *why;
        engine_chain_cancel(q->chain);
    }
}

bool turn_engine_leave(struct turn *u)
{
    struct err why = ERR_INIT;
    if (!u->engine.chain)
        return false;
    engine_give_up(&u->engine, err_raise(&why, E_gone), &why);
    return true;
}

/* What is new goes to the visitor at once, if the node streams and the channel shows pieces. What an engine says before
 * it asks for tools is a paragraph of its own. */
static enum status engine_show(struct turn *u, struct err *e)
{
    struct turn_engine *q = &u->engine;
    if (!q->call->stream || !u->sink || !u->sink->delta || q->shown >= q->text.n)
        return OK;
    struct str piece = str_n(q->text.p + q->shown, q->text.n - q->shown);
    bool first = q->shown == 0;
    q->shown = q->text.n;
    enum status st = first && u->writing ? u->sink->delta(u->sink->ctx, STR("\n\n"), e) : OK;
    u->writing = true;
    return st == OK ? u->sink->delta(u->sink->ctx, piece, e) : st;
}

/* All events are taken, also those that no one wants any more: the chain is over only without them. */
static enum status engine_drain(struct turn *u, struct err *e)
{
    struct turn_engine *q = &u->engine;
    struct engine_event ev;
    struct err mine = ERR_INIT;
    enum status st = q->given_up;
    while (engine_chain_next(q->chain, u->arena, &ev, &mine)) {
        if (st == OK && ev.kind == ENGINE_EVENT_STATE)
            st = turn_engine_state_set(u, u->engines.links[ev.index].engine, &ev, e);
        if (st == OK)
            engine_take_event(q, &ev, u->arena);
    }
    if (st == OK && (mine.status != OK || !buf_ok(&q->text)))
        st = err_nomem(e);
    return st == OK ? engine_show(u, e) : st;
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
    out->handoff = u->engine.handoff;
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
    struct turn_engine *q = &u->engine;
    *out = (struct flow_engine_result){.text = STR_EMPTY};
    enum status st = engine_drain(u, e);
    if (st != OK)
        engine_give_up(q, st, e);
    *waits = !engine_chain_over(q->chain, &o);
    if (*waits)
        return OK;
    engine_record(u, &o);
    engine_count(u, &o);
    if (q->given_up != OK) {
        *e = q->why;
        return q->given_up;
    }
    st = engine_result(u, &o, out, e);
    if (st == OK && u->trial && u->trial->path)
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
