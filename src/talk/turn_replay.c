/* turn_replay.c: a message that arrives twice gets the answer that the first one got. The key of a client message id
 * leads to the rows of its turn; they are read back as a turn, with the token derived again. */
#include "talk/conversation_store.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

/* Compares what the visitor said then with what they say now. An id that is used again for another message is a fault
 * of the client, and is reported instead of answered. */
static bool replay_same_message(const struct talk_message *then, const struct talk_in *now)
{
    struct str text = now->text.n ? now->text : now->choice;
    return str_eq(then->m.text, text) && str_eq(then->choice, now->choice);
}

static enum status replay_read(struct db *c, struct turn *u, const struct turn_place *at, struct talk_out *out,
                               struct conv *conv, struct err *e)
{
    const struct message_range range = {at->conversation, at->first_seq - 1, at->last_seq, 1000};
    struct message_page page;
    enum status st = conversation_store_load(c, u->live.tenant, at->conversation, u->arena, conv, e);
    if (st == OK)
        st = conversation_store_messages(c, u->live.tenant, &range, u->arena, &page, e);
    if (st == OK && (page.n == 0 || !replay_same_message(&page.rows[0], u->in)))
        st = err_raise_at(e, E_id_reused, "/id");
    if (st == OK) {
        *out = (struct talk_out){.tenant = u->live.tenant,
                                 .conversation = at->conversation,
                                 .state = conv->state,
                                 .messages = page.rows + 1,
                                 .n = page.n - 1,
                                 .seq = at->first_seq,
                                 .late = turn_late_is_possible(conv)};
    }
    return st;
}

/* The token is derived again only after the message was found to be the same. On a first message the client id is all
 * that the caller has shown, and another text would be a stranger guessing ids. */
enum status turn_replay(struct turn *u, struct talk_out *out, bool *found, struct err *e)
{
    struct turn_place at;
    struct conv conv;
    struct db *c = NULL;
    enum status st = db_get(u->talk->pool, &c, e);
    *found = false;
    if (st != OK)
        return st;
    st = conversation_store_key(c, u->live.tenant, u->key, u->arena, found, &at, e);
    if (st == OK && *found)
        st = replay_read(c, u, &at, out, &conv, e);
    db_put(c);
    if (st == OK && *found)
        turn_token(u->talk, at.conversation, out->token);
    return st;
}
