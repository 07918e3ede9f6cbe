/* turn_prepare.c: everything that a turn needs before the flow runs: the conversation, the version that it runs on, and
 * a place in the plan. It runs again for each try. */
#include "base/clock.h"
#include "engine/workspace/canary.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

/* The row is written only when the turn is recorded. Until then the new conversation exists in this turn alone, so an
 * attempt that fails leaves nothing behind. */
static void turn_begin_conversation(struct turn *u)
{
    struct str locale = u->in->locale.n ? u->in->locale : u->live.language;
    struct id id = id_new();
    int canary = engine_canary_choose(id, u->live.canary.run, u->live.canary.percent);
    bool other = canary % 2 && u->live.canary.version;
    u->opens = true;
    u->conv = (struct conv){.tenant = u->live.tenant,
                            .id = id,
                            .bot = u->live.id,
                            .version = other ? u->live.canary.version : u->live.version,
                            .canary = canary,
                            .locale = locale,
                            .flow_state = STR_EMPTY};
}

/* The tenant itself needs no token: the one that its visitor would have is put in, so that there is one check for
 * all. */
static struct str turn_token_of(struct turn *u)
{
    if (id_is_none(u->in->tenant))
        return u->in->token;
    turn_token(u->talk, u->in->conversation, u->out.token);
    return str_from(u->out.token);
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
    st = turn_load(u->talk, u->live.tenant, &(struct talk_place){in->bot, in->conversation, turn_token_of(u)}, u->arena,
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

/* *done: the answer of an earlier identical message is in `out`. A stream shows messages before they are recorded, so
 * with a sink the lookup comes first; without one the unique key in the journal finds a repetition at no cost. */
enum status turn_prepare(struct turn *u, struct talk_out *out, bool *done, struct err *e)
{
    u->now_ms = clock_now_ms();
    u->reply_n = 0; /* of an earlier try */
    u->hands_off = false;
    enum status st = turn_load_or_begin(u, e);
    if (st == OK)
        st = turn_check_plan(u, out, done, e);
    if (st == OK && !*done && u->sink && u->has_key)
        st = turn_replay(u, out, done, e);
    if (st == OK && !*done)
        st = turn_pin_version(u, e);
    return st;
}
