/* call_setup.c: from a request to a handle of libcurl that may begin.
 *
 * This runs in the thread of the starter, so that the calls thread has little to do for each call. Everything is
 * checked before anything is sent, and copied: the caller's memory is not needed afterwards. What libcurl would do by
 * default is only narrowed here; where a call may go is decided in call_transfer.c, when the socket is opened. */
#include <arpa/inet.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/build.h"
#include "base/clock.h"
#include "net/address.h"
#include "net/calls_internal.h"

#include "base/banned.h"

#define URL_MAX 8192
#define HEADER_VALUE_MAX 8192
#define HEADER_LINE_MAX 8400
#define REPLY_HEADERS_MAX 65536
/* For a call that waits these buffers are most of its memory. libcurl's own sizes are 16 KB and 64 KB. */
#define RECEIVE_BUFFER 1024L
#define SEND_BUFFER 16384L
/* Seconds after which the certificates of the system are read again. */
#define CERTIFICATES_S 600L

/* ---- the address ---- */

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
enum status call_parse_url(struct str url, CURLU **out, struct err *e)
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

/* Is it an address already, so that no name is looked up? */
static bool call_host_literal(const char *host)
{
    struct in_addr v4;
    return host[0] == '[' || inet_pton(AF_INET, host, &v4) == 1;
}

/* The host is kept twice: as it was written for messages, and as the key of its breaker. */
static bool call_copy_host(struct call *c, const char *scheme, const char *host, const char *port)
{
    struct buf b;
    buf_init(&b, (size_t)2 * URL_MAX);
    buf_printf(&b, "%s://%s:%s", scheme, host, port);
    size_t key = b.n + 1;
    buf_putc(&b, '\0');
    buf_puts(&b, host);
    c->host_key = buf_detach(&b);
    if (!c->host_key)
        return false;
    c->host = c->host_key + key;
    for (char *p = c->host_key; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    c->literal = call_host_literal(host);
    return true;
}

/* The host and port as libcurl understands them are looked up in the operator's list, not the text of the URL. */
static enum status call_read_host(struct call *c, const struct call_request *rq, struct err *e)
{
    char *scheme = NULL, *host = NULL, *port = NULL;
    enum status st = OK;
    CURLUcode rc = curl_url_get(c->url, CURLUPART_HOST, &host, 0);
    if (rc == CURLUE_OK)
        rc = curl_url_get(c->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (rc == CURLUE_OK)
        rc = curl_url_get(c->url, CURLUPART_SCHEME, &scheme, 0);
    if (rc != CURLUE_OK)
        st = rc == CURLUE_NO_HOST ? bad_url(e, "it has no host") : err_nomem(e);
    else if (!call_copy_host(c, scheme, host, port))
        st = err_nomem(e);
    else
        c->private_allowed = rq->trusted ||
                             address_in_list(rq->private_hosts, str_from(host), (int)strtol(port, NULL, 10));
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    return st;
}

/* ---- the headers ---- */

static bool call_name_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c >= 0x7F || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return s.n > 0 && s.n <= 100;
}

static bool call_value_ok(struct str s)
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
static bool call_is_framing(struct str name)
{
    static const char *const names[] = {
        "host",    "content-length",   "transfer-encoding",   "connection", "upgrade",   "te",
        "trailer", "proxy-connection", "proxy-authorization", "expect",     "keep-alive"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_ieq(name, str_from(names[i])))
            return true;
    return false;
}

static enum status call_add_line(struct call *c, const char *line, struct err *e)
{
    struct curl_slist *more = curl_slist_append(c->headers, line);
    if (!more)
        return err_nomem(e);
    c->headers = more;
    return OK;
}

/* For libcurl "Name:" removes a header, and "Name;" sends it without a value. */
static enum status call_add_header(struct call *c, const struct fetch_header *h, struct err *e)
{
    struct buf b;
    struct str v = str_trim(h->value);
    if (!call_name_ok(h->name) || !call_value_ok(h->value) || call_is_framing(h->name))
        return err_set(e, E_header_invalid, "The header \"%.*s\" cannot be sent.",
                       (int)(h->name.n < 60 ? h->name.n : 60), h->name.p);
    buf_init(&b, HEADER_LINE_MAX);
    buf_str_add(&b, h->name);
    buf_puts(&b, v.n ? ": " : ";");
    buf_str_add(&b, v);
    enum status st = buf_ok(&b) ? call_add_line(c, b.p, e) : err_nomem(e);
    buf_release(&b);
    return st;
}

/* libcurl would add "Expect" and "Content-Type" on its own; both are removed unless the caller gives them. Without
 * "Expect" no 100-continue is awaited: a server that does not know it costs a second. */
static enum status call_set_headers(struct call *c, const struct call_request *rq, struct err *e)
{
    bool typed = false;
    enum status st = call_add_line(c, "Expect:", e);
    for (size_t i = 0; st == OK && i < rq->header_count; i++) {
        st = call_add_header(c, &rq->headers[i], e);
        typed = typed || str_ieq(rq->headers[i].name, STR("content-type"));
    }
    return st == OK && !typed ? call_add_line(c, "Content-Type:", e) : st;
}

/* ---- the handle ---- */

static const char *call_method(struct str m)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    size_t i = str_among(m, methods, COUNT_OF(methods));
    return i < COUNT_OF(methods) ? methods[i] : NULL;
}

#if LIBCURL_VERSION_NUM >= 0x075700
/* libcurl reads the file of certificates once for all handles, but only where no folder of certificates is set as well.
 * Without this each TLS connection would read the file again: 20 ms of the calls thread and 0.8 MB. */
static bool call_share_certificates(struct call *c)
{
    char *file = NULL;
    bool ok = curl_easy_setopt(c->easy, CURLOPT_CA_CACHE_TIMEOUT, CERTIFICATES_S) == CURLE_OK &&
              curl_easy_getinfo(c->easy, CURLINFO_CAINFO, &file) == CURLE_OK;
    if (ok && file && access(file, R_OK) == 0)
        ok = curl_easy_setopt(c->easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
    return ok;
}
#endif

/* What libcurl may do at all, whatever the URL says: two protocols, no redirects (the target would not be checked), no
 * proxy (its address would be checked in place of the real one). The deadlines are our own, and libcurl's for
 * connecting must not come first. NOSIGNAL, because a signal handler belongs to the whole process. */
static bool call_set_limits(struct call *c)
{
    CURL *h = c->easy;
    long most = c->total_us / 1000 > INT_MAX / 2 ? INT_MAX / 2 : (long)(c->total_us / 1000) + 1000;
    bool ok = curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, most) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_PROXY, "") == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)c->max_body) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BUFFER) == CURLE_OK;
    if (!c->pooled) {
        ok = ok && curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
        ok = ok && curl_easy_setopt(h, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK;
    }
#if LIBCURL_VERSION_NUM >= 0x075500
    ok = ok && curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
    ok = ok && curl_easy_setopt(h, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) == CURLE_OK;
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Do not wait for the thread that asks a silent name server. */
    ok = ok && curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
    ok = ok && call_share_certificates(c);
#endif
    return ok;
}

/* The two compressions that every server knows; decoders of the others need megabytes for each call.
 * The method is set last, since POSTFIELDS chooses POST. A POST without a body sends a length of 0, or libcurl would
 * read one from standard input. */
static bool call_set_request(struct call *c, const char *method)
{
    CURL *h = c->easy;
    char agent[100];
    snprintf(agent, sizeof(agent), "Parley/%s", build_version());
    bool ok = curl_easy_setopt(h, CURLOPT_CURLU, c->url) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HTTPHEADER, c->headers) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_USERAGENT, agent) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->trouble) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_ACCEPT_ENCODING, "gzip, deflate") == CURLE_OK;
    if (ok && (c->body_n || strcmp(method, "POST") == 0)) {
        ok = curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body_n) == CURLE_OK;
        ok = ok && curl_easy_setopt(h, CURLOPT_POSTFIELDS, c->body) == CURLE_OK;
    }
    return ok && curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
}

static bool call_copy_body(struct call *c, struct str body)
{
    c->body = malloc(body.n + 1);
    if (!c->body)
        return false;
    if (body.n)
        memcpy(c->body, body.p, body.n);
    c->body[body.n] = '\0';
    c->body_n = body.n;
    return true;
}

/* Milliseconds of the caller; 0 stays 0. No deadline is later than a year, so that sums do not overflow. */
static int64_t call_us(int64_t ms)
{
    int64_t year = 365 * DAY_MS;
    return (ms < 0 ? 0 : ms > year ? year : ms) * 1000;
}

static void call_copy_limits(struct call *c, const struct call_request *rq)
{
    c->tenant_id = rq->tenant;
    c->connect_us = call_us(rq->connect_ms);
    c->first_byte_us = call_us(rq->first_byte_ms);
    c->idle_us = call_us(rq->idle_ms);
    c->total_us = call_us(rq->total_ms);
    c->max_body = rq->max_body;
    c->pooled = rq->keep || !id_is_none(rq->tenant);
    c->result.head.content_type = STR_EMPTY;
    buf_init(&c->lines, REPLY_HEADERS_MAX);
    buf_init(&c->collected, c->max_body);
}

/* The parts that a failed start leaves as well. */
void call_unref(struct call *c)
{
    if (atomic_fetch_sub(&c->refs, 1) > 1)
        return;
    curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
    curl_url_cleanup(c->url);
    free(c->host_key);
    free(c->body);
    free(c->reply_headers);
    buf_release(&c->lines);
    buf_release(&c->collected);
    free(c);
}

enum status call_setup(struct call *c, const struct call_request *rq, struct err *e)
{
    const char *method = call_method(rq->method);
    call_copy_limits(c, rq);
    if (!method)
        return err_raise(e, E_method_invalid);
    enum status st = call_parse_url(rq->url, &c->url, e);
    if (st == OK)
        st = call_read_host(c, rq, e);
    if (st == OK)
        st = call_set_headers(c, rq, e);
    if (st != OK)
        return st;
    c->repeatable = id_is_none(c->tenant_id) || (strcmp(method, "POST") != 0 && strcmp(method, "PATCH") != 0);
    c->easy = curl_easy_init();
    bool ok = c->easy && call_copy_body(c, rq->body) && call_set_limits(c) && call_set_request(c, method) &&
              call_set_callbacks(c);
    return ok ? OK : err_nomem(e);
}
