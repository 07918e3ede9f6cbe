/* request.h: one request: where it comes from, its parameters, body and identity; and its reply.
 *
 * Everything that these functions return is borrowed: it lives in rq->arena or in the input until the reply is sent.
 * Inputs are valid UTF-8 without control characters (the dispatcher has answered 400 otherwise), except the bytes of a
 * file and of a raw body. Thread rule: a request belongs to the thread that serves it, and to none while it is
 * parked. */
#ifndef PARLEY_WEB_REQUEST_H
#define PARLEY_WEB_REQUEST_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/id.h"
#include "base/json.h"
#include "base/waker.h"
#include "web/route.h"

#define SESSION_COOKIE "parley_session"

/* Who sends the request. The program's identify function fills it before the handler runs. */
struct identity {
    bool signed_in;
    struct id tenant, user, key;
    uint32_t perms; /* rights of the member, or scopes of the key */
    bool is_operator;
    void *account; /* the program's own richer view (struct session *) */
    uint8_t csrf_key[32];
};

struct reply;
struct request {
    struct arena *arena;
    const struct config *config; /* for the whole request: a reload does not change it */
    void *app;                   /* the program's state: database pool, caches */
    const struct route *route;   /* NULL until routed */
    struct identity who;
    struct reply *reply;
    char id[40]; /* req_...: in the log line, on the error page, in X-Request-Id */
    enum method method;
    bool head;              /* a HEAD request: only the headers are sent */
    struct str path, query; /* the decoded path; the raw query */
    struct str remote_addr, host, user_agent, content_type, accept, accept_language;
    bool https;
    struct request_impl *impl; /* private to src/web */
};

/* ---- parameters: "" when absent, the first value when repeated ---- */

/* The segment that {name} took in the path. A name that is not in the pattern is a BUG. */
struct str request_segment(struct request *rq, const char *name);
struct str request_query(struct request *rq, const char *name);
/* A text field of an urlencoded or multipart form. */
struct str request_form(struct request *rq, const char *name);
bool request_form_has(struct request *rq, const char *name);
/* The bytes of a file field of a multipart form. *filename (may be NULL) is what the client calls it: never use it as a
 * path. */
struct str request_file(struct request *rq, const char *name, struct str *filename);
struct str request_cookie(struct request *rq, const char *name);
/* A header by its CGI name: "HTTP_LAST_EVENT_ID". */
struct str request_header(struct request *rq, const char *http_name);
struct str request_body(struct request *rq);
/* The body as one JSON object. ERR_INVALID, code content_type (415) unless the content type is JSON, code json_invalid
 * (400) unless the body is an object; ERR_TOO_LARGE, code json_too_large. */
enum status request_json(struct request *rq, struct json **out, struct err *e);

/* True when the client asks for JSON and not for a page. */
bool request_wants_json(const struct request *rq);
/* True when the client accepts text/event-stream. */
bool request_wants_events(const struct request *rq);
/* The best of Accept-Language among `supported`, else supported[0]. */
struct str request_language(struct request *rq, const struct str *supported, size_t n);
/* True when a browser states that the request comes from a page of this install (Origin). */
bool request_from_here(struct request *rq);
/* True when the visitor has left. Costs one system call. */
bool request_gone(struct request *rq);
/* The value for the form field _csrf; "" when no user is signed in. It differs on each call; each one is valid. */
const char *request_csrf_token(struct request *rq);

/* ---- reply: status and headers first, then the body ---- */

void reply_status(struct request *rq, int status);
/* Add a header. A name or value with CR, LF or NUL is logged and makes the whole reply a 500. Every reply has security
 * headers; a page that may be framed or cached sets Content-Security-Policy or Cache-Control itself: reply_header(rq,
 * "Content-Security-Policy", STR(CSP_PAGE "frame-ancestors *")). An error never keeps the cache rule. */
void reply_header(struct request *rq, const char *name, struct str value);
#define CSP_PARTS                                                                                             \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; font-src 'self'; " \
    "connect-src 'self'; manifest-src 'self'; frame-src 'self'; base-uri 'none'; "
#define CSP_PAGE CSP_PARTS "form-action 'self'; "
/* `content_type` must live until the reply is sent. */
void reply_type(struct request *rq, const char *content_type);
struct cookie {
    const char *name;
    struct str value;
    const char *path;
    int64_t max_age_s; /* 0 = until the browser closes, < 0 = delete the cookie */
};
/* Every cookie is HttpOnly and SameSite=Lax, and Secure as the setting secure_cookies says. */
void reply_cookie(struct request *rq, const struct cookie *c);
/* The buffer for the body, at most MAX_REPLY bytes. */
struct buf *reply_body(struct request *rq);
/* For a reply of any length: send what the body holds, before it the headers if this is the first part, and empty the
 * body. Afterwards status and headers cannot change; a later error is only logged and ends the reply. ERR_GONE: the
 * reader has left. */
enum status reply_part(struct request *rq, struct err *e);
void reply_json(struct request *rq, int status, const struct json *j);
/* True for a path of this site: a slash that no second slash and no backslash follows, on one line. Outside text must
 * be checked with it before it is passed to reply_redirect. */
bool reply_path_is_local(struct str path);
/* 303 to a path of this site. Anything else ("//host", "/\host", "https://...") is a BUG. */
void reply_redirect(struct request *rq, const char *local_path);
/* 303 to another site, which outside text may name: only https (or http on this machine, for tests). Anything else is
 * ERR_INVALID, code address_invalid. The page whose form led here needs a form-action of its own (CSP_PARTS), because
 * browsers apply the directive to the redirects of a form, too. */
enum status reply_redirect_away(struct request *rq, struct str url, struct err *e);

/* Reply with an error in the form that the client asked for: application/problem+json (RFC 9457, with the members code,
 * pointer and request_id), or the error page of the program. The status follows from *e. */
void reply_error(struct request *rq, const struct err *e);
/* The same, always as JSON. */
void reply_problem(struct request *rq, const struct err *e);
int http_status_of(const struct err *e);
/* For a handler that reports an error in a form of its own (a page, an event): put the code into the log line of the
 * request, and log the message of a fault of ours (5xx). reply_error and reply_problem do so themselves. */
void request_failed(struct request *rq, const struct err *e);

/* ---- waiting without a thread ---- */

/* The handler calls this last, and returns. The thread serves others, and `resume` runs on any thread of the pool: when
 * the request's waker was woken (also before the handler returned), after `ms` milliseconds (less than 0: never), when
 * the visitor has left, or once when the program is to stop (stream_stopping). It may also run for no reason, so it
 * looks for itself whether what it waits for is there. It ends like a handler: with a reply, or parked again. A stream
 * may be begun before, and events sent in each `resume`. What belongs to a thread, such as a database connection or a
 * lock, must not be held meanwhile. */
void request_park(struct request *rq, int64_t ms, void (*resume)(struct request *rq, void *ctx), void *ctx);
/* Wakes this request, from any thread. It does nothing once the request has ended, however late that is. A handler
 * that wakes another request must not wait for it: its own thread may be the one that continues it. */
struct waker request_waker(const struct request *rq);

/* ---- event stream (text/event-stream) ---- */

/* Send the headers at once. ERR_GONE: the visitor has left; also from the two functions below. */
enum status stream_begin(struct request *rq, struct err *e);
/* Send one event. `data` and `id` must not contain line breaks (JSON contains none); id "" sends no id. */
enum status stream_event(struct request *rq, const char *event, struct str id, struct str data, struct err *e);
/* Send a comment line, so that proxies keep the connection open. */
enum status stream_heartbeat(struct request *rq, struct err *e);
/* True once the program is to stop. A handler whose stream may last longer than stop_timeout must ask, and finish
 * soon. */
bool stream_stopping(const struct request *rq);

#endif
