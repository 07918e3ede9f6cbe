/* web_internal.h: what the files of src/web share. Not for doors. */
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
    char **envp;                                               /* "NAME=value", NULL at the end */
    ptrdiff_t (*read)(struct web_io *io, char *buf, size_t n); /* what came; short at the end or a timeout; -1 */
    int (*write)(struct web_io *io, const char *p, size_t n);  /* -1: the visitor has left */
    int (*flush)(struct web_io *io);
    bool (*gone)(struct web_io *io);
};

struct env_var {
    struct str name, value;
};

struct reply {
    int status; /* 0 = none yet */
    const char *type;
    char code[48];                   /* of the error that is told, "" = none */
    struct str csp, cache;           /* the handler's own, "" = the default */
    struct buf *head, *extra, *body; /* what is sent first; the handler's header lines; the body */
    struct str limit;                /* RateLimit lines, kept when an error takes the reply's place */
    bool refused;                    /* a header was not fit to send */
    bool streaming, gone;
    size_t sent; /* body bytes */
};

struct request_impl {
    struct web_io *io;
    const struct door *door;
    struct env_var *env;
    size_t env_n;
    struct path segments;
    struct params query, form, cookies;
    bool have_cookies;
    struct str body;
    struct reply reply;
};

/* A thread's own: kept from request to request. */
struct worker {
    const struct door *door;
    void *app;
    const struct router *router;
    struct arena arena;
    struct buf head, extra, body;
    struct crash_slot *slot;
};
void worker_init(struct worker *w, const struct door *door, void *app, const struct router *router,
                 struct crash_slot *slot);
void worker_release(struct worker *w);

/* dispatch.c: serve one request, from parameters to log line. */
void dispatch(struct worker *w, struct web_io *io);
extern atomic_bool web_stopping;

/* request.c */
enum status request_read_env(struct request *rq, struct err *e);
struct str request_env(const struct request *rq, struct str name);
/* body.c: length, cap, reading; then the form in it. */
enum status body_read(struct request *rq, size_t cap, struct err *e);
enum status body_parse_form(struct request *rq, struct err *e);
int web_write_all(int fd, const char *p, size_t n); /* -1: errno says why */
/* csrf.c */
enum status csrf_check(struct request *rq, struct err *e);
/* rate.c */
enum status rate_check(struct request *rq, struct err *e);
/* reply.c: everything out. */
void reply_send(struct request *rq);
enum status reply_write_head(struct request *rq, bool with_length);
const char *http_reason(int status);
void reply_reset(struct request *rq); /* forget body, type and cache rule; keep cookies and other headers */

/* cgi.c */
int cgi_serve(struct worker *w);

/* server.c: FastCGI on a listening socket until SIGTERM or SIGINT; `reload` is called at SIGHUP. The exit code. */
struct fastcgi {
    const struct door *door;
    void *app;
    const struct router *router;
    int listen_fd, threads;
    int64_t request_timeout_ms, stop_timeout_ms;
    void (*reload)(void *ctx);
    void *reload_ctx;
};
int fastcgi_serve(const struct fastcgi *f);

#endif
