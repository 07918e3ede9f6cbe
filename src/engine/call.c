/* call.c: the calls of a run: what has to be done with the bytes of any server, so that an engine sees documents and
 * failures only. A reply of another type than was asked for, a body that is no JSON, an empty reply and a connection
 * that broke are told apart here, once for all engines. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/num.h"
#include "engine/engine.h"
#include "engine/ndjson.h"
#include "engine/run_internal.h"
#include "engine/sse.h"

#include "base/banned.h"

#define CALL_BODY_MAX (32 * MB)  /* of a stream: each token comes with some 300 bytes around it */
#define CALL_WHOLE_MAX (8 * MB)  /* of a reply that is one document */
#define CALL_ERROR_MAX (64 * KB) /* of what a server says about a failure; the rest is not read */
#define CALL_HEADERS_MAX 16

enum call_mode { CALL_MODE_WHOLE, CALL_MODE_SSE, CALL_MODE_NDJSON, CALL_MODE_ERROR };

struct engine_call {
    struct engine_run *run;
    struct engine_call *next;
    struct call *call;
    struct engine_handlers on;
    enum engine_framing framing;
    enum call_mode mode;
    struct engine_failure failure; /* what is known of it so far */
    struct buf whole;
    struct sse sse;
    struct ndjson lines;
    bool closed, html, content, any;
    bool may_be_empty; /* a stream of lines without a line is a reply */
};
struct engine_timer {
    struct engine_run *run;
    struct engine_timer *next;
    struct call_timer *timer;
    void (*fire)(struct engine_run *run);
};

/* ---- documents ---- */

static void call_protocol(struct engine_call *c, const char *detail)
{
    struct engine_failure f = c->failure;
    f.class = ENGINE_PROTOCOL;
    f.delivered = true;
    engine_failure_detail(&f, str_from(detail));
    if (!c->closed)
        engine_run_fail(c->run, &f);
}

/* One document in the scratch memory, which is emptied before the next. */
static struct json *call_parse(struct engine_call *c, struct str text)
{
    struct json *doc = NULL;
    arena_reset(&c->run->scratch);
    return json_parse_tolerant(&c->run->scratch, text, ENGINE_JSON_DEPTH, &doc, NULL) == OK ? doc : NULL;
}

static bool call_document(struct engine_call *c, struct str event, struct str data)
{
    struct json *doc = call_parse(c, data);
    if (json_is(doc, JSON_OBJECT) || json_is(doc, JSON_ARRAY)) {
        if (c->on.document && c->on.document(c->run, event, doc))
            c->content = true;
    } else if (c->on.text) {
        if (c->on.text(c->run, event, data))
            c->content = true;
    } else {
        call_protocol(c, "The reply contains something that is not JSON.");
    }
    return !c->closed && !c->run->over;
}

static bool call_event(void *ctx, struct str event, struct str data)
{
    return call_document(ctx, event, data);
}

static bool call_line(void *ctx, struct str line)
{
    struct buf clean;
    buf_init(&clean, 4 * NDJSON_LINE_MAX);
    text_clean(&clean, line);
    bool more = buf_ok(&clean);
    if (more)
        more = call_document(ctx, STR_EMPTY, buf_str(&clean));
    else
        engine_run_end(((struct engine_call *)ctx)->run, ENGINE_INTERNAL);
    buf_release(&clean);
    return more;
}

/* ---- the reply ---- */

static bool call_type_is(struct str type, const char *wanted)
{
    return str_ieq(str_sub(type, 0, strlen(wanted)), str_from(wanted));
}

/* A server that does not stream answers with one document, which is as good. */
static enum call_mode call_mode_of(const struct engine_call *c, struct str type)
{
    if (c->framing == ENGINE_NDJSON)
        return CALL_MODE_NDJSON;
    if (c->framing == ENGINE_WHOLE || call_type_is(type, "application/json"))
        return CALL_MODE_WHOLE;
    return c->framing == ENGINE_LINES ? CALL_MODE_NDJSON : CALL_MODE_SSE;
}

/* False for a stream of another kind than was asked for. Ollama's lines come under any type. */
static bool call_is_stream(const struct engine_call *c, struct str type)
{
    if (c->framing == ENGINE_NDJSON || !type.n || call_type_is(type, "text/event-stream"))
        return true;
    return c->framing == ENGINE_LINES && call_type_is(type, "application/x-ndjson");
}

static void call_read_headers(struct engine_failure *f, const struct call_head *h)
{
    static const char *const ids[] = {"x-request-id", "request-id", "apim-request-id"};
    uint64_t ms;
    f->http = h->status;
    f->date_ms = h->date_ms;
    for (size_t i = 0; i < COUNT_OF(ids) && !f->upstream_id[0]; i++) {
        struct str id = call_head_header(h, ids[i]);
        for (size_t n = 0; n < id.n && n + 1 < sizeof(f->upstream_id) && id.p[n] > ' ' && id.p[n] < 0x7F; n++)
            f->upstream_id[n] = id.p[n];
    }
    if (h->retry_after_s > 0)
        f->retry_after_ms = (int64_t)h->retry_after_s * 1000;
    if (num_u64(call_head_header(h, "retry-after-ms"), 3600000, &ms))
        f->retry_after_ms = (int64_t)ms;
}

static void call_on_head(void *ctx, const struct call_head *h)
{
    struct engine_call *c = ctx;
    call_read_headers(&c->failure, h);
    bool good = engine_class_of_status(h->status) == ENGINE_OK;
    c->html = call_type_is(h->content_type, "text/html");
    c->mode = good ? call_mode_of(c, h->content_type) : CALL_MODE_ERROR;
    c->may_be_empty = good && c->framing == ENGINE_LINES && c->mode == CALL_MODE_NDJSON && h->content_type.n;
    if (good && c->mode != CALL_MODE_WHOLE && !call_is_stream(c, h->content_type))
        call_protocol(c, c->html ? "The server sent a web page." : "The server did not send an event stream.");
    else if (good && c->mode != CALL_MODE_WHOLE && c->on.head && !c->closed && !c->run->over)
        c->on.head(c->run);
}

static void call_collect(struct engine_call *c, const char *p, size_t n)
{
    size_t room = (c->mode == CALL_MODE_ERROR ? CALL_ERROR_MAX : CALL_WHOLE_MAX) - c->whole.n;
    if (n > room && c->mode == CALL_MODE_WHOLE)
        engine_run_end(c->run, ENGINE_TOO_BIG);
    else
        buf_add(&c->whole, p, n < room ? n : room);
}

static bool call_on_data(void *ctx, const char *p, size_t n)
{
    struct engine_call *c = ctx;
    struct err e = ERR_INIT;
    enum status st = OK;
    if (c->closed || c->run->over)
        return false;
    c->any = true;
    c->content = false;
    if (c->mode == CALL_MODE_SSE)
        st = sse_feed(&c->sse, p, n, call_event, c, &e);
    else if (c->mode == CALL_MODE_NDJSON)
        st = ndjson_feed(&c->lines, p, n, call_line, c, &e);
    else {
        c->content = true;
        call_collect(c, p, n);
    }
    if (st != OK && !c->closed)
        engine_run_end(c->run, st == ERR_TOO_LARGE ? ENGINE_TOO_BIG : ENGINE_INTERNAL);
    return c->content;
}

/* ---- the end of a call ---- */

static enum engine_class call_engine_class(const struct engine_call *c, const struct call_result *r)
{
    static const enum engine_class classes[] = {
        [CALL_REPLIED] = ENGINE_OK,
        [CALL_CANCELLED] = ENGINE_CANCELLED,
        [CALL_QUEUE_FULL] = ENGINE_OVERLOADED,
        [CALL_HOST_DOWN] = ENGINE_OVERLOADED,
        [CALL_ADDRESS_REFUSED] = ENGINE_POLICY,
        [CALL_NAME_UNKNOWN] = ENGINE_NAME,
        [CALL_NOT_CONNECTED] = ENGINE_NET,
        [CALL_TLS_FAILED] = ENGINE_TLS,
        [CALL_CONNECT_TIMEOUT] = ENGINE_CONNECT_TIMEOUT,
        [CALL_FIRST_BYTE_TIMEOUT] = ENGINE_FIRST_TIMEOUT,
        [CALL_IDLE_TIMEOUT] = ENGINE_IDLE_TIMEOUT,
        [CALL_TOTAL_TIMEOUT] = ENGINE_TOTAL_TIMEOUT,
        [CALL_TOO_LARGE] = ENGINE_TOO_BIG,
        [CALL_BROKEN] = ENGINE_NET,
        [CALL_NO_MEMORY] = ENGINE_INTERNAL,
    };
    return r->class == CALL_BROKEN && c->any ? ENGINE_TRUNCATED : classes[r->class];
}

static void call_failed(struct engine_call *c, const struct json *doc)
{
    if (!c->on.failed || !c->on.failed(c->run, &c->failure, doc))
        engine_run_fail(c->run, &c->failure);
}

static void call_finish_error(struct engine_call *c)
{
    struct json *doc = call_parse(c, buf_str(&c->whole));
    engine_failure_read(&c->failure, doc, buf_str(&c->whole));
    call_failed(c, doc);
}

static void call_finish_reply(struct engine_call *c)
{
    if (!c->any && !c->may_be_empty) {
        call_protocol(c, "The reply is empty.");
        return;
    }
    if (c->mode == CALL_MODE_NDJSON)
        ndjson_end(&c->lines, call_line, c);
    if (c->mode == CALL_MODE_WHOLE) {
        struct json *doc = call_parse(c, buf_str(&c->whole));
        if (doc && c->on.document)
            c->on.document(c->run, STR_EMPTY, doc);
        else if (!doc)
            call_protocol(c, c->html ? "The server sent a web page." : "The reply is not JSON.");
    }
    if (!c->closed && !c->run->over)
        c->on.end(c->run);
}

static void call_finish(struct engine_call *c, const struct call_result *r)
{
    c->failure.delivered = r->sent;
    c->failure.class = call_engine_class(c, r);
    if (r->class == CALL_REPLIED && c->mode == CALL_MODE_ERROR)
        call_finish_error(c);
    else if (r->class == CALL_REPLIED)
        call_finish_reply(c);
    else {
        engine_failure_detail(&c->failure, str_from(r->err.message));
        if (r->err.retry_after_s > 0)
            c->failure.retry_after_ms = (int64_t)r->err.retry_after_s * 1000;
        call_failed(c, NULL);
    }
}

static void call_free(struct engine_call *c)
{
    struct engine_call **at = &c->run->calls;
    while (*at && *at != c)
        at = &(*at)->next;
    if (*at)
        *at = c->next;
    call_release(c->call);
    buf_release(&c->whole);
    sse_release(&c->sse);
    ndjson_release(&c->lines);
    engine_run_release(c->run);
    free(c);
}

static void call_on_done(void *ctx, const struct call_result *r)
{
    struct engine_call *c = ctx;
    if (!c->closed && !c->run->over)
        call_finish(c, r);
    call_free(c);
}

void engine_call_close(struct engine_call *c)
{
    c->closed = true;
    call_cancel(c->call);
}

static void engine_timer_free(struct engine_timer *t)
{
    struct engine_timer **at = &t->run->timers;
    while (*at && *at != t)
        at = &(*at)->next;
    if (*at)
        *at = t->next;
    call_timer_cancel(t->timer);
    engine_run_release(t->run);
    free(t);
}

/* The one who closes holds a reference of the run, so it stays while its timers give theirs back. */
static void call_close_all(struct engine_run *run)
{
    run->refs++;
    while (run->timers)
        engine_timer_free(run->timers);
    for (struct engine_call *c = run->calls; c; c = c->next)
        engine_call_close(c);
    engine_run_release(run);
}

/* ---- the start of a call ---- */

static enum status call_post_request(struct engine_call *c, const struct engine_request *rq, struct err *e)
{
    const struct engine_run_request *own = &c->run->rq;
    struct fetch_header headers[CALL_HEADERS_MAX];
    size_t n = 0;
    int64_t left = (own->deadline_us - clock_mono_us()) / 1000;
    if (rq->body.n)
        headers[n++] = (struct fetch_header){STR("Content-Type"), rq->type.n ? rq->type : STR("application/json")};
    for (size_t i = 0; i < rq->header_count && n < COUNT_OF(headers); i++)
        headers[n++] = rq->headers[i];
    struct call_request out = {.method = str_from(rq->method),
                               .url = rq->url,
                               .headers = headers,
                               .header_count = n,
                               .body = rq->body,
                               .tenant = own->tenant,
                               .connect_ms = own->connect_ms,
                               .first_byte_ms = own->first_byte_ms,
                               .idle_ms = rq->idle_ms ? rq->idle_ms : own->idle_ms,
                               .total_ms = left > 0 ? left : 1,
                               .max_body = CALL_BODY_MAX,
                               .private_hosts = own->private_hosts};
    struct call_events on = {c, call_on_head, call_on_data, call_on_done};
    return call_start(&out, &on, &c->call, e);
}

struct engine_call *engine_call(struct engine_run *run, const struct engine_request *rq,
                                const struct engine_handlers *on)
{
    struct err e = ERR_INIT;
    if (run->over)
        return NULL;
    struct engine_call *c = calloc(1, sizeof(*c));
    if (!c) {
        engine_run_end(run, ENGINE_INTERNAL);
        return NULL;
    }
    c->run = run;
    c->on = *on;
    c->framing = rq->framing;
    c->failure = ENGINE_FAILURE_INIT;
    buf_init(&c->whole, CALL_WHOLE_MAX);
    sse_init(&c->sse);
    ndjson_init(&c->lines);
    run->refs++;
    run->close_calls = call_close_all;
    enum status st = call_post_request(c, rq, &e);
    if (st == OK) {
        c->next = run->calls;
        run->calls = c;
        return c;
    }
    engine_run_fail_text(run, st == ERR_INVALID ? ENGINE_CONFIG : ENGINE_INTERNAL, e.message);
    call_free(c);
    return NULL;
}

/* ---- timers ---- */

static void engine_timer_fire(void *ctx)
{
    struct engine_timer *t = ctx;
    struct engine_run *run = t->run;
    void (*fire)(struct engine_run *) = t->fire;
    run->refs++;
    engine_timer_free(t);
    if (!run->over)
        fire(run);
    engine_run_release(run);
}

void engine_timer(struct engine_run *run, int64_t ms, void (*fire)(struct engine_run *run))
{
    struct engine_timer *t = run->over ? NULL : calloc(1, sizeof(*t));
    struct err e = ERR_INIT;
    if (!t) {
        engine_run_end(run, ENGINE_INTERNAL);
        return;
    }
    t->run = run;
    t->fire = fire;
    if (call_timer(ms, engine_timer_fire, t, &t->timer, &e) != OK) {
        free(t);
        engine_run_fail_text(run, ENGINE_INTERNAL, e.message);
        return;
    }
    t->next = run->timers;
    run->timers = t;
    run->refs++;
    run->close_calls = call_close_all;
}
