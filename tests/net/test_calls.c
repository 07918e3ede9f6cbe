/* test_calls.c: calls that hold no thread: every deadline, cancelling in every phase, refused addresses, tenants that
 * do not disturb each other, the breaker, and timers. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <curl/curl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "net/call_watch.h"

/* What the interface promises. A loaded machine may delay a thread for longer, so the best of several tries counts. */
#define CANCEL_MS 50
#define TRIES 5

static void run_url(struct watch *w, struct call_request rq, const char *url)
{
    rq.tenant = tenant_a;
    assert_ok(try_url(w, &rq, url, false), &e);
    finish(w);
}

/* ---- replies and failures ---- */

static void a_reply_is_collected_or_streamed(void **state)
{
    (void)state;
    struct watch a = {0}, b = {0};
    run_path(&a, (struct call_request){0}, "/ok", false);
    assert_int_equal(a.result->status, OK);
    assert_int_equal(a.result->class, CALL_REPLIED);
    assert_int_equal(a.result->head.status, 200);
    assert_str(a.result->body, "ok");
    assert_str(call_head_header(&a.result->head, "content-length"), "2");
    assert_true(a.result->sent);
    run_path(&b, (struct call_request){0}, "/content", true);
    assert_int_equal(b.result->class, CALL_REPLIED);
    assert_int_equal(b.heads, 1);
    assert_int_equal(b.head_status, 200);
    assert_int_equal(b.got, 20 * 9);
    assert_int_equal(b.result->body.n, 0);
    assert_str(b.result->head.content_type, "text/event-stream");
    drop(&a);
    drop(&b);
}

static void a_wrong_request_is_not_started(void **state)
{
    (void)state;
    struct watch w = {0};
    const struct fetch_header bad = {STR("Host"), STR("x")};
    assert_int_equal(try_url(&w, &(struct call_request){0}, "ftp://x/", false), ERR_INVALID);
    assert_int_equal(try_url(&w, &(struct call_request){.method = STR("TRACE")}, "http://x/", false), ERR_INVALID);
    assert_int_equal(try_url(&w, &(struct call_request){.headers = &bad, .header_count = 1}, "http://x/", false),
                     ERR_INVALID);
    assert_null(w.call);
    assert_int_equal(w.dones, 0);
}

static void each_deadline_has_its_class(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        struct call_request rq;
        enum call_class class;
        bool sent;
    } rows[] = {
        {"/silent", {.first_byte_ms = 200}, CALL_FIRST_BYTE_TIMEOUT, true},
        {"/silent", {.total_ms = 200, .first_byte_ms = 90000}, CALL_TOTAL_TIMEOUT, true},
        {"/head", {.idle_ms = 200}, CALL_IDLE_TIMEOUT, true},
        {"/comments", {.idle_ms = 200}, CALL_IDLE_TIMEOUT, true}, /* keep-alive is no content */
        {"/comments", {.total_ms = 200, .first_byte_ms = 100}, CALL_TOTAL_TIMEOUT, true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct watch w = {0};
        int64_t start = clock_mono_us();
        run_path(&w, rows[i].rq, rows[i].path, true);
        if (w.result->class != rows[i].class || w.result->sent != rows[i].sent)
            fail_msg("row %zu: class %d: %s", i, (int)w.result->class, w.result->err.message);
        assert_int_equal(w.result->status, ERR_TIMEOUT);
        assert_string_equal(err_code(&w.result->err), "fetch_timeout");
        assert_in_range(w.done_us - start, 190000, PATIENCE_MS * 1000);
        drop(&w);
    }
    struct watch w = {0}; /* takes 600 ms in all, and never stops for 300 */
    run_path(&w, (struct call_request){.idle_ms = 300}, "/content", true);
    assert_int_equal(w.result->class, CALL_REPLIED);
    drop(&w);
}

/* Neither a listener that does not accept nor a server that does not speak TLS gets a request. */
static void connecting_has_a_deadline(void **state)
{
    (void)state;
    char url[2][100];
    snprintf(url[0], sizeof(url[0]), "http://127.0.0.1:%d/", full_port);
    snprintf(url[1], sizeof(url[1]), "https://127.0.0.1:%d/silent", server_port);
    for (int i = 0; i < 2; i++) {
        struct watch w = {0};
        run_url(&w, (struct call_request){.connect_ms = 200}, url[i]);
        assert_int_equal(w.result->class, CALL_CONNECT_TIMEOUT);
        assert_int_equal(w.result->status, ERR_TIMEOUT);
        assert_false(w.result->sent);
        drop(&w);
    }
}

static void broken_connections_are_told_apart(void **state)
{
    (void)state;
    char url[100];
    struct watch w[5] = {0};
    run_path(&w[0], (struct call_request){0}, "/reset-before", false);
    assert_int_equal(w[0].result->class, CALL_BROKEN);
    assert_int_equal(w[0].result->head.status, 0);
    assert_true(w[0].result->sent);
    run_path(&w[1], (struct call_request){0}, "/reset-after", true);
    assert_int_equal(w[1].result->class, CALL_BROKEN);
    assert_int_equal(w[1].result->head.status, 200);
    assert_int_equal(w[1].got, 10);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", closed_port);
    run_url(&w[2], (struct call_request){0}, url);
    assert_int_equal(w[2].result->class, CALL_NOT_CONNECTED);
    assert_false(w[2].result->sent);
    run_url(&w[3], (struct call_request){0}, "http://no-such-name.invalid/");
    assert_int_equal(w[3].result->class, CALL_NAME_UNKNOWN);
    assert_false(w[3].result->sent);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(w[i].result->status, ERR_UNAVAILABLE);
        assert_string_equal(err_code(&w[i].result->err), "fetch_failed");
        drop(&w[i]);
    }
}

/* A TLS server on this port, with a certificate that no one vouches for. */
static pid_t start_tls_server(const char *dir, int port)
{
    char command[400];
    snprintf(command, sizeof(command),
             "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -subj /CN=localhost -days 1 && "
             "exec openssl s_server -accept 127.0.0.1:%d -key key -cert cert -quiet",
             dir, port);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (freopen("/dev/null", "w", stderr))
            execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(1);
    }
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool there = false;
    for (int64_t end_us = clock_mono_us() + PATIENCE_MS * 1000; !there && clock_mono_us() < end_us; usleep(20000)) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        there = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
        close(fd);
    }
    return there ? pid : -1;
}

static void a_certificate_must_prove_the_host(void **state)
{
    (void)state;
    char dir[] = "/tmp/calls-test-XXXXXX", file[60], url[100];
    struct watch w = {0};
    if (access("/usr/bin/openssl", X_OK) != 0)
        skip();
    assert_non_null(mkdtemp(dir));
    pid_t pid = start_tls_server(dir, closed_port);
    assert_true(pid > 0);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", closed_port);
    run_url(&w, (struct call_request){0}, url);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    snprintf(file, sizeof(file), "%s/key", dir);
    unlink(file);
    snprintf(file, sizeof(file), "%s/cert", dir);
    unlink(file);
    rmdir(dir);
    assert_int_equal(w.result->class, CALL_TLS_FAILED);
    assert_int_equal(w.result->status, ERR_UNAVAILABLE);
    assert_string_equal(err_code(&w.result->err), "tls_failed");
    assert_false(w.result->sent);
    drop(&w);
}

static void the_size_counts_after_decompression(void **state)
{
    (void)state;
    struct watch w[4] = {0};
    run_path(&w[0], (struct call_request){.max_body = 20000}, "/gzip", false);
    assert_int_equal(w[0].result->status, OK);
    assert_int_equal(w[0].result->body.n, 20000);
    run_path(&w[1], (struct call_request){.max_body = 19999}, "/gzip", false);
    run_path(&w[2], (struct call_request){.max_body = 19999}, "/gzip", true);
    run_path(&w[3], (struct call_request){.max_body = 1 << 20}, "/huge", true);
    assert_true(w[2].got <= 19999);
    assert_true(w[3].got <= 1 << 20);
    for (int i = 1; i < 4; i++) {
        assert_int_equal(w[i].result->class, CALL_TOO_LARGE);
        assert_int_equal(w[i].result->status, ERR_TOO_LARGE);
    }
    for (int i = 0; i < 4; i++)
        drop(&w[i]);
}

static void names_that_lead_inside_are_refused(void **state)
{
    (void)state;
    const char *names[] = {"loop.test",   "meta.test",       "six.test",       "mapped.test",
                           "127.0.0.1",   "metamapped.test", "[::1]",          "[::ffff:127.0.0.1]",
                           "169.254.1.1", "localhost",       "169.254.169.254"};
    int requests = seen->requests;
    snprintf(allowed, sizeof(allowed), "elsewhere:1");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct watch w = {0};
        char url[100];
        snprintf(url, sizeof(url), "http://%s:%d/ok", names[i], server_port);
        run_url(&w, (struct call_request){0}, url);
        if (w.result->class != CALL_ADDRESS_REFUSED)
            fail_msg("%s: class %d", names[i], (int)w.result->class);
        assert_int_equal(w.result->status, ERR_DENIED);
        drop(&w);
    }
    assert_int_equal(seen->requests, requests);
}

/* One address of a name may be refused, and the call may fail at another one for its own reason. */
static void a_refused_address_is_not_the_reason_of_a_later_failure(void **state)
{
    (void)state;
    struct watch w = {0};
    char url[100];
    snprintf(allowed, sizeof(allowed), "elsewhere:1");
    snprintf(url, sizeof(url), "http://both.test:%d/reset-after", server_port);
    run_url(&w, (struct call_request){0}, url);
    assert_int_equal(w.result->class, CALL_BROKEN);
    drop(&w);
}

/* "l" as wide as an ideograph, which the name service must see as an ordinary "l". */
static void a_name_may_have_letters_of_any_script(void **state)
{
    (void)state;
    struct watch w = {0};
    char url[100];
    if (!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_IDN))
        skip();
    snprintf(allowed, sizeof(allowed), "\xEF\xBD\x8Coop.test:%d", server_port);
    snprintf(url, sizeof(url), "http://\xEF\xBD\x8Coop.test:%d/ok", server_port);
    run_url(&w, (struct call_request){0}, url);
    assert_int_equal(w.result->class, CALL_REPLIED);
    drop(&w);
}

/* The setting may have changed since the connection was opened. */
static void an_open_connection_gives_no_right_to_its_address(void **state)
{
    (void)state;
    struct watch w[3] = {0};
    int before = seen->connections;
    run_path(&w[0], (struct call_request){0}, "/ok", false);
    run_path(&w[1], (struct call_request){0}, "/ok", false);
    assert_int_equal(seen->connections, before + 1);
    snprintf(allowed, sizeof(allowed), "elsewhere:1");
    run_path(&w[2], (struct call_request){0}, "/ok", false);
    assert_int_equal(w[2].result->class, CALL_ADDRESS_REFUSED);
    for (int i = 0; i < 3; i++)
        drop(&w[i]);
}

/* ---- cancelling ---- */

/* The time from the cancellation to `done`, the best of several tries. */
static int64_t cancel_latency(const char *url, const struct call_request *rq, int settle_ms)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < TRIES && best >= CANCEL_MS * 1000; i++) {
        struct watch w = {0};
        assert_ok(try_url(&w, rq, url, true), &e);
        usleep((useconds_t)settle_ms * 1000);
        assert_int_equal(w.dones, 0);
        int64_t start = clock_mono_us();
        call_cancel(w.call);
        call_cancel(w.call);
        finish(&w);
        assert_int_equal(w.result->class, CALL_CANCELLED);
        assert_int_equal(w.result->status, ERR_GONE);
        best = w.done_us - start < best ? w.done_us - start : best;
        call_cancel(w.call); /* after the end it does nothing */
        assert_int_equal(w.dones, 1);
        drop(&w);
    }
    return best;
}

static void every_phase_can_be_cancelled(void **state)
{
    (void)state;
    static const struct {
        const char *phase, *scheme, *host, *path;
        int *port;
        int settle_ms;
    } rows[] = {
        {"at once", "http", "127.0.0.1", "/silent", &server_port, 0},
        {"name lookup", "http", "silent.test", "/ok", &server_port, 100},
        {"connecting", "http", "127.0.0.1", "/", &full_port, 100},
        {"TLS", "https", "127.0.0.1", "/", &server_port, 100},
        {"before the head", "http", "127.0.0.1", "/silent", &server_port, 100},
        {"after the head", "http", "127.0.0.1", "/head", &server_port, 100},
        {"keep-alive", "http", "127.0.0.1", "/comments", &server_port, 100},
        {"huge body", "http", "127.0.0.1", "/huge", &server_port, 20},
    };
    names_answer = false;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char url[100];
        struct call_request rq = {.tenant = tenant_a, .max_body = SIZE_MAX / 2};
        snprintf(url, sizeof(url), "%s://%s:%d%s", rows[i].scheme, rows[i].host, *rows[i].port, rows[i].path);
        int64_t us = cancel_latency(url, &rq, rows[i].settle_ms);
        printf("cancelled, %s: %.2f ms\n", rows[i].phase, (double)us / 1000);
        assert_true(us < CANCEL_MS * 1000);
    }
    names_answer = true;
}

static void a_waiting_call_can_be_cancelled(void **state)
{
    (void)state;
    char url[100];
    struct watch first[8] = {0}; /* half of the places */
    struct call_request rq = {.tenant = tenant_a};
    places = "16";
    for (size_t i = 0; i < COUNT_OF(first); i++)
        start_path(&first[i], &rq, "/silent", false);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/ok", server_port);
    int64_t us = cancel_latency(url, &rq, 50);
    printf("cancelled, in the queue: %.2f ms\n", (double)us / 1000);
    assert_true(us < CANCEL_MS * 1000);
    for (size_t i = 0; i < COUNT_OF(first); i++) {
        call_cancel(first[i].call);
        finish(&first[i]);
        drop(&first[i]);
    }
}

/* No event follows a cancellation that was made in the calls thread. */
static void a_stream_can_be_stopped_by_its_reader(void **state)
{
    (void)state;
    struct watch w = {.cancel_at_data = true};
    run_path(&w, (struct call_request){0}, "/content", true);
    assert_int_equal(w.result->class, CALL_CANCELLED);
    assert_int_equal(w.got, 9);
    drop(&w);
}

static void *cancel_many(void *ctx)
{
    struct watch *w = ctx;
    for (int i = 0; i < 300; i++)
        call_cancel(w[i].call);
    return NULL;
}

/* Several threads cancel the same calls while they begin, wait and end. */
static void a_storm_of_cancellations(void **state)
{
    (void)state;
    static struct watch w[300];
    const char *paths[] = {"/ok", "/silent", "/content", "/slow", "/reset-after"};
    pthread_t threads[3];
    for (int round = 0; round < 3; round++) {
        memset(w, 0, sizeof(w));
        for (int i = 0; i < 300; i++)
            start_path(&w[i], &(struct call_request){.tenant = i % 2 ? tenant_a : tenant_b}, paths[i % 5], i % 3 == 0);
        usleep((useconds_t)round * 20000);
        for (int i = 0; i < 3; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, cancel_many, w), 0);
        for (int i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < 300; i++)
            finish(&w[i]);
        usleep(10000);
        for (int i = 0; i < 300; i++) {
            assert_int_equal(w[i].dones, 1);
            drop(&w[i]);
        }
    }
}

static void the_end_of_a_call_may_start_another(void **state)
{
    (void)state;
    struct watch second = {0}, first = {.then = &second, .then_path = "/ok"};
    run_path(&first, (struct call_request){0}, "/ok", false);
    finish(&second);
    assert_int_equal(second.result->class, CALL_REPLIED);
    drop(&first);
    drop(&second);
}

static void on_nothing(void *ctx)
{
    ++*(atomic_int *)ctx;
}

static void start_limited(struct watch *w, const struct rlimit *now, const struct rlimit *after)
{
    char url[100];
    struct call_request rq = {.method = STR("GET"), .tenant = tenant_a, .total_ms = PATIENCE_MS, .max_body = 1000};
    struct call_events on = {.ctx = w, .done = on_done};
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/ok", server_port);
    rq.url = str_from(url);
    rq.private_hosts = str_from(allowed);
    setrlimit(RLIMIT_NOFILE, now);
    enum status st = call_start(&rq, &on, &w->call, &e);
    bool ended = st == OK && wait_for(&w->dones, 1);
    setrlimit(RLIMIT_NOFILE, after);
    assert_true(ended);
}

/* Each call ends with `done` also then, and the next call starts the thread again. */
static void the_thread_can_be_stopped_with_calls_in_flight(void **state)
{
    (void)state;
    struct watch w[9] = {0}, again = {0}; /* the last one waits for a place */
    struct call_timer *timer = NULL;
    atomic_int never = 0;
    places = "16";
    for (int i = 0; i < 9; i++)
        start_path(&w[i], &(struct call_request){.tenant = tenant_a}, "/silent", false);
    assert_ok(call_timer(PATIENCE_MS, on_nothing, &never, &timer, &e), &e);
    assert_true(wait_for(&seen->requests, 1));
    fetch_library_end();
    for (int i = 0; i < 9; i++) {
        assert_int_equal(w[i].dones, 1);
        assert_int_equal(w[i].result->class, CALL_CANCELLED);
        drop(&w[i]);
    }
    call_timer_cancel(timer);
    assert_int_equal(never, 0);
    run_path(&again, (struct call_request){0}, "/ok", false);
    assert_int_equal(again.result->class, CALL_REPLIED);
    drop(&again);
}

/* Running out of file descriptors is not the fault of the host: no breaker opens. */
static void a_lack_of_descriptors_opens_no_breaker(void **state)
{
    (void)state;
    struct rlimit files, few;
    struct watch w = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    few = files;
    few.rlim_cur = 3;
    run_path(&w, (struct call_request){.tenant = tenant_b}, "/ok", false); /* the thread runs */
    drop(&w);
    for (int i = 0; i < 7; i++) {
        w = (struct watch){0};
        start_limited(&w, i < 6 ? &few : &files, &files);
        assert_int_equal(w.result->class, i < 6 ? CALL_NO_MEMORY : CALL_REPLIED);
        drop(&w);
    }
}

/* ---- the end of the thread ---- */

static atomic_bool slow_writes, thread_ends;

/* The thread that wakes another one may be interrupted before it writes. */
ssize_t write(int fd, const void *p, size_t n)
{
    ssize_t (*real)(int, const void *, size_t);
    *(void **)&real = dlsym(RTLD_NEXT, "write");
    if (slow_writes && n == sizeof(uint64_t))
        usleep(5000);
    return real(fd, p, n);
}

static void *cancel_at_the_end(void *ctx)
{
    const struct watch *w = ctx;
    while (!thread_ends)
        usleep(100);
    usleep(2000);
    call_cancel(w->call);
    return NULL;
}

/* The descriptor that wakes the thread is closed with it, and its number may be another file's by the next moment. */
static void no_one_writes_to_a_closed_descriptor(void **state)
{
    (void)state;
    uint64_t strays = 0;
    for (int i = 0; i < TRIES; i++) {
        struct watch w = {0};
        pthread_t thread;
        int fds[4];
        thread_ends = false;
        start_path(&w, &(struct call_request){.tenant = tenant_a}, "/silent", false);
        assert_int_equal(pthread_create(&thread, NULL, cancel_at_the_end, &w), 0);
        slow_writes = thread_ends = true;
        fetch_library_end();
        for (size_t k = 0; k < COUNT_OF(fds); k++)
            fds[k] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        pthread_join(thread, NULL);
        slow_writes = false;
        for (size_t k = 0; k < COUNT_OF(fds); k++) {
            uint64_t n = 0;
            strays += read(fds[k], &n, sizeof(n)) == (ssize_t)sizeof(n);
            close(fds[k]);
        }
        drop(&w);
    }
    assert_int_equal(strays, 0);
}

/* ---- timers ---- */

struct tick {
    struct call_timer *timer;
    atomic_int fired;
    int order;
    bool cancel_itself;
};
static atomic_int ticks;

static void on_tick(void *ctx)
{
    struct tick *t = ctx;
    t->order = ++ticks;
    if (t->cancel_itself)
        call_timer_cancel(t->timer);
    t->fired++;
}

static void timers_fire_in_order_or_not_at_all(void **state)
{
    (void)state;
    static const int ms[] = {120, 0, 60, 180, 90, 30, 150};
    struct tick t[COUNT_OF(ms)] = {0};
    ticks = 0;
    t[1].cancel_itself = true;
    for (size_t i = 0; i < COUNT_OF(ms); i++)
        assert_ok(call_timer(ms[i] * 2, on_tick, &t[i], &t[i].timer, &e), &e);
    call_timer_cancel(t[4].timer);
    call_timer_cancel(NULL);
    assert_true(wait_for(&t[3].fired, 1));
    assert_int_equal(t[4].fired, 0);
    for (size_t i = 0; i < COUNT_OF(ms); i++)
        for (size_t j = 0; j < COUNT_OF(ms); j++)
            if (i != 4 && j != 4 && ms[i] < ms[j])
                assert_true(t[i].order < t[j].order);
    for (size_t i = 0; i < COUNT_OF(ms); i++)
        if (i != 1 && i != 4)
            call_timer_cancel(t[i].timer);
}

int main(void)
{
    server_start();
    const struct CMUnitTest tests[] = {WITH(a_reply_is_collected_or_streamed),
                                       WITH(a_wrong_request_is_not_started),
                                       WITH(each_deadline_has_its_class),
                                       WITH(connecting_has_a_deadline),
                                       WITH(broken_connections_are_told_apart),
                                       WITH(a_certificate_must_prove_the_host),
                                       WITH(the_size_counts_after_decompression),
                                       WITH(names_that_lead_inside_are_refused),
                                       WITH(a_name_may_have_letters_of_any_script),
                                       WITH(a_refused_address_is_not_the_reason_of_a_later_failure),
                                       WITH(an_open_connection_gives_no_right_to_its_address),
                                       WITH(every_phase_can_be_cancelled),
                                       WITH(a_waiting_call_can_be_cancelled),
                                       WITH(a_stream_can_be_stopped_by_its_reader),
                                       WITH(a_storm_of_cancellations),
                                       WITH(the_end_of_a_call_may_start_another),
                                       WITH(the_thread_can_be_stopped_with_calls_in_flight),
                                       WITH(a_lack_of_descriptors_opens_no_breaker),
                                       WITH(timers_fire_in_order_or_not_at_all),
                                       WITH(no_one_writes_to_a_closed_descriptor)};
    int failed = RUN(tests);
    fetch_library_end();
    server_stop();
    return failed;
}
