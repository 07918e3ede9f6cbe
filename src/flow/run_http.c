/* run_http.c: `http` nodes. The request (run_request.c) is made by the caller of the flow, which decides where calls
 * may go and how it waits for them. A failed call is the flow's to handle: it continues at `error`
 * with the status 0, so that a server that is down never leaves a visitor without a reply. An answer that was to fill
 * variables and cannot be read is a failure, too: its status says success, but nothing of it has arrived. */
#include <stdio.h>

#include "flow/run_internal.h"

#include "base/banned.h"

#define REPLY_DEPTH 200 /* levels; services nest deeper than what Parley defines */

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

/* *good: the flow continues at `next`. An answer that fills no variables is not read. */
static enum status http_take_reply(struct flow_run *r, const struct node_http *h, const struct flow_http_reply *reply,
                                   bool *good)
{
    struct json *doc;
    struct err why = ERR_INIT;
    char text[60];
    *good = false;
    if (reply->status == 0)
        return run_report(r, reply->why);
    if (reply->status < 200 || reply->status > 299) {
        snprintf(text, sizeof(text), "The service answered with the status %d.", reply->status);
        return run_report(r, text);
    }
    enum status st = h->map_n ? http_read_reply(r, reply->body, &doc, &why) : OK;
    if (st)
        return st == ERR_NOMEM ? err_nomem(r->e) : run_report(r, why.message);
    *good = true;
    return h->map_n ? http_map_reply(r, h, doc) : OK;
}

/* The status is set in both cases, because a flow may branch on it at `error`: 404 and 0 call for different words. */
enum status run_http_got(struct flow_run *r, const struct flow_node *n, const struct flow_http_reply *reply, int *next)
{
    const struct node_http *h = &n->u.http;
    struct value number = {.kind = KIND_NUMBER, .number = reply->status};
    bool good = false;
    enum status st = h->status_var != VAR_NONE ? run_assign(r, h->status_var, &number) : OK;
    if (!st)
        st = http_take_reply(r, h, reply, &good);
    *next = good ? n->next : h->error;
    return st;
}

/* A request that must not be made is treated like a failed one. */
enum status run_http(struct flow_run *r, const struct flow_node *n, int *next)
{
    struct flow_http rq;
    const char *refused;
    enum status st = run_request(r, &n->u.http, &rq, &refused);
    if (st)
        return st;
    if (refused)
        return run_http_got(r, n, &(struct flow_http_reply){.body = STR_EMPTY, .why = refused}, next);
    r->call.http = rq;
    r->place = RUN_HTTP;
    return OK;
}
