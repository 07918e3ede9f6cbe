/* calls.h: outgoing HTTP that holds no thread while it waits.
 *
 * One thread of the process, the calls thread, runs all calls together with their deadlines and the timers below. It is
 * started at the first use and stopped by fetch_library_end(). The caller hands over a request and three functions; the
 * calls thread calls them as the reply arrives. They must not block: every other call waits meanwhile. They may use
 * every function of this header.
 *
 * What may be called is the same as for fetch() (fetch.h): http and https only, no redirects, no proxy, and the address
 * is checked when the socket is opened. HTTP/1.1 is spoken: one connection carries one call at a time, so to cancel a
 * call is to close its connection, and no other call suffers from it. A call of a tenant with POST or PATCH is sent at
 * most once; one with GET, PUT or DELETE is sent again if a reused connection ends before any reply.
 *
 * Tenants do not meet here. A connection is reused for the same tenant and host only; each tenant has its own breaker
 * for a host; and a tenant may have only as many calls in flight as there are free places (calls_max in all), so one
 * tenant gets half of the places, two get a third each, and a tenant that comes later always finds some. A call beyond
 * that waits in the queue of its tenant, and its total_ms continues to run.
 *
 * Thread safe, unless stated otherwise. */
#ifndef PARLEY_NET_CALLS_H
#define PARLEY_NET_CALLS_H

#include "base/config.h"
#include "base/err.h"
#include "base/id.h"
#include "net/fetch.h"

struct call;
struct call_timer;

struct call_request {
    struct str method, url; /* GET POST PUT PATCH DELETE */
    const struct fetch_header *headers;
    size_t header_count;
    struct str body;
    /* Whose call it is. ID_NONE: a call of the install itself. Such a call never waits, has no breaker, and
     * reuses connections only with `keep`. */
    struct id tenant;
    /* Milliseconds; 0 means that only total_ms counts. total_ms must be positive and includes waiting in the queue.
     * connect_ms: from the end of that wait until the connection is ready, with name lookup and TLS.
     * first_byte_ms: from then on until the reply begins.
     * idle_ms: from the head of the reply on, the longest time without content. Bytes for which `data` returns false
     * are no content, so comments that keep an event stream open do not count. */
    int64_t connect_ms, first_byte_ms, idle_ms, total_ms;
    size_t max_body; /* bytes of the body after decompression; more is ERR_TOO_LARGE */
    /* The operator configured this address, not a tenant and not a reply: it may be private. */
    bool trusted;
    /* The operator's setting for calls of this kind: words "host:port" that may be private. They are compared with the
     * host as libcurl reads it, without regard to case; a name of the list may then lead to any address. */
    struct str private_hosts;
    /* Only with `trusted` and without a tenant: the connection may be reused by the next such call of the process. */
    bool keep;
};

/* How a call ended. The status in struct call_result is for the caller's own reply, the class for deciding whether to
 * try again, and where. */
enum call_class {
    CALL_REPLIED,            /* OK: a whole HTTP reply, whatever its status */
    CALL_CANCELLED,          /* ERR_GONE, code cancelled */
    CALL_QUEUE_FULL,         /* ERR_RATE, code bot_busy: too many calls of this tenant wait already */
    CALL_HOST_DOWN,          /* ERR_UNAVAILABLE, code host_down: the breaker is open; err.retry_after_s is set */
    CALL_ADDRESS_REFUSED,    /* ERR_DENIED, code address_refused */
    CALL_NAME_UNKNOWN,       /* ERR_UNAVAILABLE, code fetch_failed: the name was not resolved */
    CALL_NOT_CONNECTED,      /* ERR_UNAVAILABLE, code fetch_failed */
    CALL_TLS_FAILED,         /* ERR_UNAVAILABLE, code tls_failed: the certificate does not prove the host, or no TLS */
    CALL_CONNECT_TIMEOUT,    /* ERR_TIMEOUT, code fetch_timeout, for this and the next three */
    CALL_FIRST_BYTE_TIMEOUT, /* connected, but no reply began */
    CALL_IDLE_TIMEOUT,       /* the reply began, but no content came for too long */
    CALL_TOTAL_TIMEOUT,
    CALL_TOO_LARGE, /* ERR_TOO_LARGE, code reply_too_large */
    CALL_BROKEN,    /* ERR_UNAVAILABLE, code fetch_failed: the connection ended early, or the reply was not HTTP */
    CALL_NO_MEMORY, /* ERR_NOMEM */
};

/* The head of the reply; 1xx replies are left out. Borrowed until the function returns. */
struct call_head {
    int status;
    int retry_after_s; /* 0: the reply does not say */
    int64_t date_ms;   /* the server's clock, of the header Date; 0: the reply does not say */
    struct str content_type;
    const struct fetch_header *headers; /* in order; at most 64 KB of them, the rest is left out */
    size_t header_count;
};

struct call_result {
    enum status status;
    enum call_class class;
    struct err err; /* filled in unless status is OK */
    /* Of the reply, as far as it came; head.status is 0 if not even its head did. */
    struct call_head head;
    struct str body; /* what was collected: all of it if `data` is NULL, else empty */
    /* False when certainly nothing of the request was sent: it may be repeated without harm. */
    bool sent;
};

/* All run in the calls thread; head and data may be NULL. None of them is called after `done`, and `head` and `data`
 * are not called any more once the calls thread itself has called call_cancel(). */
struct call_events {
    void *ctx;
    void (*head)(void *ctx, const struct call_head *h);
    /* A part of the body after decompression. True: it holds content, and idle_ms begins again. False: it only kept the
     * connection alive. Without this function every byte is content, and the body is collected in the result. */
    bool (*data)(void *ctx, const char *p, size_t n);
    /* The end, exactly once for each call that was started. The result is valid until this function returns, unless it
     * is taken over. */
    void (*done)(void *ctx, const struct call_result *r);
};

/* Copies everything it needs of the request and returns at once. After OK `done` will be called, possibly before this
 * function returns; *out is set before that. Any other status: nothing was started, and `done` is not called. out may
 * be NULL for a call that is never cancelled.
 * ERR_INVALID, code url_invalid, header_invalid or method_invalid; ERR_NOMEM; ERR_UNAVAILABLE, code unavailable: the
 * calls thread cannot be started, or is being stopped. */
enum status call_start(const struct call_request *rq, const struct call_events *on, struct call **out, struct err *e);
/* End the call, in any phase: `done` follows within 50 ms with ERR_GONE. May be called any number of times, and after
 * `done`, which then has no effect. */
void call_cancel(struct call *call);
/* Give back the reference of call_start, exactly once. The call goes on. NULL is allowed. */
void call_release(struct call *call);

/* Inside `done`: keep the result. The caller owns it then and gives it back with call_result_free, on any thread. */
struct call_result *call_result_take(const struct call_result *r);
void call_result_free(struct call_result *r);
/* The first header of this name in any case, or "". */
struct str call_head_header(const struct call_head *h, const char *name);

/* Call fire(ctx) in the calls thread after `ms` milliseconds. *out must be given to call_timer_cancel exactly once,
 * also after the timer has fired. ERR_NOMEM; ERR_UNAVAILABLE as call_start. */
enum status call_timer(int64_t ms, void (*fire)(void *ctx), void *ctx, struct call_timer **out, struct err *e);
/* Called in the calls thread: `fire` will not be called any more. On another thread it may be running at this moment.
 * Frees the timer; NULL is allowed. */
void call_timer_cancel(struct call_timer *t);

/* A snapshot for logs, metrics and tests. */
struct calls_count {
    int in_flight, waiting;
};
/* Of one tenant, or with ID_NONE of all tenants together. */
struct calls_count calls_count(struct id tenant);

#endif
