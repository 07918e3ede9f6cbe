/* parse_http.c: reads `http` nodes. Everything that leaves the install is checked here, or is escaped when a variable
 * is put in: the host is written out, header names are safe, a JSON body stays valid JSON whatever a visitor types. The
 * author of a flow is a tenant and its variables come from a visitor, and neither may reach further than the author's
 * own server. */
#include "base/utf8.h"
#include "flow/media_internal.h"
#include "flow/reader_internal.h"
#include "flow/text_internal.h"

#include "base/banned.h"

static const struct field_rule http_fields[] = {
    {"type", K_STR | K_MUST}, {"note", K_STR},    {"method", K_STR | K_MUST},
    {"url", K_STR | K_MUST},  {"headers", K_OBJ}, {"body", K_STR | K_OBJ | K_ARR},
    {"timeout_ms", K_INT},    {"map", K_OBJ},     {"status", K_STR},
    {"next", K_STR},          {"error", K_STR},   {"tool", K_OBJ}};
static const char *const method_words[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
/* Names that belong to the connection. A flow that set a length or a transfer encoding could smuggle a second request
 * through a proxy, and one that set `host` could reach another site of the same server. */
static const char *const reserved[] = {"host",    "content-length", "transfer-encoding",  "connection", "upgrade", "te",
                                       "trailer", "expect",         "proxy-authorization"};

/* Stricter than the token of RFC 9110: letters, digits, - and _ are what servers really use. */
static bool http_header_name_ok(struct str s)
{
    if (s.n == 0 || s.n > MAX_FLOW_NAME)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = (char)(s.p[i] | 0x20);
        if (!(c >= 'a' && c <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '-' && s.p[i] != '_')
            return false;
    }
    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (str_ieq(s, str_from(reserved[i])))
            return false;
    return true;
}

/* Values are checked for control characters here as far as they are fixed; what a variable adds is checked when the
 * call is made (run_http.c). */
static enum status read_http_header(struct flow_reader *r, struct str name, const struct json *value,
                                    struct http_header *h)
{
    struct str s = json_str(value);
    if (!http_header_name_ok(name))
        return reader_refuse(r, "A flow cannot set a header with this name.");
    if (!json_is(value, JSON_STRING) || utf8_length(s) > MAX_FLOW_URL)
        return reader_refuse(r, "The value of a header must be a string of at most %d characters.", MAX_FLOW_URL);
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
            return reader_refuse(r,
                                 "The value of a header must not contain a line break or another control character.");
    h->name = name;
    enum status st = tpl_compile(r, s, PART_HEADER, &h->value);
    return st ? st : check_header_secrets(r, h, s);
}

/* Headers are rendered in each call, so their number is bounded like every other list. Names are fixed; only values may
 * hold variables. */
static enum status read_http_headers(struct flow_reader *r, const struct json *j, struct node_http *h)
{
    const struct json *all = json_get(j, "headers");
    struct json_iter it = {0};
    size_t mark = path_key(r, STR("headers"));
    if (json_len(all) > MAX_FLOW_LIST)
        return reader_refuse(r, "A call can have at most %d headers.", MAX_FLOW_LIST);
    if (json_len(all) && !(h->headers = arena_array(r->a, json_len(all), sizeof(*h->headers))))
        return err_nomem(r->e);
    while (json_each(all, &it)) {
        size_t inner = path_key(r, it.key);
        enum status st = read_http_header(r, it.key, it.value, &h->headers[h->header_n++]);
        if (st)
            return st;
        path_back(r, inner);
    }
    path_back(r, mark);
    return OK;
}

/* The body is written once as JSON and then compiled as one template. A string that is one variable and nothing else
 * keeps the variable's type; any other string escapes what is put into it. One template means one pass in each turn
 * instead of building a tree of JSON. */
static enum status http_compile_string(struct flow_reader *r, struct str s, struct buf *b);

static enum status http_write_body(struct flow_reader *r, const struct json *j, struct buf *b)
{
    struct json_iter it = {0};
    enum status st = OK;
    bool object = json_is(j, JSON_OBJECT);
    if (json_is(j, JSON_STRING))
        return http_compile_string(r, json_str(j), b);
    if (!object && !json_is(j, JSON_ARRAY)) {
        json_write(b, j);
        return OK;
    }
    buf_putc(b, object ? '{' : '[');
    for (size_t i = 0; object ? json_each(j, &it) : i < json_len(j); i++) {
        size_t mark = object ? path_key(r, it.key) : path_index(r, i);
        if (i)
            buf_putc(b, ',');
        /* A visitor who chose a key could overwrite another field of the object. */
        if (object && str_has(it.key, STR("{{")))
            return reader_refuse(r, "A key cannot contain a variable.");
        if (object) {
            buf_json(b, it.key);
            buf_putc(b, ':');
        }
        st = http_write_body(r, object ? it.value : json_at(j, i), b);
        if (st)
            return st;
        path_back(r, mark);
    }
    buf_putc(b, object ? '}' : ']');
    return OK;
}

/* Checks the variables at their own place, where a refusal has the right pointer, and writes the string. A lone
 * variable is written without quotes and with a control character before it, for http_split_body. buf_json escapes
 * control characters, so no text of the author can look like this mark. */
static enum status http_compile_string(struct flow_reader *r, struct str s, struct buf *b)
{
    struct tpl t = {0};
    enum status st = tpl_compile(r, s, PART_JSON_TEXT, &t);
    if (st)
        return st;
    if (t.n == 1 && t.parts[0].var != VAR_NONE) {
        struct tpl_scan scan = {.rest = s};
        tpl_next(&scan);
        buf_printf(b, "\x01{{%.*s}}", STR_F(scan.name));
    } else {
        buf_json(b, s);
    }
    return OK;
}

/* Parts whose text ends with the mark are followed by a variable that keeps its type. The mark itself is cut off, so it
 * never leaves the process. */
static void http_split_body(struct tpl *t)
{
    bool whole = false;
    for (size_t i = 0; i < t->n; i++) {
        struct tpl_part *p = &t->parts[i];
        if (p->var != VAR_NONE && whole)
            p->mode = PART_JSON;
        whole = p->var == VAR_NONE && p->lit.n && p->lit.p[p->lit.n - 1] == 1;
        if (whole)
            p->lit.n--;
    }
}

/* The buffer is outside the arena: it grows while it is written, and only the final text is kept. That text is compiled
 * a second time, without notes, because every variable in it has been noted at its own pointer already. */
static enum status read_http_json_body(struct flow_reader *r, const struct json *body, struct tpl *out)
{
    struct buf b;
    bool ok = true;
    buf_init(&b, MAX_FLOW);
    struct reader_notes *notes = r->notes;
    size_t mark = path_key(r, STR("body"));
    enum status st = http_write_body(r, body, &b);
    if (!st && b.full)
        st = reader_refuse(r, "The body is too large.");
    if (!st && !buf_ok(&b))
        st = err_nomem(r->e);
    struct str text = st ? STR_EMPTY : arena_str(r->a, buf_str(&b), &ok);
    if (!st && !ok)
        st = err_nomem(r->e);
    if (!st) {
        r->notes = NULL; /* noted already, string by string */
        st = tpl_compile(r, text, PART_JSON_TEXT, out);
        r->notes = notes;
    }
    if (!st) {
        http_split_body(out);
        path_back(r, mark);
    }
    buf_release(&b);
    return st;
}

/* The type decides how variables are escaped. An author who wrote one without an escape would otherwise learn it from
 * a call that is not made. A type that is a variable can be any. */
static enum status http_check_body_type(struct flow_reader *r, const struct node_http *h)
{
    bool variables = false;
    for (size_t i = 0; i < h->body.n; i++)
        variables = variables || h->body.parts[i].var != VAR_NONE;
    for (size_t i = 0; variables && i < h->header_n; i++) {
        const struct tpl *v = &h->headers[i].value;
        bool fixed = v->n == 0 || (v->n == 1 && v->parts[0].var == VAR_NONE);
        struct str type = v->n ? v->parts[0].lit : STR_EMPTY;
        if (!fixed || !str_ieq(h->headers[i].name, STR("content-type")) || media_known(type))
            continue;
        size_t mark = path_key(r, STR("body"));
        enum status st = reader_note(
            r, NOTE_BODY_TYPE, type, VAR_NONE,
            "Parley does not know how to escape variables in a body of the type \"%.*s\". "
            "Values with anything but letters, digits, spaces and _ . - @ are not sent, and "
            "the flow continues at \"error\". JSON, XML, HTML, forms and plain text are known.",
            STR_F(utf8_cut(type, 100)));
        path_back(r, mark);
        return st;
    }
    return OK;
}

/* A body that is a string is sent as it is. How its variables are escaped depends on the content type, which may itself
 * hold a variable, so the modes are set when the call is made (media.c). */
static enum status read_http_body(struct flow_reader *r, const struct json *j, struct node_http *h)
{
    const struct json *body = json_get(j, "body");
    if (!body)
        return OK;
    h->body_is_text = json_is(body, JSON_STRING);
    if (!h->body_is_text)
        return read_http_json_body(r, body, &h->body);
    enum status st = read_tpl(r, j, "body", MAX_FLOW_TEXT, PART_PLAIN, &h->body);
    return st ? st : http_check_body_type(r, h);
}

/* RFC 6901: empty for the whole reply, or parts that begin with /, in which ~ is followed by 0 or 1. */
static bool http_pointer_ok(struct str s)
{
    if (s.n > MAX_FLOW_LABEL || !utf8_text(s) || (s.n && s.p[0] != '/'))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '~' && (i + 1 == s.n || (s.p[i + 1] != '0' && s.p[i + 1] != '1')))
            return false;
    return true;
}

/* `language` is refused as a target: a reply from outside could otherwise switch the conversation to a language that
 * the visitor does not read. */
enum status read_map(struct flow_reader *r, const struct json *j, struct http_mapping **out, size_t *n)
{
    const struct json *all = json_get(j, "map");
    struct json_iter it = {0};
    size_t mark = path_key(r, STR("map"));
    if (json_len(all) > MAX_FLOW_LIST)
        return reader_refuse(r, "At most %d variables can be filled.", MAX_FLOW_LIST);
    if (json_len(all) && !(*out = arena_array(r->a, json_len(all), sizeof(**out))))
        return err_nomem(r->e);
    while (json_each(all, &it)) {
        size_t inner = path_key(r, it.key);
        struct http_mapping *m = &(*out)[(*n)++];
        if (!json_is(it.value, JSON_STRING) || !http_pointer_ok(json_str(it.value)))
            return reader_refuse(r, "This must be a JSON pointer into the answer, like \"/order/status\".");
        if (str_eqz(it.key, "language"))
            return reader_refuse(r, "An answer cannot set \"language\".");
        m->pointer = json_str(it.value);
        enum status st = var_find(r, it.key, NOTE_VAR_WRITE, &m->var);
        if (st)
            return st;
        path_back(r, inner);
    }
    path_back(r, mark);
    return OK;
}

/* Both ways are required, but of a node that engines run: they take its result and not its ways. They are required
 * because a call that fails is nothing unusual. A node without `error` would leave the visitor
 * without a reply whenever the author's server is down. */
static enum status http_check_ways(struct flow_reader *r, const struct json *j)
{
    static const char *const ways[] = {"next", "error"};
    enum status st = OK;
    for (size_t i = 0; i < 2 && !st; i++) {
        if (json_has(j, ways[i]) || json_has(j, "tool"))
            continue;
        size_t mark = path_key(r, str_from(ways[i]));
        st = reader_note(r, NOTE_NO_WAY, str_from(ways[i]), VAR_NONE,
                         "The flow does not continue when the call %s: \"%s\" is missing.", i ? "fails" : "succeeds",
                         ways[i]);
        path_back(r, mark);
    }
    return st;
}

/* 30 s is the longest time-out because a turn
 * waits for the call, and a visitor does not wait longer. `next` is read by read_node like that of other nodes. */
enum status read_http(struct flow_reader *r, const struct json *j, struct flow_node *n)
{
    struct node_http *h = &n->u.http;
    int method = 0;
    h->timeout_ms = 5000;
    enum status st = READ_FIELDS(r, j, http_fields);
    if (!st)
        st = read_word(r, j, "method", method_words, 5, &method);
    h->method = str_from(method_words[method]);
    if (!st)
        st = read_url(r, j, "url", &h->url);
    if (!st)
        st = read_http_headers(r, j, h);
    if (!st)
        st = read_http_body(r, j, h);
    if (!st && json_has(j, "body") && method == 0)
        return reader_refuse_key(r, "body", "A GET call has no body.");
    if (!st)
        st = read_int(r, j, "timeout_ms", 100, 30000, &h->timeout_ms);
    if (!st)
        st = read_map(r, j, &h->map, &h->map_n);
    if (!st)
        st = read_var(r, j, "status", NOTE_VAR_WRITE, &h->status_var);
    if (!st && h->status_var == VAR_LANGUAGE)
        return reader_refuse_key(r, "status", "A call cannot set \"language\".");
    if (!st)
        st = read_target(r, j, "error", &h->error);
    return st ? st : http_check_ways(r, j);
}
