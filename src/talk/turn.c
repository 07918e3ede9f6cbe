/* turn.c: one turn, whatever the channel: lock, prepare, think, record.
 *
 * A turn is a sequence of phases, and a phase that has to wait gives the thread back: it has left the turn's waker with
 * the one who will have the result. A turn holds the lock of its conversation, or of its client message id, so two
 * turns of one conversation in this process run one after the other. Between processes the journal decides: a turn is
 * recorded only where the conversation is as it was read, and the one that comes second prepares and thinks again.
 * Nothing outside the database happens twice for one client message id. */
#include "base/clock.h"
#include "base/limits.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

/* Each lost race means that another process recorded a turn of this conversation. Four in a row do not happen to a
 * visitor who types; then it is better to answer 409 than to think for ever. */
#define TURN_TRIES 4
#define TURN_LOCK_WAIT_US (30 * 1000000LL)

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

/* Unless a person has taken over: then the message is only recorded. */
static bool turn_has_bot(const struct turn *u)
{
    return u->conv.state != TALK_HANDOFF || u->opens;
}

/* A message to a closed conversation starts the flow again; it stays the same conversation. */
static enum status turn_reply_begin(struct turn *u, struct err *e)
{
    struct json *state = NULL;
    enum status st = OK;
    u->asking = false;
    if (!turn_has_bot(u))
        return OK;
    if (u->conv.flow_state.n && u->conv.state == TALK_OPEN)
        st = json_parse(u->arena, u->conv.flow_state, MAX_JSON_DEPTH, &state, e);
    return st == OK ? turn_think_begin(u, state, e) : st;
}

static enum status turn_reply(struct turn *u, bool *waits, struct err *e)
{
    *waits = false;
    enum status st = turn_has_bot(u) ? turn_think_step(u, waits, e) : OK;
    if (st != OK || *waits || !turn_has_bot(u))
        return st;
    u->conv.state = talk_state_after(u->result.status);
    u->hands_off = u->conv.state == TALK_HANDOFF;
    u->conv.locale = u->result.language.n ? u->result.language : u->conv.locale;
    return turn_write_state(u, e);
}

/* ---- the phases ---- */

void turn_end(struct turn *u, enum status st)
{
    turn_think_abandon(u);
    if (u->asking && st != OK)
        turn_late_give_up(u);
    turn_lock_give(u->talk->locks, &u->lock);
    u->status = st;
    u->phase = TURN_ENDED;
}

/* A turn that waits gives up when its visitor has left. One that is being recorded cannot. */
static bool turn_left(struct turn *u)
{
    if (!u->in->gone || !u->in->gone(u->in->gone_ctx) || turn_engine_leave(u))
        return false;
    turn_end(u, err_raise(&u->err, E_gone));
    return true;
}

/* Each phase returns true when the turn has moved on, and false while it waits. */

static bool turn_phase_lock(struct turn *u)
{
    if (turn_lock_granted(u->talk->locks, &u->lock)) {
        u->phase = TURN_PREPARES;
        return true;
    }
    if (clock_mono_us() - u->begun_us > TURN_LOCK_WAIT_US) {
        turn_end(u, err_raise(&u->err, E_conversation_busy));
        u->err.retry_after_s = 1;
        return true;
    }
    return turn_left(u);
}

static bool turn_is_conflict(enum status st, const struct err *e, enum error_code code)
{
    return st == ERR_CONFLICT && err_is(e, code);
}

/* What the visitor has seen of this try is void. */
static enum status turn_take_back(const struct turn *u, struct err *e)
{
    return u->sink && u->sink->again ? u->sink->again(u->sink->ctx, e) : OK;
}

/* One try is over. E_turn_key means that the same client message id was recorded meanwhile: its answer is read instead
 * of thinking again. E_sequence means that another process moved the conversation on: the turn is prepared and thought
 * again, a few times at most. */
static bool turn_try_ended(struct turn *u, enum status st)
{
    bool recorded = turn_is_conflict(st, &u->err, E_turn_key), found = false;
    bool moved = turn_is_conflict(st, &u->err, E_sequence) && ++u->tries < TURN_TRIES;
    if (recorded || moved) {
        u->err = ERR_INIT;
        st = turn_take_back(u, &u->err);
    }
    if (st == OK && moved) {
        conv_cache_drop(u->talk->cache, u->in->conversation);
        u->phase = TURN_PREPARES;
        return true;
    }
    if (st == OK && recorded)
        st = turn_replay(u, &u->out, &found, &u->err);
    if (st == OK && recorded && !found)
        st = err_raise(&u->err, E_id_reused);
    turn_end(u, st);
    return true;
}

static bool turn_phase_prepare(struct turn *u)
{
    bool done = false;
    enum status st = turn_prepare(u, &u->out, &done, &u->err);
    if (st == OK && !done)
        st = turn_reply_begin(u, &u->err);
    u->phase = TURN_THINKS;
    return st != OK || done ? turn_try_ended(u, st) : true;
}

static bool turn_phase_think(struct turn *u)
{
    bool waits;
    enum status st = turn_reply(u, &waits, &u->err);
    if (waits)
        return turn_left(u);
    if (u->trial) {
        turn_end(u, st);
        return true;
    }
    if (st == OK)
        st = turn_record_begin(u, &u->err);
    u->phase = TURN_RECORDS;
    return st != OK ? turn_try_ended(u, st) : true;
}

static bool turn_phase_record(struct turn *u)
{
    return journal_settled(u->talk->journal, &u->journal) ? turn_try_ended(u, turn_record_end(u, &u->err)) : false;
}

static bool (*const phases[])(struct turn *) = {
    [TURN_LOCKS] = turn_phase_lock,
    [TURN_PREPARES] = turn_phase_prepare,
    [TURN_THINKS] = turn_phase_think,
    [TURN_RECORDS] = turn_phase_record,
};

/* ---- one turn ---- */

/* A first message without a client id has nothing to be locked for. */
static enum status turn_ask_lock(struct turn *u, struct err *e)
{
    const struct talk_in *in = u->in;
    bool known = !id_is_none(in->conversation);
    u->has_key = turn_key_of(u->talk, in, in->conversation, u->key);
    u->phase = TURN_PREPARES;
    if (!known && !u->has_key)
        return OK;
    u->phase = TURN_LOCKS;
    u->lock.waker = u->waker;
    u->lock.who = u->has_key ? u->key : NULL;
    return turn_lock_take(u->talk->locks, known ? in->conversation.b : u->key, &u->lock, e);
}

/* The bot is looked up before the rates, because two of the three limits are those of the bot and its workspace. The
 * lookup is normally answered from memory, also for an unknown bot. */
static enum status turn_admit(struct turn *u, struct err *e)
{
    enum status st = turn_check_input(u->in, e);
    if (st == OK)
        st = bot_live(u->talk->pool, u->in->bot, &u->live, e);
    if (st != OK)
        return st;
    u->has_live = true;
    u->out.tenant = u->live.tenant;
    if (!id_is_none(u->in->tenant) && !id_eq(u->in->tenant, u->live.tenant))
        return err_raise(e, E_bot_unknown);
    st = turn_check_rates(u, e);
    return st != OK ? st : turn_ask_lock(u, e);
}

struct turn *turn_new(struct talk *t, const struct talk_in *in, struct arena *a, const struct waker *w)
{
    struct turn *u = ARENA_NEW(a, struct turn);
    if (u) {
        *u = (struct turn){.talk = t,
                           .in = in,
                           .arena = a,
                           .waker = *w,
                           .now_ms = clock_now_ms(),
                           .begun_us = clock_mono_us(),
                           .out = {.conversation = ID_NONE}};
    }
    return u;
}

enum status talk_begin(struct talk *t, const struct talk_in *in, const struct talk_sink *sink, struct arena *a,
                       const struct waker *w, struct turn **out, struct err *e)
{
    struct turn *u = turn_new(t, in, a, w);
    if (!u)
        return err_nomem(e);
    u->sink = sink;
    enum status st = turn_admit(u, &u->err);
    if (st != OK)
        turn_end(u, st);
    *out = u;
    return OK;
}

bool talk_step(struct turn *u)
{
    while (u->phase != TURN_ENDED)
        if (!phases[u->phase](u))
            return false;
    return true;
}

enum status talk_end(struct turn *u, struct talk_out *out, struct err *e)
{
    CHECK(u->phase == TURN_ENDED);
    if (u->has_pinned)
        bot_live_release(&u->pinned);
    if (u->has_live)
        bot_live_release(&u->live);
    *out = u->out;
    if (u->status != OK && e)
        *e = u->err;
    return u->status;
}
