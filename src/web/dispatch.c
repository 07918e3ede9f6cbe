/* dispatch.c: the life of a request: route, rate limit, identity, rights, body, CSRF, plan feature; then the handler,
 * the reply and the log line.
 *
 * All checks come from the columns of the route table and run here, in this order, before the handler. No handler
 * checks any of them, so no handler can forget one. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "web/web_internal.h"

#include "base/banned.h"

void exchange_init(struct exchange *x, const struct web_program *program, void *app, const struct router *router)
{
    *x = (struct exchange){.program = program, .app = app, .router = router};
    arena_init(&x->arena, MAX_REQUEST_ARENA);
    buf_init(&x->head, 2 * MAX_HEADERS);
    buf_init(&x->extra, MAX_HEADERS);
    buf_init(&x->body, MAX_REPLY);
}

void exchange_release(struct exchange *x)
{
    buf_release(&x->head);
    buf_release(&x->extra);
    buf_release(&x->body);
    arena_release(&x->arena);
}

/* ---- what may be asked, and by whom ---- */

/* Allow lists the methods of the address (RFC 9110, 10.2.1), for 405 and OPTIONS. */
static void allow_header(struct request *rq, unsigned allow)
{
    struct buf b;
    buf_init(&b, 128);
    for (int m = 0; m < METHOD_COUNT; m++) {
        if (!(allow & 1u << m) || m == OPTIONS)
            continue;
        buf_puts(&b, method_name((enum method)m));
        buf_puts(&b, m == GET ? ", HEAD, " : ", ");
    }
    buf_puts(&b, "OPTIONS");
    reply_header(rq, "Allow", buf_str(&b));
    buf_release(&b);
}

/* Redirect "/app/" to "/app" when a page is there. A path that would begin with two slashes is left alone: browsers
 * take it for the address of another host. */
static bool without_slash(struct exchange *x, struct request *rq)
{
    struct path *p = &rq->impl->segments;
    unsigned allow;
    if (rq->method != GET || p->n < 2 || p->segment[p->n - 1].n != 0)
        return false;
    struct path shorter = *p;
    shorter.n--;
    if (!router_find(x->router, GET, &shorter, &allow))
        return false;
    struct str raw = request_env(rq, STR("REQUEST_URI"));
    ptrdiff_t mark = str_find(raw, '?');
    size_t n = mark < 0 ? raw.n : (size_t)mark;
    if (n < 2 || raw.p[1] == '/' || raw.p[1] == '\\')
        return false;
    char *to = arena_printf(rq->arena, "%.*s%.*s", (int)n - 1, raw.p, (int)(raw.n - n), raw.p + n);
    if (!to)
        return false;
    reply_status(rq, 308);
    reply_header(rq, "Location", str_from(to));
    return true;
}

/* An address that exists, but not for this method, is 405 and lists its methods. OPTIONS is answered for every address
 * that exists. */
static enum status find_route(struct exchange *x, struct request *rq, struct err *e)
{
    unsigned allow;
    rq->route = router_find(x->router, rq->method, &rq->impl->segments, &allow);
    if (rq->route) {
        crash_route(x->slot, rq->route->path);
        return OK;
    }
    if (allow == 0 && without_slash(x, rq))
        return OK;
    if (allow == 0)
        return err_set(e, E_not_found, "There is no page at this address.");
    allow_header(rq, allow);
    if (rq->method == OPTIONS) {
        reply_status(rq, 204);
        return OK;
    }
    return err_raise(e, E_method_not_allowed);
}

/* On a PUBLIC route a valid session still fills rq->who, so that a page can greet its user. An expired one means that
 * no user is signed in, which is not an error there. */
static enum status check_identity(struct request *rq, struct err *e)
{
    const struct web_program *program = rq->impl->program;
    if (rq->route->who.kind != WHO_PUBLIC) {
        if (!program->identify)
            return err_set(e, E_not_authenticated, "This program does not support signing in.");
        return program->identify(rq, e);
    }
    if (program->identify && request_cookie(rq, SESSION_COOKIE).n) {
        struct err unused = ERR_INIT;
        if (program->identify(rq, &unused) != OK)
            rq->who = (struct identity){0};
    }
    return OK;
}

/* The `who` column is checked here, whatever the identify function of the program let through. */
static enum status check_rights(struct request *rq, struct err *e)
{
    struct who who = rq->route->who;
    if (who.kind == WHO_PUBLIC)
        return OK;
    if (who.kind == WHO_KEY ? id_is_none(rq->who.tenant) : !rq->who.signed_in)
        return err_raise(e, E_not_authenticated);
    if (who.kind == WHO_OPERATOR && !rq->who.is_operator) /* the operator's pages do not exist for others */
        return err_set(e, E_not_found, "There is no page at this address.");
    if (who.kind != WHO_SESSION && (rq->who.perms & who.need) != who.need)
        return err_set(e, E_denied, "You do not have the right to do this.");
    return OK;
}

/* A program without plans refuses a route that names a feature: a mistake in the table must close a page and not open
 * it. */
static enum status check_feature(struct request *rq, struct err *e)
{
    const struct web_program *program = rq->impl->program;
    if (rq->route->feature == FEATURE_NONE)
        return OK;
    if (!program->feature)
        return err_set(e, E_plan_feature, "Your plan does not include this.");
    return program->feature(rq, rq->route->feature, e);
}

/* Everything that must hold before the handler runs, the cheapest checks first. The rate limit comes before the
 * identity, because looking up a session costs a query and guessing tokens must be limited, too. The plan feature comes
 * last: it tells about the plan of a tenant, which only its members may learn. OK without a route means that the reply
 * is complete (a redirect, or the answer to OPTIONS). */
static enum status dispatch_admit(struct exchange *x, struct request *rq, struct err *e)
{
    enum status st;
    if ((st = request_read_env(rq, e)) != OK || (st = find_route(x, rq, e)) != OK || !rq->route)
        return st;
    if (x->program->routed)
        x->program->routed(rq);
    if ((st = rate_check(rq, e)) != OK || (st = check_identity(rq, e)) != OK || (st = check_rights(rq, e)) != OK)
        return st;
    /* The body only now: no upload is stored before it is known that the sender may make it. */
    if ((st = body_read(rq, body_class_cap(rq->route->body), e)) != OK || (st = body_parse_form(rq, e)) != OK)
        return st;
    if ((st = csrf_check(rq, e)) != OK)
        return st;
    return check_feature(rq, e);
}

/* A person who is not signed in is led to the sign-in page; a client of the API gets its 401. */
static void dispatch_refuse(struct request *rq, const struct err *e)
{
    const struct web_program *program = rq->impl->program;
    bool page = rq->route && rq->route->who.kind != WHO_KEY && !request_wants_json(rq);
    if (e->status == ERR_AUTH && page && program->not_signed_in)
        program->not_signed_in(rq);
    else
        reply_error(rq, e);
}

/* ---- one request ---- */

/* What other code finds through the thread: the request id of log lines, the crash report, the cost of statements. It
 * is set whenever a thread takes up the request, and taken off when it lets go. */
static void dispatch_take_up(struct exchange *x)
{
    log_set_request(x->rq.id);
    crash_busy(x->slot, x->rq.id);
    if (x->rq.route)
        crash_route(x->slot, x->rq.route->path);
    if (x->program->cost_reset)
        x->program->cost_reset();
}

static void dispatch_let_go(struct exchange *x)
{
    if (x->program->cost) {
        struct web_cost more = x->program->cost();
        x->cost.statements += more.statements;
        x->cost.us += more.us;
    }
    log_set_request(NULL); /* the line of the request has its own field for it */
    crash_idle(x->slot);
}

/* The buffers are reused. The config is retained here and dropped after the log line, so a reload in between cannot
 * change a setting in the middle of a request. */
static void dispatch_begin(struct exchange *x, struct web_io *io)
{
    struct request_impl *im = &x->im;
    *im = (struct request_impl){.io = io, .program = x->program, .waker = im->waker};
    buf_clear(&x->head);
    buf_clear(&x->extra);
    buf_clear(&x->body);
    im->reply = (struct reply){.head = &x->head,
                               .extra = &x->extra,
                               .body = &x->body,
                               .csp = STR_EMPTY,
                               .cache = STR_EMPTY,
                               .limit = STR_EMPTY};
    im->body = STR_EMPTY;
    x->started_us = clock_mono_us();
    x->cost = (struct web_cost){0};
    x->rq = (struct request){.arena = &x->arena,
                             .config = config_current(),
                             .app = x->app,
                             .impl = im,
                             .reply = &im->reply,
                             .path = STR_EMPTY,
                             .query = STR_EMPTY,
                             .remote_addr = STR_EMPTY,
                             .host = STR_EMPTY,
                             .user_agent = STR_EMPTY,
                             .content_type = STR_EMPTY,
                             .accept = STR_EMPTY,
                             .accept_language = STR_EMPTY};
    id_text(ID_REQUEST, id_new(), x->rq.id);
    dispatch_take_up(x);
}

static void log_request_line(const struct exchange *x)
{
    char tenant[ID_TEXT_MAX] = "";
    const struct request *rq = &x->rq;
    if (!id_is_none(rq->who.tenant))
        id_text(ID_TENANT, rq->who.tenant, tenant);
    log_line(LOG_INFO, "request", LOG_S("id", rq->id), LOG_S("route", rq->route ? rq->route->path : ""),
             LOG_S("method", rq->head                    ? "HEAD"
                             : rq->method < METHOD_COUNT ? method_name(rq->method)
                                                         : "other"),
             LOG_S("tenant", tenant), LOG_I("status", rq->reply->status), LOG_S("code", rq->reply->code),
             LOG_D("ms", (double)(clock_mono_us() - x->started_us) / 1000), LOG_I("sql", x->cost.statements),
             LOG_D("sql_ms", (double)x->cost.us / 1000), LOG_I("bytes", rq->reply->sent));
}

/* After a handler or a resume has returned: it has parked the request, or the reply is complete. The reply goes out
 * before the log line is written: logging must not delay the visitor. */
static bool dispatch_end(struct exchange *x)
{
    if (x->im.park.resume) {
        dispatch_let_go(x);
        return false;
    }
    reply_send(&x->rq);
    dispatch_let_go(x);
    log_request_line(x);
    arena_reset(&x->arena);
    config_drop(x->rq.config);
    return true;
}

bool dispatch_request(struct exchange *x, struct web_io *io)
{
    struct err e = ERR_INIT;
    dispatch_begin(x, io);
    if (dispatch_admit(x, &x->rq, &e) != OK)
        dispatch_refuse(&x->rq, &e);
    else if (x->rq.route)
        x->rq.route->handler(&x->rq);
    return dispatch_end(x);
}

bool dispatch_resume(struct exchange *x)
{
    void (*resume)(struct request *, void *) = x->im.park.resume;
    dispatch_take_up(x);
    x->im.park.resume = NULL;
    resume(&x->rq, x->im.park.ctx);
    return dispatch_end(x);
}

void request_park(struct request *rq, int64_t ms, void (*resume)(struct request *rq, void *ctx), void *ctx)
{
    struct request_impl *im = rq->impl;
    im->park.resume = resume;
    im->park.ctx = ctx;
    im->park.until_us = ms < 0 ? 0 : clock_mono_us() + ms * 1000;
}

struct waker request_waker(const struct request *rq)
{
    return rq->impl->waker;
}
