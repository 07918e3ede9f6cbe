/* run_http.c: `http` nodes. The request is rendered here and made by the caller of the flow, which decides where calls
 * may go and keeps them out of a database transaction. A failed call is the flow's to handle: it continues at `error`
 * with the status 0, so that a server that is down never leaves a visitor without a reply. */
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

static bool http_has_content_type(const struct node_http *h)
{
    for (size_t i = 0; i < h->header_n; i++)
        if (str_ieq(h->headers[i].name, STR("content-type")))
            return true;
    return false;
}

/* The value is taken apart at its secrets, whose values the flow never sees. What lies between two of them is rendered
 * as one piece. *safe false: a piece holds a control character, and the call is not made. The check is repeated here
 * because the parser saw only the fixed parts of a value. */
static enum status http_make_header(struct flow_turn *r, const struct http_header *h, struct flow_header *out,
                                    bool *safe)
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
        *safe = *safe && (st || http_header_safe(all[n].text));
        n++;
    }
    *out = (struct flow_header){h->name, all, n};
    return st;
}

/* A body without a declared type is sent as JSON, which is what nearly all flows send. */
static enum status http_make_headers(struct flow_turn *r, const struct node_http *h, struct flow_http *rq, bool *safe)
{
    static const struct flow_piece json = {{"application/json", 16}, false};
    struct flow_header *all = arena_array(r->a, h->header_n + 1, sizeof(*all));
    enum status st = all ? OK : err_nomem(r->e);
    for (size_t i = 0; i < h->header_n && !st; i++)
        st = http_make_header(r, &h->headers[i], &all[i], safe);
    rq->headers = all;
    rq->header_n = h->header_n;
    if (!st && h->body.n && !http_has_content_type(h))
        all[rq->header_n++] = (struct flow_header){STR("Content-Type"), &json, 1};
    return st;
}

/* A variable whose value is missing in the reply becomes empty, and so do all of them when the reply is not JSON. A
 * value left over from an earlier call would look like part of this reply. */
static enum status http_map_reply(struct flow_turn *r, const struct node_http *h, struct str body)
{
    struct json *doc = NULL;
    struct err why = ERR_INIT;
    enum status st = body.n ? json_parse(r->a, body, MAX_JSON_DEPTH, &doc, &why) : OK;
    if (st == ERR_NOMEM)
        return err_nomem(r->e);
    for (size_t i = 0; i < h->map_n; i++) {
        bool ok = true;
        const struct json *found = doc ? json_pointer(doc, h->map[i].pointer) : NULL;
        struct value v = value_of_json(r->a, found, r->f->vars[h->map[i].var].type, &ok);
        if (!ok)
            return err_nomem(r->e);
        st = run_assign(r, h->map[i].var, &v);
        if (st)
            return st;
    }
    return OK;
}

/* These failures end the turn: no memory, a visitor who has left, a fault of Parley. A flow that continued after them
 * would hide them. */
static bool http_is_fatal(enum status st)
{
    return st == ERR_NOMEM || st == ERR_GONE || st == ERR_INTERNAL;
}

/* The call's error has its own err, so that a failure that the flow handles does not leave its sentence in the turn's.
 * No http function, as in a caller that allows no calls, is treated like a failed call. */
static enum status http_call(struct flow_turn *r, const struct node_http *h, int *http_status, struct str *body)
{
    struct flow_http rq = {.method = h->method, .timeout_ms = h->timeout_ms, .body = STR_EMPTY};
    bool safe = true;
    struct err why = ERR_INIT;
    enum status st = run_render(r, &h->url, &rq.url);
    if (!st)
        st = run_render(r, &h->body, &rq.body);
    if (!st)
        st = http_make_headers(r, h, &rq, &safe);
    if (st || !safe || !r->calls->http)
        return st;
    st = r->calls->http(r->calls->ctx, &rq, r->a, http_status, body, &why);
    if (!st)
        return OK;
    *http_status = 0;
    if (!http_is_fatal(st))
        return OK;
    if (r->e)
        *r->e = why;
    return st;
}

/* The status is set in both cases, because a flow may branch on it at `error`: 404 and 0 call for different words. */
enum status run_http(struct flow_turn *r, const struct flow_node *n, int *next)
{
    const struct node_http *h = &n->u.http;
    int http_status = 0;
    struct str body = STR_EMPTY;
    enum status st = http_call(r, h, &http_status, &body);
    struct value number = {.kind = KIND_NUMBER, .number = http_status};
    if (!st && h->status_var != VAR_NONE)
        st = run_assign(r, h->status_var, &number);
    bool good = http_status >= 200 && http_status <= 299;
    if (!st && good)
        st = http_map_reply(r, h, body);
    *next = good ? n->next : h->error;
    return st;
}
