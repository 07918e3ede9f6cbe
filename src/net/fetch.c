/* fetch.c: outgoing HTTP through libcurl.
 *
 * What a tenant may make this host call is decided in one place: fetch_on_socket sees the address that is connected to,
 * whatever the URL and the name server said. Every other option only narrows what libcurl would do by default. */
#include "net/fetch.h"

#include <curl/curl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/build.h"
#include "net/address.h"
#include "net/net_internal.h"

#include "base/banned.h"

#define URL_MAX 8192
#define HEADER_VALUE_MAX 8192
#define REPLY_HEADERS_MAX 65536
/* Idle handles with open connections. More would keep more sockets open than a busy program uses at once. */
#define KEPT_MAX 16

/* One call. */
struct fetch_call {
    const struct fetch_request *rq;
    struct arena *arena;
    CURLU *url;
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
    struct buf body;
    struct buf lines; /* the headers of the reply, line by line */
    char trouble[CURL_ERROR_SIZE];
    char *host; /* for messages and for http_allow_private; in the arena */
    bool private_allowed, refused, too_large;
};

/* ---- the library ---- */

static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;
static bool library_ready;

void fetch_library_begin(void)
{
    pthread_mutex_lock(&library_lock);
    if (!library_ready)
        library_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    pthread_mutex_unlock(&library_lock);
}

/* Handles with open connections to trusted addresses that are not in use at the moment. Calls for tenants never share
 * them: a connection that one tenant opened must not carry the request of another, and its address was checked for that
 * tenant only. */
static CURLM *kept[KEPT_MAX];
static size_t kept_n;

static CURLM *take_multi(bool keep)
{
    CURLM *m = NULL;
    pthread_mutex_lock(&library_lock);
    if (keep && kept_n)
        m = kept[--kept_n];
    pthread_mutex_unlock(&library_lock);
    return m ? m : curl_multi_init();
}

/* Closing connections may take time, so it happens outside the lock. */
static void give_multi(CURLM *m, bool keep)
{
    pthread_mutex_lock(&library_lock);
    if (m && keep && library_ready && kept_n < KEPT_MAX) {
        kept[kept_n++] = m;
        m = NULL;
    }
    pthread_mutex_unlock(&library_lock);
    curl_multi_cleanup(m);
}

void fetch_library_end(void)
{
    pthread_mutex_lock(&library_lock);
    while (kept_n)
        curl_multi_cleanup(kept[--kept_n]);
    if (library_ready)
        curl_global_cleanup();
    library_ready = false;
    pthread_mutex_unlock(&library_lock);
}

/* ---- the request ---- */

static enum status bad_url(struct err *e, const char *why)
{
    return err_set(e, E_url_invalid, "This is not an http or https address: %s.", why);
}

/* libcurl repairs some malformed URLs ("http:/x", a space at the end). The URL that was checked must be the one that is
 * called, so they are errors here. NULL if there is no fault. */
static const char *url_fault(struct str url)
{
    struct str rest = str_ieq(str_sub(url, 0, 7), STR("http://"))    ? str_sub(url, 7, url.n)
                      : str_ieq(str_sub(url, 0, 8), STR("https://")) ? str_sub(url, 8, url.n)
                                                                     : STR_EMPTY;
    if (url.n >= URL_MAX)
        return "it is too long";
    if (!rest.n || strchr("/\\:?#", rest.p[0]))
        return "it must begin with http:// or https:// and a host";
    for (size_t i = 0; i < rest.n; i++)
        if ((unsigned char)rest.p[i] <= ' ' || rest.p[i] == 0x7F)
            return "it contains a space or a control character";
    return NULL;
}

/* Parse into *out, which the caller cleans up, also after a failure. */
static enum status parse_url(struct str url, CURLU **out, struct err *e)
{
    char text[URL_MAX], *user = NULL;
    const char *fault = url_fault(url);
    if (fault)
        return bad_url(e, fault);
    if (!(*out = curl_url()))
        return err_nomem(e);
    memcpy(text, url.p, url.n);
    text[url.n] = '\0';
    CURLUcode rc = curl_url_set(*out, CURLUPART_URL, text, 0);
    if (rc == CURLUE_OUT_OF_MEMORY)
        return err_nomem(e);
    if (rc != CURLUE_OK)
        return bad_url(e, curl_url_strerror(rc));
    rc = curl_url_get(*out, CURLUPART_USER, &user, 0);
    curl_free(user);
    if (rc == CURLUE_NO_USER)
        return OK;
    return rc == CURLUE_OK ? bad_url(e, "it contains a user name or password") : err_nomem(e);
}

enum status fetch_check_url(struct str url, struct err *e)
{
    CURLU *u = NULL;
    enum status st = parse_url(url, &u, e);
    curl_url_cleanup(u);
    return st;
}

/* The host as libcurl understands it decides about http_allow_private, not the text of the URL. */
static enum status fetch_read_host(struct fetch_call *c, const struct config *config, struct err *e)
{
    char *host = NULL, *port = NULL;
    enum status st = OK;
    CURLUcode rc = curl_url_get(c->url, CURLUPART_HOST, &host, 0);
    if (rc == CURLUE_OK)
        rc = curl_url_get(c->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (rc != CURLUE_OK) {
        st = rc == CURLUE_NO_HOST ? bad_url(e, "it has no host") : err_nomem(e);
        goto out;
    }
    c->host = arena_strdup(c->arena, str_from(host));
    if (!c->host)
        st = err_nomem(e);
    else if (c->rq->trusted)
        c->private_allowed = true;
    else if (config)
        c->private_allowed = address_in_list(str_from(config_string(config, CONFIG_http_allow_private)), str_from(host),
                                             (int)strtol(port, NULL, 10));
out:
    curl_free(host);
    curl_free(port);
    return st;
}

static bool fetch_name_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c >= 0x7F || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return s.n > 0 && s.n <= 100;
}

static bool fetch_value_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7F)
            return false;
    }
    return s.n <= HEADER_VALUE_MAX;
}

/* These headers decide where a request ends or whom it is for. A tenant that could set them could smuggle a second
 * request past a proxy, or reach another site behind the same address. */
static bool fetch_is_framing(struct str name)
{
    static const char *const names[] = {
        "host",    "content-length",   "transfer-encoding",   "connection", "upgrade",   "te",
        "trailer", "proxy-connection", "proxy-authorization", "expect",     "keep-alive"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_ieq(name, str_from(names[i])))
            return true;
    return false;
}

static enum status fetch_add_line(struct fetch_call *c, const char *line, struct err *e)
{
    struct curl_slist *more = line ? curl_slist_append(c->headers, line) : NULL;
    if (!more)
        return err_nomem(e);
    c->headers = more;
    return OK;
}

/* libcurl would add "Expect" and "Content-Type" on its own; both are removed unless the caller gives them. */
static enum status fetch_set_headers(struct fetch_call *c, struct err *e)
{
    bool typed = false;
    enum status st = fetch_add_line(c,
                                    "Expect:", e); /* no 100-continue: a server that does not know it costs a second */
    for (size_t i = 0; st == OK && i < c->rq->header_count; i++) {
        const struct fetch_header *h = &c->rq->headers[i];
        if (!fetch_name_ok(h->name) || !fetch_value_ok(h->value) || fetch_is_framing(h->name))
            return err_set(e, E_header_invalid, "The header \"%.*s\" cannot be sent.",
                           (int)(h->name.n < 60 ? h->name.n : 60), h->name.p);
        typed = typed || str_ieq(h->name, STR("content-type"));
        struct str v = str_trim(h->value);
        /* for libcurl "Name:" removes a header, and "Name;" sends it without a value */
        st = fetch_add_line(c,
                            v.n ? arena_printf(c->arena, "%.*s: %.*s", STR_F(h->name), STR_F(v))
                                : arena_printf(c->arena, "%.*s;", STR_F(h->name)),
                            e);
    }
    if (st == OK && !typed)
        st = fetch_add_line(c, "Content-Type:", e);
    return st;
}

/* ---- curl's callbacks ---- */

/* Counted while it arrives: a server may send no length, or a false one. Returning less than n ends the transfer. */
static size_t fetch_on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct fetch_call *c = ctx;
    n *= size;
    if (n > c->body.max - c->body.n) {
        c->too_large = true;
        return 0;
    }
    buf_add(&c->body, p, n);
    return buf_ok(&c->body) ? n : 0;
}

/* Each status line begins a new reply, so the headers of a 1xx reply are forgotten. */
static size_t fetch_on_header(char *p, size_t size, size_t n, void *ctx)
{
    struct fetch_call *c = ctx;
    n *= size;
    if (n > 5 && memcmp(p, "HTTP/", 5) == 0)
        buf_clear(&c->lines);
    else if (n <= c->lines.max - c->lines.n)
        buf_add(&c->lines, p, n);
    return n;
}

/* The only place where the address is certain: it is the one that is connected to, whatever the name resolved to
 * before. */
static curl_socket_t fetch_on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct fetch_call *c = ctx;
    bool known = a->family == AF_INET || a->family == AF_INET6;
    if (purpose != CURLSOCKTYPE_IPCXN || !known || (!c->private_allowed && !address_is_public(&a->addr))) {
        c->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* ---- the call ---- */

static bool method_known(struct str m)
{
    return str_eqz(m, "GET") || str_eqz(m, "POST") || str_eqz(m, "PUT") || str_eqz(m, "PATCH") || str_eqz(m, "DELETE");
}

/* What libcurl may do at all, whatever the URL says: two protocols, no redirects (the target would not be checked), no
 * proxy (its address would be checked in place of the real one), a deadline. NOSIGNAL, because a signal handler belongs
 * to the whole process and several threads call. */
static bool fetch_set_limits(struct fetch_call *c)
{
    CURL *h = c->easy;
    long timeout = c->rq->timeout_ms < 1              ? 1
                   : c->rq->timeout_ms > LONG_MAX / 2 ? LONG_MAX / 2
                                                      : (long)c->rq->timeout_ms;
    bool ok = curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, timeout) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_PROXY, "") == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)c->rq->max_body) == CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075500
    ok = ok && curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
    ok = ok && curl_easy_setopt(h, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) == CURLE_OK;
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Do not wait for the thread that asks a silent name server. */
    ok = ok && curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
#endif
    return ok;
}

/* The method is set last, since POSTFIELDS chooses POST. A POST without a body sends a length of 0, or libcurl would
 * read one from standard input. */
static bool fetch_set_request(struct fetch_call *c, const char *method, const char *agent)
{
    CURL *h = c->easy;
    const struct str body = c->rq->body;
    bool ok = curl_easy_setopt(h, CURLOPT_CURLU, c->url) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HTTPHEADER, c->headers) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_USERAGENT, agent) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, fetch_on_body) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_WRITEDATA, c) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, fetch_on_header) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HEADERDATA, c) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->trouble) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, fetch_on_socket) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, c) == CURLE_OK;
    if (ok && (body.n || strcmp(method, "POST") == 0)) {
        ok = curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n) == CURLE_OK;
        ok = ok && curl_easy_setopt(h, CURLOPT_POSTFIELDS, body.p) == CURLE_OK;
    }
    return ok && curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
}

static enum status fetch_prepare(struct fetch_call *c, const struct config *config, struct err *e)
{
    if (!method_known(c->rq->method))
        return err_raise(e, E_method_invalid);
    enum status st = parse_url(c->rq->url, &c->url, e);
    if (st == OK)
        st = fetch_read_host(c, config, e);
    if (st == OK)
        st = fetch_set_headers(c, e);
    if (st != OK)
        return st;
    char *method = arena_strdup(c->arena, c->rq->method), *agent = arena_printf(c->arena, "Parley/%s", build_version());
    c->easy = curl_easy_init();
    c->multi = take_multi(c->rq->keep);
    bool ok = method && agent && c->easy && c->multi && fetch_set_limits(c) && fetch_set_request(c, method, agent);
    return ok && curl_multi_add_handle(c->multi, c->easy) == CURLM_OK ? OK : err_nomem(e);
}

static enum status fetch_timed_out(const struct fetch_call *c, struct err *e)
{
    return err_set(e, E_fetch_timeout, "%s did not answer within %lld ms.", c->host, (long long)c->rq->timeout_ms);
}

/* A refusal or a limit of ours looks to libcurl like a failed connection, so those are asked first. */
static enum status fetch_result(const struct fetch_call *c, CURLcode rc, struct err *e)
{
    if (c->refused && rc != CURLE_OK)
        return err_set(e, E_address_refused,
                       "%s is not on the public Internet, and http_allow_private does not list it.", c->host);
    if (c->too_large || rc == CURLE_FILESIZE_EXCEEDED)
        return err_set(e, E_reply_too_large, "The answer from %s has more than %zu bytes.", c->host, c->rq->max_body);
    switch (rc) {
    case CURLE_OK:
        return OK;
    case CURLE_OPERATION_TIMEDOUT:
        return fetch_timed_out(c, e);
    case CURLE_OUT_OF_MEMORY:
        return err_nomem(e);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return err_set(e, E_tls_failed, "There is no secure connection to %s: %s.", c->host,
                       c->trouble[0] ? c->trouble : curl_easy_strerror(rc));
    default:
        break;
    }
    if (!buf_ok(&c->body))
        return err_nomem(e);
    return err_set(e, E_fetch_failed, "The call to %s failed: %s.", c->host, curl_easy_strerror(rc));
}

/* Whether a part of the request may have been sent. On a connection that was reused it may have been, even if opening a
 * new one failed afterwards. Callers repeat only what was certainly not sent. */
static bool fetch_was_sent(const struct fetch_call *c, CURLcode rc)
{
    long size = 0;
    if (rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST || rc == CURLE_SSL_CONNECT_ERROR ||
        rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE)
        return curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &size) != CURLE_OK || size > 0;
    return true;
}

static enum status fetch_run(struct fetch_call *c, bool *sent, struct err *e)
{
    int rc = 0;
    switch (net_run(c->multi, c->rq->timeout_ms, c->rq->cancelled, c->rq->cancel_ctx, &rc)) {
    case NET_DONE:
        *sent = fetch_was_sent(c, (CURLcode)rc);
        return fetch_result(c, (CURLcode)rc, e);
    case NET_CANCELLED:
        return err_set(e, E_cancelled, "The call to %s was cancelled.", c->host);
    case NET_TIMED_OUT:
        return fetch_timed_out(c, e);
    case NET_BROKEN:
        break;
    }
    return err_set(e, E_fetch_failed, "The call to %s failed.", c->host);
}

/* The header lines as names and values, copied into the arena once. There are at most as many headers as lines. */
static bool fetch_read_headers(struct fetch_call *c, struct fetch_reply *out)
{
    bool ok = true;
    struct str rest = arena_str(c->arena, buf_str(&c->lines), &ok), line;
    size_t n = 0;
    for (size_t i = 0; i < rest.n; i++)
        n += rest.p[i] == '\n';
    if (!ok || !buf_ok(&c->lines) || !(out->headers = arena_array(c->arena, n + 1, sizeof(*out->headers))))
        return false;
    while (str_split(&rest, '\n', &line)) {
        ptrdiff_t colon = str_find(line, ':');
        if (colon > 0)
            out->headers[out->header_count++] = (struct fetch_header){
                str_trim(str_sub(line, 0, (size_t)colon)), str_trim(str_sub(line, (size_t)colon + 1, line.n))};
    }
    return true;
}

struct str fetch_reply_header(const struct fetch_reply *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (str_ieq(r->headers[i].name, str_from(name)))
            return r->headers[i].value;
    return STR_EMPTY;
}

static enum status fetch_read_reply(struct fetch_call *c, struct fetch_reply *out, struct err *e)
{
    long code = 0;
    char *type = NULL;
    curl_off_t retry = 0;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &retry);
    bool ok = true;
    out->status = (int)code;
    out->retry_after_s = retry < 0 ? 0 : retry > INT_MAX ? INT_MAX : (int)retry;
    out->content_type = arena_str(c->arena, str_from(type), &ok);
    out->body = arena_str(c->arena, buf_str(&c->body), &ok);
    return ok && fetch_read_headers(c, out) ? OK : err_nomem(e);
}

/* `sent` is set before the transfer begins and corrected afterwards: an error in between then counts as "may have been
 * sent", which is the safe answer for a caller that wants to repeat. The handle is removed before it is cleaned up, as
 * libcurl demands. */
enum status fetch(const struct config *config, struct arena *a, const struct fetch_request *rq, struct fetch_reply *out,
                  struct err *e)
{
    struct fetch_call c = {.rq = rq, .arena = a};
    *out = (struct fetch_reply){.content_type = STR_EMPTY, .body = STR_EMPTY};
    CHECK(rq->trusted || !rq->keep);
    buf_init(&c.body, rq->max_body);
    buf_init(&c.lines, REPLY_HEADERS_MAX);
    fetch_library_begin();
    enum status st = fetch_prepare(&c, config, e);
    if (st == OK) {
        out->sent = true;
        st = fetch_run(&c, &out->sent, e);
    }
    if (st == OK)
        st = fetch_read_reply(&c, out, e);
    if (c.multi && c.easy)
        curl_multi_remove_handle(c.multi, c.easy);
    curl_easy_cleanup(c.easy);
    give_multi(c.multi, rq->keep);
    curl_slist_free_all(c.headers);
    curl_url_cleanup(c.url);
    buf_release(&c.lines);
    buf_release(&c.body);
    return st;
}
