/* request.h: one request: where from, parameters, body, who; and its reply.
 *
 * Everything borrowed from a request lives in rq->arena until the reply is sent. Inputs are valid UTF-8 without control
 * characters (else the dispatcher has answered 400 already); parameters are indexed once. */
#ifndef PARLEY_WEB_REQUEST_H
#define PARLEY_WEB_REQUEST_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/id.h"
#include "base/json.h"
#include "web/route.h"

#define SESSION_COOKIE "parley_session"

struct identity { /* filled by the door's guard before the handler runs */
    bool signed_in;
    struct id tenant, user, key;
    uint32_t perms; /* what the member or the key may */
    bool is_operator;
    void *account; /* the door's own richer view (struct session *) */
    uint8_t csrf_key[32];
};

struct reply;
struct request {
    struct arena *arena;
    const struct config *config; /* of this request: a reload does not change it */
    void *app;                   /* the door's state (pool, talk, ...) */
    const struct route *route;   /* NULL until routed */
    struct identity who;
    struct reply *reply;
    char id[40]; /* req_...: log line, error page, X-Request-Id */
    enum method method;
    bool head;              /* HEAD: headers only */
    struct str path, query; /* decoded path; raw query */
    struct str remote_addr, host, user_agent, content_type, accept, accept_language;
    bool https;
    struct request_impl *impl; /* server's own */
};

struct str request_segment(struct request *rq, const char *name); /* path parameter, percent-decoded */
struct str request_query(struct request *rq, const char *name);   /* "" if absent; the first if repeated */
struct str request_form(struct request *rq, const char *name);    /* urlencoded or multipart field */
bool request_form_has(struct request *rq, const char *name);
struct str request_file(struct request *rq, const char *name,
                        struct str *filename); /* multipart file part; "" if absent */
struct str request_cookie(struct request *rq, const char *name);
bool request_from_here(struct request *rq); /* a browser says that a page of this install sends it */
struct str request_header(struct request *rq, const char *http_name); /* "HTTP_LAST_EVENT_ID" */
struct str request_body(struct request *rq);
/* The body as one JSON object; content type must be JSON. ERR_INVALID code json_invalid (400) or content_type (415 in words). */
enum status request_json(struct request *rq, struct json **out, struct err *e);
bool request_wants_json(const struct request *rq);   /* rather than a page */
bool request_wants_events(const struct request *rq); /* Accept: text/event-stream */
struct str request_language(struct request *rq, const struct str *supported,
                            size_t n); /* best of Accept-Language, else supported[0] */

bool request_gone(struct request *rq); /* has the visitor left? one system call */

/* ---- reply: status and headers first, then the body ---- */
void reply_status(struct request *rq, int status);
/* A name or value with CR, LF or NUL is refused (logged, answered 500). */
void reply_header(struct request *rq, const char *name, struct str value);
/* Every reply has security headers; a page that may be framed, or may be cached, sets Content-Security-Policy or Cache-Control itself:
 * reply_header(rq, "Content-Security-Policy", STR(CSP_PAGE "frame-ancestors *")). An error never keeps the cache rule. */
#define CSP_PARTS                                                                                             \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; font-src 'self'; " \
    "connect-src 'self'; manifest-src 'self'; frame-src 'self'; base-uri 'none'; "
#define CSP_PAGE CSP_PARTS "form-action 'self'; "
void reply_type(struct request *rq, const char *content_type);
struct cookie {
    const char *name;
    struct str value;
    const char *path;
    int64_t max_age_s; /* 0 = session, < 0 = delete */
};
void reply_cookie(struct request *rq, const struct cookie *c); /* HttpOnly; SameSite=Lax; Secure as configured */
struct buf *reply_body(struct request *rq);                    /* bounded by MAX_REPLY */
/* For a reply of any length: what the body holds goes out now, the first time with the headers, and the body is empty again. Afterwards
 * status and headers stand; an error that comes later is only logged, and the reply ends where it is. ERR_GONE: the reader has left. */
enum status reply_part(struct request *rq, struct err *e);
void reply_json(struct request *rq, int status, const struct json *j);
void reply_redirect(struct request *rq, const char *local_path); /* 303; anything but a site path is a BUG */
/* 303 to another site, which outside text may name: https (or http on this host, for tests), nothing else: ERR_INVALID code address_invalid.
 * The page whose form led here needs a form-action of its own (CSP_PARTS): browsers hold redirects of forms to it too. */
enum status reply_redirect_away(struct request *rq, struct str url, struct err *e);
/* The error in the form the client asked for: application/problem+json (RFC 9457: type title status detail code instance pointer
 * request_id) or the door's error page. The status comes from e. */
void reply_error(struct request *rq, const struct err *e);
int http_status_of(const struct err *e);
void reply_problem(struct request *rq, const struct err *e); /* always JSON */
/* For who tells an error in a way of their own (a page, an event): its code stands in the request's log line, and the words of one of
 * ours (5xx) in a line before it. Both of the above do it. */
void request_failed(struct request *rq, const struct err *e);

/* ---- event stream (text/event-stream, X-Accel-Buffering: no) ---- */
enum status stream_begin(struct request *rq, struct err *e); /* headers go out at once */
/* One event; `data` must not hold newlines (JSON has none). id "" = none. ERR_GONE when the visitor has left. */
enum status stream_event(struct request *rq, const char *event, struct str id, struct str data, struct err *e);
enum status stream_heartbeat(struct request *rq, struct err *e); /* a comment line */
bool stream_stopping(const struct request *rq);                  /* the program is to stop: finish soon */

/* ---- CSRF ---- */
const char *request_csrf_token(struct request *rq); /* for the form field _csrf; "" when nobody is signed in */

#endif
