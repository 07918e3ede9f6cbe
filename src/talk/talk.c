/* talk.c: the module as a whole, and what a visitor reads and rates. The parts of struct talk are made in the order
 * in which they need each other and released in the opposite order. */
#include "talk/talk.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "engine/workspace/canary.h"
#include "talk/conversation_store.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

#define CACHE_MAX (2 * MB)
#define CATCH_UP_MAX 200
#define COMMENT_MAX 1000

enum status talk_open(const struct config *c, struct db_pool *p, struct talk **out, struct err *e)
{
    struct talk *t = calloc(1, sizeof(*t));
    if (!t)
        return err_nomem(e);
    t->config = c;
    t->pool = p;
    enum status st = secret_derive(c, "visitor-token", t->token_key, e);
    if (st == OK)
        st = secret_derive(c, "turn-key", t->turn_key, e);
    if (st == OK)
        st = turn_locks_new(&t->locks, e);
    if (st == OK)
        st = conv_cache_new(CACHE_MAX, &t->cache, e);
    if (st == OK)
        st = journal_open(c, &t->journal, e);
    if (st != OK) {
        talk_close(t);
        return st;
    }
    *out = t;
    return OK;
}

/* The journal first, because it still writes turns whose threads use everything else. The keys are wiped, so that they
 * are in no core dump of a later crash. */
void talk_close(struct talk *t)
{
    if (t) {
        journal_close(t->journal);
        conv_cache_free(t->cache);
        turn_locks_free(t->locks);
        crypto_wipe(t, sizeof(*t));
        free(t);
    }
}

/* A client that has the token may read, as long as the bot is live and the conversation is the bot's. A deleted bot, or
 * one of a suspended workspace, shows its conversations to visitors no longer. */
static enum status talk_open_with_token(struct talk *t, const struct talk_place *at, struct arena *a, struct conv *out,
                                        struct err *e)
{
    struct bot_live live;
    enum status st = bot_live(t->pool, at->bot, &live, e);
    if (st == OK) {
        st = turn_load(t, live.tenant, at, a, out, e);
        bot_live_release(&live);
    }
    return st;
}

/* Replies that a person or another process wrote are fetched here. During a hand-off the chat page asks every few
 * seconds, hence a limit instead of the whole conversation. */
static enum status talk_read(struct talk *t, const struct talk_place *at, struct message_range *range, bool newest,
                             struct arena *a, struct talk_out *out, struct err *e)
{
    struct message_page page;
    struct conv conv;
    struct db *c = NULL;
    enum status st = talk_open_with_token(t, at, a, &conv, e);
    if (st == OK)
        st = db_get(t->pool, &c, e);
    if (st != OK)
        return st;
    *out = (struct talk_out){.tenant = conv.tenant, .conversation = at->conversation};
    /* The row is read again: another process may have closed the conversation since this one last wrote it. */
    st = conversation_store_load(c, conv.tenant, at->conversation, a, &conv, e);
    if (st == OK && newest) {
        /* Numbers have no gaps. Up to the row's number only: it is what the page asks for later messages by. */
        range->upto = conv.seq;
        range->after = conv.seq > CATCH_UP_MAX ? conv.seq - CATCH_UP_MAX : 0;
    }
    if (st == OK)
        st = conversation_store_messages(c, conv.tenant, range, a, &page, e);
    db_put(c);
    if (st == OK) {
        out->messages = page.rows;
        out->n = page.n;
        out->state = conv.state;
        out->seq = conv.seq;
        out->late = turn_late_is_possible(&conv);
        memcpy(out->token, at->token.p, at->token.n < TALK_TOKEN_MAX ? at->token.n : 0);
    }
    return st;
}

enum status talk_messages(struct talk *t, const struct talk_place *at, int64_t after, struct arena *a,
                          struct talk_out *out, struct err *e)
{
    struct message_range range = {.conversation = at->conversation, .after = after, .limit = CATCH_UP_MAX};
    return talk_read(t, at, &range, false, a, out, e);
}

enum status talk_newest_messages(struct talk *t, const struct talk_place *at, struct arena *a, struct talk_out *out,
                                 struct err *e)
{
    struct message_range range = {.conversation = at->conversation, .limit = CATCH_UP_MAX};
    return talk_read(t, at, &range, true, a, out, e);
}

struct talk_rate_tx {
    const struct conv *conv;
    const struct talk_rating *rating;
};

/* A rating that is changed moves from one counter of a comparison to the other. */
static enum status talk_rate_write(struct db *c, void *ctx, struct err *e)
{
    const struct talk_rate_tx *tx = ctx;
    int before = 0;
    int64_t now = tx->rating->rating;
    enum status st = conversation_store_rate(c, tx->conv->tenant, tx->conv->id, tx->rating, clock_now_ms(), &before, e);
    if (st != OK || before == now)
        return st;
    const struct canary_counts moved = {.rated_up = (now > 0) - (before > 0), .rated_down = (now < 0) - (before < 0)};
    return engine_canary_add(c, tx->conv->tenant, tx->conv->bot, tx->conv->canary, &moved, e);
}

/* Ratings do not go through the journal: they are rare, belong to no turn, and a later one replaces an earlier one. */
enum status talk_feedback(struct talk *t, const struct talk_place *at, const struct talk_rating *rating, struct err *e)
{
    struct arena a;
    struct conv conv;
    struct db *c = NULL;
    if (rating->rating != 1 && rating->rating != -1)
        return err_raise_at(e, E_rating_invalid, "/rating");
    if (rating->seq < 0)
        return err_raise_at(e, E_seq_invalid, "/seq");
    if (!utf8_text(rating->comment) || utf8_length(rating->comment) > COMMENT_MAX)
        return err_at(e, E_comment_too_long, "/comment", "A comment can have at most %d characters.", COMMENT_MAX);
    arena_init(&a, TENANT_ARENA);
    enum status st = talk_open_with_token(t, at, &a, &conv, e);
    if (st == OK)
        st = db_get(t->pool, &c, e);
    if (st == OK) {
        st = db_transaction(c, talk_rate_write, &(struct talk_rate_tx){&conv, rating}, e);
        db_put(c);
    }
    arena_release(&a);
    return st;
}
