/* problem.c: errors in the form that the client asked for: application/problem+json (RFC 9457), or a page of the
 * program.
 *
 * One table maps an error to its HTTP status, so an error has the same status on every route. A page that cannot be
 * made (no memory, a broken template) falls back to JSON, which needs neither. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "web/web_internal.h"

#include "base/banned.h"

/* A status that the caller chose instead of the code's own decides by its default code. A wrong field is 422 and a
 * wrong request 400: the pointer distinguishes them. */
int http_status_of(const struct err *e)
{
    bool own = e->code != E_none && error_status(e->code) == e->status;
    int http = error_http(own ? e->code : status_default_code(e->status));
    return http == 400 && e->pointer[0] ? 422 : http;
}

static void problem_member(struct buf *b, const char *key, const char *text)
{
    buf_puts(b, ",\"");
    buf_puts(b, key);
    buf_puts(b, "\":");
    buf_json(b, str_from(text));
}

/* The headers that a status needs, whatever the form of the body. */
static void error_headers(struct request *rq, const struct err *e, int status)
{
    char text[16];
    if (e->retry_after_s > 0 && (status == 429 || status == 503)) {
        struct buf b;
        buf_init(&b, sizeof(text));
        buf_i64(&b, e->retry_after_s);
        reply_header(rq, "Retry-After", buf_str(&b));
        buf_release(&b);
    }
    if (status == 401)
        reply_header(rq, "WWW-Authenticate", STR("Bearer realm=\"parley\""));
}

/* An error names a form field by its name, or a JSON value by a pointer that begins with a slash. The reply always has
 * a JSON pointer. */
static void write_pointer(struct buf *b, const char *pointer)
{
    char text[sizeof((struct err *)0)->pointer + 2];
    snprintf(text, sizeof(text), "%s%s", pointer[0] == '/' ? "" : "/", pointer);
    buf_json(b, str_from(text));
}

static void write_problem(struct request *rq, const struct err *e, int status)
{
    struct buf *b = rq->reply->body;
    reply_status(rq, status);
    reply_type(rq, "application/problem+json");
    buf_puts(b, "{\"type\":\"about:blank\",\"title\":");
    buf_json(b, str_from(http_reason(status)));
    buf_puts(b, ",\"status\":");
    buf_i64(b, status);
    problem_member(b, "detail", e->message);
    problem_member(b, "code", err_code(e));
    if (rq->path.n) {
        buf_puts(b, ",\"instance\":");
        buf_json(b, rq->path);
    }
    if (e->pointer[0]) {
        buf_puts(b, ",\"pointer\":");
        write_pointer(b, e->pointer);
    }
    problem_member(b, "request_id", rq->id);
    buf_putc(b, '}');
}

void request_failed(struct request *rq, const struct err *e)
{
    snprintf(rq->reply->code, sizeof(rq->reply->code), "%s", err_code(e));
    if (http_status_of(e) < 500)
        return;
    /* An outage fails every request in the same way, and each has its "request" line with the code. The database's own
     * module has logged why it cannot be reached; anything else that is away is logged once a second. */
    if (e->status == ERR_UNAVAILABLE && err_is(e, E_database_unavailable))
        return;
    if (e->status == ERR_UNAVAILABLE || e->status == ERR_TIMEOUT)
        log_line_limited(LOG_ERROR, "request_failed", LOG_S("code", err_code(e)), LOG_S("message", e->message));
    else
        log_line(LOG_ERROR, "request_failed", LOG_S("code", err_code(e)), LOG_S("message", e->message));
}

void reply_problem(struct request *rq, const struct err *e)
{
    int status = http_status_of(e);
    request_failed(rq, e);
    reply_reset(rq);
    error_headers(rq, e, status);
    if (rq->impl->program->problem && rq->impl->program->problem(rq, e, status))
        reply_status(rq, status);
    else
        write_problem(rq, e, status);
}

/* A page that could not be made is replaced by JSON with the same status. */
void reply_error(struct request *rq, const struct err *e)
{
    const struct web_program *program = rq->impl->program;
    int status = http_status_of(e);
    if (!program->error_page || request_wants_json(rq)) {
        reply_problem(rq, e);
        return;
    }
    request_failed(rq, e);
    reply_reset(rq);
    error_headers(rq, e, status);
    program->error_page(rq, e, status);
    if (rq->reply->status == 0 || !buf_ok(rq->reply->body)) {
        reply_reset(rq);
        write_problem(rq, e, status);
    }
}
