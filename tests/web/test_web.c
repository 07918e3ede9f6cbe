/* The parts of src/web that need no socket: parsers, router, CSRF, and whole requests through the dispatcher with a web
 * server made of memory - also when memory runs out at any point. */
#define _GNU_SOURCE /* memmem */
#include "base/crypto.h"
#include "base/limits.h"
#include "base/log.h"
#include "lib/short_memory.h"
#include "lib/test.h"
#include "web/web_internal.h"

#include "base/banned.h"

static struct arena arena;
static struct err e;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 64 * MB);
    memset(&e, 0, sizeof(e));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

/* ---- parsers ---- */

static void queries_and_forms_are_decoded(void **state)
{
    (void)state;
    struct params ps;
    assert_ok(params_parse(&arena, STR("a=1&b=x+y%26&a=2&&=n&c"), &ps, &e), &e);
    assert_int_equal(ps.n, 5);
    assert_str(params_get(&ps, STR("a"))->value, "1");
    assert_str(params_get(&ps, STR("b"))->value, "x y&");
    assert_str(params_get(&ps, STR("c"))->value, "");
    assert_str(params_get(&ps, STR(""))->value, "n");
    assert_null(params_get(&ps, STR("d")));
    assert_ok(params_parse(&arena, STR(""), &ps, &e), &e);
    assert_int_equal(ps.n, 0);
    static const char *const bad[] = {"a=%",    "a=%4",  "a=%4g",  "a=%00",      "%ff=1",
                                      "a=\xff", "a=%c3", "a=\x01", "a=%ed%a0%80"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(params_parse(&arena, str_from(bad[i]), &ps, &e), ERR_INVALID);
        assert_string_equal(err_code(&e), "bad_encoding");
    }
}

static void too_many_fields_are_refused(void **state)
{
    (void)state;
    struct params ps;
    struct buf b;
    buf_init(&b, 64 * KB);
    for (int i = 0; i < MAX_PARAMS; i++)
        buf_puts(&b, i ? "&a=1" : "a=1");
    assert_ok(params_parse(&arena, buf_str(&b), &ps, &e), &e);
    assert_int_equal(ps.n, MAX_PARAMS);
    buf_puts(&b, "&a=1");
    assert_int_equal(params_parse(&arena, buf_str(&b), &ps, &e), ERR_INVALID);
    assert_string_equal(err_code(&e), "too_many_fields");
    buf_release(&b);
}

static void malformed_cookies_are_skipped(void **state)
{
    (void)state;
    struct params ps;
    assert_ok(cookies_parse(&arena, STR(" a=1; b=\"two\";c = 3 ;; junk;=x; d=\xff; e=a=b; f="), &ps, &e), &e);
    assert_int_equal(ps.n, 5);
    assert_str(params_get(&ps, STR("a"))->value, "1");
    assert_str(params_get(&ps, STR("b"))->value, "two");
    assert_str(params_get(&ps, STR("c"))->value, "3");
    assert_str(params_get(&ps, STR("e"))->value, "a=b");
    assert_str(params_get(&ps, STR("f"))->value, "");
    assert_null(params_get(&ps, STR("d")));
    assert_ok(cookies_parse(&arena, STR(";;;;"), &ps, &e), &e);
    assert_int_equal(ps.n, 0);
}

static void parameters_of_headers_are_found(void **state)
{
    (void)state;
    struct str v;
    assert_true(header_param(STR("form-data; name=a; filename=\"b;\\\" c\""), STR("filename"), &v));
    assert_str(v, "b;\\\" c");
    assert_true(header_param(STR("x;NAME = a "), STR("name"), &v));
    assert_str(v, "a");
    assert_false(header_param(STR("x; name=\"a"), STR("name"), &v));
    assert_false(header_param(STR("x; other=1"), STR("name"), &v));
    assert_false(header_param(STR("name=1"), STR("name"), &v));
    assert_true(multipart_boundary(STR("Multipart/Form-Data; charset=x; boundary=\"a b\""), &v));
    assert_str(v, "a b");
    assert_false(multipart_boundary(STR("multipart/form-data; boundary="), &v));
    assert_false(multipart_boundary(STR("multipart/mixed; boundary=a"), &v));
    char long_one[120];
    snprintf(long_one, sizeof(long_one), "multipart/form-data; boundary=%071d", 1);
    assert_false(multipart_boundary(str_from(long_one), &v));
}

#define PART(name, more, value) "--B\r\nContent-Disposition: form-data; name=\"" name "\"" more "\r\n\r\n" value "\r\n"

static void multipart_forms_are_parsed(void **state)
{
    (void)state;
    struct params ps;
    struct str body = STR("before\r\n" PART("a", "", "1") PART("f", "; filename=\"x.csv\"\r\nContent-Type: text/csv",
                                                               "\xff\r\n--b") PART("empty", "", "") "--B--\r\nafter");
    assert_ok(multipart_parse(&arena, STR("B"), body, &ps, &e), &e);
    assert_int_equal(ps.n, 3);
    assert_str(ps.p[0].value, "1");
    assert_false(ps.p[0].is_file);
    assert_true(ps.p[1].is_file);
    assert_str(ps.p[1].filename, "x.csv");
    assert_str(ps.p[1].value, "\xff\r\n--b");
    assert_str(ps.p[2].value, "");
    /* Every prefix is broken, never read beyond. */
    size_t end = (size_t)((const char *)memmem(body.p, body.n, "--B--", 5) - body.p) + 5;
    for (size_t n = 0; n < end; n++) {
        char *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, body.p, n);
        assert_int_equal(multipart_parse(&arena, STR("B"), str_n(copy, n), &ps, &e), ERR_INVALID);
        free(copy);
    }
}

static void paths_are_split_before_they_are_decoded(void **state)
{
    (void)state;
    struct path p;
    assert_ok(path_split(&arena, STR("/"), &p, &e), &e);
    assert_int_equal(p.n, 0);
    assert_ok(path_split(&arena, STR("/a%2Fb/c+d/"), &p, &e), &e);
    assert_int_equal(p.n, 3);
    assert_str(p.segment[0], "a/b");
    assert_str(p.segment[1], "c+d");
    assert_str(p.segment[2], "");
    assert_int_equal(path_split(&arena, STR("a"), &p, &e), ERR_INVALID);
    assert_int_equal(path_split(&arena, STR("*"), &p, &e), ERR_INVALID);
    assert_int_equal(path_split(&arena, STR("/%00"), &p, &e), ERR_INVALID);
    assert_int_equal(path_split(&arena, STR("/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h"), &p, &e), ERR_NOT_FOUND);
}

/* ---- router ---- */

static void nothing(struct request *rq)
{
    (void)rq;
}

static const struct route table[] = {
    ROUTE_ROW(GET, "/", nothing, PUBLIC, CSRF_NONE, BODY_0, RATE_NONE,
              FEATURE_NONE) ROUTE_ROW(GET, "/bots", nothing, PUBLIC, CSRF_NONE, BODY_0, RATE_NONE, FEATURE_NONE)
        ROUTE_ROW(POST, "/bots", nothing, PUBLIC, CSRF_NONE, BODY_0, RATE_NONE,
                  FEATURE_NONE) ROUTE_ROW(GET, "/bots/new", nothing, PUBLIC, CSRF_NONE, BODY_0, RATE_NONE, FEATURE_NONE)
            ROUTE_ROW(GET, "/bots/{bot}", nothing, PUBLIC, CSRF_NONE, BODY_0, RATE_NONE, FEATURE_NONE)
                ROUTE_ROW(GET, "/bots/{id}/flow/{node}", nothing, PUBLIC, CSRF_NONE, BODY_0, RATE_NONE, FEATURE_NONE)};
#define ROWS COUNT_OF(table)

static const char *found(const struct router *r, enum method m, const char *path, unsigned *allow)
{
    struct path p;
    assert_ok(path_split(&arena, str_from(path), &p, &e), &e);
    const struct route *route = router_find(r, m, &p, allow);
    return route ? route->path : "none";
}

static void a_literal_segment_wins_over_a_parameter(void **state)
{
    (void)state;
    struct router *r;
    unsigned allow;
    assert_ok(router_compile(table, ROWS, &r, &e), &e);
    assert_string_equal(found(r, GET, "/", &allow), "/");
    assert_string_equal(found(r, GET, "/bots/new", &allow), "/bots/new");
    assert_string_equal(found(r, GET, "/bots/x", &allow), "/bots/{bot}");
    assert_string_equal(found(r, GET, "/bots/new/flow/7", &allow), "/bots/{id}/flow/{node}");
    assert_string_equal(found(r, GET, "/bots/x/flow", &allow), "none");
    assert_int_equal(allow, 0);
    assert_string_equal(found(r, GET, "/bots/", &allow), "none");
    assert_string_equal(found(r, GET, "/bots/..", &allow), "none");
    assert_string_equal(found(r, DELETE, "/bots", &allow), "none");
    assert_int_equal(allow, 1u << GET | 1u << POST);
    assert_string_equal(found(r, METHOD_COUNT, "/bots", &allow), "none");
    assert_int_equal(route_param_index(&table[5], "id"), 1);
    assert_int_equal(route_param_index(&table[5], "node"), 3);
    assert_int_equal(route_param_index(&table[5], "bot"), -1);
    router_free(r);
}

static void ambiguous_routes_are_refused(void **state)
{
    (void)state;
    static const struct route twice[] = {
        ROUTE_ROW(GET, "/a/{x}", nothing, PUBLIC, CSRF_NONE, BODY_0, RATE_NONE, FEATURE_NONE)
            ROUTE_ROW(GET, "/a/{y}", nothing, PUBLIC, CSRF_NONE, BODY_0, RATE_NONE, FEATURE_NONE)};
    static const struct route no_slash[] = {
        ROUTE_ROW(GET, "a", nothing, PUBLIC, CSRF_NONE, BODY_0, RATE_NONE, FEATURE_NONE)};
    struct router *r;
    assert_int_equal(router_compile(twice, 2, &r, &e), ERR_INTERNAL);
    assert_has(e.message, "GET /a/{y}");
    assert_int_equal(router_compile(no_slash, 1, &r, &e), ERR_INTERNAL);
}

/* ---- whole requests ---- */

struct memory_io {
    struct web_io io;
    const char *in;
    size_t left;
    char out[64 * 1024];
    size_t n;
};

static ptrdiff_t memory_read(struct web_io *io, char *buf, size_t n)
{
    struct memory_io *m = (struct memory_io *)io;
    size_t got = n < m->left ? n : m->left;
    memcpy(buf, m->in, got);
    m->in += got;
    m->left -= got;
    return (ptrdiff_t)got;
}

static int memory_write(struct web_io *io, const char *p, size_t n)
{
    struct memory_io *m = (struct memory_io *)io;
    if (n > sizeof(m->out) - 1 - m->n)
        return -1;
    memcpy(m->out + m->n, p, n);
    m->n += n;
    m->out[m->n] = '\0';
    return 0;
}

static int memory_flush(struct web_io *io)
{
    (void)io;
    return 0;
}

static bool memory_gone(struct web_io *io)
{
    (void)io;
    return false;
}

static enum status sign_in(struct request *rq, struct err *err)
{
    struct str who = request_cookie(rq, SESSION_COOKIE);
    if (who.n == 0)
        return err_set(err, E_not_authenticated, "Sign in.");
    rq->who.signed_in = true;
    memset(rq->who.csrf_key, who.p[0], sizeof(rq->who.csrf_key));
    return OK;
}

static void form(struct request *rq)
{
    reply_status(rq, 200);
    reply_type(rq, "text/plain; charset=utf-8");
    reply_header(rq, "X-Echo", request_query(rq, "q"));
    reply_cookie(rq, &(struct cookie){.name = "c", .value = STR("v")});
    buf_str_add(reply_body(rq), request_form(rq, "text"));
    buf_str_add(reply_body(rq), request_segment(rq, "id"));
}

static void token(struct request *rq)
{
    reply_status(rq, 200);
    reply_type(rq, "text/plain");
    buf_puts(reply_body(rq), request_csrf_token(rq));
}

static void events(struct request *rq)
{
    struct err err = ERR_INIT;
    if (stream_begin(rq, &err) != OK || stream_event(rq, "x", STR("1"), STR("{}"), &err) != OK) {
        if (!rq->impl->reply.streaming)
            reply_error(rq, &err);
    }
}

static const struct route unit_routes[] = {
    ROUTE_ROW(POST, "/form/{id}", form, SESSION, CSRF_TOKEN, BODY_64K, RATE_NONE, FEATURE_NONE)
        ROUTE_ROW(POST, "/open/{id}", form, PUBLIC, CSRF_ORIGIN, BODY_64K, RATE_CHAT, FEATURE_NONE)
            ROUTE_ROW(GET, "/token", token, SESSION, CSRF_NONE, BODY_0, RATE_NONE, FEATURE_NONE)
                ROUTE_ROW(GET, "/events", events, PUBLIC, CSRF_NONE, BODY_0, RATE_NONE, FEATURE_NONE)};

static struct router *router;
static const struct web_program program = {
    .name = "unit", .routes = unit_routes, .route_count = COUNT_OF(unit_routes), .identify = sign_in};

static int start(void **state)
{
    (void)state;
    const struct config *c;
    if (crypto_init(&e) != OK || log_open("unit", "/dev/null", LOG_INFO, &e) != OK ||
        config_load("/dev/null", &c, &e) != OK || router_compile(unit_routes, program.route_count, &router, &e) != OK)
        return -1;
    config_set_current(c);
    return 0;
}

static int end(void **state)
{
    (void)state;
    config_set_current(NULL);
    router_free(router);
    return 0;
}

static const char *request(char **env, const char *body)
{
    static struct memory_io m;
    struct exchange x;
    m = (struct memory_io){
        .io = {env, memory_read, memory_write, memory_flush, memory_gone}, .in = body, .left = strlen(body)};
    exchange_init(&x, &program, NULL, router);
    assert_true(dispatch_request(&x, &m.io));
    exchange_release(&x);
    return m.out;
}

static void redirects_stay_on_this_site(void **state)
{
    static const struct str good[] = {STR("/"), STR("/app"), STR("/app/bots?next=//x"), STR("/a//b"), STR("/a\\b")};
    static const struct str bad[] = {STR(""),        STR("app"),   STR("//host"),  STR("/\\host"),
                                     STR("/\\"),     STR("//"),    STR("\\/host"), STR("https://host"),
                                     STR("/a\r\nb"), STR("/a\nb"), STR("/a\0b")};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(reply_path_is_local(good[i]));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(reply_path_is_local(bad[i]));
}

#define FORM_TYPE "CONTENT_TYPE=application/x-www-form-urlencoded"

static void a_request_is_served_or_refused(void **state)
{
    (void)state;
    char *env[] = {(char[]){"REQUEST_METHOD=POST"}, (char[]){"REQUEST_URI=/open/a%20b?q=1"},
                   (char[]){"CONTENT_LENGTH=9"}, (char[]){FORM_TYPE}, NULL};
    const char *out = request(env, "text=x+y%");
    assert_has(out, "Status: 400 Bad Request\r\n");
    out = request(env, "text=x+yz");
    assert_has(out, "Status: 200 OK\r\n");
    assert_has(out, "X-Echo: 1\r\n");
    assert_has(out, "Set-Cookie: c=v; Path=/; HttpOnly; SameSite=Lax\r\n");
    assert_has(out, "\r\n\r\nx yza b");
}

static void a_token_belongs_to_its_session(void **state)
{
    (void)state;
    char body[200], length[40];
    char *get[] = {(char[]){"REQUEST_METHOD=GET"}, (char[]){"REQUEST_URI=/token"},
                   (char[]){"HTTP_COOKIE=parley_session=a"}, NULL};
    const char *t = strstr(request(get, ""), "\r\n\r\n") + 4;
    assert_int_equal(strlen(t), 86);
    snprintf(body, sizeof(body), "text=ok&_csrf=%s", t);
    snprintf(length, sizeof(length), "CONTENT_LENGTH=%zu", strlen(body));
    char *post[] = {(char[]){"REQUEST_METHOD=POST"},
                    (char[]){"REQUEST_URI=/form/1"},
                    (char[]){"HTTP_COOKIE=parley_session=a"},
                    length,
                    (char[]){FORM_TYPE},
                    (char[]){"HTTP_ORIGIN=http://127.0.0.1:8080"},
                    NULL};
    assert_has(request(post, body), "\r\n\r\nok1");
    post[2] = (char[]){"HTTP_COOKIE=parley_session=b"};
    assert_has(request(post, body), "\"code\":\"csrf_token\"");
    post[2] = (char[]){"HTTP_COOKIE=parley_session=a"};
    body[strlen(body) - 1] ^= 1;
    body[20] ^= 1;
    assert_has(request(post, body), "\"code\":\"csrf_token\"");
    body[20] ^= 1;
    post[5] = (char[]){"HTTP_ORIGIN=http://127.0.0.1:8081"};
    assert_has(request(post, body), "\"code\":\"csrf_origin\"");
}

/* Each allocation fails once, and all after it: always a whole answer, nothing lost, and the next request is served. */
static void every_failed_allocation_still_gives_an_answer(void **state)
{
    (void)state;
    if (!INTERPOSED)
        skip();
    char *post[] = {(char[]){"REQUEST_METHOD=POST"},
                    (char[]){"REQUEST_URI=/open/a%20b?q=%31"},
                    (char[]){"CONTENT_LENGTH=9"},
                    (char[]){FORM_TYPE},
                    (char[]){"HTTP_COOKIE=parley_session=a"},
                    NULL};
    char *stream[] = {(char[]){"REQUEST_METHOD=GET"}, (char[]){"REQUEST_URI=/events"}, NULL};
    char *nowhere[] = {(char[]){"REQUEST_METHOD=GET"}, (char[]){"REQUEST_URI=/nowhere"}, NULL};
    char **requests[] = {post, stream, nowhere};
    for (int i = 0; i < 3; i++) {
        int refused = 0;
        for (long n = 0;; n++) {
            failures = 0;
            long before = live;
            forever = true;
            countdown = n;
            const char *out = request(requests[i], "text=x+yz");
            countdown = -1;
            assert_int_equal(live, before);
            assert_memory_equal(out, "Status: ", 8);
            assert_non_null(strstr(out, "\r\n\r\n"));
            if (failures == 0)
                break;
            refused += strstr(out, "Status: 503") || strstr(out, "Status: 500");
        }
        assert_true(refused > 0);
    }
    assert_has(request(post, "text=x+yz"), "\r\n\r\nx yza b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(queries_and_forms_are_decoded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_fields_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(malformed_cookies_are_skipped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parameters_of_headers_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(multipart_forms_are_parsed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(paths_are_split_before_they_are_decoded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_literal_segment_wins_over_a_parameter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ambiguous_routes_are_refused, set_up, tear_down),
        cmocka_unit_test(redirects_stay_on_this_site),
        cmocka_unit_test_setup_teardown(a_request_is_served_or_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_token_belongs_to_its_session, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_failed_allocation_still_gives_an_answer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, start, end);
}
