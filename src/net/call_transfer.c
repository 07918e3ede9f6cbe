/* call_transfer.c: one transfer, as libcurl reports it.
 *
 * What a tenant may make this host call is decided in one place: transfer_on_socket sees the address that is connected
 * to, whatever the URL and the name server said. The same address is checked again when a connection is reused.
 *
 * The phases follow each other: queued, connecting, sent, reading. Each has its own deadline, and total_us bounds them
 * all. libcurl's own deadlines are not used: they cannot tell content from bytes that only keep a connection open. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/address.h"
#include "net/calls_internal.h"

#include "base/banned.h"

/* ---- deadlines ---- */

int64_t call_due(const struct call *c, enum call_class *class)
{
    static const enum call_class classes[] = {[CALL_QUEUED] = CALL_TOTAL_TIMEOUT,
                                              [CALL_CONNECTING] = CALL_CONNECT_TIMEOUT,
                                              [CALL_SENT] = CALL_FIRST_BYTE_TIMEOUT,
                                              [CALL_READING] = CALL_IDLE_TIMEOUT};
    int64_t from[] = {0, c->launched_at, c->sent_at, c->content_at};
    int64_t limit[] = {0, c->connect_us, c->first_byte_us, c->idle_us};
    int64_t due = c->started_at + c->total_us;
    *class = CALL_TOTAL_TIMEOUT;
    if (limit[c->phase] && from[c->phase] + limit[c->phase] < due) {
        due = from[c->phase] + limit[c->phase];
        *class = classes[c->phase];
    }
    return due;
}

void call_arm(struct call *c)
{
    enum call_class class;
    int64_t due = call_due(c, &class);
    if (c->deadline.state != TIMER_SET || due < c->deadline.due_us)
        (void)timer_set(&c->deadline, due);
}

static void transfer_enter_phase(struct call *c, enum call_phase phase)
{
    c->phase = phase;
    call_arm(c);
}

/* ---- libcurl's callbacks ---- */

/* Only here the address is certain: it is the one that is connected to, whatever the name resolved to before. Running
 * out of descriptors says nothing about the host, so its breaker must not count it. */
static curl_socket_t transfer_on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct call *c = ctx;
    bool known = a->family == AF_INET || a->family == AF_INET6;
    share_resolved(c, clock_mono_us());
    if (purpose != CURLSOCKTYPE_IPCXN || !known || (!c->private_allowed && !address_is_public(&a->addr))) {
        c->refused = true;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
    c->no_memory = fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM);
    return fd;
}

static bool transfer_ip_public(const char *ip)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
        return address_is_public((const struct sockaddr *)&v4);
    return inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1 && address_is_public((const struct sockaddr *)&v6);
}

/* The connection is ready, new or reused, and the request follows. This is called again when a reused connection ended
 * before the first byte of a reply: libcurl then sends the request once more on a new one. The server may have carried
 * out the first, so that is stopped here for methods that must not be repeated (RFC 9110 section 9.2.2). */
static int transfer_on_ready(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
    struct call *c = ctx;
    (void)local_ip;
    (void)port;
    (void)local_port;
    share_resolved(c, clock_mono_us());
    if (!c->private_allowed && !transfer_ip_public(ip)) {
        c->refused = true;
        return CURL_PREREQFUNC_ABORT;
    }
    c->refused = false; /* that was an earlier address of the same name */
    if (c->phase != CALL_CONNECTING && !c->repeatable)
        return CURL_PREREQFUNC_ABORT;
    if (c->phase == CALL_CONNECTING) {
        c->sent_at = clock_mono_us();
        transfer_enter_phase(c, CALL_SENT);
    }
    return CURL_PREREQFUNC_OK;
}

/* The header lines as names and values in one block. There are at most as many headers as lines. */
static bool transfer_read_headers(struct call *c)
{
    struct str rest = buf_str(&c->lines), line;
    struct call_head *h = &c->result.head;
    size_t n = 1;
    for (size_t i = 0; i < rest.n; i++)
        n += rest.p[i] == '\n';
    if (!buf_ok(&c->lines) || !(c->reply_headers = calloc(n, sizeof(*c->reply_headers))))
        return false;
    h->headers = c->reply_headers;
    while (str_split(&rest, '\n', &line)) {
        ptrdiff_t colon = str_find(line, ':');
        if (colon > 0)
            c->reply_headers[h->header_count++] = (struct fetch_header){
                str_trim(str_sub(line, 0, (size_t)colon)), str_trim(str_sub(line, (size_t)colon + 1, line.n))};
    }
    return true;
}

struct str call_head_header(const struct call_head *h, const char *name)
{
    for (size_t i = 0; i < h->header_count; i++)
        if (str_ieq(h->headers[i].name, str_from(name)))
            return h->headers[i].value;
    return STR_EMPTY;
}

static int64_t transfer_date_ms(struct str date)
{
    char text[64];
    snprintf(text, sizeof(text), "%.*s", STR_F(date));
    time_t t = curl_getdate(text, NULL);
    return t > 0 ? (int64_t)t * 1000 : 0;
}

/* The head is complete. Without memory for it the transfer ends. */
static bool transfer_on_head(struct call *c)
{
    struct call_head *h = &c->result.head;
    long status = 0;
    curl_off_t retry = 0;
    if (curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status / 100 == 1)
        return true;
    if (curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &retry) != CURLE_OK || retry < 0)
        retry = 0;
    if (!transfer_read_headers(c)) {
        c->no_memory = true;
        return false;
    }
    c->headed = true;
    h->status = (int)status;
    h->retry_after_s = retry > INT_MAX ? INT_MAX : (int)retry;
    h->content_type = call_head_header(h, "Content-Type");
    h->date_ms = transfer_date_ms(call_head_header(h, "Date"));
    if (c->on.head && !atomic_load(&c->cancelled))
        c->on.head(c->on.ctx, h);
    return true;
}

/* Each status line begins a new reply, so the headers of a 1xx reply are forgotten. The lines that follow a body are
 * not headers of the reply. */
static size_t transfer_on_header(char *p, size_t size, size_t n, void *ctx)
{
    struct call *c = ctx;
    n *= size;
    if (c->headed)
        return n;
    c->content_at = clock_mono_us();
    if (c->phase != CALL_READING)
        transfer_enter_phase(c, CALL_READING);
    if (n > 5 && memcmp(p, "HTTP/", 5) == 0)
        buf_clear(&c->lines);
    else if (n <= 2)
        return transfer_on_head(c) ? n : 0;
    else if (n <= c->lines.max - c->lines.n)
        buf_add(&c->lines, p, n);
    return n;
}

/* The size is counted while the body arrives, after decompression: a server may send no length or a false one, and a
 * small compressed body may become a large one. Returning less than n ends the transfer. */
static size_t transfer_on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct call *c = ctx;
    n *= size;
    if (atomic_load(&c->cancelled))
        return 0;
    if (n > c->max_body - c->received) {
        c->too_large = true;
        return 0;
    }
    c->received += n;
    if (!c->on.data) {
        buf_add(&c->collected, p, n);
        c->no_memory = !buf_ok(&c->collected);
    }
    if (!c->on.data || c->on.data(c->on.ctx, p, n))
        c->content_at = clock_mono_us();
    return c->no_memory ? 0 : n;
}

bool call_set_callbacks(struct call *c)
{
    CURL *h = c->easy;
    bool ok = curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, transfer_on_body) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_WRITEDATA, c) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, transfer_on_header) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HEADERDATA, c) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, transfer_on_socket) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, c) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_PREREQFUNCTION, transfer_on_ready) == CURLE_OK;
    return ok && curl_easy_setopt(h, CURLOPT_PREREQDATA, c) == CURLE_OK;
}

/* ---- the end ---- */

/* To libcurl a refusal or a limit of ours looks like a failed connection, so these are checked first. */
enum call_class call_classify(const struct call *c, CURLcode rc)
{
    if (rc == CURLE_OK)
        return CALL_REPLIED;
    if (c->refused)
        return CALL_ADDRESS_REFUSED;
    if (c->too_large || rc == CURLE_FILESIZE_EXCEEDED)
        return CALL_TOO_LARGE;
    if (c->no_memory || rc == CURLE_OUT_OF_MEMORY)
        return CALL_NO_MEMORY;
    if (atomic_load(&c->cancelled))
        return CALL_CANCELLED;
    switch (rc) {
    case CURLE_OPERATION_TIMEDOUT:
        return c->phase == CALL_CONNECTING ? CALL_CONNECT_TIMEOUT : CALL_TOTAL_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
        return CALL_NAME_UNKNOWN;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return CALL_TLS_FAILED;
    default:
        return c->phase == CALL_CONNECTING ? CALL_NOT_CONNECTED : CALL_BROKEN;
    }
}

/* Messages that contain nothing but the name of the host, which stands between the two parts. */
static const struct {
    enum error_code code;
    const char *before, *after;
} transfer_sentences[] = {
    [CALL_CANCELLED] = {E_cancelled, "The call to ", " was cancelled."},
    [CALL_HOST_DOWN] = {E_host_down, "", " has failed several times in a row. It will be tried again soon."},
    [CALL_ADDRESS_REFUSED] = {E_address_refused, "",
                              " is not on the public Internet, and the operator has not allowed it."},
    [CALL_CONNECT_TIMEOUT] = {E_fetch_timeout, "", " could not be reached in time."},
    [CALL_FIRST_BYTE_TIMEOUT] = {E_fetch_timeout, "", " took the request but did not begin to answer in time."},
    [CALL_IDLE_TIMEOUT] = {E_fetch_timeout, "", " began to answer but then sent no content for too long."},
};

static enum status transfer_error(const struct call *c, enum call_class class, const char *why, struct err *e)
{
    if (class == CALL_REPLIED)
        return OK;
    if (class < COUNT_OF(transfer_sentences) && transfer_sentences[class].code != E_none)
        return err_set(e, transfer_sentences[class].code, "%s%s%s", transfer_sentences[class].before, c->host,
                       transfer_sentences[class].after);
    switch (class) {
    case CALL_QUEUE_FULL:
        return err_raise(e, E_bot_busy);
    case CALL_TLS_FAILED:
        return err_set(e, E_tls_failed, "There is no secure connection to %s: %s.", c->host, why);
    case CALL_TOTAL_TIMEOUT:
        return err_set(e, E_fetch_timeout, "%s did not answer within %lld ms.", c->host,
                       (long long)(c->total_us / 1000));
    case CALL_TOO_LARGE:
        return err_set(e, E_reply_too_large, "The answer from %s has more than %zu bytes.", c->host, c->max_body);
    case CALL_NO_MEMORY:
        return err_nomem(e);
    default:
        return err_set(e, E_fetch_failed, "The call to %s failed: %s.", c->host, why);
    }
}

/* `sent`: the request follows as soon as the connection is ready, so only a call that never got there certainly sent
 * nothing. */
void call_fill_result(struct call *c, enum call_class class, const char *why)
{
    struct call_result *r = &c->result;
    r->class = class;
    r->err = ERR_INIT;
    r->status = transfer_error(c, class, why ? why : "no reason is known", &r->err);
    r->body = buf_str(&c->collected);
    r->sent = c->phase >= CALL_SENT;
    if (r->status == OK)
        return;
    if (!c->headed)
        r->head = (struct call_head){.content_type = STR_EMPTY};
}
