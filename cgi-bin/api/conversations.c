/* conversations.c: /v1/conversations: the list, one conversation, and its messages. The list is newest first and is
 * paged by id, since ids sort by time: conversations that begin meanwhile do not move the pages. */
#include "api/api.h"
#include "base/num.h"
#include "talk/conversation.h"

#include "base/banned.h"

/* The contact is one line, as in the portal. The visitor's token is never in a reply: it would let an integration speak
 * as the visitor. */
static int api_conversations_fill(struct json *o, const struct conversation *v)
{
    if (json_set_id(o, "id", ID_CONVERSATION, v->id) != 0 || json_set_id(o, "bot", ID_BOT, v->bot) != 0 ||
        json_set_int(o, "version", v->version) != 0 ||
        json_set_str(o, "channel", str_from(channel_name(v->channel))) != 0 ||
        json_set_str(o, "locale", v->locale) != 0 || json_set_str(o, "state", str_from(talk_state_name(v->state))) != 0)
        return -1;
    return json_set_str(o, "contact", v->contact_label) != 0 || json_set_str(o, "first_text", v->first_text) != 0 ||
                   json_set_int(o, "messages", v->messages) != 0 || json_set_bool(o, "counted", v->counted) != 0 ||
                   json_set_int(o, "rating", v->rating) != 0 || json_set_time(o, "started_at", v->started_ms) != 0 ||
                   json_set_time(o, "last_at", v->last_ms) != 0
               ? -1
               : 0;
}

/* An unknown bot or state is an error, unlike in the portal: a program that misspells a filter must not get the
 * whole list. */
static enum status api_conversations_read_filter(struct api_call *call, struct conversation_filter *f)
{
    struct str bot = request_query(call->rq, "bot"), state = request_query(call->rq, "state");
    enum status st = api_limit(call, &f->limit);
    if (st == OK)
        st = api_after(call, ID_CONVERSATION, &f->before); /* the list is newest first, so the next page is older */
    if (st == OK && bot.n && !id_parse(ID_BOT, bot, &f->bot))
        return err_raise_at(&call->e, E_bot_invalid, "bot");
    f->in_state = state.n > 0;
    if (st == OK && f->in_state && !talk_state_parse(state, &f->state))
        return err_raise_at(&call->e, E_state_invalid, "state");
    return st;
}

/* With has_more the client asks again with the last id of the page, so nothing is counted. */
void api_conversations_get(struct request *rq)
{
    struct api_call call;
    struct conversation_filter f = {0};
    struct conversation_page page;
    struct json *out = NULL, *data, *o;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_conversations_read_filter(&call, &f);
    if (st == OK)
        st = conversation_list(call.c, call.who.tenant, &f, call.a, &page, &call.e);
    if (st == OK)
        out = api_list(call.a, page.more, &data);
    for (size_t i = 0; out && i < page.n; i++)
        if (json_push_object(data, &o) != 0 || api_conversations_fill(o, &page.rows[i]) != 0)
            out = NULL;
    if (st == OK && !out)
        st = err_nomem(&call.e);
    api_end(&call, st, 200, out);
}

void api_conversations_conversation_get(struct request *rq)
{
    struct api_call call;
    struct id id;
    struct conversation v;
    struct json *o = NULL;
    if (!api_begin(rq, &call))
        return;
    enum status st = api_id(&call, "conversation", ID_CONVERSATION, &id);
    if (st == OK)
        st = conversation_get(call.c, call.who.tenant, id, call.a, &v, &call.e);
    if (st == OK && (!(o = json_new_object(call.a)) || api_conversations_fill(o, &v) != 0))
        st = err_nomem(&call.e);
    api_end(&call, st, 200, o);
}

/* Messages have the form of the visitor API, so that a client needs one parser for both. */
static void api_conversations_write_messages(struct request *rq, const struct talk_message *all, size_t n, bool more)
{
    struct buf *b = reply_body(rq);
    reply_status(rq, 200);
    reply_type(rq, "application/json");
    buf_puts(b, "{\"data\":[");
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_putc(b, ',');
        talk_message_write(b, &all[i]);
    }
    buf_puts(b, more ? "],\"has_more\":true}" : "],\"has_more\":false}");
}

/* Messages go by their number in the conversation, not by an id, as in the visitor API. */
void api_conversations_messages_get(struct request *rq)
{
    struct api_call call;
    struct message_range range = {0};
    struct message_page page;
    struct str after = request_query(rq, "after");
    if (!api_begin(rq, &call))
        return;
    enum status st = api_id(&call, "conversation", ID_CONVERSATION, &range.conversation);
    if (st == OK)
        st = api_limit(&call, &range.limit);
    if (st == OK && after.n && !num_i64(after, 0, INT64_MAX, &range.after))
        st = err_at(&call.e, E_after_invalid, "after",
                    "\"after\" must be the seq of the last message on the previous page.");
    if (st == OK)
        st = conversation_messages(call.c, call.who.tenant, &range, call.a, &page, &call.e);
    if (st != OK) {
        api_end(&call, st, 0, NULL);
        return;
    }
    db_put(call.c);
    api_conversations_write_messages(rq, page.rows, page.n, page.more);
}
