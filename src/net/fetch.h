/* fetch.h: outgoing HTTP: deadlines, size limits, no private addresses. The one module that knows libcurl (with
 * smtp.h).
 *
 * Only http and https; redirects are not followed. The address is checked when the socket is opened, so a name that
 * changes between lookup and connect gains nothing: loopback, private, link-local, carrier-grade NAT, multicast,
 * unspecified, NAT64 and IPv4-mapped addresses are refused unless the setting http_allow_private lists host:port.
 * Proxies of the environment are not used. Thread safe; no thread waits longer than the deadline, not even while a name
 * is looked up. */
#ifndef PARLEY_NET_FETCH_H
#define PARLEY_NET_FETCH_H

#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"
#include "base/str.h"

/* ERR_INVALID, code header_invalid: bytes that a header cannot have, and names that frame a message or choose its host
 * (Host, Content-Length, Transfer-Encoding, Connection, ...). No Content-Type is sent unless it is given. */
struct fetch_header {
    struct str name, value;
};
struct fetch_request {
    struct str method, url; /* GET POST PUT PATCH DELETE */
    const struct fetch_header *headers;
    size_t header_count;
    struct str body;
    int64_t timeout_ms; /* the whole call */
    size_t max_body;    /* bytes; more is ERR_TOO_LARGE */
    /* The operator configured this address, not a tenant and not a reply: it may be private. */
    bool trusted;
    /* Only with `trusted`: the connection stays open for the next such call of any thread of the process. */
    bool keep;
};
struct fetch_reply {
    int status;
    struct str content_type, body;
    int retry_after_s;
    struct fetch_header *headers; /* of the reply, in order; at most 64 KB of them, the rest is left out */
    size_t header_count;
    /* Set also after a failure. False when certainly nothing of the request was sent: no connection, no valid
     * certificate. */
    bool sent;
};

/* Any HTTP reply is OK; its status is in out->status. ERR_INVALID, code url_invalid, header_invalid or method_invalid;
 * ERR_DENIED, code address_refused; ERR_TIMEOUT; ERR_TOO_LARGE; ERR_UNAVAILABLE, code
 * fetch_failed, or tls_failed when the certificate does not prove the host. The reply lives in the arena. */
enum status fetch(const struct config *c, struct arena *a, const struct fetch_request *rq, struct fetch_reply *out,
                  struct err *e);
/* The first header of this name in any case, or "". */
struct str fetch_reply_header(const struct fetch_reply *r, const char *name);
/* Check syntax and scheme; a user or password is refused. ERR_INVALID, code url_invalid. */
enum status fetch_check_url(struct str url, struct err *e);
/* Release everything, for leak checkers: no transfer may run. */
void fetch_library_end(void);

#endif
