/* conversations.c: a conversation as values of a view, for the list and the transcript. Names of states and channels
 * become keys of texts, so a new one appears as soon as it has its text. */
#include "portal/conversations/conversations.h"

#include "base/utf8.h"
#include "talk/conversation.h"

#include "base/banned.h"

static const char *conversation_channel_text(struct page *pg, enum channel channel)
{
    const char *key = arena_printf(pg->rq->arena, "Conversations.Common.Channel.%s", channel_name(channel));
    return channel == CHANNEL_NONE ? "" : view_t(pg->v, key ? key : "");
}

/* The first message stands for the conversation in the list; it is cut to about two lines. */
void conversations_fill(struct page *pg, const char *list, size_t i, const struct conversation *c)
{
    struct view *v = pg->v;
    const char *state = arena_printf(pg->rq->arena, "Conversations.Common.State.%s", talk_state_name(c->state));
    view_id(v, view_at(v, list, i, "Id"), TEXT_ID(ID_CONVERSATION, c->id));
    view_id(v, view_at(v, list, i, "Bot"), TEXT_ID(ID_BOT, c->bot));
    view_str(v, view_at(v, list, i, "BotName"), c->bot_name);
    view_text(v, view_at(v, list, i, "Channel"), conversation_channel_text(pg, c->channel));
    view_str(v, view_at(v, list, i, "Contact"), c->contact_label);
    view_str(v, view_at(v, list, i, "First"), utf8_cut(c->first_text, 140));
    view_text(v, view_at(v, list, i, "State"), talk_state_name(c->state));
    view_text(v, view_at(v, list, i, "StateText"), view_t(v, state ? state : ""));
    view_int(v, view_at(v, list, i, "Version"), c->version);
    view_number(v, view_at(v, list, i, "Messages"), c->messages);
    view_time(v, view_at(v, list, i, "Started"), c->started_ms);
    view_time(v, view_at(v, list, i, "Last"), c->last_ms);
    view_int(v, view_at(v, list, i, "Rating"), c->rating);
    view_bool(v, view_at(v, list, i, "Counted"), c->counted);
    view_str(v, view_at(v, list, i, "Locale"), c->locale);
}
