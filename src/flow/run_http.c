/* run_http.c: `http` nodes. The request (run_request.c) is made by the caller of the flow, which decides where calls
 * may go and keeps them out of a database transaction. A failed call is the flow's to handle: it continues at `error`
 * with the status 0, so that a server that is down never leaves a visitor without a reply. An answer that was to fill
 * variables and cannot be read is a failure, too: its status says success, but nothing of it has arrived. */
#include <stdio.h>

#include "flow/run_internal.h"

#include "base/banned.h"

#define REPLY_DEPTH 200 /* levels; services nest deeper than what Parley defines */

/* Reported to the author, who sees it in the test chat. */
static void http_report(const struct flow_run *r, const char *why)
{
    if (r->calls->fault)
        r->calls->fault(r->calls->ctx, why);
}

/* A byte order mark is no content. */
static struct str http_content(struct str body)
{
    bool mark = str_starts(body, STR("\xEF\xBB\xBF"));
    return str_trim(mark ? str_sub(body, 3, body.n) : body);
}

/* *doc NULL: there is no content, as after 204, or it is null. A page of HTML is named as such, because its syntax
 * error would not help: it usually is a login page, or comes from a proxy. */
static enum status http_read_reply(const struct flow_run *r, struct str body, struct json **doc, struct err *why)
{
    struct str content = http_content(body);
    *doc = NULL;
    enum status st = content.n ? json_parse_tolerant(r->a, body, REPLY_DEPTH, doc, why) : OK;
    if (st == ERR_INVALID && content.p[0] == '<')
        return err_set(why, E_json_invalid, "The answer is HTML or XML and not JSON.");
    return st ? err_wrap(why, "The answer cannot be read") : OK;
}

/* A variable whose value is missing in the reply becomes empty. A value left over from an earlier call would look like
 * part of this reply. */
static enum status http_map_reply(struct flow_run *r, const struct node_http *h, const struct json *doc)
{
    for (size_t i = 0; i < h->map_n; i++) {
        bool ok = true;
        const struct json *found = doc ? json_pointer(doc, h->map[i].pointer) : NULL;
        struct value v = value_of_json(r->a, found, r->f->vars[h->map[i].var].type, &ok);
        if (!ok)
            return err_nomem(r->e);
        enum status st = run_assign(r, h->map[i].var, &v);
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
static enum status http_call(struct flow_run *r, const struct node_http *h, int *http_status, struct str *body)
{
    struct flow_http rq;
    const char *refused;
    struct err why = ERR_INIT;
    enum status st = run_request(r, h, &rq, &refused);
    if (st)
        return st;
    if (refused || !r->calls->http) {
        http_report(r, refused ? refused : "No calls are made here.");
        return OK;
    }
    st = r->calls->http(r->calls->ctx, &rq, r->a, http_status, body, &why);
    if (!st)
        return OK;
    *http_status = 0;
    if (!http_is_fatal(st)) {
        http_report(r, why.message);
        return OK;
    }
    if (r->e)
        *r->e = why;
    return st;
}

/* Whether the flow continues at `next`. An answer that fills no variables is not read. *st: out of memory. */
static bool http_take_reply(struct flow_run *r, const struct node_http *h, int http_status, struct str body,
                            enum status *st)
{
    struct json *doc;
    struct err why = ERR_INIT;
    char text[60];
    if (http_status < 200 || http_status > 299) {
        snprintf(text, sizeof(text), "The service answered with the status %d.", http_status);
        if (http_status)
            http_report(r, text);
        return false;
    }
    if (!h->map_n)
        return true;
    if (http_read_reply(r, body, &doc, &why) != OK) {
        if (why.status == ERR_NOMEM)
            *st = err_nomem(r->e);
        http_report(r, why.message);
        return false;
    }
    *st = http_map_reply(r, h, doc);
    return true;
}

/* The status is set in both cases, because a flow may branch on it at `error`: 404 and 0 call for different words. */
enum status run_http(struct flow_run *r, const struct flow_node *n, int *next)
{
    const struct node_http *h = &n->u.http;
    int http_status = 0;
    struct str body = STR_EMPTY;
    enum status st = http_call(r, h, &http_status, &body);
    struct value number = {.kind = KIND_NUMBER, .number = http_status};
    if (!st && h->status_var != VAR_NONE)
        st = run_assign(r, h->status_var, &number);
    if (!st)
        *next = http_take_reply(r, h, http_status, body, &st) ? n->next : h->error;
    return st;
}
