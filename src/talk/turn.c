/* turn.c: one turn, whatever the channel: admit, load, think, record.
 *
 * A turn holds the lock of its conversation, or of its client message id, so two turns of one conversation in this
 * process run one after the other. Between processes the journal decides: a turn is recorded only where the
 * conversation is as it was read, and the one that comes second loads and thinks again. Nothing outside the database
 * happens twice for one client message id. */
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "base/utf8.h"
#include "talk/message_internal.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

/* Each lost race means that another process recorded a turn of this conversation. Four in a row do not happen to a
 * visitor who types; then it is better to answer 409 than to think for ever. */
#define TURN_TRIES 4
#define CLIENT_ID_MAX 100
#define CHOICE_MAX 400
#define LOCALE_MAX 35
#define CONTACT_MAX 4096

/* ---- what may come in ---- */

/* Letters, digits and hyphens: RFC 5646 tags are made of these. */
static bool turn_locale_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!word && (c != '-' || i == 0 || i + 1 == s.n || s.p[i - 1] == '-'))
            return false;
    }
    return s.n == 0 || (s.n >= 2 && s.n <= LOCALE_MAX);
}

/* Everything that comes from the visitor is bounded before anything is looked up, so a request that is too large costs
 * no query. The contact is checked when it is written, because its size is that of its JSON. */
static enum status turn_check_input(const struct talk_in *in, struct err *e)
{
    if (str_trim(in->text).n == 0 && in->choice.n == 0)
        return err_raise_at(e, E_text_empty, "/text");
    if (!utf8_text(in->text) || !utf8_text(in->choice) || !utf8_text(in->client_id))
        return err_raise_at(e, E_text_invalid, "/text");
    if (utf8_length(in->text) > MAX_TEXT)
        return err_at(e, E_text_too_long, "/text", "A message can have at most %d characters.", MAX_TEXT);
    if (in->choice.n > CHOICE_MAX)
        return err_at(e, E_choice_too_long, "/choice", "A choice can have at most %d bytes.", CHOICE_MAX);
    if (in->client_id.n > CLIENT_ID_MAX)
        return err_at(e, E_id_too_long, "/id", "A message id can have at most %d bytes.", CLIENT_ID_MAX);
    if (!turn_locale_ok(in->locale))
        return err_at(e, E_locale_invalid, "/locale", "A locale must be a language tag such as \"en\" or \"pt-BR\".");
    return OK;
}

static enum status turn_too_fast(int retry_after_s, struct err *e)
{
    (void)err_set(e, E_rate_limited, "Too many messages. Wait a moment.");
    if (e)
        e->retry_after_s = retry_after_s;
    return ERR_RATE;
}

static bool turn_take_rate(const char *name, struct id id, int per_minute, int burst, int *wait_s)
{
    return shared_take(name, str_n((const char *)id.b, sizeof(id.b)), per_minute, burst, wait_s);
}

/* A visitor's address is limited by the program (RATE_CHAT). These limits hold for many addresses together, so that one
 * busy conversation, bot or workspace leaves capacity for the others. The conversation is asked first: what a single
 * flooding visitor tries must not use up the limits of the bot and the workspace. */
static enum status turn_check_rates(const struct turn *u, struct err *e)
{
    struct id conversation = u->in->conversation;
    int wait_s = 1;
    bool go = (id_is_none(conversation) ||
               turn_take_rate("conversation", conversation, CONVERSATION_PER_MINUTE, CONVERSATION_BURST, &wait_s)) &&
              turn_take_rate("bot", u->live.id, BOT_PER_MINUTE, BOT_BURST, &wait_s) &&
              turn_take_rate("tenant", u->live.tenant, TENANT_PER_MINUTE, TENANT_BURST, &wait_s);
    return go ? OK : turn_too_fast(wait_s, e);
}

/* ---- load ---- */

/* The row is written only when the turn is recorded. Until then the new conversation exists in this turn alone, so an
 * attempt that fails leaves nothing behind. */
static void turn_begin_conversation(struct turn *u)
{
    struct str locale = u->in->locale.n ? u->in->locale : u->live.language;
    u->opens = true;
    u->conv = (struct conv){.tenant = u->live.tenant,
                            .id = id_new(),
                            .bot = u->live.id,
                            .version = u->live.version,
                            .locale = locale,
                            .flow_state = STR_EMPTY};
}

/* After a long enough pause a message opens a new conversation, although the client still sends the old id: what is
 * counted and billed is defined by that gap. */
static enum status turn_load_or_begin(struct turn *u, struct err *e)
{
    const struct talk_in *in = u->in;
    enum status st = OK;
    u->opens = false;
    if (id_is_none(in->conversation)) {
        turn_begin_conversation(u);
        return OK;
    }
    st = turn_load(u->talk, u->live.tenant, &(struct talk_place){in->bot, in->conversation, in->token}, u->arena,
                   &u->conv, e);
    if (st != OK)
        return st;
    const struct config *c = config_current();
    int64_t gap = config_int(c, CONFIG_conversation_gap);
    config_drop(c);
    if (u->now_ms - u->conv.last_ms > gap)
        turn_begin_conversation(u);
    return OK;
}

/* A running conversation stays on the version it began with. */
static enum status turn_pin_version(struct turn *u, struct err *e)
{
    enum status st = OK;
    if (u->has_pinned) {
        bot_live_release(&u->pinned);
        u->has_pinned = false;
    }
    if (u->conv.version != u->live.version) {
        st = bot_live_version(u->talk->pool, u->conv.tenant, u->conv.bot, u->conv.version, &u->pinned, e);
        u->has_pinned = st == OK;
    }
    return st;
}

/* The quota that was read may be a moment old. It refuses early and cheaply; the journal's transaction decides for
 * certain. */
static enum status turn_ask_plan(struct turn *u, struct err *e)
{
    enum status st = bot_may_begin(u->talk->pool, &u->live, u->now_ms, e);
    if (st == OK && u->quota.full)
        st = err_set(e, E_plan_limit, "This bot cannot take new conversations this month.");
    return st;
}

/* The plan is asked only when a conversation begins, so that an open one is never cut off. A conversation whose first
 * message got no reply yet has not begun in that sense: its first reply is counted against the plan like any other.
 * When the plan is used up, a message that was answered before still gets its answer again: a client that retries must
 * not be refused what it has already been given. */
static enum status turn_check_plan(struct turn *u, struct talk_out *out, bool *done, struct err *e)
{
    struct err why = ERR_INIT;
    if (!u->opens && u->conv.counted) {
        u->quota.limit = USAGE_UNLIMITED;
        return OK;
    }
    enum status st = usage_quota(u->talk->pool, u->conv.tenant, u->now_ms, &u->quota, e);
    if (st != OK || !u->opens)
        return st;
    st = turn_ask_plan(u, &why);
    if (st == ERR_PLAN && u->has_key) {
        st = turn_replay(u, out, done, e);
        if (st != OK || *done)
            return st;
    }
    if (why.status != OK)
        *e = why;
    return why.status;
}

/* ---- think ---- */

static enum talk_state talk_state_after(enum flow_state s)
{
    return s == FLOW_HANDOFF ? TALK_HANDOFF : s == FLOW_CLOSED ? TALK_CLOSED : TALK_OPEN;
}

/* The state is stored as text. It is bounded here as well as in the flow, because a flow that was published under
 * larger limits may still run. */
static enum status turn_write_state(struct turn *u, struct err *e)
{
    struct buf b;
    buf_init(&b, MAX_STATE);
    json_write(&b, u->result.state);
    bool ok = buf_ok(&b);
    if (!ok) {
        (void)err_set(e, E_state_too_large, "The bot stores more than %zu bytes about this conversation.", MAX_STATE);
    } else {
        u->conv.flow_state = arena_str(u->arena, buf_str(&b), &ok);
        if (!ok)
            (void)err_nomem(e);
    }
    buf_release(&b);
    return ok ? OK : e->status;
}

/* Runs the flow, unless a person has taken over: then the message is only recorded. */
static enum status turn_reply(struct turn *u, struct err *e)
{
    struct json *state = NULL;
    enum status st = OK;
    if (u->conv.state == TALK_HANDOFF && !u->opens)
        return OK; /* a person answers */
    /* A message to a closed conversation starts the flow again; it stays the same conversation. */
    if (u->conv.flow_state.n && u->conv.state == TALK_OPEN)
        st = json_parse(u->arena, u->conv.flow_state, MAX_JSON_DEPTH, &state, e);
    if (st == OK)
        st = turn_think(u, state, e);
    if (st == OK) {
        u->conv.state = talk_state_after(u->result.status);
        u->conv.locale = u->result.language.n ? u->result.language : u->conv.locale;
        st = turn_write_state(u, e);
    }
    return st;
}

/* ---- record ---- */

/* The visitor's message as a row: a pressed button keeps both its value and what was shown to the visitor. */
static void turn_set_visitor(struct turn *u)
{
    const struct talk_in *in = u->in;
    u->visitor = (struct talk_message){.seq = u->conv.seq + 1,
                                       .from = SENDER_VISITOR,
                                       .type = in->choice.n ? MESSAGE_CHOICE : MESSAGE_TEXT,
                                       .choice = in->choice,
                                       .created_ms = u->now_ms};
    u->visitor.m.text = in->text.n ? in->text : in->choice;
    u->visitor.m.title = u->visitor.m.url = u->visitor.m.image = STR_EMPTY;
}

static enum status turn_message_row(const struct talk_message *m, struct arena *a, struct journal_message *out,
                                    struct err *e)
{
    *out = (struct journal_message){
        .seq = m->seq, .from = m->from, .type = m->type, .text = m->m.text, .created_ms = m->created_ms};
    return message_data(m, a, &out->data, e);
}

/* The visitor's message and the replies get consecutive numbers after the one that was read. If another turn has taken
 * the first of them, the primary key refuses all of them together. */
static enum status turn_message_rows(struct turn *u, struct journal_turn *t, struct err *e)
{
    struct journal_message *rows = arena_array(u->arena, u->reply_n + 1, sizeof(*rows));
    enum status st = rows ? OK : err_nomem(e);
    turn_set_visitor(u);
    if (st == OK)
        st = turn_message_row(&u->visitor, u->arena, &rows[0], e);
    for (size_t i = 0; st == OK && i < u->reply_n; i++) {
        u->replies[i].seq = u->conv.seq + 2 + (int64_t)i;
        st = turn_message_row(&u->replies[i], u->arena, &rows[i + 1], e);
    }
    t->messages = rows;
    t->n = u->reply_n + 1;
    return st;
}

static enum status turn_contact_text(struct turn *u, struct str *out, struct err *e)
{
    struct buf b;
    *out = STR_EMPTY;
    if (!u->in->contact)
        return OK;
    buf_init(&b, CONTACT_MAX);
    json_write(&b, u->in->contact);
    bool ok = buf_ok(&b);
    if (!ok) {
        (void)err_at(e, E_contact_too_large, "/contact", "A contact can have at most %d bytes.", CONTACT_MAX);
    } else {
        *out = arena_str(u->arena, buf_str(&b), &ok);
        if (!ok)
            (void)err_nomem(e);
    }
    buf_release(&b);
    return ok ? OK : e->status;
}

/* Hands the turn to the journal and waits until it is durable. Only then does this process remember the new state:
 * after any failure the memory of the conversation is dropped, because it is not known what another process has
 * recorded. */
static enum status turn_record(struct turn *u, struct talk_out *out, struct err *e)
{
    struct journal_turn t = {.tenant = u->conv.tenant,
                             .bot = u->conv.bot,
                             .conversation = u->conv.id,
                             .opens = u->opens,
                             .version = u->conv.version,
                             .channel = u->in->channel,
                             .locale = u->conv.locale,
                             .base_seq = u->conv.seq,
                             .last_seq = u->conv.seq + 1 + (int64_t)u->reply_n,
                             .flow_state = u->conv.flow_state,
                             .state = u->conv.state,
                             .has_key = u->has_key,
                             .counts = !u->conv.counted && u->reply_n > 0,
                             .quota = u->quota,
                             .now_ms = u->now_ms,
                             .event = id_new(),
                             .took_ms = (clock_mono_us() - u->begun_us) / 1000,
                             .outside_ms = u->outside.spent_us / 1000};
    enum status st = turn_contact_text(u, &t.contact, e);
    if (u->opens) {
        turn_token(u->talk, u->conv.id, out->token);
        turn_token_hash(str_from(out->token), u->conv.token_hash);
    } else {
        snprintf(out->token, sizeof(out->token), "%.*s", STR_F(u->in->token));
    }
    memcpy(t.token_hash, u->conv.token_hash, sizeof(t.token_hash));
    memcpy(t.turn_key, u->key, sizeof(t.turn_key));
    if (st == OK)
        st = turn_message_rows(u, &t, e);
    if (st == OK)
        st = journal_record(u->talk->journal, &t, e);
    /* The plan filled up between the check and the record. It is remembered, so that the next turns are refused before
     * they think. */
    if (st == ERR_PLAN) {
        usage_mark_full(t.tenant, &u->quota);
        return st;
    }
    if (st != OK) {
        conv_cache_drop(u->talk->cache, u->conv.id);
        return st;
    }
    u->conv.seq = t.last_seq;
    u->conv.last_ms = u->now_ms;
    u->conv.counted = u->conv.counted || t.counts;
    conv_cache_put(u->talk->cache, &u->conv);
    out->conversation = u->conv.id;
    out->state = u->conv.state;
    out->messages = u->replies;
    out->n = u->reply_n;
    out->seq = t.base_seq + 1;
    return OK;
}

/* ---- one turn ---- */

static bool turn_is_conflict(enum status st, const struct err *e, enum error_code code)
{
    return st == ERR_CONFLICT && err_is(e, code);
}

/* *done: the answer of an earlier identical message is in `out`. A stream shows messages before they are recorded, so
 * with a sink the lookup comes first; without one the unique key in the journal finds a repetition at no cost. */
static enum status turn_prepare(struct turn *u, struct talk_out *out, bool *done, struct err *e)
{
    u->now_ms = clock_now_ms();
    u->reply_n = 0;
    enum status st = turn_load_or_begin(u, e);
    if (st == OK)
        st = turn_check_plan(u, out, done, e);
    if (st == OK && !*done && u->sink && u->has_key)
        st = turn_replay(u, out, done, e);
    if (st == OK && !*done)
        st = turn_pin_version(u, e);
    return st;
}

/* One try. E_turn_key means that the same client message id was recorded meanwhile: its answer is read instead of
 * thinking again. */
static enum status turn_attempt(struct turn *u, struct talk_out *out, struct err *e)
{
    bool done = false;
    enum status st = turn_prepare(u, out, &done, e);
    if (st != OK || done)
        return st;
    st = turn_reply(u, e);
    if (st == OK)
        st = turn_record(u, out, e);
    if (turn_is_conflict(st, e, E_turn_key)) {
        st = turn_replay(u, out, &done, e);
        if (st == OK && !done)
            st = err_raise(e, E_id_reused);
    }
    return st;
}

/* Tries until the turn is recorded or refused. E_sequence means that another process moved the conversation on: the
 * turn is loaded and thought again, a few times at most. */
static enum status turn_run(struct turn *u, struct talk_out *out, struct err *e)
{
    const struct talk_in *in = u->in;
    bool known = !id_is_none(in->conversation);
    struct turn_lock *lock = NULL;
    enum status st = OK;
    u->has_key = turn_key_of(u->talk, in, in->conversation, u->key);
    if (known || u->has_key) {
        st = turn_lock_take(u->talk->locks, known ? in->conversation.b : u->key, u->has_key ? u->key : NULL,
                            u->live.tenant, &lock, e);
    }
    for (int i = 0; st == OK && i < TURN_TRIES; i++) {
        st = turn_attempt(u, out, e);
        if (!turn_is_conflict(st, e, E_sequence) || i + 1 == TURN_TRIES)
            break;
        conv_cache_drop(u->talk->cache, in->conversation);
        st = OK;
    }
    turn_lock_give(u->talk->locks, lock);
    return st;
}

/* The bot is looked up before the rates, because two of the three limits are those of the bot and its workspace. The
 * lookup is normally answered from memory, also for an unknown bot. */
enum status talk_turn(struct talk *t, const struct talk_in *in, const struct talk_sink *sink, struct arena *a,
                      struct talk_out *out, struct err *e)
{
    struct turn u = {.talk = t, .in = in, .sink = sink, .arena = a, .begun_us = clock_mono_us()};
    struct err mine = ERR_INIT;
    e = e ? e : &mine;
    *out = (struct talk_out){.conversation = ID_NONE};
    enum status st = turn_check_input(in, e);
    if (st == OK)
        st = bot_live(t->pool, in->bot, &u.live, e);
    if (st != OK)
        return st;
    out->tenant = u.live.tenant;
    st = turn_check_rates(&u, e);
    if (st == OK)
        st = turn_run(&u, out, e);
    if (u.has_pinned)
        bot_live_release(&u.pinned);
    bot_live_release(&u.live);
    return st;
}

/* ---- the draft ---- */

/* No lock, no rates, no journal: nothing of a trial is kept on the server, so there is nothing that two of them could
 * disturb. */
enum status talk_test(struct talk *t, const struct talk_trial *trial, struct arena *a, struct talk_out *out,
                      struct json **next, struct err *e)
{
    const struct talk_in in = {.bot = trial->bot,
                               .token = STR_EMPTY,
                               .text = trial->text,
                               .choice = trial->choice,
                               .client_id = STR_EMPTY,
                               .locale = trial->locale,
                               .visitor = STR_EMPTY};
    struct turn u = {
        .talk = t,
        .in = &in,
        .arena = a,
        .path = trial->path,
        .now_ms = clock_now_ms(),
        .conv = {.tenant = trial->tenant, .bot = trial->bot, .locale = trial->locale, .flow_state = STR_EMPTY}};
    struct err mine = ERR_INIT;
    e = e ? e : &mine;
    *out = (struct talk_out){.conversation = ID_NONE};
    enum status st = turn_check_input(&in, e);
    if (st == OK)
        st = bot_live_version(t->pool, trial->tenant, trial->bot, 0, &u.live, e);
    if (st != OK)
        return st;
    st = turn_think(&u, trial->state, e);
    if (st == OK) {
        out->state = talk_state_after(u.result.status);
        out->messages = u.replies;
        out->n = u.reply_n;
        *next = u.result.state;
    }
    bot_live_release(&u.live);
    return st;
}
