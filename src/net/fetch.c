/* fetch.c: one call whose caller waits for it.
 *
 * The calls thread (calls.h) does everything; what is added here is the waiting and the copy of the reply into the
 * caller's arena. */
#include "net/fetch.h"

#include <curl/curl.h>

#include "base/waker.h"
#include "net/calls_internal.h"
#include "net/net_internal.h"

#include "base/banned.h"

void fetch_library_end(void)
{
    calls_thread_end();
    net_library_end();
}

enum status fetch_check_url(struct str url, struct err *e)
{
    CURLU *u = NULL;
    enum status st = call_parse_url(url, &u, e);
    curl_url_cleanup(u);
    return st;
}

struct fetch_wait {
    struct waker waker;
    struct call_result *result;
};

/* The waiting thread may end as soon as it is woken, and its stack with it: the waker is copied first. */
static void fetch_done(void *ctx, const struct call_result *r)
{
    struct fetch_wait *w = ctx;
    struct waker waker = w->waker;
    w->result = call_result_take(r);
    waker_wake(&waker);
}

/* `sent` is set first, so that it is right even without memory for the rest. */
enum status net_copy_reply(const struct call_result *r, struct arena *a, struct fetch_reply *out, struct err *e)
{
    bool ok = true;
    *out = (struct fetch_reply){.content_type = STR_EMPTY, .body = STR_EMPTY, .sent = r->sent};
    if (r->status != OK) {
        if (e)
            *e = r->err;
        return r->status;
    }
    out->status = r->head.status;
    out->retry_after_s = r->head.retry_after_s;
    out->content_type = arena_str(a, r->head.content_type, &ok);
    out->body = arena_str(a, r->body, &ok);
    out->headers = arena_array(a, r->head.header_count + 1, sizeof(*out->headers));
    for (; out->headers && out->header_count < r->head.header_count; out->header_count++) {
        const struct fetch_header *h = &r->head.headers[out->header_count];
        out->headers[out->header_count] = (struct fetch_header){arena_str(a, h->name, &ok),
                                                                arena_str(a, h->value, &ok)};
    }
    return ok && out->headers ? OK : err_nomem(e);
}

enum status fetch(const struct config *config, struct arena *a, const struct fetch_request *rq, struct fetch_reply *out,
                  struct err *e)
{
    struct fetch_wait w = {0};
    struct waker_wait wait;
    struct call_request request = {.method = rq->method,
                                   .url = rq->url,
                                   .headers = rq->headers,
                                   .header_count = rq->header_count,
                                   .body = rq->body,
                                   .total_ms = rq->timeout_ms > 0 ? rq->timeout_ms : 1,
                                   .max_body = rq->max_body,
                                   .trusted = rq->trusted,
                                   .keep = rq->keep};
    *out = (struct fetch_reply){.content_type = STR_EMPTY, .body = STR_EMPTY};
    waker_wait_begin(&wait, &w.waker);
    struct call_events on = {.ctx = &w, .done = fetch_done};
    if (config)
        request.private_hosts = str_from(config_string(config, CONFIG_http_allow_private));
    enum status st = call_start(&request, &on, NULL, e);
    if (st == OK) {
        while (!waker_wait_for(&wait, -1))
            ;
        st = net_copy_reply(w.result, a, out, e);
        call_result_free(w.result);
    }
    waker_wait_end(&wait);
    return st;
}

struct str fetch_reply_header(const struct fetch_reply *r, const char *name)
{
    const struct call_head head = {.headers = r->headers, .header_count = r->header_count};
    return call_head_header(&head, name);
}
