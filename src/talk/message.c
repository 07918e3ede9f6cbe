/* message.c: messages as rows and as JSON. What is not text (choices, citations, addresses) is one JSON object in a
 * row's `data`, with the same member names that the API shows, so that both are written by one function. */
#include "base/limits.h"
#include "talk/message_internal.h"

#include "base/banned.h"

static const char *const sender_names[] = {
    [SENDER_SYSTEM] = "system", [SENDER_VISITOR] = "visitor", [SENDER_BOT] = "bot", [SENDER_AGENT] = "agent"};
static const char *const type_names[] = {[MESSAGE_EVENT] = "event",
                                         [MESSAGE_TEXT] = "text",
                                         [MESSAGE_IMAGE] = "image",
                                         [MESSAGE_CARD] = "card",
                                         [MESSAGE_CHOICE] = "choice"};

const char *talk_sender_name(enum talk_sender s)
{
    CHECK((size_t)s < COUNT_OF(sender_names));
    return sender_names[s];
}

const char *talk_message_type_name(enum talk_message_type t)
{
    CHECK((size_t)t < COUNT_OF(type_names));
    return type_names[t];
}

enum talk_message_type talk_message_type_of(enum flow_message_kind k)
{
    switch (k) {
    case FLOW_TEXT:
        return MESSAGE_TEXT;
    case FLOW_IMAGE:
        return MESSAGE_IMAGE;
    case FLOW_CARD:
        return MESSAGE_CARD;
    }
    BUG("message kind %d", (int)k);
}

bool message_sender_parse(struct str name, enum talk_sender *out)
{
    size_t i = str_among(name, sender_names, COUNT_OF(sender_names));
    if (i < COUNT_OF(sender_names))
        *out = (enum talk_sender)i;
    return i < COUNT_OF(sender_names);
}

bool message_type_parse(struct str name, enum talk_message_type *out)
{
    size_t i = str_among(name, type_names, COUNT_OF(type_names));
    if (i < COUNT_OF(type_names))
        *out = (enum talk_message_type)i;
    return i < COUNT_OF(type_names);
}

/* ---- writing ---- */

/* `comma` is set before every member but the first of an object. */
static void message_member(struct buf *b, bool *comma, const char *key)
{
    if (*comma)
        buf_putc(b, ',');
    *comma = true;
    buf_putc(b, '"');
    buf_puts(b, key);
    buf_puts(b, "\":");
}

static void message_text_member(struct buf *b, bool *comma, const char *key, struct str s)
{
    if (s.n) {
        message_member(b, comma, key);
        buf_json(b, s);
    }
}

/* An array of objects with two text members each. */
static void message_pair(struct buf *b, size_t i, const char *k1, struct str v1, const char *k2, struct str v2)
{
    bool comma = false;
    buf_puts(b, i ? ",{" : "{");
    message_member(b, &comma, k1);
    buf_json(b, v1);
    message_member(b, &comma, k2);
    buf_json(b, v2);
    buf_putc(b, '}');
}

/* Members without a value are left out, so a plain message has no `data` at all, and most rows are short. */
static void message_write_extras(struct buf *b, bool *comma, const struct talk_message *m)
{
    const struct flow_message *f = &m->m;
    message_text_member(b, comma, "title", f->title);
    message_text_member(b, comma, "url", f->url);
    message_text_member(b, comma, "image", f->image);
    message_text_member(b, comma, "choice", m->choice);
    if (f->choice_n) {
        message_member(b, comma, "choices");
        buf_putc(b, '[');
        for (size_t i = 0; i < f->choice_n; i++)
            message_pair(b, i, "label", f->choices[i].label, "value", f->choices[i].value);
        buf_putc(b, ']');
    }
    if (f->citation_n) {
        message_member(b, comma, "citations");
        buf_putc(b, '[');
        for (size_t i = 0; i < f->citation_n; i++)
            message_pair(b, i, "title", f->citations[i].title, "url", f->citations[i].url);
        buf_putc(b, ']');
    }
    if (f->interrupted) {
        message_member(b, comma, "interrupted");
        buf_puts(b, "true");
    }
    if (f->delay_ms) {
        message_member(b, comma, "delay_ms");
        buf_i64(b, f->delay_ms);
    }
}

void talk_message_write(struct buf *b, const struct talk_message *m)
{
    bool comma = false;
    buf_putc(b, '{');
    if (m->seq) {
        message_member(b, &comma, "seq");
        buf_i64(b, m->seq);
    }
    message_member(b, &comma, "from");
    buf_json(b, str_from(talk_sender_name(m->from)));
    message_member(b, &comma, "type");
    buf_json(b, str_from(talk_message_type_name(m->type)));
    message_member(b, &comma, "text");
    buf_json(b, m->m.text);
    message_write_extras(b, &comma, m);
    buf_putc(b, '}');
}

/* The column holds 64 KB. A message that is too large is refused here, where it fails only its own turn; in the
 * database it would fail the whole batch. */
enum status message_data(const struct talk_message *m, struct arena *a, struct str *out, struct err *e)
{
    struct buf b;
    bool comma = false, ok;
    buf_init(&b, 60 * KB); /* what the column holds */
    buf_putc(&b, '{');
    message_write_extras(&b, &comma, m);
    buf_putc(&b, '}');
    ok = buf_ok(&b);
    *out = ok && comma ? arena_str(a, buf_str(&b), &ok) : STR_EMPTY;
    if (!buf_ok(&b))
        (void)err_raise(e, E_message_too_large);
    else if (!ok)
        (void)err_nomem(e);
    buf_release(&b);
    return ok ? OK : (e ? e->status : ERR_INTERNAL);
}

/* ---- reading ---- */

static enum status message_read_choices(const struct json *list, struct arena *a, struct flow_message *m, struct err *e)
{
    size_t n = json_len(list);
    struct flow_choice *c = arena_array(a, n ? n : 1, sizeof(*c));
    if (!c)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        c[i] = (struct flow_choice){json_get_str(json_at(list, i), "label"), json_get_str(json_at(list, i), "value")};
    m->choices = c;
    m->choice_n = n;
    return OK;
}

static enum status message_read_citations(const struct json *list, struct arena *a, struct flow_message *m,
                                          struct err *e)
{
    size_t n = json_len(list);
    struct flow_citation *c = arena_array(a, n ? n : 1, sizeof(*c));
    if (!c)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        c[i] = (struct flow_citation){json_get_str(json_at(list, i), "title"), json_get_str(json_at(list, i), "url")};
    m->citations = c;
    m->citation_n = n;
    return OK;
}

/* Data that no longer reads is left out instead of refused: a transcript with a message in plain text is better than
 * none. */
enum status message_read(struct str data, struct arena *a, struct talk_message *m, struct err *e)
{
    struct flow_message *f = &m->m;
    struct json *j = NULL;
    f->title = f->url = f->image = m->choice = STR_EMPTY;
    f->kind = m->type == MESSAGE_IMAGE ? FLOW_IMAGE : m->type == MESSAGE_CARD ? FLOW_CARD : FLOW_TEXT;
    if (data.n == 0 || json_parse(a, data, MAX_JSON_DEPTH, &j, NULL) != OK)
        return OK;
    f->title = json_get_str(j, "title");
    f->url = json_get_str(j, "url");
    f->image = json_get_str(j, "image");
    m->choice = json_get_str(j, "choice");
    f->interrupted = json_bool(json_get(j, "interrupted"));
    f->delay_ms = (int)json_int(json_get(j, "delay_ms"), 0);
    enum status st = message_read_choices(json_get(j, "choices"), a, f, e);
    return st == OK ? message_read_citations(json_get(j, "citations"), a, f, e) : st;
}
