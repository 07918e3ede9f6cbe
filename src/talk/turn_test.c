/* turn_test.c: one message to the draft, in a test chat. It is a turn that is neither locked, limited nor recorded:
 * nothing of it is kept on the server, so there is nothing that two of them could disturb.
 *
 * The state that goes back to the caller has a conversation id of its own and the number of messages. Servers of
 * engines know the chat by it, so that they keep it apart from all others, and never take two messages for one. */
#include "talk/turn_internal.h"

#include "base/banned.h"

static struct talk_in *trial_input(const struct talk_trial *trial, struct arena *a)
{
    struct talk_in *in = ARENA_NEW(a, struct talk_in);
    if (in) {
        *in = (struct talk_in){.bot = trial->bot,
                               .token = STR_EMPTY,
                               .text = trial->text,
                               .choice = trial->choice,
                               .client_id = STR_EMPTY,
                               .locale = trial->locale,
                               .visitor = STR_EMPTY,
                               .gone = trial->gone,
                               .gone_ctx = trial->gone_ctx};
    }
    return in;
}

static void trial_set_conversation(struct turn *u)
{
    const struct talk_trial *trial = u->trial;
    const struct json *test = json_get(trial->state, "test");
    u->conv = (struct conv){.tenant = trial->tenant,
                            .bot = trial->bot,
                            .seq = json_int(json_get(test, "messages"), 0),
                            .locale = trial->locale,
                            .flow_state = STR_EMPTY};
    if (!id_parse(ID_CONVERSATION, json_get_str(test, "conversation"), &u->conv.id))
        u->conv.id = id_new();
}

enum status talk_test_begin(struct talk *t, const struct talk_trial *trial, struct arena *a, const struct waker *w,
                            struct turn **out, struct err *e)
{
    struct talk_in *in = trial_input(trial, a);
    struct turn *u = in ? turn_new(t, in, a, w) : NULL;
    if (!u)
        return err_nomem(e);
    u->trial = trial;
    trial_set_conversation(u);
    enum status st = turn_check_input(in, &u->err);
    if (st == OK)
        st = bot_live_version(t->pool, trial->tenant, trial->bot, 0, &u->live, &u->err);
    u->has_live = st == OK;
    if (st == OK)
        st = turn_think_begin(u, trial->state, &u->err);
    u->phase = TURN_THINKS;
    if (st != OK)
        turn_end(u, st);
    *out = u;
    return OK;
}

enum status talk_test_end(struct turn *u, struct talk_out *out, struct json **next, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct json *test = NULL;
    enum status st = talk_end(u, out, e);
    if (st != OK)
        return st;
    out->state = u->conv.state;
    out->messages = u->replies;
    out->n = u->reply_n;
    *next = u->result.state;
    return json_set_object(*next, "test", &test) != 0 ||
                   json_set_str(test, "conversation", str_from(id_text(ID_CONVERSATION, u->conv.id, id))) != 0 ||
                   json_set_int(test, "messages", u->conv.seq + 1) != 0
               ? err_nomem(e)
               : OK;
}
