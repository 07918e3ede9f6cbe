/* test_fetch.c: outgoing HTTP against a server in this process: limits, deadlines, refused addresses, kept
 * connections. */
#define _GNU_SOURCE /* memmem */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/test.h"
#include "net/address.h"
#include "net/fetch.h"
#include "net/outside.h"

/* ---- a server that can misbehave ---- */

static int listener, port;
static atomic_int requests;
static atomic_bool over;

static void say_n(int fd, const char *text, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the client left */
        text += sent;
        n -= (size_t)sent;
    }
}

static void say(int fd, const char *text)
{
    say_n(fd, text, strlen(text));
}

/* The whole request as text: head and, by Content-Length, body. */
static size_t hear(int fd, char *out, size_t size)
{
    size_t n = 0, need = SIZE_MAX;
    while (n < need && n + 1 < size) {
        ssize_t got = recv(fd, out + n, size - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        out[n] = '\0';
        char *end = strstr(out, "\r\n\r\n"), *length = strcasestr(out, "\r\nContent-Length:");
        if (end)
            need = (size_t)(end + 4 - out) + (length && length < end ? (size_t)strtoul(length + 17, NULL, 10) : 0);
    }
    return n;
}

static void say_much(int fd)
{
    static const char block[65536];
    for (int i = 0; i < 200 && send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0; i++)
        ;
}

static void drip(int fd)
{
    for (int i = 0; i < 200 && !over && send(fd, "x", 1, MSG_NOSIGNAL) == 1; i++)
        usleep(50000);
}

static void wait_for_the_client_to_leave(int fd)
{
    char c;
    while (recv(fd, &c, 1, 0) > 0)
        ;
}

static void answer(int fd, const char *path, const char *request, size_t n)
{
    if (!strncmp(path, "/echo", 5)) {
        char head[128];
        snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Type: text/x-echo\r\nContent-Length: %zu\r\n\r\n", n);
        say(fd, head);
        say_n(fd, request, n);
    } else if (!strncmp(path, "/huge-length", 12)) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx");
        wait_for_the_client_to_leave(fd);
    } else if (!strncmp(path, "/huge", 5)) {
        say(fd, "HTTP/1.1 200 OK\r\n\r\n");
        say_much(fd);
    } else if (!strncmp(path, "/drip", 5)) {
        say(fd, "HTTP/1.1 200 OK\r\n\r\n");
        drip(fd);
    } else if (!strncmp(path, "/silent", 7)) {
        wait_for_the_client_to_leave(fd);
    } else if (!strncmp(path, "/redirect", 9)) {
        char head[160];
        snprintf(head, sizeof(head),
                 "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/echo\r\nContent-Length: 0\r\n\r\n", port);
        say(fd, head);
    } else if (!strncmp(path, "/retry", 6)) {
        say(fd, "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    } else if (!strncmp(path, "/headers", 8)) {
        say(fd,
            "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\nHTTP/1.1 200 OK\r\nRequest-Id:  req_1 \r\nX-Twice: first\r\n"
            "X-Empty:\r\nContent-Length: 0\r\n\r\n");
    } else if (!strncmp(path, "/long-headers", 13)) {
        static char name[70000];
        memset(name, 'x', sizeof(name) - 1);
        say(fd, "HTTP/1.1 200 OK\r\nX-Long: ");
        say(fd, name);
        say(fd, "\r\nX-Last: z\r\nContent-Length: 0\r\n\r\n");
    } else if (!strncmp(path, "/cut", 4)) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
    } else if (!strncmp(path, "/garbage", 8)) {
        say(fd, "SSH-2.0-hello\r\n\r\n");
    } else {
        say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
    }
}

static void *serve_one(void *ctx)
{
    int fd = (int)(intptr_t)ctx;
    static _Thread_local char request[65536];
    size_t n = hear(fd, request, sizeof(request));
    char *path = strchr(request, ' ');
    requests += n && path && strncmp(path, " /silent", 8) != 0; /* those may come after their test has ended */
    if (n && path)
        answer(fd, path + 1, request, n);
    close(fd);
    return NULL;
}

static void *serve(void *ctx)
{
    (void)ctx;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        pthread_t t;
        if (fd < 0)
            return NULL;
        if (pthread_create(&t, NULL, serve_one, (void *)(intptr_t)fd) == 0)
            pthread_detach(t);
    }
}

static void start_server(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    pthread_t t;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&a, n) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&a, &n) != 0 || pthread_create(&t, NULL, serve, NULL) != 0)
        abort();
    pthread_detach(t);
    port = ntohs(a.sin_port);
}

/* ---- calls ---- */

static struct arena arena;
static struct err e;
static struct fetch_reply reply;
static int64_t took_ms;   /* the last call */
#define PATIENCE_MS 30000 /* a call that is not ended early takes longer than this, whatever the machine */

static const struct config *config_with(const char *allowed)
{
    const struct config *c;
    setenv("PARLEY_HTTP_ALLOW_PRIVATE", allowed, 1);
    assert_ok(config_load("/dev/null", &c, &e), &e);
    return c;
}

static enum status call(const char *allowed, struct fetch_request rq, const char *address)
{
    char url[300];
    const struct config *c = config_with(allowed);
    snprintf(url, sizeof(url), "%s", address);
    rq.url = str_from(url);
    rq.method = rq.method.n ? rq.method : STR("GET");
    rq.timeout_ms = rq.timeout_ms ? rq.timeout_ms : 5000;
    rq.max_body = rq.max_body ? rq.max_body : 100000;
    int64_t start = clock_mono_us();
    enum status st = fetch(c, &arena, &rq, &reply, &e);
    took_ms = (clock_mono_us() - start) / 1000;
    config_drop(c);
    return st;
}

/* To our own server, which is allowed. */
static enum status call_path(struct fetch_request rq, const char *path)
{
    char url[200], allowed[80];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    snprintf(allowed, sizeof(allowed), "other:1 127.0.0.1:%d", port);
    return call(allowed, rq, url);
}

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, 64 << 20);
    e = ERR_INIT;
    requests = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void the_request_arrives_unchanged(void **state)
{
    (void)state;
    const struct fetch_header headers[] = {
        {STR("X-One"), STR(" a b ")}, {STR("X-Empty"), STR("")}, {STR("content-type"), STR("application/json")}};
    struct fetch_request rq = {.method = STR("POST"), .headers = headers, .header_count = 3, .body = STR("{\"a\":1}")};
    assert_ok(call_path(rq, "/echo?q=%20x"), &e);
    assert_int_equal(reply.status, 200);
    assert_str(reply.content_type, "text/x-echo");
    char *sent = arena_strdup(&arena, reply.body);
    assert_int_equal(strncmp(sent, "POST /echo?q=%20x HTTP/1.1\r\n", 28), 0);
    assert_has(sent, "\r\nX-One: a b\r\n");
    assert_has(sent, "\r\nX-Empty:\r\n");
    assert_has(sent, "\r\ncontent-type: application/json\r\n");
    assert_has(sent, "\r\nContent-Length: 7\r\n");
    assert_has(sent, "\r\nUser-Agent: Parley/");
    assert_has(sent, "\r\n\r\n{\"a\":1}");
    assert_null(strstr(sent, "Expect"));
    const char *methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < 5; i++) {
        assert_ok(call_path((struct fetch_request){.method = str_from(methods[i])}, "/echo"), &e);
        assert_true(str_starts(reply.body, str_from(methods[i])));
        assert_false(str_has(reply.body, STR("Content-Type")));
    }
    assert_ok(call_path((struct fetch_request){.method = STR("PUT"), .body = STR("a\0b")}, "/echo"), &e);
    assert_has(arena_strdup(&arena, reply.body), "\r\nContent-Length: 3\r\n");
}

static void every_http_status_is_a_reply(void **state)
{
    (void)state;
    assert_ok(call_path((struct fetch_request){0}, "/none"), &e);
    assert_int_equal(reply.status, 204);
    assert_int_equal(reply.body.n, 0);
    assert_ok(call_path((struct fetch_request){0}, "/retry"), &e);
    assert_int_equal(reply.status, 429);
    assert_int_equal(reply.retry_after_s, 7);
    requests = 0;
    assert_ok(call_path((struct fetch_request){0}, "/redirect"), &e);
    assert_int_equal(reply.status, 302);
    assert_int_equal(requests, 1); /* not followed */
}

static void headers_of_the_answer(void **state)
{
    (void)state;
    assert_ok(call_path((struct fetch_request){0}, "/headers"), &e);
    assert_int_equal(reply.header_count, 4);
    assert_str(fetch_reply_header(&reply, "Request-Id"), "req_1");
    assert_str(fetch_reply_header(&reply, "x-twice"), "first");
    assert_str(fetch_reply_header(&reply, "X-Empty"), "");
    assert_str(fetch_reply_header(&reply, "X-Early"), ""); /* of a 103 before the answer */
    assert_true(reply.sent);
    assert_ok(call_path((struct fetch_request){0}, "/long-headers"), &e);
    assert_int_equal(reply.status, 200);
    assert_str(fetch_reply_header(&reply, "X-Last"),
               "z"); /* a header that is too long is left out, the others are there */
    assert_str(fetch_reply_header(&reply, "X-Long"), "");
}

/* An address from the operator's settings may be private, and only then may its connection be reused. */
static void trusted_addresses(void **state)
{
    (void)state;
    char url[80];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/echo", port);
    assert_int_equal(call("", (struct fetch_request){0}, url), ERR_DENIED);
    assert_ok(call("", (struct fetch_request){.trusted = true}, url), &e);
    assert_ok(call("", (struct fetch_request){.trusted = true, .keep = true}, url), &e);
    assert_ok(call("", (struct fetch_request){.trusted = true, .keep = true}, url),
              &e); /* the server has closed it meanwhile */
    assert_int_equal(call("", (struct fetch_request){0}, url),
                     ERR_DENIED); /* a pooled connection never serves an untrusted call */
}

static void whether_it_was_sent(void **state)
{
    (void)state;
    assert_int_equal(call_path((struct fetch_request){0}, "/cut"), ERR_UNAVAILABLE);
    assert_true(reply.sent);
    assert_int_equal(call_path((struct fetch_request){.timeout_ms = 200}, "/silent"), ERR_TIMEOUT);
    assert_true(reply.sent);
    assert_int_equal(call("", (struct fetch_request){.trusted = true}, "http://127.0.0.1:1/"), ERR_UNAVAILABLE);
    assert_false(reply.sent);
    assert_int_equal(call("", (struct fetch_request){0}, "http://no-such-host.invalid/"), ERR_UNAVAILABLE);
    assert_false(reply.sent);
    assert_int_equal(call("", (struct fetch_request){0}, "ftp://x/"), ERR_INVALID);
    assert_false(reply.sent);
}

static void broken_answers_are_failures(void **state)
{
    (void)state;
    assert_int_equal(call_path((struct fetch_request){0}, "/cut"), ERR_UNAVAILABLE);
    assert_string_equal(err_code(&e), "fetch_failed");
    assert_int_equal(call_path((struct fetch_request){0}, "/garbage"), ERR_UNAVAILABLE);
    int was = port;
    port = 1;
    assert_int_equal(call_path((struct fetch_request){0}, "/"), ERR_UNAVAILABLE);
    port = was;
    assert_int_equal(call("", (struct fetch_request){0}, "http://no-such-host.invalid/"), ERR_UNAVAILABLE);
}

static void size_is_capped(void **state)
{
    (void)state;
    assert_int_equal(call_path((struct fetch_request){0}, "/huge"), ERR_TOO_LARGE);
    assert_int_equal(call_path((struct fetch_request){0}, "/huge-length"), ERR_TOO_LARGE);
    assert_ok(call_path((struct fetch_request){.max_body = 200 * 65536}, "/huge"), &e);
    assert_int_equal(reply.body.n, 200 * 65536);
    assert_int_equal(call_path((struct fetch_request){.max_body = 200 * 65536 - 1}, "/huge"), ERR_TOO_LARGE);
}

static void the_deadline_holds(void **state)
{
    (void)state;
    const char *paths[] = {"/silent", "/drip"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(call_path((struct fetch_request){.timeout_ms = 300}, paths[i]), ERR_TIMEOUT);
        assert_in_range(took_ms, 250, PATIENCE_MS);
    }
}

static void private_addresses_are_refused(void **state)
{
    (void)state;
    const char *hosts[] = {"127.0.0.1",
                           "localhost",
                           "127.1",
                           "2130706433",
                           "0x7f000001",
                           "0x7f.0.0.1",
                           "0177.0.0.1",
                           "017700000001",
                           "0.0.0.0",
                           "0",
                           "127.255.255.254",
                           "[::1]",
                           "[::]",
                           "[::ffff:127.0.0.1]",
                           "[::ffff:7f00:1]",
                           "[::127.0.0.1]",
                           "[64:ff9b::7f00:1]",
                           "[2002:7f00:1::]",
                           "[fe80::1]",
                           "[fd00::1]",
                           "[ff02::1]",
                           "10.0.0.1",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.0.1",
                           "100.64.0.1",
                           "169.254.169.254",
                           "0251.0376.0251.0376",
                           "224.0.0.1",
                           "255.255.255.255",
                           "198.18.0.1"};
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        char url[100], allowed[64];
        snprintf(url, sizeof(url), "http://%s:%d/echo", hosts[i], port);
        snprintf(allowed, sizeof(allowed), "localhost:1 127.0.0.1:%d", port + 1);
        if (call(allowed, (struct fetch_request){0}, url) != ERR_DENIED)
            fail_msg("%s was let through, or failed otherwise: %s", hosts[i], e.message);
        assert_string_equal(err_code(&e), "address_refused");
    }
    assert_int_equal(requests, 0);
    char url[100], allowed[64];
    snprintf(url, sizeof(url), "http://LOCALHOST:%d/echo", port);
    snprintf(allowed, sizeof(allowed), "localhost:%d", port);
    assert_ok(call(allowed, (struct fetch_request){0}, url), &e);
    setenv("http_proxy", url, 1); /* a proxy would be a way around */
    assert_int_equal(call("", (struct fetch_request){0}, "http://169.254.169.254/"), ERR_DENIED);
    unsetenv("http_proxy");
    struct fetch_request rq = {.method = STR("GET"), .url = str_from(url), .timeout_ms = 1000, .max_body = 10};
    assert_int_equal(fetch(NULL, &arena, &rq, &reply, &e), ERR_DENIED);
}

static void urls_are_checked(void **state)
{
    (void)state;
    const char *good[] = {"http://a", "https://a.b:8443/x?y#z", "http://[::1]:1/", "HTTP://A/"};
    const char *bad[] = {"",
                         "a",
                         "/x",
                         "file:///etc/passwd",
                         "ftp://a/",
                         "gopher://a/",
                         "dict://a/",
                         "http://",
                         "http:///x",
                         "http:/x",
                         "http:x",
                         "http:\\\\x",
                         "javascript:alert(1)",
                         "http://a b/",
                         "http://a/\r\nX: y",
                         "http://u:p@a/",
                         "http://u@a/",
                         "http://a:99999/",
                         "http://a:x/",
                         "//a/b",
                         "http://[::1/",
                         "https://a\t.b/"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_ok(fetch_check_url(str_from(good[i]), &e), &e);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (fetch_check_url(str_from(bad[i]), &e) != ERR_INVALID)
            fail_msg("%s was let pass", bad[i]);
    assert_int_equal(fetch_check_url(STR("http://a/\0b"), &e), ERR_INVALID);
    static char text[9000] = "http://a/";
    memset(text + 9, 'x', sizeof(text) - 9);
    assert_int_equal(fetch_check_url(str_n(text, sizeof(text)), &e), ERR_INVALID);
}

static void headers_cannot_be_smuggled(void **state)
{
    (void)state;
    const struct fetch_header bad[] = {{STR("X"), STR("a\r\nY: b")},
                                       {STR("X"), STR("a\nb")},
                                       {STR("X\r\nY"), STR("a")},
                                       {STR(""), STR("a")},
                                       {STR("X:"), STR("a")},
                                       {STR("X"), STR("a\0b")},
                                       {STR("Host"), STR("b")},
                                       {STR("content-LENGTH"), STR("1")},
                                       {STR("Transfer-Encoding"), STR("chunked")},
                                       {STR("Connection"), STR("close")},
                                       {STR("X Y"), STR("a")}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(call_path((struct fetch_request){.headers = &bad[i], .header_count = 1}, "/echo"),
                         ERR_INVALID);
        assert_string_equal(err_code(&e), "header_invalid");
    }
    assert_int_equal(call_path((struct fetch_request){.method = STR("TRACE")}, "/echo"), ERR_INVALID);
    assert_int_equal(call_path((struct fetch_request){.method = STR("GET /x")}, "/echo"), ERR_INVALID);
    assert_int_equal(requests, 0);
}

static void *many_calls(void *ctx)
{
    atomic_int *good = ctx;
    const struct config *c = config_current();
    for (int i = 0; i < 20; i++) {
        struct arena a;
        struct err mine = ERR_INIT;
        struct fetch_reply r;
        arena_init(&a, 1 << 20);
        char *url = arena_printf(&a, "http://127.0.0.1:%d/echo/%d", port, i);
        struct fetch_request rq = {.method = STR("GET"), .url = str_from(url), .timeout_ms = 10000, .max_body = 10000};
        *good += fetch(c, &a, &rq, &r, &mine) == OK && r.status == 200;
        arena_release(&a);
    }
    config_drop(c);
    return NULL;
}

static void many_threads(void **state)
{
    (void)state;
    char allowed[64];
    pthread_t threads[6];
    atomic_int good = 0;
    snprintf(allowed, sizeof(allowed), "127.0.0.1:%d", port);
    config_set_current(config_with(allowed));
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many_calls, &good), 0);
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    config_set_current(NULL);
    assert_int_equal(good, 120);
}

/* ---- the calls of one turn ---- */

static struct waker_wait outside_wait;

static enum status start_outside(struct outside *o, const char *path, int64_t timeout_ms)
{
    char allowed[64], url[200];
    struct waker waker;
    snprintf(allowed, sizeof(allowed), "127.0.0.1:%d", port);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    const struct fetch_request rq = {
        .method = STR("GET"), .url = str_from(url), .timeout_ms = timeout_ms, .max_body = 100000};
    waker_wait_begin(&outside_wait, &waker);
    config_set_current(config_with(allowed));
    enum status st = outside_start(o, &rq, &waker, &e);
    config_set_current(NULL);
    return st;
}

static enum status call_outside(struct outside *o, const char *path, int64_t timeout_ms)
{
    int64_t start = clock_mono_us();
    enum status st = start_outside(o, path, timeout_ms);
    if (st == OK) {
        assert_true(waker_wait_for(&outside_wait, PATIENCE_MS));
        assert_true(outside_ready(o));
        st = outside_take(o, &arena, &reply, &e);
    }
    took_ms = (clock_mono_us() - start) / 1000;
    waker_wait_end(&outside_wait);
    return st;
}

static void the_calls_of_a_turn_share_a_budget(void **state)
{
    (void)state;
    struct outside o = {.call_ms = 1000, .budget_ms = 1900};
    assert_int_equal(call_outside(&o, "/silent", 10000), ERR_TIMEOUT); /* no longer than one call may take */
    assert_true(took_ms >= 950);
    assert_int_equal(call_outside(&o, "/silent", 0), ERR_TIMEOUT); /* the rest of the budget */
    assert_true(o.spent_us >= 1850000);
    assert_int_equal(call_outside(&o, "/echo", 0), ERR_TIMEOUT);
    assert_int_equal(e.code, E_fetch_timeout);
    assert_true(took_ms < 500);
    o = (struct outside){.call_ms = 5000, .budget_ms = 5000};
    assert_int_equal(call_outside(&o, "/silent", 200), ERR_TIMEOUT);
    assert_in_range(o.spent_us, 190000, 4000000);
    assert_int_equal(call_outside(&o, "/echo", 0), OK);
    assert_int_equal(reply.status, 200);
    o.spent_us = (o.budget_ms - 5) * 1000; /* what curl's timer may leave of a budget that a call has used up */
    assert_int_equal(call_outside(&o, "/echo", 0), ERR_TIMEOUT);
}

/* A turn that gives up may end at once, and so may its memory: what comes later finds the mail alone. */
static void a_call_is_given_up(void **state)
{
    (void)state;
    struct outside o = {.call_ms = PATIENCE_MS, .budget_ms = PATIENCE_MS};
    outside_abandon(&o); /* there is none */
    assert_int_equal(start_outside(&o, "/silent", 0), OK);
    assert_false(outside_ready(&o));
    int64_t start = clock_mono_us();
    outside_abandon(&o);
    assert_true(clock_mono_us() - start < PATIENCE_MS * 500);
    assert_null(o.mail);
    waker_wait_end(&outside_wait);
    assert_int_equal(call_outside(&o, "/echo", 0), OK); /* another one may follow */
}

static bool is_public(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return address_is_public((struct sockaddr *)&v4);
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
        fail_msg("%s is not an address", text);
    return address_is_public((struct sockaddr *)&v6);
}

static void the_edges_of_the_ranges(void **state)
{
    (void)state;
    const char *pub[] = {"1.0.0.0",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255",  "100.128.0.0",
                         "126.255.255.255", "128.0.0.0",       "169.253.255.255", "169.255.0.0",     "172.15.255.255",
                         "172.32.0.0",      "192.0.1.0",       "192.167.255.255", "192.169.0.0",     "198.17.255.255",
                         "198.20.0.0",      "223.255.255.255", "8.8.8.8",         "2606:4700::1111", "2a00:1450::1",
                         "2001:200::1",     "2003::1"};
    const char *priv[] = {"0.255.255.255", "10.255.255.255", "100.64.0.0",      "100.127.255.255",
                          "127.0.0.0",     "169.254.0.0",    "172.16.0.0",      "172.31.255.255",
                          "192.0.0.255",   "192.0.2.1",      "192.88.99.1",     "192.168.255.255",
                          "198.18.0.0",    "198.19.255.255", "198.51.100.1",    "203.0.113.1",
                          "224.0.0.0",     "240.0.0.0",      "255.255.255.255", "::",
                          "::1",           "::ffff:8.8.8.8", "::8.8.8.8",       "64:ff9b::808:808",
                          "64:ff9b:1::1",  "100::1",         "1fff::1",         "2001::1",
                          "2001:1ff::1",   "2001:db8::1",    "2002:808:808::1", "3fff::1",
                          "4000::1",       "fc00::1",        "fdff::1",         "fe80::1",
                          "fec0::1",       "ff0e::1"};
    for (size_t i = 0; i < COUNT_OF(pub); i++)
        if (!is_public(pub[i]))
            fail_msg("%s is public", pub[i]);
    for (size_t i = 0; i < COUNT_OF(priv); i++)
        if (is_public(priv[i]))
            fail_msg("%s is not public", priv[i]);
    struct sockaddr other = {.sa_family = AF_UNIX};
    assert_false(address_is_public(&other));
    assert_true(address_in_list(STR("a:1 [::1]:80"), STR("[::1]"), 80));
    assert_true(address_in_list(STR("A.b:443"), STR("a.B"), 443));
    assert_false(address_in_list(STR("a:1 b:2"), STR("a"), 2));
    assert_false(address_in_list(STR("a:1"), STR("xa"), 1));
    assert_false(address_in_list(STR(":1"), STR(""), 1));
    assert_false(address_in_list(STR_EMPTY, STR("a"), 1));
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, begin, end)
static void only_names_of_this_machine_are_loopback(void **state)
{
    static const struct {
        const char *host;
        bool is;
    } rows[] = {{"localhost", true},
                {"LocalHost", true},
                {"127.0.0.1", true},
                {"127.255.255.254", true},
                {"::1", true},
                {"[::1]", true},
                {"[0:0:0:0:0:0:0:1]", true},
                {"127.mail.example.com", false},
                {"127.0.0.1.example.com", false},
                {"127.0.0.1.5", false},
                {"127.1", false},
                {"127.", false},
                {"127", false},
                {"localhost.example.com", false},
                {"localhost.", false},
                {"mylocalhost", false},
                {"mail.localhost", false},
                {"128.0.0.1", false},
                {"10.0.0.1", false},
                {"0.0.0.0", false},
                {"::", false},
                {"[::2]", false},
                {"[::1", false},
                {"::ffff:127.0.0.1", false},
                {"[]", false},
                {"", false}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (host_is_loopback(str_from(rows[i].host)) != rows[i].is)
            fail_msg("\"%s\" is %sloopback", rows[i].host, rows[i].is ? "not " : "");
    assert_false(host_is_loopback(str_n("localhost\0.example.com", 22)));
    assert_false(host_is_loopback(str_n("127.0.0.1\0.example.com", 22)));
}

static void the_host_of_a_url(void **state)
{
    static const struct {
        const char *url, *host;
    } rows[] = {{"http://127.0.0.1:8080/x?y#z", "127.0.0.1"},
                {"http://localhost", "localhost"},
                {"https://localhost.example.com/", "localhost.example.com"},
                {"http://chat.example.com/?next=//localhost", "chat.example.com"},
                {"http://chat.example.com?//localhost", "chat.example.com"},
                {"http://chat.example.com#@localhost", "chat.example.com"},
                {"http://localhost@evil.example/", "evil.example"},
                {"http://localhost:80@evil.example:81/", "evil.example"},
                {"http://[::1]:8080/", "[::1]"},
                {"http://[::1]", "[::1]"},
                {"smtp://mail.example.com:587", "mail.example.com"},
                {"http://", ""},
                {"//localhost", ""},
                {"localhost", ""},
                {":/", ""},
                {"", ""}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_str(url_host(str_from(rows[i].url)), rows[i].host);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    start_server();
    const struct CMUnitTest tests[] = {WITH(the_request_arrives_unchanged),
                                       WITH(every_http_status_is_a_reply),
                                       WITH(broken_answers_are_failures),
                                       WITH(headers_of_the_answer),
                                       WITH(trusted_addresses),
                                       WITH(whether_it_was_sent),
                                       WITH(size_is_capped),
                                       WITH(the_deadline_holds),
                                       WITH(private_addresses_are_refused),
                                       WITH(urls_are_checked),
                                       WITH(headers_cannot_be_smuggled),
                                       WITH(many_threads),
                                       WITH(the_calls_of_a_turn_share_a_budget),
                                       WITH(a_call_is_given_up),
                                       WITH(the_edges_of_the_ranges),
                                       TEST(only_names_of_this_machine_are_loopback),
                                       TEST(the_host_of_a_url)};
    int failed = RUN(tests);
    over = true;
    fetch_library_end();
    return failed;
}
