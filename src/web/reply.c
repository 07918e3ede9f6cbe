/* reply.c: the reply as the handler puts it together: status, headers, cookies, body.
 *
 * Everything is collected in buffers and sent when the handler has returned (send.c), so an error can still replace the
 * reply. A handler cannot break the framing: a header with a line break makes the whole reply a 500. */
#include <strings.h>

#include "base/limits.h"
#include "base/log.h"
#include "web/web_internal.h"

#include "base/banned.h"

#define CSP_DATA "default-src 'none'; frame-ancestors 'none'"

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Status";
}

void reply_status(struct request *rq, int status)
{
    rq->reply->status = status;
}

void reply_type(struct request *rq, const char *content_type)
{
    rq->reply->type = content_type;
}

/* The token of RFC 9110, 5.6.2. Names are literals in the code, but one wrong literal must not break the framing. */
static bool reply_name_ok(const char *name)
{
    if (*name == '\0')
        return false;
    for (; *name; name++)
        if (*name <= ' ' || *name >= 127 || strchr("()<>@,;:\\\"/[]?={}", *name))
            return false;
    return true;
}

/* A line break in a value would begin a header of the visitor's choice, or the body. NUL is refused, because servers
 * differ in what they do with it. */
static bool reply_value_ok(struct str s)
{
    return !memchr(s.p, '\r', s.n) && !memchr(s.p, '\n', s.n) && !memchr(s.p, '\0', s.n);
}

/* Copied, because the value may be in a buffer of the handler, and the head is built after the handler has returned. */
static void reply_keep(struct request *rq, struct str value, struct str *slot)
{
    bool ok = true;
    *slot = arena_str(rq->arena, value, &ok);
    if (!ok)
        rq->reply->refused = true;
}

/* Content-Security-Policy and Cache-Control are kept apart, because each reply has exactly one of either. */
void reply_header(struct request *rq, const char *name, struct str value)
{
    struct reply *rp = rq->reply;
    if (!reply_name_ok(name) || !reply_value_ok(value)) {
        log_line(LOG_ERROR, "header_refused", LOG_S("route", rq->route ? rq->route->path : ""));
        rp->refused = true;
        return;
    }
    if (strcasecmp(name, "Content-Security-Policy") == 0) {
        reply_keep(rq, value, &rp->csp);
    } else if (strcasecmp(name, "Cache-Control") == 0) {
        reply_keep(rq, value, &rp->cache);
    } else {
        buf_puts(rp->extra, name);
        buf_puts(rp->extra, ": ");
        buf_str_add(rp->extra, value);
        buf_puts(rp->extra, "\r\n");
    }
}

struct buf *reply_body(struct request *rq)
{
    return rq->reply->body;
}

void reply_json(struct request *rq, int status, const struct json *j)
{
    reply_status(rq, status);
    reply_type(rq, "application/json");
    json_write(rq->reply->body, j);
}

/* A path of this site: a slash that is not followed by another slash or a backslash. Browsers take "//host" and
 * "/\\host" for the address of another site. */
bool reply_path_is_local(struct str s)
{
    return s.n && s.p[0] == '/' && (s.n == 1 || (s.p[1] != '/' && s.p[1] != '\\')) && reply_value_ok(s);
}

/* 303, so that the browser always asks with GET: a reload after a form must not send the form again. */
void reply_redirect(struct request *rq, const char *local_path)
{
    if (!reply_path_is_local(str_from(local_path)))
        BUG("the target of a redirect is not a path of this site");
    reply_reset(rq);
    reply_status(rq, 303);
    reply_header(rq, "Location", str_from(local_path));
}

/* An https address, or http on this machine for tests. A host must follow, and no backslash or control character may
 * occur: browsers repair such addresses and end up elsewhere. */
static bool is_away(struct str url)
{
    static const char *const here[] = {"http://127.0.0.1:", "http://localhost:", "http://[::1]:"};
    bool good = str_starts(url, STR("https://")) && url.n > 8 && url.p[8] != '/';
    for (size_t i = 0; i < COUNT_OF(here); i++)
        good = good || str_starts(url, str_from(here[i]));
    for (size_t i = 0; i < url.n; i++)
        if ((unsigned char)url.p[i] <= ' ' || (unsigned char)url.p[i] > '~' || url.p[i] == '\\')
            good = false;
    return good;
}

enum status reply_redirect_away(struct request *rq, struct str url, struct err *e)
{
    if (!is_away(url))
        return err_raise(e, E_address_invalid);
    reply_reset(rq);
    reply_status(rq, 303);
    reply_header(rq, "Location", url);
    return OK;
}

/* Headers and cookies in `extra` stay: an error does not take back a cookie that was set before it. */
void reply_reset(struct request *rq)
{
    struct reply *rp = rq->reply;
    buf_clear(rp->body);
    rp->type = NULL;
    rp->cache = STR_EMPTY;
    rp->status = 0;
}

/* "auto" follows base_url and not this request: behind a proxy the request arrives as plain http, and a browser drops a
 * Secure cookie on a site without https. */
static bool cookies_secure(const struct request *rq)
{
    enum secure_cookies mode = (enum secure_cookies)config_int(rq->config, CONFIG_secure_cookies);
    if (mode == SECURE_COOKIES_AUTO)
        return str_starts(str_from(config_string(rq->config, CONFIG_base_url)), STR("https://"));
    return mode == SECURE_COOKIES_ON;
}

/* The characters of RFC 6265, 4.1.1. A semicolon would let a value add attributes to its cookie. */
static bool cookie_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 127 || strchr("\",;\\", s.p[i]))
            return false;
    return true;
}

/* A value that could end the cookie or the header is a bug of the caller and makes the whole reply a 500. */
void reply_cookie(struct request *rq, const struct cookie *c)
{
    struct reply *rp = rq->reply;
    struct str path = str_from(c->path ? c->path : "/");
    if (!reply_name_ok(c->name) || !cookie_value(c->value) || !cookie_value(path)) {
        log_line(LOG_ERROR, "cookie_refused", LOG_S("route", rq->route ? rq->route->path : ""));
        rp->refused = true;
        return;
    }
    buf_printf(rp->extra, "Set-Cookie: %s=%.*s; Path=%.*s", c->name, STR_F(c->max_age_s < 0 ? STR_EMPTY : c->value),
               STR_F(path));
    if (c->max_age_s != 0)
        buf_printf(rp->extra, "; Max-Age=%lld", (long long)(c->max_age_s < 0 ? 0 : c->max_age_s));
    buf_puts(rp->extra, cookies_secure(rq) ? "; HttpOnly; SameSite=Lax; Secure\r\n" : "; HttpOnly; SameSite=Lax\r\n");
}

/* Pages get the policy for pages, everything else one that allows nothing, so a reply that a browser takes for a page
 * by mistake cannot run anything. Nothing is cached unless the handler says so: most replies belong to one user. */
static void security_headers(struct request *rq, struct buf *h)
{
    struct reply *rp = rq->reply;
    bool page = rp->type && str_starts(str_from(rp->type), STR("text/html"));
    buf_puts(h, "X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\nContent-Security-Policy: ");
    if (rp->csp.n)
        buf_str_add(h, rp->csp);
    else
        buf_puts(h, page ? CSP_PAGE "frame-ancestors 'none'" : CSP_DATA);
    buf_puts(h, "\r\nCache-Control: ");
    buf_str_add(h, rp->cache.n ? rp->cache : STR("no-store"));
    if (page)
        buf_puts(h, "\r\nPermissions-Policy: camera=(), geolocation=(), microphone=()\r\nCross-Origin-Opener-Policy: "
                    "same-origin");
    if (rq->https)
        buf_puts(h, "\r\nStrict-Transport-Security: max-age=31536000");
    buf_puts(h, "\r\n");
}

bool http_without_body(int status)
{
    return status == 204 || status == 304;
}

/* Status first, as CGI wants it. HEAD gets the length that GET would have, since the body is built in both cases; it is
 * only not sent. */
static void build_head(struct request *rq, struct buf *h, bool with_length)
{
    struct reply *rp = rq->reply;
    buf_puts(h, "Status: ");
    buf_i64(h, rp->status);
    buf_putc(h, ' ');
    buf_puts(h, http_reason(rp->status));
    if (rp->type && !http_without_body(rp->status)) {
        buf_puts(h, "\r\nContent-Type: ");
        buf_puts(h, rp->type);
    }
    if (with_length && !http_without_body(rp->status)) {
        buf_puts(h, "\r\nContent-Length: ");
        buf_u64(h, rp->body->n);
    }
    buf_puts(h, "\r\nX-Request-Id: ");
    buf_puts(h, rq->id);
    buf_puts(h, "\r\n");
    security_headers(rq, h);
    buf_str_add(h, rp->limit);
    buf_str_add(h, buf_str(rp->extra));
    buf_puts(h, "\r\n");
}

/* A failed write means that the web server has closed the connection; from then on nothing more is tried. */
enum status reply_write_head(struct request *rq, bool with_length)
{
    struct reply *rp = rq->reply;
    struct web_io *io = rq->impl->io;
    buf_clear(rp->head);
    build_head(rq, rp->head, with_length);
    if (!buf_ok(rp->head))
        return ERR_NOMEM;
    if (io->write(io, rp->head->p, rp->head->n) == 0)
        return OK;
    rp->gone = true;
    return ERR_GONE;
}
