/* test_calls_shares.c: tenants that do not disturb each other, the breaker, connections, and what waiting costs. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <curl/curlver.h>
#include <malloc.h>
#include <sys/resource.h>
#include <time.h>

#include "net/call_watch.h"
#include "net/calls_internal.h"

static struct watch crowd[5000];

static void start_crowd(size_t from, size_t n, struct id tenant, const char *path)
{
    for (size_t i = from; i < from + n; i++) {
        crowd[i] = (struct watch){0};
        start_path(&crowd[i], &(struct call_request){.tenant = tenant}, path, true);
    }
}

static bool settles_at(struct id tenant, int in_flight, int waiting)
{
    int64_t end = clock_mono_us() + PATIENCE_MS * 1000;
    struct calls_count n = calls_count(tenant);
    while ((n.in_flight != in_flight || n.waiting != waiting) && clock_mono_us() < end) {
        usleep(2000);
        n = calls_count(tenant);
    }
    if (n.in_flight != in_flight || n.waiting != waiting)
        print_message("%d in flight, %d waiting\n", n.in_flight, n.waiting);
    return n.in_flight == in_flight && n.waiting == waiting;
}

static void end_crowd(size_t n)
{
    for (size_t i = 0; i < n; i++)
        call_cancel(crowd[i].call);
    for (size_t i = 0; i < n; i++) {
        assert_true(wait_for(&crowd[i].dones, 1));
        assert_int_equal(crowd[i].dones, 1);
        drop(&crowd[i]);
    }
    assert_true(settles_at(ID_NONE, 0, 0));
}

/* ---- shares ---- */

/* With 64 places one tenant gets 32, and the next finds half of the rest: 16 leave 16 free. */
static void a_tenant_holds_no_more_than_is_free(void **state)
{
    (void)state;
    struct watch quick = {0};
    places = "64";
    start_crowd(0, 1000, tenant_a, "/silent");
    assert_true(settles_at(tenant_a, 32, 968));
    int64_t start = clock_mono_us();
    run_path(&quick, (struct call_request){.tenant = tenant_b}, "/ok", false);
    int64_t us = quick.done_us - start;
    printf("a call of another tenant beside 1,000 slow ones: %.2f ms\n", (double)us / 1000);
    assert_int_equal(quick.result->class, CALL_REPLIED);
    assert_true(us < 2000000);
    start_crowd(1000, 100, tenant_b, "/silent");
    assert_true(settles_at(tenant_b, 16, 84));
    assert_true(settles_at(tenant_a, 32, 968));
    for (size_t i = 0; i < 1000; i++) /* when A gives its places up, B may have half, as A had */
        call_cancel(crowd[i].call);
    assert_true(settles_at(tenant_b, 32, 68));
    drop(&quick);
    end_crowd(1100);
}

/* Places that come free go to the tenant with fewer calls in flight, although the other one has waited longer. */
static void a_newcomer_is_served_first(void **state)
{
    (void)state;
    places = "16";
    start_crowd(0, 40, tenant_a, "/slow");
    assert_true(settles_at(tenant_a, 8, 32));
    start_crowd(40, 8, tenant_b, "/slow");
    for (size_t i = 40; i < 48; i++)
        assert_true(wait_for(&crowd[i].dones, 1));
    assert_true(calls_count(tenant_a).waiting > 0);
    for (size_t i = 0; i < 48; i++) {
        assert_true(wait_for(&crowd[i].dones, 1));
        assert_int_equal(crowd[i].result->class, CALL_REPLIED);
    }
    end_crowd(48);
}

static void waiting_counts_against_the_deadline(void **state)
{
    (void)state;
    struct watch late = {0};
    places = "16";
    int before = seen->requests;
    start_crowd(0, 8, tenant_a, "/silent");
    assert_true(settles_at(tenant_a, 8, 0));
    assert_true(wait_for(&seen->requests, before + 8));
    int64_t start = clock_mono_us();
    run_path(&late, (struct call_request){.total_ms = 200, .connect_ms = 100}, "/ok", false);
    assert_int_equal(late.result->class, CALL_TOTAL_TIMEOUT);
    assert_false(late.result->sent);
    assert_in_range(late.done_us - start, 190000, PATIENCE_MS * 1000);
    end_crowd(8);
    assert_int_equal(seen->requests, before + 8);
    drop(&late);
}

static void a_queue_has_an_end(void **state)
{
    (void)state;
    places = "16";
    start_crowd(0, 8 + 4096, tenant_a, "/silent");
    assert_true(settles_at(tenant_a, 8, 4096));
    struct watch more = {0};
    run_path(&more, (struct call_request){0}, "/ok", false);
    assert_int_equal(more.result->class, CALL_QUEUE_FULL);
    assert_int_equal(more.result->status, ERR_RATE);
    assert_string_equal(err_code(&more.result->err), "bot_busy");
    drop(&more);
    end_crowd(8 + 4096);
}

/* ---- connections and names ---- */

static void connections_belong_to_one_tenant(void **state)
{
    (void)state;
    struct watch w[7] = {0};
    int before = seen->connections;
    for (int i = 0; i < 3; i++)
        run_path(&w[i], (struct call_request){.tenant = tenant_a}, "/ok", false);
    assert_int_equal(seen->connections, before + 1);
    run_path(&w[3], (struct call_request){.tenant = tenant_b}, "/ok", false);
    assert_int_equal(seen->connections, before + 2);
    run_path(&w[4], (struct call_request){.tenant = tenant_a}, "/ok", false);
    assert_int_equal(seen->connections, before + 2);
    run_path(&w[5], (struct call_request){.tenant = tenant_a, .trusted = true}, "/ok", false);
    assert_int_equal(seen->connections, before + 2); /* both calls may go to private addresses */
    start_path(&w[6], &(struct call_request){0}, "/ok", false);
    finish(&w[6]);
    assert_int_equal(seen->connections, before + 3); /* no tenant: nothing is reused */
    for (int i = 0; i < 7; i++) {
        assert_int_equal(w[i].result->class, CALL_REPLIED);
        drop(&w[i]);
    }
}

/* libcurl occupies a thread for each lookup. */
static void a_name_is_looked_up_once(void **state)
{
    (void)state;
    struct watch w[50] = {0};
    char url[100];
    snprintf(allowed, sizeof(allowed), "slow.test:%d", server_port);
    snprintf(url, sizeof(url), "http://slow.test:%d/ok", server_port);
    lookups = 0;
    for (int i = 0; i < 50; i++)
        assert_ok(try_url(&w[i], &(struct call_request){.tenant = tenant_a}, url, false), &e);
    for (int i = 0; i < 50; i++) {
        finish(&w[i]);
        assert_int_equal(w[i].result->class, CALL_REPLIED);
        drop(&w[i]);
    }
    assert_int_equal(lookups, 1);
}

/* A tenant whose names are never found holds half of the lookups, and others find room. */
static void silent_names_leave_room(void **state)
{
    (void)state;
    struct watch w[20] = {0}, other = {0};
    char url[100];
    names_answer = false;
    for (int i = 0; i < 20; i++) {
        snprintf(url, sizeof(url), "http://silent%d.invalid:%d/ok", i, server_port);
        assert_ok(try_url(&w[i], &(struct call_request){.tenant = tenant_a}, url, false), &e);
    }
    assert_true(settles_at(tenant_a, 8, 12));
    assert_true(wait_for(&lookups_waiting, 8));
    snprintf(allowed, sizeof(allowed), "slow.test:%d", server_port);
    snprintf(url, sizeof(url), "http://slow.test:%d/ok", server_port);
    assert_ok(try_url(&other, &(struct call_request){.tenant = tenant_b}, url, false), &e);
    finish(&other);
    assert_int_equal(other.result->class, CALL_REPLIED);
    assert_int_equal(lookups_waiting, 8);
    drop(&other);
    names_answer = true;
    for (int i = 0; i < 20; i++) {
        finish(&w[i]);
        assert_int_equal(w[i].result->class, CALL_NAME_UNKNOWN);
        drop(&w[i]);
    }
}

/* A server may carry out a request and then close the connection without a reply. */
static void what_must_not_be_repeated_is_sent_once(void **state)
{
    (void)state;
    struct watch w[6] = {0};
    struct call_request post = {.method = STR("POST"), .body = STR("x")};
    run_path(&w[0], post, "/once", false);
    int before = seen->requests;
    run_path(&w[1], post, "/once", false);
    assert_int_equal(seen->requests, before + 1);
    assert_int_equal(w[1].result->class, CALL_BROKEN);
    assert_true(w[1].result->sent);
    run_path(&w[2], post, "/once", false);
    run_path(&w[3], (struct call_request){0}, "/once", false);
    assert_int_equal(w[3].result->class, CALL_REPLIED);
    assert_int_equal(seen->requests, before + 4); /* GET was sent twice */
    run_path(&w[4], post, "/ok-and-close", false);
    usleep(100000);
    run_path(&w[5], post, "/ok", false); /* a connection that is known to be closed costs nothing */
    assert_int_equal(w[5].result->class, CALL_REPLIED);
    for (int i = 0; i < 6; i++)
        drop(&w[i]);
}

/* ---- the breaker ---- */

static enum call_class flaky(struct id tenant, struct watch *w)
{
    *w = (struct watch){0};
    start_path(w, &(struct call_request){.tenant = tenant}, "/flaky", false);
    finish(w);
    enum call_class class = w->result->class;
    drop(w);
    return class;
}

static void a_host_that_fails_is_left_alone(void **state)
{
    (void)state;
    struct watch w, trying = {0};
    seen->failing = true;
    for (int i = 0; i < 5; i++)
        assert_int_equal(flaky(tenant_a, &w), CALL_REPLIED); /* the caller sees each "503" */
    int before = seen->requests;
    w = (struct watch){0};
    start_path(&w, &(struct call_request){.tenant = tenant_a}, "/flaky", false);
    finish(&w);
    assert_int_equal(w.result->class, CALL_HOST_DOWN);
    assert_int_equal(w.result->status, ERR_UNAVAILABLE);
    assert_string_equal(err_code(&w.result->err), "host_down");
    assert_in_range(w.result->err.retry_after_s, 1, 5);
    assert_false(w.result->sent);
    assert_int_equal(seen->requests, before);
    drop(&w);
    assert_int_equal(flaky(tenant_b, &w), CALL_REPLIED); /* each tenant has its own breaker */
    assert_int_equal(seen->requests, before + 1);
    seen->failing = false;
    usleep(5100000);
    start_path(&trying, &(struct call_request){.tenant = tenant_a}, "/slow", false); /* the same host */
    assert_true(settles_at(tenant_a, 1, 0));
    assert_int_equal(flaky(tenant_a, &w), CALL_HOST_DOWN); /* one call at a time finds out */
    finish(&trying);
    assert_int_equal(trying.result->class, CALL_REPLIED);
    drop(&trying);
    for (int i = 0; i < 3; i++)
        assert_int_equal(flaky(tenant_a, &w), CALL_REPLIED);
}

/* A cancelled try says nothing about the host: the next call tries. A failed one closes it again, for longer. */
static void a_try_may_end_in_three_ways(void **state)
{
    (void)state;
    struct watch w, trying = {0};
    char url[100];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", closed_port);
    for (int i = 0; i < 6; i++) {
        w = (struct watch){0};
        assert_ok(try_url(&w, &(struct call_request){.tenant = tenant_a}, url, false), &e);
        finish(&w);
        assert_int_equal(w.result->class, i < 5 ? CALL_NOT_CONNECTED : CALL_HOST_DOWN);
        drop(&w);
    }
    seen->failing = true;
    for (int i = 0; i < 5; i++)
        (void)flaky(tenant_b, &w);
    usleep(5100000);
    start_path(&trying, &(struct call_request){.tenant = tenant_b}, "/silent", false);
    assert_true(settles_at(tenant_b, 1, 0));
    call_cancel(trying.call);
    finish(&trying);
    drop(&trying);
    assert_int_equal(flaky(tenant_b, &w), CALL_REPLIED);   /* 503 again */
    assert_int_equal(flaky(tenant_b, &w), CALL_HOST_DOWN); /* at once */
    seen->failing = false;
    w = (struct watch){0};
    assert_ok(try_url(&w, &(struct call_request){.tenant = tenant_a}, url, false), &e);
    finish(&w);
    assert_int_equal(w.result->class, CALL_NOT_CONNECTED); /* its time is over as well */
    drop(&w);
}

/* ---- many tenants and many hosts, without the thread ---- */

static int64_t now_us;

static enum call_class enter(struct call *c, struct id tenant, const char *host)
{
    *c = (struct call){.tenant_id = tenant, .host_key = (char *)(uintptr_t)host, .literal = true};
    return share_enter(c, now_us);
}

/* One call that cannot connect, or is refused because the host is down. */
static enum call_class fail_at(struct id tenant, const char *host)
{
    struct call c;
    enum call_class class = enter(&c, tenant, host), next = CALL_REPLIED;
    if (class == CALL_REPLIED) {
        assert_ptr_equal(share_next(now_us, &next), &c);
        class = CALL_NOT_CONNECTED;
    }
    (void)share_leave(&c, class, now_us++);
    return class;
}

/* A tenant may choose its hosts, one for each call. */
static void the_hosts_of_a_tenant_are_bounded(void **state)
{
    (void)state;
    char host[40];
    now_us = clock_mono_us();
    for (int i = 0; i < 5; i++)
        assert_int_equal(fail_at(tenant_a, "http://first:80"), CALL_NOT_CONNECTED);
    for (int i = 0; i < 255; i++) {
        snprintf(host, sizeof(host), "http://%d:80", i);
        (void)fail_at(tenant_a, host);
    }
    assert_int_equal(fail_at(tenant_a, "http://first:80"), CALL_HOST_DOWN); /* 256 are remembered */
    for (int i = 255; i < 511; i++) {
        snprintf(host, sizeof(host), "http://%d:80", i);
        (void)fail_at(tenant_a, host);
    }
    assert_int_equal(fail_at(tenant_a, "http://first:80"), CALL_NOT_CONNECTED); /* 256 others came since */
}

#define MANY_TENANTS 3000

/* The thread asks for the next call in each of its rounds. */
static void waiting_tenants_cost_nothing_while_nothing_changes(void **state)
{
    static struct call calls[MANY_TENANTS];
    enum call_class class;
    (void)state;
    now_us = clock_mono_us();
    share_set_max(0);
    for (size_t i = 0; i < MANY_TENANTS; i++)
        assert_int_equal(enter(&calls[i], id_new(), "http://127.0.0.1:1"), CALL_REPLIED);
    clock_t before = clock();
    for (int i = 0; i < 10000; i++)
        assert_null(share_next(now_us, &class));
    double ms = (double)(clock() - before) * 1000 / CLOCKS_PER_SEC;
    printf("10,000 rounds beside %d waiting tenants: %.2f ms\n", MANY_TENANTS, ms);
    share_set_max(4096);
    for (size_t i = 0; i < MANY_TENANTS; i++) {
        struct call *c = share_next(now_us, &class);
        assert_non_null(c);
        (void)share_leave(c, CALL_REPLIED, now_us);
    }
    assert_null(share_next(now_us, &class));
    assert_true(ms < 50);
}

/* ---- what waiting costs ---- */

#define MANY 2000
#define MOST_KB_EACH 40 /* the heap of libcurl and ours together; the sanitizers' own heap takes more */

static long pss_kb(void)
{
    char line[200];
    long kb = -1;
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    while (f && fgets(line, sizeof(line), f))
        if (!strncmp(line, "Pss:", 4))
            kb = strtol(line + 4, NULL, 10);
    if (f)
        fclose(f);
    return kb;
}

static void waiting_takes_little_memory(void **state)
{
    (void)state;
    struct rlimit files;
    struct watch one = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < MANY + 200)
        skip();
    malloc_trim(0);
    long before = pss_kb(), open = seen->open;
    start_crowd(0, MANY, tenant_a, "/silent");
    int64_t end = clock_mono_us() + PATIENCE_MS * 1000;
    while (seen->open < open + MANY && clock_mono_us() < end)
        usleep(1000);
    assert_true(settles_at(tenant_a, MANY, 0));
    usleep(200000);
    long after = pss_kb();
    printf("%d waiting calls: %.1f KB each, %.1f MB in all\n", MANY, (double)(after - before) / MANY,
           (double)(after - before) / 1024);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(after - before < (long)MANY * MOST_KB_EACH);
#endif
    int64_t start = clock_mono_us();
    run_path(&one, (struct call_request){.tenant = tenant_b}, "/ok", false);
    printf("a call beside %d waiting ones: %.2f ms\n", MANY, (double)(one.done_us - start) / 1000);
    drop(&one);
    start = clock_mono_us();
    end_crowd(MANY);
    printf("%d calls cancelled: %.2f ms\n", MANY, (double)(clock_mono_us() - start) / 1000);
}

/* Reading the certificates of the system takes the thread about 20 ms, so that must not happen for each call. */
static void certificates_are_read_once(void **state)
{
    (void)state;
    struct watch w[20] = {0};
    char url[100];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", server_port);
    clock_t before = clock();
    for (int i = 0; i < 20; i++) {
        assert_ok(try_url(&w[i], &(struct call_request){.tenant = tenant_a, .connect_ms = 200}, url, false), &e);
        usleep(5000);
    }
    for (int i = 0; i < 20; i++) {
        finish(&w[i]);
        drop(&w[i]);
    }
    double ms = (double)(clock() - before) * 1000 / CLOCKS_PER_SEC;
    printf("processor time of a TLS connection: %.2f ms\n", ms / 20);
#if LIBCURL_VERSION_NUM >= 0x075700 && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(ms < 20 * 8);
#endif
}

int main(void)
{
    server_start();
    const struct CMUnitTest tests[] = {WITH(a_tenant_holds_no_more_than_is_free),
                                       WITH(a_newcomer_is_served_first),
                                       WITH(waiting_counts_against_the_deadline),
                                       WITH(a_queue_has_an_end),
                                       WITH(connections_belong_to_one_tenant),
                                       WITH(a_name_is_looked_up_once),
                                       WITH(silent_names_leave_room),
                                       WITH(what_must_not_be_repeated_is_sent_once),
                                       WITH(certificates_are_read_once),
                                       WITH(a_host_that_fails_is_left_alone),
                                       WITH(a_try_may_end_in_three_ways),
                                       WITH(the_hosts_of_a_tenant_are_bounded),
                                       WITH(waiting_tenants_cost_nothing_while_nothing_changes),
                                       WITH(waiting_takes_little_memory)};
    int failed = RUN(tests);
    fetch_library_end();
    server_stop();
    return failed;
}
