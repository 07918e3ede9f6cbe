/* test_call.c: where the calls of an engine may go, and how many there are at once. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <curl/curl.h>
#include <malloc.h>

#include "base/clock.h"
#include "engine/chain.h"
#include "engine/run_internal.h"
#include "lib/test.h"
#include "net/call_server.h"

#define PATIENCE_MS 30000
/* Stands for the letter "l" in a name. libcurl knows that if it was built to. */
#define WIDE_L "http://\xEF\xBD\x8C"

/* One run, which makes one call. */
struct ask {
    char url[100], hosts[100];
    struct id tenant;
    struct engine_run *run;
    struct call_timer *begin;
    struct engine_failure end;
    atomic_int ends;
};

static void on_event(void *ctx, const struct engine_event *ev)
{
    (void)ctx;
    (void)ev;
}

static void on_ended(void *ctx, const struct engine_failure *f)
{
    struct ask *ask = ctx;
    ask->end = *f;
    ask->ends++;
}

static void on_reply_end(struct engine_run *run)
{
    engine_run_end(run, ENGINE_NO_REPLY);
}

static void call_it(struct engine_run *run)
{
    const struct engine_handlers on = {.end = on_reply_end};
    const struct ask *ask = run->owner.ctx;
    const struct engine_request rq = {.method = "GET", .url = str_from(ask->url)};
    (void)engine_call(run, &rq, &on);
}

static const struct engine_ops ops = {.turn = call_it};

static void begin(void *ctx)
{
    struct ask *ask = ctx;
    static const struct engine_turn turn;
    struct engine_owner owner = {ask, on_event, on_ended};
    struct engine_run_request rq = {.ops = &ops,
                                    .type = engine_type_find(STR("openai")),
                                    .tenant = ask->tenant,
                                    .private_hosts = str_from(ask->hosts),
                                    .task = ENGINE_TASK_TURN,
                                    .turn = &turn,
                                    .connect_ms = 1000,
                                    .deadline_us = clock_mono_us() + 2 * PATIENCE_MS * 1000,
                                    .max_output = 100};
    ask->run = engine_run_start(&rq, &owner);
}

static void start(struct ask *ask)
{
    struct err e = ERR_INIT;
    assert_ok(call_timer(0, begin, ask, &ask->begin, &e), &e);
}

/* A run belongs to the calls thread as long as there is one. */
static void finish(struct ask *asks, size_t n)
{
    fetch_library_end();
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(asks[i].ends, 1);
        call_timer_cancel(asks[i].begin);
        engine_run_release(asks[i].run);
    }
}

/* libcurl and the list of the operator must mean the same host and port, however the tenant writes them. */
static void a_private_address_is_in_the_list_of_the_operator(void **state)
{
    static const struct {
        const char *url, *hosts;
        enum engine_class refusal; /* ENGINE_OK: none */
    } rows[] = {
        {"http://127.0.0.1/ok", "127.0.0.1:80", ENGINE_OK},
        {"http://127.0.0.1:/ok", "127.0.0.1:80", ENGINE_OK},
        {"http://127.0.0.1:00080/ok", "127.0.0.1:80", ENGINE_OK},
        {"HTTPS://127.0.0.1/ok", "127.0.0.1:443", ENGINE_OK},
        {"HTTPS://127.0.0.1/ok", "127.0.0.1:80", ENGINE_POLICY},
        {"https://127.0.0.1/ok", "127.0.0.1:80", ENGINE_POLICY},
        {"https://127.0.0.1:80/ok", "127.0.0.1:80", ENGINE_OK},
        {"http://127.0.0.1:1/ok", "127.0.0.1:80 127.0.0.1:11", ENGINE_POLICY},
        {"http://0x7f.1/ok", "127.0.0.1:80", ENGINE_OK}, /* an address in other digits is the same address */
        {"http://LOCALHOST/ok", "localhost:80", ENGINE_OK},
        {"http://%6Cocalhost/ok", "localhost:80", ENGINE_OK},
        {"http://loop.test./ok", "loop.test:80", ENGINE_POLICY},
        {"http://localhost/ok", "127.0.0.1:80", ENGINE_POLICY},
        {"http://[::1]/ok", "[::1]:80", ENGINE_OK},
        {"http://[0:0::0:1]/ok", "[::1]:80", ENGINE_OK},
        {"http://[::1]/ok", "127.0.0.1:80", ENGINE_POLICY},
        {"http://[::ffff:127.0.0.1]/ok", "127.0.0.1:80", ENGINE_POLICY},
        {WIDE_L "oop.test/ok", "loop.test:80", ENGINE_POLICY},
        {"http://127.0.0.1:80@localhost/ok", "127.0.0.1:80", ENGINE_CONFIG}, /* a user and a password */
        {"http://localhost@127.0.0.1/ok", "127.0.0.1:80", ENGINE_CONFIG},
        {"http://localhost\\@127.0.0.1/ok", "localhost:80 127.0.0.1:80", ENGINE_CONFIG},
    };
    bool wide_letters = curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_IDN;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct ask ask = {.tenant = id_new()};
        if (!wide_letters && str_starts(str_from(rows[i].url), STR(WIDE_L)))
            continue;
        snprintf(ask.url, sizeof(ask.url), "%s", rows[i].url);
        snprintf(ask.hosts, sizeof(ask.hosts), "%s", rows[i].hosts);
        start(&ask);
        for (int ms = 0; !ask.ends && ms < PATIENCE_MS; ms++)
            usleep(1000);
        finish(&ask, 1);
        bool refused = ask.end.class == ENGINE_POLICY || ask.end.class == ENGINE_CONFIG;
        if (rows[i].refusal != (refused ? ask.end.class : ENGINE_OK))
            fail_msg("%s with %s: class %d: %s", rows[i].url, rows[i].hosts, (int)ask.end.class, ask.end.detail);
    }
}

static void the_places_of_the_operator_hold_for_engines(void **state)
{
    static struct ask asks[20];
    const struct config *c = NULL;
    struct calls_count n = {0};
    struct err e = ERR_INIT;
    struct id tenant = id_new();
    (void)state;
    setenv("PARLEY_CALLS_MAX", "16", 1);
    assert_ok(config_load("/dev/null", &c, &e), &e);
    config_set_current(c);
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        asks[i].tenant = tenant;
        snprintf(asks[i].url, sizeof(asks[i].url), "http://127.0.0.1:%d/silent", server_port);
        snprintf(asks[i].hosts, sizeof(asks[i].hosts), "127.0.0.1:%d", server_port);
        start(&asks[i]);
    }
    for (int ms = 0; n.in_flight + n.waiting < (int)COUNT_OF(asks) && ms < PATIENCE_MS; ms++, usleep(1000))
        n = calls_count(tenant);
    assert_int_equal(n.in_flight, 8);
    assert_int_equal(n.waiting, 12);
    finish(asks, COUNT_OF(asks));
    config_set_current(NULL);
}

/* ---- what waiting costs ---- */

#define CHAINS 200
#define MOST_KB_EACH 24 /* of the heap: the chain, its call and its connection; sanitizers take more */

static struct engine_chain *chains[CHAINS];

static void start_chains(struct arena *a)
{
    char text[200];
    struct err e = ERR_INIT;
    struct json *settings = NULL;
    const struct engine_message messages[] = {{.role = ENGINE_SYSTEM, .text = STR("You help the visitors of a shop.")},
                                              {.role = ENGINE_USER, .text = STR("Where is my parcel?")}};
    const struct engine_turn turn = {.message_id = STR("m"),
                                     .language = STR("en"),
                                     .messages = messages,
                                     .message_count = COUNT_OF(messages),
                                     .temperature = -1,
                                     .top_p = -1,
                                     .seed = -1};
    snprintf(text, sizeof(text),
             "{\"base_url\":\"http://127.0.0.1:%d/silent\",\"api_key\":\"sk-secret-0123456789\",\"model\":\"m\"}",
             server_port);
    assert_ok(json_parse(a, str_from(text), 8, &settings, &e), &e);
    const struct engine_link link = {.engine = id_new(), .type = engine_type_find(STR("openai")), .settings = settings};
    const struct engine_chain_request rq = {
        .asking = ENGINE_ASK_TURN, .tenant = id_new(), .links = &link, .link_count = 1, .turn = &turn};
    const struct config *c = config_current();
    for (size_t i = 0; i < CHAINS; i++)
        assert_ok(engine_chain_start(c, &rq, NULL, &chains[i], &e), &e);
    config_drop(c);
}

static void a_chain_that_waits_takes_little_memory(void **state)
{
    char hosts[60];
    struct arena a;
    struct err e = ERR_INIT;
    const struct config *c = NULL;
    (void)state;
    snprintf(hosts, sizeof(hosts), "127.0.0.1:%d", server_port);
    setenv("PARLEY_ENGINE_PRIVATE_HOSTS", hosts, 1);
    setenv("PARLEY_CALLS_MAX", "4096", 1);
    assert_ok(config_load("/dev/null", &c, &e), &e);
    config_set_current(c);
    arena_init(&a, 1 << 20);
    malloc_trim(0);
    size_t before = mallinfo2().uordblks;
    int requests = seen->requests;
    start_chains(&a);
    for (int ms = 0; seen->requests < requests + CHAINS && ms < PATIENCE_MS; ms++)
        usleep(1000);
    usleep(200000);
    double kb = (double)(mallinfo2().uordblks - before) / CHAINS / 1024;
    printf("a chain that waits takes %.1f KB\n", kb);
    for (size_t i = 0; i < CHAINS; i++)
        engine_chain_free(chains[i]);
    fetch_library_end();
    arena_release(&a);
    config_set_current(NULL);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(kb < MOST_KB_EACH);
#endif
}

int main(void)
{
    server_start();
    const struct CMUnitTest tests[] = {TEST(a_private_address_is_in_the_list_of_the_operator),
                                       TEST(the_places_of_the_operator_hold_for_engines),
                                       TEST(a_chain_that_waits_takes_little_memory)};
    int failed = RUN(tests);
    server_stop();
    return failed;
}
