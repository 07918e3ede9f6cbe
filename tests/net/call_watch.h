/* call_watch.h: calls of a test and what they have reported. Include it in the one .c file of a test program. */
#ifndef PARLEY_TESTS_NET_CALL_WATCH_H
#define PARLEY_TESTS_NET_CALL_WATCH_H

#include "base/clock.h"
#include "lib/test.h"
#include "net/call_server.h"
#include "net/calls.h"

#define PATIENCE_MS 30000 /* what is not ended by the test or a deadline takes longer than this */

/* What one call has reported. */
struct watch {
    struct call *call;
    struct call_result *result;
    atomic_int heads, dones;
    int head_status;
    size_t got;
    int64_t done_us;
    bool cancel_at_data;
    struct watch *then; /* started when this one is done */
    const char *then_path;
};

static struct err e;
static char allowed[100]; /* private addresses */
static struct id tenant_a, tenant_b;

static const struct config *config_with(const char *max)
{
    const struct config *c;
    setenv("PARLEY_CALLS_MAX", max, 1);
    assert_ok(config_load("/dev/null", &c, &e), &e);
    return c;
}

static void on_head(void *ctx, const struct call_head *h)
{
    struct watch *w = ctx;
    w->head_status = h->status;
    w->heads++;
}

/* Comments of an event stream are no content. */
static bool on_data(void *ctx, const char *p, size_t n)
{
    struct watch *w = ctx;
    w->got += n;
    if (w->cancel_at_data)
        call_cancel(w->call);
    return n > 0 && p[0] != ':';
}

static void start_path(struct watch *w, const struct call_request *given, const char *path, bool stream);

static void on_done(void *ctx, const struct call_result *r)
{
    struct watch *w = ctx;
    w->result = call_result_take(r);
    w->done_us = clock_mono_us();
    if (w->then)
        start_path(w->then, &(struct call_request){.tenant = tenant_a}, w->then_path, false);
    w->dones++;
}

static const char *places = "4096"; /* the setting calls_max */

static enum status try_url(struct watch *w, const struct call_request *given, const char *url, bool stream)
{
    struct call_request rq = *given;
    struct call_events on = {.ctx = w, .head = on_head, .data = stream ? on_data : NULL, .done = on_done};
    config_set_current(config_with(places));
    rq.url = str_from(url);
    rq.private_hosts = str_from(allowed);
    rq.method = rq.method.n ? rq.method : STR("GET");
    rq.total_ms = rq.total_ms ? rq.total_ms : 2 * PATIENCE_MS;
    rq.max_body = rq.max_body ? rq.max_body : 100000;
    return call_start(&rq, &on, &w->call, &e);
}

static void start_path(struct watch *w, const struct call_request *given, const char *path, bool stream)
{
    char url[200];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", server_port, path);
    if (try_url(w, given, url, stream) != OK)
        abort();
}

static bool wait_for(atomic_int *n, int least)
{
    int64_t end = clock_mono_us() + PATIENCE_MS * 1000;
    while (*n < least && clock_mono_us() < end)
        usleep(500);
    return *n >= least;
}

static void drop(struct watch *w)
{
    call_release(w->call);
    call_result_free(w->result);
}

static void finish(struct watch *w)
{
    assert_true(wait_for(&w->dones, 1));
}

/* The whole life of a call; the caller reads w->result and drops it. */
static void run_path(struct watch *w, struct call_request rq, const char *path, bool stream)
{
    rq.tenant = id_is_none(rq.tenant) ? tenant_a : rq.tenant;
    start_path(w, &rq, path, stream);
    finish(w);
}

static int begin(void **state)
{
    (void)state;
    e = ERR_INIT;
    places = "4096";
    tenant_a = id_new();
    tenant_b = id_new();
    snprintf(allowed, sizeof(allowed), "127.0.0.1:%d 127.0.0.1:%d 127.0.0.1:%d loop.test:%d", server_port, full_port,
             closed_port, server_port);
    return 0;
}

/* Nothing may be left over from a test. */
static int end(void **state)
{
    (void)state;
    struct calls_count n = calls_count(ID_NONE);
    config_set_current(NULL);
    return n.in_flight == 0 && n.waiting == 0 ? 0 : -1;
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, begin, end)

#endif
