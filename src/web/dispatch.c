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

void web_worker_init(struct web_worker *w, const struct web_program *program, void *app, const struct router *router,
                     struct crash_slot *slot)
{
    *w = (struct web_worker){.program = program, .app = app, .router = router, .slot = slot};
    arena_init(&w->arena, MAX_REQUEST_ARENA);
    buf_init(&w->head, 2 * MAX_HEADERS);
    buf_init(&w->extra, MAX_HEADERS);
    buf_init(&w->body, MAX_REPLY);
}

void web_worker_release(struct web_worker *w)
{
    buf_release(&w->head);
    buf_release(&w->extra);
    buf_release(&w->body);
    arena_release(&w->arena);
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
static bool without_slash(struct web_worker *w, struct request *rq)
{
    struct path *p = &rq->impl->segments;
    unsigned allow;
    if (rq->method != GET || p->n < 2 || p->segment[p->n - 1].n != 0)
        return false;
    struct path shorter = *p;
    shorter.n--;
    if (!router_find(w->router, GET, &shorter, &allow))
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
static enum status find_route(struct web_worker *w, struct request *rq, struct err *e)
{
    unsigned allow;
    rq->route = router_find(w->router, rq->method, &rq->impl->segments, &allow);
    if (rq->route) {
        crash_route(w->slot, rq->route->path);
        return OK;
    }
    if (allow == 0 && without_slash(w, rq))
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
static enum status dispatch_admit(struct web_worker *w, struct request *rq, struct err *e)
{
    enum status st;
    if ((st = request_read_env(rq, e)) != OK || (st = find_route(w, rq, e)) != OK || !rq->route)
        return st;
    if (w->program->routed)
        w->program->routed(rq);
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

/* The buffers belong to the thread and are reused. The config is retained here and dropped after the log line, so a
 * reload in between cannot change a setting in the middle of a request. */
static void dispatch_begin(struct web_worker *w, struct request *rq, struct request_impl *im, struct web_io *io)
{
    *im = (struct request_impl){.io = io, .program = w->program};
    buf_clear(&w->head);
    buf_clear(&w->extra);
    buf_clear(&w->body);
    im->reply = (struct reply){.head = &w->head,
                               .extra = &w->extra,
                               .body = &w->body,
                               .csp = STR_EMPTY,
                               .cache = STR_EMPTY,
                               .limit = STR_EMPTY};
    im->body = STR_EMPTY;
    *rq = (struct request){.arena = &w->arena,
                           .config = config_current(),
                           .app = w->app,
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
    id_text(ID_REQUEST, id_new(), rq->id);
    log_set_request(rq->id);
    crash_busy(w->slot, rq->id);
    if (w->program->cost_reset)
        w->program->cost_reset();
}

static void log_request_line(struct web_worker *w, const struct request *rq, int64_t started_us)
{
    char tenant[ID_TEXT_MAX] = "";
    struct web_cost cost = w->program->cost ? w->program->cost() : (struct web_cost){0};
    if (!id_is_none(rq->who.tenant))
        id_text(ID_TENANT, rq->who.tenant, tenant);
    log_set_request(NULL); /* the line has its own field for it */
    log_line(LOG_INFO, "request", LOG_S("id", rq->id), LOG_S("route", rq->route ? rq->route->path : ""),
             LOG_S("method", rq->head                    ? "HEAD"
                             : rq->method < METHOD_COUNT ? method_name(rq->method)
                                                         : "other"),
             LOG_S("tenant", tenant), LOG_I("status", rq->reply->status), LOG_S("code", rq->reply->code),
             LOG_D("ms", (double)(clock_mono_us() - started_us) / 1000), LOG_I("sql", cost.statements),
             LOG_D("sql_ms", (double)cost.us / 1000), LOG_I("bytes", rq->reply->sent));
}

/* The reply goes out before the log line is written: logging must not delay the visitor. */
void dispatch_request(struct web_worker *w, struct web_io *io)
{
    struct request rq;
    struct request_impl im;
    struct err e = ERR_INIT;
    int64_t started_us = clock_mono_us();
    dispatch_begin(w, &rq, &im, io);
    if (dispatch_admit(w, &rq, &e) != OK)
        dispatch_refuse(&rq, &e);
    else if (rq.route)
        rq.route->handler(&rq);
    reply_send(&rq);
    log_request_line(w, &rq, started_us);
    crash_idle(w->slot);
    arena_reset(&w->arena);
    config_drop(rq.config);
}
