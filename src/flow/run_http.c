/* run_http.c: `http` nodes. The request is rendered here and made by the caller of the flow. A failed call is the
 * flow's to handle: it continues at `error` with the status 0. A reply that is not JSON fills no variable. */
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

/* *safe false: a header would carry a control character; the call is not made. */
static enum status http_make_headers(struct flow_turn *r, const struct node_http *h, struct flow_http *rq, bool *safe)
{
    struct flow_choice *all = arena_array(r->a, h->header_n + 1, sizeof(*all));
    if (!all)
        return err_nomem(r->e);
    for (size_t i = 0; i < h->header_n; i++) {
        all[i].label = h->headers[i].name;
        enum status st = run_render(r, &h->headers[i].value, &all[i].value);
        if (st)
            return st;
        *safe = *safe && http_header_safe(all[i].value);
    }
    rq->headers = all;
    rq->header_n = h->header_n;
    if (h->body.n && !http_has_content_type(h))
        all[rq->header_n++] = (struct flow_choice){STR("Content-Type"), STR("application/json")};
    return OK;
}

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

/* These failures end the turn; no flow may go on after them. */
static bool http_is_fatal(enum status st)
{
    return st == ERR_NOMEM || st == ERR_GONE || st == ERR_INTERNAL;
}

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
