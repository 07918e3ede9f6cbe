/* visitor.c: what the handlers of the visitor API share: ids, token, replies, CORS. An id that is not well-formed is
 * answered like one that does not exist, so that a stranger learns nothing by guessing. */
#include "chat/visitor.h"

#include "base/banned.h"

enum status visitor_bot(struct request *rq, struct id *out, struct err *e)
{
    if (id_parse(ID_BOT, request_segment(rq, "bot"), out))
        return OK;
    return err_raise(e, E_bot_unknown);
}

enum status visitor_conversation(struct str text, struct id *out, struct err *e)
{
    if (id_parse(ID_CONVERSATION, text, out))
        return OK;
    return err_raise(e, E_conversation_unknown);
}

/* Written directly and not as a tree of JSON: this is the reply of every turn. */
void visitor_write(struct buf *b, const struct talk_out *o)
{
    char id[ID_TEXT_MAX];
    buf_puts(b, "{\"conversation\":\"");
    buf_puts(b, id_text(ID_CONVERSATION, o->conversation, id));
    buf_puts(b, "\",\"token\":");
    buf_json(b, str_from(o->token));
    buf_puts(b, ",\"state\":\"");
    buf_puts(b, talk_state_name(o->state));
    buf_puts(b, "\",\"seq\":");
    buf_i64(b, o->seq);
    if (o->late)
        buf_puts(b, ",\"late\":true");
    buf_puts(b, ",\"messages\":[");
    for (size_t i = 0; i < o->n; i++) {
        if (i)
            buf_putc(b, ',');
        talk_message_write(b, &o->messages[i]);
    }
    buf_puts(b, "]}");
}

void visitor_delta_write(struct buf *b, struct str text)
{
    buf_puts(b, "{\"text\":");
    buf_json(b, text);
    buf_putc(b, '}');
}

/* The header keeps the token out of addresses, which end up in logs. The parameter is for clients that cannot set
 * headers. */
struct str visitor_token(struct request *rq, struct str given)
{
    struct str bearer = STR("Bearer "), header = request_header(rq, "HTTP_AUTHORIZATION");
    if (given.n == 0 && header.n > bearer.n && str_ieq(str_sub(header, 0, bearer.n), bearer))
        return str_trim(str_sub(header, bearer.n, header.n));
    return given;
}

/* The visitor API is for the scripts of any web page. A browser asks before it sends JSON to another site, and may keep
 * the answer for a day. */
void visitor_preflight(struct request *rq)
{
    reply_header(rq, "Access-Control-Allow-Methods", STR("GET, POST, OPTIONS"));
    reply_header(rq, "Access-Control-Allow-Headers", STR("Accept, Authorization, Content-Type"));
    reply_header(rq, "Access-Control-Max-Age", STR("86400"));
    reply_status(rq, 204);
}
