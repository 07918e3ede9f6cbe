/* request.c: what came in: the variables of the web server, and the functions through which handlers read them.
 *
 * The variables are indexed once per request. Values that are not clean text are treated as absent, so no handler ever
 * sees control characters or invalid UTF-8. */
#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "web/web_internal.h"

#include "base/banned.h"

#define ENV_MAX 512 /* variables of one request */

/* A linear search: a request has some dozens of variables, and a handler asks for a few of them. */
struct str request_env(const struct request *rq, struct str name)
{
    const struct request_impl *im = rq->impl;
    for (size_t i = 0; i < im->env_n; i++)
        if (str_eq(im->env[i].name, name))
            return im->env[i].value;
    return STR_EMPTY;
}

static struct str clean_env(const struct request *rq, struct str name)
{
    struct str v = request_env(rq, name);
    return utf8_text(v) ? v : STR_EMPTY;
}

/* The Host header is compared with Origin and may end up in an address. A character that no host name has is a sign of
 * an attack on one of the two, so such a header counts as absent. */
static bool fit_host(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && !strchr("-._:[]", s.p[i]))
            return false;
    return s.n <= 255;
}

/* The variables are indexed even if there are too many: the form of the error reply depends on them. */
static enum status index_env(struct request *rq, struct err *e)
{
    struct request_impl *im = rq->impl;
    size_t n = 0, bytes = 0;
    while (im->io->envp[n])
        n++;
    bool too_many = n > ENV_MAX;
    if (too_many)
        n = ENV_MAX;
    im->env = arena_array(rq->arena, n + 1, sizeof(*im->env));
    if (!im->env)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        struct str all = str_from(im->io->envp[i]);
        ptrdiff_t eq = str_find(all, '=');
        if (eq < 0)
            continue;
        bytes += all.n;
        im->env[im->env_n++] = (struct env_var){str_n(all.p, (size_t)eq), str_sub(all, (size_t)eq + 1, all.n)};
    }
    if (too_many || bytes > 4 * MAX_HEADERS)
        return err_raise(e, E_headers_too_large);
    return OK;
}

/* REQUEST_URI is the address as the client sent it, so that "%2F" inside a segment is not taken for a slash. A server
 * that does not set it has already decoded the path; then that has to do. */
static enum status read_path(struct request *rq, struct err *e)
{
    struct str uri = request_env(rq, STR("REQUEST_URI"));
    rq->query = request_env(rq, STR("QUERY_STRING"));
    if (uri.n == 0) {
        char *z = arena_printf(rq->arena, "%.*s%.*s", STR_F(request_env(rq, STR("SCRIPT_NAME"))),
                               STR_F(request_env(rq, STR("PATH_INFO"))));
        if (!z)
            return err_nomem(e);
        uri = str_from(z);
    } else {
        ptrdiff_t mark = str_find(uri, '?');
        if (mark >= 0) {
            rq->query = str_sub(uri, (size_t)mark + 1, uri.n);
            uri = str_n(uri.p, (size_t)mark);
        }
    }
    if (url_decode(rq->arena, uri, false, &rq->path, e) || path_split(rq->arena, uri, &rq->impl->segments, e))
        return e->status;
    return params_parse(rq->arena, rq->query, &rq->impl->query, e);
}

enum status request_read_env(struct request *rq, struct err *e)
{
    enum status st = index_env(rq, e); /* continue after an error: these values decide the form of its answer */
    rq->remote_addr = clean_env(rq, STR("REMOTE_ADDR"));
    rq->host = clean_env(rq, STR("HTTP_HOST"));
    if (!fit_host(rq->host))
        rq->host = STR_EMPTY;
    rq->user_agent = clean_env(rq, STR("HTTP_USER_AGENT"));
    rq->content_type = clean_env(rq, STR("CONTENT_TYPE"));
    rq->accept = clean_env(rq, STR("HTTP_ACCEPT"));
    rq->accept_language = clean_env(rq, STR("HTTP_ACCEPT_LANGUAGE"));
    struct str https = request_env(rq, STR("HTTPS"));
    rq->https = str_ieq(https, STR("on")) || str_eq(https, STR("1")) ||
                str_starts(str_from(config_string(rq->config, CONFIG_base_url)), STR("https://"));
    method_parse(request_env(rq, STR("REQUEST_METHOD")), &rq->method, &rq->head);
    return st != OK ? st : read_path(rq, e);
}

struct str request_segment(struct request *rq, const char *name)
{
    ptrdiff_t i = !rq->route ? -1 : route_param_index(rq->route, name);
    if (i < 0)
        BUG("route %s has no {%s}", rq->route ? rq->route->path : "?", name);
    return rq->impl->segments.segment[i];
}

static struct str value_of(const struct params *ps, const char *name)
{
    const struct param *p = params_get(ps, str_from(name));
    return p ? p->value : STR_EMPTY;
}

struct str request_query(struct request *rq, const char *name)
{
    return value_of(&rq->impl->query, name);
}

static const struct param *form_param(struct request *rq, const char *name, bool file)
{
    const struct params *ps = &rq->impl->form;
    for (size_t i = 0; i < ps->n; i++)
        if (ps->p[i].is_file == file && str_eqz(ps->p[i].name, name))
            return &ps->p[i];
    return NULL;
}

struct str request_form(struct request *rq, const char *name)
{
    const struct param *p = form_param(rq, name, false);
    return p ? p->value : STR_EMPTY;
}

bool request_form_has(struct request *rq, const char *name)
{
    return form_param(rq, name, false);
}

struct str request_file(struct request *rq, const char *name, struct str *filename)
{
    const struct param *p = form_param(rq, name, true);
    if (filename)
        *filename = p ? p->filename : STR_EMPTY;
    return p ? p->value : STR_EMPTY;
}

/* Parsed at the first use only: requests for the API carry no cookie that matters. */
struct str request_cookie(struct request *rq, const char *name)
{
    struct request_impl *im = rq->impl;
    if (!im->have_cookies) {
        im->have_cookies = true;
        struct str header = request_env(rq, STR("HTTP_COOKIE"));
        struct err e = ERR_INIT;
        if (header.n && cookies_parse(rq->arena, header, &im->cookies, &e) != OK)
            im->cookies.n = 0; /* without memory there is no session; the next allocation reports it */
    }
    return value_of(&im->cookies, name);
}

struct str request_header(struct request *rq, const char *http_name)
{
    return clean_env(rq, str_from(http_name));
}

struct str request_body(struct request *rq)
{
    return rq->impl->body;
}

/* The media type without its parameters. */
static struct str media_type(struct str content_type)
{
    ptrdiff_t semi = str_find(content_type, ';');
    return str_trim(semi < 0 ? content_type : str_n(content_type.p, (size_t)semi));
}

/* The error names no pointer: line and column are in its message, and the fault is not in one field. */
enum status request_json(struct request *rq, struct json **out, struct err *e)
{
    struct str type = media_type(rq->content_type);
    bool plus_json = type.n > 5 && str_ieq(str_sub(type, type.n - 5, 5), STR("+json"));
    if (!str_ieq(type, STR("application/json")) && !plus_json)
        return err_raise(e, E_content_type);
    enum status st = json_parse(rq->arena, rq->impl->body, MAX_JSON_DEPTH, out, e);
    if (st == ERR_INVALID) {
        e->code = E_json_invalid;
        e->pointer[0] = '\0';
        return ERR_INVALID;
    }
    if (st != OK)
        return st;
    if (!json_is(*out, JSON_OBJECT))
        return err_set(e, E_json_invalid, "The body must be a JSON object.");
    return OK;
}

/* Whether the Accept header names exactly this type, with a weight above 0. Wildcards do not count: every browser sends
 * them, also for scripts and images. */
static bool accept_names(struct str accept, struct str type)
{
    struct str piece;
    while (str_split(&accept, ',', &piece))
        if (str_ieq(media_type(piece), type))
            return header_weight(piece) > 0;
    return false;
}

/* A browser lists text/html and often JSON as well, so HTML decides first. A client that sends JSON and accepts
 * anything is a program. */
bool request_wants_json(const struct request *rq)
{
    if (accept_names(rq->accept, STR("text/html")))
        return false;
    return accept_names(rq->accept, STR("application/json")) ||
           accept_names(rq->accept, STR("application/problem+json")) ||
           str_ieq(media_type(rq->content_type), STR("application/json"));
}

bool request_wants_events(const struct request *rq)
{
    return accept_names(rq->accept, STR("text/event-stream"));
}

bool request_gone(struct request *rq)
{
    return rq->impl->reply.gone || rq->impl->io->gone(rq->impl->io);
}
