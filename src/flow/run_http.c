/* run_http.c: `http` nodes. The request (run_request.c) is made by the caller of the flow, which decides where calls
 * may go and keeps them out of a database transaction. A failed call is the flow's to handle: it continues at `error`
 * with the status 0, so that a server that is down never leaves a visitor without a reply. */
#include "flow/run_internal.h"

#include "base/banned.h"

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
    struct flow_http rq;
    const char *refused;
    struct err why = ERR_INIT;
    enum status st = run_request(r, h, &rq, &refused);
    if (st || refused || !r->calls->http)
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
