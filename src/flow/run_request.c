/* run_request.c: renders the request of an `http` node.
 *
 * The author decides which resource is called with which fields; a visitor only fills in values. Escaping keeps a value
 * inside its place, and what no escape can keep there is refused: a path segment "..", a line break in a header, a
 * second cookie. A request that is refused is not made, and the flow continues at `error`. */
#include "flow/media_internal.h"
#include "flow/run_internal.h"

#include "base/banned.h"

/* A line break in a header would start another header, written by the visitor. */
static bool http_header_safe(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
            return false;
    return true;
}

/* A semicolon would begin another cookie, which may carry a name that the server trusts. */
static bool http_cookie_safe(const struct flow_run *r, const struct http_header *h)
{
    char tmp[VALUE_TEXT];
    for (size_t i = 0; i < h->value.n; i++) {
        if (h->value.parts[i].var == VAR_NONE || h->value.parts[i].var == VAR_SECRET)
            continue;
        struct value v = run_value(r, h->value.parts[i].var);
        struct str text = value_text(&v, tmp);
        if (str_find(text, ';') >= 0 || str_find(text, ',') >= 0)
            return false;
    }
    return true;
}

/* The value is taken apart at its secrets, whose values the flow never sees. What lies between two of them is rendered
 * as one piece. The check for control characters is repeated here because the parser saw only the fixed parts of a
 * value. */
static enum status http_make_header(struct flow_run *r, const struct http_header *h, struct flow_header *out,
                                    const char **refused)
{
    const struct tpl *t = &h->value;
    struct flow_piece *all = arena_array(r->a, t->n + 1, sizeof(*all));
    size_t n = 0;
    enum status st = all ? OK : err_nomem(r->e);
    for (size_t i = 0; i < t->n && !st;) {
        size_t from = i;
        while (i < t->n && t->parts[i].var != VAR_SECRET)
            i++;
        if (i == from) {
            all[n++] = (struct flow_piece){.text = t->parts[i++].lit, .is_secret = true};
            continue;
        }
        st = run_render(r, &(struct tpl){t->parts + from, i - from}, &all[n].text);
        if (!st && !http_header_safe(all[n].text))
            *refused = "A variable in a header contains a line break or another control character.";
        n++;
    }
    if (!st && str_ieq(h->name, STR("cookie")) && !http_cookie_safe(r, h))
        *refused = "A variable in the header Cookie contains a semicolon or a comma.";
    *out = (struct flow_header){h->name, all, n};
    return st;
}

/* A body without a declared type is sent as JSON, which is what nearly all flows send. *type is what is sent; it holds
 * no secret (secret.c), so it is one piece. */
static enum status http_make_headers(struct flow_run *r, const struct node_http *h, struct flow_http *rq,
                                     struct str *type, const char **refused)
{
    static const struct flow_piece json = {{"application/json", 16}, false};
    struct flow_header *all = arena_array(r->a, h->header_n + 1, sizeof(*all));
    enum status st = all ? OK : err_nomem(r->e);
    bool typed = false;
    for (size_t i = 0; i < h->header_n && !st; i++) {
        st = http_make_header(r, &h->headers[i], &all[i], refused);
        if (st || !str_ieq(h->headers[i].name, STR("content-type")))
            continue;
        if (typed)
            *refused = "The call has two headers Content-Type.";
        typed = true;
        *type = all[i].piece_n ? all[i].pieces[0].text : STR_EMPTY;
    }
    rq->headers = all;
    rq->header_n = h->header_n;
    if (!st && h->body.n && !typed) {
        all[rq->header_n++] = (struct flow_header){STR("Content-Type"), &json, 1};
        *type = json.text;
    }
    return st;
}

/* ---- the address ---- */

/* What is left of "%2e" and "%3B" in the reading of a server. Other escapes decide nothing here. */
static char url_char(struct str s, size_t *i)
{
    struct str three = str_sub(s, *i, 3);
    char c = str_ieq(three, STR("%2e")) ? '.' : str_ieq(three, STR("%3b")) ? ';' : s.p[*i];
    *i += c != s.p[*i] ? 3 : 1;
    return c;
}

/* RFC 3986 5.2.4: "." and ".." are not sent but change which resource is called. Some servers take off parameters
 * first, as in "..;v=1". */
static bool url_is_dots(struct str segment)
{
    size_t dots = 0;
    for (size_t i = 0; i < segment.n;) {
        char c = url_char(segment, &i);
        if (c == ';')
            break;
        if (c != '.')
            return false;
        dots++;
    }
    return dots == 1 || dots == 2;
}

/* The author's "%2" and a visitor's "f" would be a slash. */
static bool url_cuts_escape(struct str before)
{
    size_t n = before.n;
    return (n >= 1 && before.p[n - 1] == '%') || (n >= 2 && before.p[n - 2] == '%');
}

static const char *url_segment_fault(struct str segment)
{
    if (segment.n == 0)
        return "A variable that is a part of the path is empty.";
    return url_is_dots(segment) ? "A variable makes a part of the path \".\" or \"..\"." : NULL;
}

/* The end of the path segment, query or host that begins at `at`. */
static size_t url_end(struct str url, size_t at)
{
    while (at < url.n && !strchr("/?#", url.p[at]))
        at++;
    return at;
}

/* Variables are escaped, so each lies within one segment, and only segments that hold one are judged: the rest is what
 * the author has written. starts[i] is where part i begins in the address. */
static const char *url_path_fault(const struct tpl *t, const size_t *starts, struct str url)
{
    size_t part = 0, at = url_end(url, str_starts(url, STR("https://")) ? 8 : 7);
    while (at < url.n && url.p[at] == '/') {
        size_t end = url_end(url, ++at);
        bool filled = false;
        for (; part < t->n && starts[part] <= end; part++)
            filled = filled || (t->parts[part].var != VAR_NONE && starts[part] >= at);
        const char *fault = filled ? url_segment_fault(str_sub(url, at, end - at)) : NULL;
        if (fault)
            return fault;
        at = end;
    }
    return NULL;
}

static const char *http_url_fault(const struct tpl *t, const size_t *starts, struct str url)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->parts[i].var != VAR_NONE && url_cuts_escape(str_sub(url, 0, starts[i])))
            return "A variable follows an incomplete % in the address.";
    return url_path_fault(t, starts, url);
}

/* Rendered part by part, to know where each begins. */
static enum status http_make_url(struct flow_run *r, const struct tpl *t, struct str *out, const char **refused)
{
    size_t *starts = arena_array(r->a, t->n + 1, sizeof(*starts));
    bool ok = true;
    struct buf b;
    if (!starts)
        return err_nomem(r->e);
    buf_init(&b, MAX_FLOW_RENDERED);
    enum status st = OK;
    for (size_t i = 0; i < t->n && !st; i++) {
        struct str piece;
        starts[i] = b.n;
        st = run_render(r, &(struct tpl){t->parts + i, 1}, &piece);
        if (!st)
            buf_str_add(&b, piece);
    }
    if (!st && b.full)
        *refused = "The address is too long.";
    else if (!st && !buf_ok(&b))
        st = err_nomem(r->e);
    *out = st || *refused ? STR_EMPTY : arena_str(r->a, buf_str(&b), &ok);
    buf_release(&b);
    if (!ok)
        st = err_nomem(r->e);
    if (!st && !*refused)
        *refused = http_url_fault(t, starts, *out);
    return st;
}

/* ---- the body ---- */

/* A body that was written as an object has its modes since the flow was read: it is JSON whatever the header says. */
static enum status http_make_body(struct flow_run *r, const struct node_http *h, struct str type, struct str *out,
                                  const char **refused)
{
    struct tpl t = h->body;
    char tmp[VALUE_TEXT];
    if (h->body_is_text && !media_set_modes(r->a, type, &t))
        return err_nomem(r->e);
    for (size_t i = 0; i < t.n; i++) {
        if (t.parts[i].var == VAR_NONE)
            continue;
        struct value v = run_value(r, t.parts[i].var);
        if (!media_value_ok(t.parts[i].mode, value_text(&v, tmp)))
            *refused = "A variable in the body contains characters that cannot be escaped there: its content type is "
                       "not one that Parley knows, or the variable is in an XML tag.";
    }
    return run_render(r, &t, out);
}

enum status run_request(struct flow_run *r, const struct node_http *h, struct flow_http *rq, const char **refused)
{
    struct str type = STR_EMPTY;
    *refused = NULL;
    *rq = (struct flow_http){.method = h->method, .timeout_ms = h->timeout_ms, .body = STR_EMPTY};
    enum status st = http_make_url(r, &h->url, &rq->url, refused);
    if (!st)
        st = http_make_headers(r, h, rq, &type, refused);
    if (!st)
        st = http_make_body(r, h, type, &rq->body, refused);
    return st;
}
