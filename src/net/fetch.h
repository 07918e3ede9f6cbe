/* fetch.h: outgoing HTTP: deadlines, size caps, no private addresses. The one room that knows libcurl.
 *
 * http and https only, redirects are not followed, the address is checked when the socket is opened (so a name that changes
 * its mind between lookup and connect gains nothing): loopback, private, link-local, CGNAT, multicast, unspecified, NAT64
 * and v4-mapped forms are refused unless host:port stands in the setting http_allow_private. Proxies of the environment are
 * not used. Thread safe; no thread waits longer than the deadline, also while a name is looked up. */
#ifndef PARLEY_NET_FETCH_H
#define PARLEY_NET_FETCH_H

#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"
#include "base/str.h"

/* Refused (ERR_INVALID, code header_invalid): bytes that no header may hold, and the names that frame a message or choose
 * its host (Host, Content-Length, Transfer-Encoding, Connection, ...). No Content-Type is sent unless given. */
struct fetch_header {
    struct str name, value;
};
struct fetch_request {
    struct str method, url; /* GET POST PUT PATCH DELETE */
    const struct fetch_header *headers;
    size_t header_count;
    struct str body;
    int64_t timeout_ms;           /* the whole call */
    size_t max_body;              /* bytes; more is ERR_TOO_LARGE */
    bool (*cancelled)(void *ctx); /* asked at least every 300 ms, in this thread; may be NULL */
    void *cancel_ctx;
    /* The operator configured this address (never a tenant, never what an answer named): it may be private. */
    bool trusted;
    /* Only with `trusted`: the connection stays open and serves the next such call of any thread of the process. */
    bool keep;
};
struct fetch_reply {
    int status;
    struct str content_type, body;
    int retry_after_s;
    struct fetch_header *headers; /* of the answer, in order; at most 64 KB of them, the rest is left out */
    size_t header_count;
    bool
        sent; /* also after a failure: false when surely nothing of the request left (no connection, no valid certificate) */
};

/* Any HTTP answer is OK (look at reply->status). ERR_TIMEOUT, ERR_DENIED code address_refused, ERR_UNAVAILABLE code
 * fetch_failed or tls_failed (the certificate does not prove the host), ERR_TOO_LARGE, ERR_INVALID for the URL, ERR_GONE when cancelled. The body lives in the arena. */
enum status fetch(const struct config *c, struct arena *a, const struct fetch_request *rq, struct fetch_reply *out,
                  struct err *e);
struct str fetch_reply_header(const struct fetch_reply *r,
                              const char *name);            /* the first of this name in any case, or "" */
enum status fetch_check_url(struct str url, struct err *e); /* syntax and scheme only; no user:password@ */
void fetch_library_begin(void);                             /* lazy: called by the first fetch; thread safe */
void fetch_library_end(void);

#endif
