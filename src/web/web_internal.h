/* web_internal.h: what the files of src/web share. Programs do not include it. */
#ifndef PARLEY_WEB_INTERNAL_H
#define PARLEY_WEB_INTERNAL_H

#include <stdatomic.h>

#include "base/crash.h"
#include "web/params.h"
#include "web/request.h"
#include "web/router.h"
#include "web/server.h"

/* How bytes come and go: FastCGI (server.c) or plain CGI (cgi.c). */
struct web_io {
    char **envp; /* "NAME=value", NULL at the end */
    /* Returns the number of bytes; less than n at the end of the body or after a timeout; -1 on failure. */
    ptrdiff_t (*read)(struct web_io *io, char *buf, size_t n);
    /* 0, or -1 when the visitor has left. */
    int (*write)(struct web_io *io, const char *p, size_t n);
    int (*flush)(struct web_io *io);
    bool (*gone)(struct web_io *io);
};

struct env_var {
    struct str name, value;
};

struct reply {
    int status; /* 0 = none yet */
    const char *type;
    char code[48];                   /* of the error that was reported, "" = none */
    struct str csp, cache;           /* the handler's own, "" = the default */
    struct buf *head, *extra, *body; /* the finished head; the handler's header lines; the body */
    struct str limit;                /* RateLimit lines, kept when an error takes the reply's place */
    bool refused;                    /* a header was malformed: the reply must not be sent */
    bool streaming, gone;
    size_t sent; /* body bytes */
};

struct request_impl {
    struct web_io *io;
    const struct web_program *program;
    struct env_var *env;
    size_t env_n;
    struct path segments;
    struct params query, form, cookies;
    bool have_cookies;
    struct str body;
    struct reply reply;
    struct waker waker; /* set before the request begins */
    struct {
        void (*resume)(struct request *rq, void *ctx); /* NULL: it is not parked */
        void *ctx;
        int64_t until_us; /* by clock_mono_us; 0: no limit */
    } park;
};

/* One request from its beginning to its log line, with the memory that is kept for the next one. It belongs to the
 * thread that runs it; while it is parked it belongs to no thread. */
struct exchange {
    const struct web_program *program;
    void *app;
    const struct router *router;
    struct arena arena;
    struct buf head, extra, body;
    struct crash_slot *slot; /* of the thread that runs it now */
    struct request rq;
    struct request_impl im;
    int64_t started_us;
    struct web_cost cost; /* of the database, before the last park */
};
void exchange_init(struct exchange *x, const struct web_program *program, void *app, const struct router *router);
void exchange_release(struct exchange *x);

/* Serve one request, from its parameters to its log line (dispatch.c). False: it is parked, x->im.park says until when,
 * and dispatch_resume has to follow, on any thread. The caller has set slot and im.waker. */
bool dispatch_request(struct exchange *x, struct web_io *io);
bool dispatch_resume(struct exchange *x);

/* Index the variables of the web server and read method, path and query (request.c). ERR_INVALID. */
enum status request_read_env(struct request *rq, struct err *e);
/* One variable of the web server as it came; "" if absent. */
struct str request_env(const struct request *rq, struct str name);

/* Read the body of at most `cap` bytes (body.c). ERR_INVALID code length_required, length_invalid or body_incomplete,
 * ERR_TOO_LARGE, ERR_UNAVAILABLE code upload_failed. */
enum status body_read(struct request *rq, size_t cap, struct err *e);
/* Parse the form in the body, if its content type is one of a form. */
enum status body_parse_form(struct request *rq, struct err *e);
/* Write all n bytes. 0, or -1 with errno. */
int web_write_all(int fd, const char *p, size_t n);

/* ERR_DENIED, code csrf_origin or csrf_token, unless the `csrf` column of the route is satisfied (csrf.c). */
enum status csrf_check(struct request *rq, struct err *e);
/* ERR_RATE, code rate_limited, when the bucket of the remote address is empty (rate.c). */
enum status rate_check(struct request *rq, struct err *e);

/* Send status line and headers. ERR_GONE, or ERR_NOMEM when they exceed MAX_HEADERS. *e is not filled. */
enum status reply_write_head(struct request *rq, bool with_length);
const char *http_reason(int status);
/* True for a status whose reply has no body (204, 304). */
bool http_without_body(int status);
/* Forget status, type, cache rule and body; keep cookies and other headers. */
void reply_reset(struct request *rq);

/* Send the reply (send.c). What cannot be sent is replaced by a plain error. */
void reply_send(struct request *rq);

/* Serve one request as plain CGI (cgi.c). Returns the exit code. */
int cgi_serve(struct exchange *x);

/* FastCGI on a listening socket until SIGTERM or SIGINT (server.c). `reload` is called at SIGHUP. Returns the exit
 * code. */
struct fastcgi {
    const struct web_program *program;
    void *app;
    const struct router *router;
    int listen_fd, threads;
    int64_t request_timeout_ms, stop_timeout_ms;
    void (*reload)(void *ctx);
    void *reload_ctx;
};
int fastcgi_serve(const struct fastcgi *f);
extern atomic_bool web_stopping;

#endif
