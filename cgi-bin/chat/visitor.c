/* visitor.c: reading and writing of the visitor API. */
#include "chat/visitor.h"

#include <stdio.h>

#include "base/banned.h"

enum status visitor_bot(struct request *rq, struct id *out, struct err *e)
{
    if (id_parse(ID_BOT, request_segment(rq, "bot"), out))
        return OK;
    return err_set(e, ERR_NOT_FOUND, "bot_unknown", "There is no such bot.");
}

enum status visitor_conversation(struct str text, struct id *out, struct err *e)
{
    if (id_parse(ID_CONVERSATION, text, out))
        return OK;
    return err_set(e, ERR_NOT_FOUND, "conversation_unknown", "There is no such conversation.");
}

/* RFC 6901: ~ and / inside a name. Cut to what an error carries. */
static void pointer_to(struct str name, char *out, size_t room)
{
    size_t n = 0;
    out[n++] = '/';
    for (size_t i = 0; i < name.n && n + 3 < room; i++) {
        if (name.p[i] == '~' || name.p[i] == '/') {
            out[n++] = '~';
            out[n++] = name.p[i] == '~' ? '0' : '1';
        } else {
            out[n++] = name.p[i];
        }
    }
    out[n] = '\0';
}

static const char *kind_name(enum json_kind k)
{
    switch (k) {
    case JSON_STRING: return "a string";
    case JSON_INT: return "a whole number";
    case JSON_OBJECT: return "an object";
    default: return "of another type";
    }
}

static enum status check_field(struct json_iter it, const struct visitor_field *known, size_t n, struct err *e)
{
    char pointer[80];
    pointer_to(it.key, pointer, sizeof pointer);
    for (size_t i = 0; i < n; i++) {
        if (!str_eqz(it.key, known[i].name))
            continue;
        if (json_is(it.value, known[i].kind))
            return OK;
        return err_at(e, ERR_INVALID, "type_wrong", pointer, "\"%s\" must be %s.", known[i].name, kind_name(known[i].kind));
    }
    return err_at(e, ERR_INVALID, "field_unknown", pointer, "There is no such field here.");
}

enum status visitor_fields(const struct json *body, const struct visitor_field *known, size_t n, struct err *e)
{
    struct json_iter it = {0};
    enum status s = OK;
    while (s == OK && json_each(body, &it))
        s = check_field(it, known, n, e);
    return s;
}

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
    buf_puts(b, ",\"messages\":[");
    for (size_t i = 0; i < o->n; i++) {
        if (i)
            buf_putc(b, ',');
        talk_message_write(b, &o->messages[i]);
    }
    buf_puts(b, "]}");
}
