/* testserver.c: a program whose routes exercise src/web, for the suite tests/http. The cookie names the user:
 * parley_session=PERMS (a number) signs in with these rights, "operator" as an operator; the key ply_N has the scopes
 * N. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "testmail.h"
#include "web/server.h"

#include "base/banned.h"

#define ROUTE(m, p, h, ...) void h(struct request *rq);
#include "testserver.def"
#undef ROUTE

static const struct route routes[] = {
#define ROUTE(...) ROUTE_ROW(__VA_ARGS__)
#include "testserver.def"
#undef ROUTE
};

static void sleep_ms(int64_t ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static int64_t number(struct request *rq, const char *name, int64_t otherwise)
{
    int64_t v;
    return num_i64(request_query(rq, name), 0, INT64_MAX, &v) ? v : otherwise;
}

static void text(struct request *rq, struct str s)
{
    reply_status(rq, 200);
    reply_type(rq, "text/plain; charset=utf-8");
    buf_str_add(reply_body(rq), s);
}

static void object(struct request *rq, const struct json *j)
{
    struct err e = ERR_INIT;
    if (!j) {
        (void)err_nomem(&e);
        reply_error(rq, &e);
    } else {
        reply_json(rq, 200, j);
    }
}

void test_plain(struct request *rq)
{
    text(rq, STR("hello\n"));
}

void test_item(struct request *rq)
{
    struct json *j = json_new_object(rq->arena);
    json_set_str(j, "id", request_segment(rq, "id"));
    json_set_str(j, "method", str_from(method_name(rq->method)));
    json_set_str(j, "path", rq->path);
    if (strstr(rq->route->path, "{part}"))
        json_set_str(j, "part", request_segment(rq, "part"));
    object(rq, j);
}

void test_query(struct request *rq)
{
    struct json *j = json_new_object(rq->arena);
    json_set_str(j, "a", request_query(rq, "a"));
    json_set_str(j, "b", request_query(rq, "b"));
    json_set_str(j, "raw", rq->query);
    json_set_str(j, "cookie", request_cookie(rq, "c"));
    json_set_str(j, "agent", rq->user_agent);
    json_set_bool(j, "events", request_wants_events(rq));
    object(rq, j);
}

void test_form(struct request *rq)
{
    struct json *j = json_new_object(rq->arena);
    json_set_str(j, "a", request_form(rq, "a"));
    json_set_bool(j, "has_b", request_form_has(rq, "b"));
    json_set_str(j, "b", request_form(rq, "b"));
    object(rq, j);
}

void test_json(struct request *rq)
{
    struct json *in;
    struct err e = ERR_INIT;
    if (request_json(rq, &in, &e) != OK)
        reply_error(rq, &e);
    else
        reply_json(rq, 200, in);
}

static void sum(struct json *j, struct str bytes)
{
    uint64_t s = 0;
    for (size_t i = 0; i < bytes.n; i++)
        s += (unsigned char)bytes.p[i];
    json_set_int(j, "size", (int64_t)bytes.n);
    json_set_int(j, "sum", (int64_t)s);
}

void test_length(struct request *rq)
{
    struct json *j = json_new_object(rq->arena);
    sum(j, request_body(rq));
    object(rq, j);
}

void test_upload(struct request *rq)
{
    struct json *j = json_new_object(rq->arena);
    struct str filename;
    sum(j, request_file(rq, "file", &filename));
    json_set_str(j, "filename", filename);
    json_set_str(j, "a", request_form(rq, "a"));
    object(rq, j);
}

void test_slow(struct request *rq)
{
    log_line(LOG_INFO, "entered", LOG_S("route", "slow"));
    sleep_ms(number(rq, "ms", 1000));
    test_plain(rq);
}

/* Until the visitor leaves, at most 10 s: says how it ended in the log line's status. */
void test_wait_gone(struct request *rq)
{
    int64_t end_us = clock_mono_us() + 10000000;
    log_line(LOG_INFO, "entered", LOG_S("route", "wait-gone"));
    while (!request_gone(rq) && clock_mono_us() < end_us)
        sleep_ms(20);
    reply_status(rq, request_gone(rq) ? 204 : 504);
}

void test_stream(struct request *rq)
{
    struct err e = ERR_INIT;
    int64_t n = number(rq, "n", 1000000);
    if (stream_begin(rq, &e) != OK)
        return;
    for (int64_t i = 1; i <= n && !stream_stopping(rq); i++) {
        char *data = arena_printf(rq->arena, "{\"i\":%lld}", (long long)i);
        if (!data || stream_event(rq, "tick", STR("7"), str_from(data), &e) != OK || stream_heartbeat(rq, &e) != OK)
            return;
        sleep_ms(20);
    }
    (void)stream_event(rq, "done", STR_EMPTY, STR("{}"), &e);
}

/* ---- parking ---- */

/* ?ms= after how long a thread of its own wakes the request, -1 for never; ?limit= the deadline of the park; ?times=
 * how often it parks; ?storm= how many threads wake it at once, each many times, also after its end. */
struct parked {
    struct waker waker;
    int64_t ms, limit, times, storm, looks;
    bool stream;
};
static atomic_int parked_now, parked_gone;
#define STORM 100

struct alarm_clock {
    struct waker waker;
    int64_t ms;
    int times;
};

static void *ring(void *arg)
{
    struct alarm_clock *c = arg;
    sleep_ms(c->ms);
    for (int i = 0; i < c->times; i++)
        waker_wake(&c->waker);
    free(c);
    return NULL;
}

static void set_alarm(const struct waker *w, int64_t ms, int times)
{
    pthread_t t;
    pthread_attr_t attr;
    struct alarm_clock *c = malloc(sizeof(*c));
    *c = (struct alarm_clock){*w, ms, times};
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 128 * 1024);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    CHECK(pthread_create(&t, &attr, ring, c) == 0);
    pthread_attr_destroy(&attr);
}

static void park_resume(struct request *rq, void *ctx);

static void park_once(struct request *rq, struct parked *p)
{
    if (p->ms >= 0)
        set_alarm(&p->waker, p->ms, 1);
    for (int64_t i = 0; i < p->storm; i++)
        set_alarm(&p->waker, 0, STORM);
    request_park(rq, p->limit, park_resume, p);
}

static void park_resume(struct request *rq, void *ctx)
{
    struct parked *p = ctx;
    struct err e = ERR_INIT;
    char words[80];
    p->looks++;
    if (request_gone(rq)) {
        atomic_fetch_add(&parked_gone, 1);
        p->times = 0;
    }
    if (p->stream && stream_event(rq, "look", STR_EMPTY, STR("{}"), &e) != OK)
        p->times = 0;
    if (--p->times > 0) {
        park_once(rq, p);
        return;
    }
    atomic_fetch_sub(&parked_now, 1);
    snprintf(words, sizeof(words), "looked %s\n", p->looks > 1 ? "several times" : "once");
    if (!p->stream)
        text(rq, str_from(words));
}

static void park_begin(struct request *rq, bool stream)
{
    struct parked *p = ARENA_NEW(rq->arena, struct parked);
    struct err e = ERR_INIT;
    *p = (struct parked){.waker = request_waker(rq),
                         .ms = str_eqz(request_query(rq, "ms"), "never") ? -1 : number(rq, "ms", 0),
                         .limit = number(rq, "limit", -1),
                         .times = number(rq, "times", 1),
                         .storm = number(rq, "storm", 0),
                         .stream = stream};
    atomic_fetch_add(&parked_now, 1);
    if (stream && stream_begin(rq, &e) != OK)
        return;
    park_once(rq, p);
}

void test_park(struct request *rq)
{
    park_begin(rq, false);
}

void test_park_stream(struct request *rq)
{
    park_begin(rq, true);
}

void test_park_counts(struct request *rq)
{
    struct json *j = json_new_object(rq->arena);
    json_set_int(j, "now", atomic_load(&parked_now));
    json_set_int(j, "gone", atomic_load(&parked_gone));
    object(rq, j);
}

void test_bearer(struct request *rq)
{
    text(rq, request_header(rq, "HTTP_AUTHORIZATION"));
}

void test_header(struct request *rq)
{
    reply_header(rq, "X-Test", request_query(rq, "v"));
    test_plain(rq);
}

void test_cookie(struct request *rq)
{
    reply_cookie(rq, &(struct cookie){.name = "c", .value = request_query(rq, "v"), .max_age_s = number(rq, "age", 0)});
    if (request_query(rq, "delete").n)
        reply_cookie(rq, &(struct cookie){.name = "old", .value = STR("x"), .path = "/app", .max_age_s = -1});
    test_plain(rq);
}

/* Where the query says: another site. */
void test_away(struct request *rq)
{
    struct err e = ERR_INIT;
    if (reply_redirect_away(rq, request_query(rq, "to"), &e) != OK)
        reply_error(rq, &e);
}

void test_redirect(struct request *rq)
{
    reply_redirect(rq, "/plain?a=1");
}

void test_language(struct request *rq)
{
    static const struct str supported[] = {{"en", 2}, {"de", 2}, {"pt-BR", 5}};
    text(rq, request_language(rq, supported, 3));
}

void test_page(struct request *rq)
{
    reply_status(rq, 200);
    reply_type(rq, "text/html; charset=utf-8");
    buf_puts(reply_body(rq), "<!doctype html><title>t</title>");
}

void test_framed(struct request *rq)
{
    reply_header(rq, "Content-Security-Policy", STR(CSP_PAGE "frame-ancestors *"));
    reply_header(rq, "Cache-Control", STR("public, max-age=60"));
    if (request_query(rq, "fail").n)
        test_fail(rq);
    else
        test_page(rq);
}

/* ?n= parts of 1 MB, each of one letter; ?fail=1: then an error. */
void test_parts(struct request *rq)
{
    static char mb[1 << 20];
    struct err e = ERR_INIT;
    int64_t n = number(rq, "n", 1);
    reply_status(rq, 200);
    reply_type(rq, "text/plain");
    for (int64_t i = 0; i < n; i++) {
        memset(mb, 'a' + (int)(i % 26), sizeof(mb));
        buf_add(reply_body(rq), mb, sizeof(mb));
        if (reply_part(rq, &e) != OK)
            return;
    }
    if (request_query(rq, "fail").n) {
        (void)err_set(&e, E_unavailable, "It broke off.");
        reply_error(rq, &e);
    }
}

void test_big(struct request *rq)
{
    int64_t n = number(rq, "n", 100000);
    reply_status(rq, 200);
    reply_type(rq, "application/octet-stream");
    for (int64_t i = 0; i < n; i++)
        buf_putc(reply_body(rq), (char)('a' + i % 26));
}

void test_nothing(struct request *rq)
{
    (void)rq;
}

void test_fail(struct request *rq)
{
    struct err e = ERR_INIT;
    (void)err_at(&e, E_text_invalid, "/text", "The text is \"wrong\" </script>.");
    reply_error(rq, &e);
}

void test_brand(struct request *rq)
{
    text(rq, str_from(config_string(rq->config, CONFIG_brand_name)));
}

void test_me(struct request *rq)
{
    struct json *j = json_new_object(rq->arena);
    json_set_bool(j, "signed_in", rq->who.signed_in);
    json_set_int(j, "perms", rq->who.perms);
    object(rq, j);
}

void test_token(struct request *rq)
{
    text(rq, str_from(request_csrf_token(rq)));
}

/* ---- the program ---- */

static enum status identify(struct request *rq, struct err *e)
{
    uint64_t perms = 0;
    struct str cookie = request_cookie(rq, SESSION_COOKIE), key = request_header(rq, "HTTP_X_API_KEY");
    memset(rq->who.tenant.b, 7, sizeof(rq->who.tenant.b));
    if (rq->route->who.kind == WHO_KEY) {
        if (!str_starts(key, STR("ply_")) || !num_u64(str_sub(key, 4, key.n), 255, &perms))
            return err_set(e, E_key_unknown, "This key is not known.");
    } else if (str_eq(cookie, STR("operator"))) {
        rq->who.signed_in = rq->who.is_operator = true;
    } else if (num_u64(cookie, 255, &perms)) {
        rq->who.signed_in = true;
    } else {
        return err_set(e, E_not_authenticated, "Sign in first.");
    }
    rq->who.perms = (uint32_t)perms;
    memset(rq->who.csrf_key, 'k' + (int)perms, sizeof(rq->who.csrf_key));
    return OK;
}

static enum status feature(struct request *rq, int f, struct err *e)
{
    (void)f;
    return rq->who.perms & 64 ? OK : err_set(e, E_plan_feature, "Not in this plan.");
}

static void not_signed_in(struct request *rq)
{
    reply_redirect(rq, "/login");
}

static void error_page(struct request *rq, const struct err *e, int status)
{
    reply_status(rq, status);
    reply_type(rq, "text/html; charset=utf-8");
    buf_puts(reply_body(rq), "<!doctype html><title>error</title><p>");
    buf_html(reply_body(rq), str_from(e->message));
}

static enum status test_open(const struct config *c, bool plain_cgi, void **app, struct err *e)
{
    (void)c;
    (void)plain_cgi;
    (void)e;
    *app = NULL;
    return OK;
}

int main(int argc, char **argv)
{
    static const struct web_program program = {
        .name = "test",
        .routes = routes,
        .route_count = COUNT_OF(routes),
        .threads = CONFIG_api_threads,
        .open = test_open,
        .identify = identify,
        .feature = feature,
        .not_signed_in = not_signed_in,
        .error_page = error_page,
        .cost_reset = test_cost_reset,
        .cost = test_cost,
        .close = test_mail_late,
    };
    return server_main(argc, argv, &program);
}
