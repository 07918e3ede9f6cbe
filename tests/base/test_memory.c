/* Every allocation of base fails once: whatever is asked of it then must end in an error, never in a crash or a
 * leak. */
#include <pthread.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/vec.h"
#include "lib/short_memory.h"
#include "lib/test.h"
#include "net/fetch.h"

/* ---- operations under test; each returns OK or ERR_NOMEM ---- */

static struct err e;

static enum status parse_change_write(void)
{
    static const char text[] =
        "{\"a\":[1,2.5,\"x\\n\\u00e9\",null,{\"b\":true}],\"a long key, longer than what fits on the stack of the "
        "reader, so that it is copied\":[[]],\"k1\":1,\"k2\":2,\"k3\":3,\"k4\":4,\"k5\":5,\"k6\":6,\"k7\":7,\"k8\":8,"
        "\"k9\":9,\"ka\":1,\"kb\":2,\"kc\":3,\"kd\":4,\"ke\":5,\"kf\":6}";
    struct arena a;
    struct buf b;
    struct json *j, *copy, *child;
    arena_init(&a, 1 << 20);
    buf_init(&b, 1 << 20);
    enum status st = json_parse(&a, str_from(text), 8, &j, &e);
    if (st != OK)
        goto out;
    copy = json_copy(&a, j);
    if (!copy || json_set_str(copy, "new", STR("v")) || json_set_int(copy, "k1", 9) ||
        json_set_double(copy, "d", 0.5) || json_set_bool(copy, "t", true) || json_set_null(copy, "n") ||
        json_set_copy(copy, "c", j) || json_set(copy, "s", json_new_array(&a)) || json_set_object(copy, "o", &child) ||
        json_set_int(child, "x", 1) || json_set_array(copy, "l", &child) || json_push_str(child, STR("y")) ||
        json_push_copy(child, j) || json_push(child, json_new_object(&a)) || json_push_object(child, &child)) {
        st = err_nomem(&e);
        goto out;
    }
    for (int i = 0; i < 40 && st == OK; i++) {
        char key[16];
        snprintf(key, sizeof(key), "more%d", i);
        st = json_set_int(copy, key, i) ? err_nomem(&e) : OK;
    }
    json_write(&b, copy);
    json_write_pretty(&b, copy);
    if (st == OK && !buf_ok(&b))
        st = err_nomem(&e);
    if (st == OK && !json_equal(json_get(copy, "c"), j))
        st = ERR_INTERNAL;
out:
    buf_release(&b);
    arena_release(&a);
    return st;
}

static enum status config_file(void)
{
    const struct config *c;
    struct buf b;
    enum status st = config_load("/dev/null", &c, &e);
    if (st != OK)
        return st;
    buf_init(&b, 1 << 20);
    config_print(c, &b);
    config_print_manual(&b);
    config_print_example(&b);
    st = buf_ok(&b) ? OK : err_nomem(&e);
    buf_release(&b);
    config_drop(c);
    return st;
}

static enum status sealing(void)
{
    static const uint8_t key[CRYPTO_KEY] = {1};
    struct buf sealed, plain;
    buf_init(&sealed, 1000);
    buf_init(&plain, 1000);
    enum status st = crypto_seal(key, STR("c"), STR("secret"), &sealed, &e);
    if (st == OK)
        st = crypto_open(key, STR("c"), buf_str(&sealed), &plain, &e);
    crypto_hex(&plain, key, sizeof(key));
    crypto_base64url(&plain, key, sizeof(key));
    if (st == OK && !buf_ok(&plain))
        st = err_nomem(&e);
    buf_release(&sealed);
    buf_release(&plain);
    return st;
}

static enum status password(void)
{
    char hash[CRYPTO_PASSWORD_MAX];
    return crypto_password_hash(STR("x"), hash, &e);
}

static void count_call(void *p)
{
    ++*(int *)p;
}

static enum status containers(void)
{
    struct arena a;
    struct map m;
    VEC(int) v = {0};
    enum status st = OK;
    int asked = 0, called = 0;
    arena_init(&a, 1 << 20);
    map_init(&m);
    for (int i = 0; i < 200 && st == OK; i++) {
        char *key = arena_printf(&a, "key %d, %*d", i, i * 3, i);
        if (!key || VEC_PUSH(&v, i) || map_put(&m, str_from(key), key))
            st = err_nomem(&e);
        asked++;
        if (arena_defer(&a, count_call, &called))
            st = err_nomem(&e);
    }
    for (size_t i = 0; i < v.n; i++)
        st = v.p[i] == (int)i ? st : ERR_INTERNAL;
    VEC_RELEASE(&v);
    map_release(&m);
    arena_release(&a);
    return called == asked ? st : ERR_INTERNAL;
}

static enum status logging(void)
{
    log_line(LOG_INFO, "event", LOG_S("a", "b"), LOG_D("d", 0.1));
    return OK;
}

/* The address is refused before anything is sent: the test covers the code before and after the transfer. */
static enum status fetching(void)
{
    struct arena a;
    struct fetch_reply reply;
    const struct fetch_header header = {STR("X-A"), STR("b")};
    struct fetch_request rq = {.method = STR("POST"),
                               .url = STR("http://10.1.2.3/x"),
                               .headers = &header,
                               .header_count = 1,
                               .body = STR("x"),
                               .timeout_ms = 1000,
                               .max_body = 1000};
    arena_init(&a, 1 << 20);
    enum status st = fetch(NULL, &a, &rq, &reply, &e);
    arena_release(&a);
    return st == ERR_DENIED ? OK : st == OK ? ERR_INTERNAL : st;
}

/* ---- the torture ---- */

/* libcurl asks names in threads of its own: what they free and what the C library keeps of them cannot be counted. */
static bool countable(enum status (*run)(void))
{
    return run != fetching;
}

static void fail_each(enum status (*run)(void), bool from_then_on)
{
    assert_ok(run(), &e); /* allocations that are made once and kept */
    for (long n = 0; n < 20000; n++) {
        long before = live;
        failures = 0;
        forever = from_then_on;
        countdown = n;
        enum status st = run();
        countdown = -1;
        if (live != before && countable(run))
            fail_msg("allocation %ld failed: %ld blocks leak (status %d)", n, live - before, (int)st);
        if (failures == 0) {
            assert_int_equal(st, OK);
            return;
        }
        if (st != OK && st != ERR_NOMEM && st != ERR_UNAVAILABLE)
            fail_msg("allocation %ld failed: status %d, %s", n, (int)st, e.message);
    }
    fail_msg("it never ends");
}

static void torture(enum status (*run)(void))
{
#if INTERPOSED
    fail_each(run, false);
    fail_each(run, true);
#else
    (void)fail_each;
    (void)run;
    skip();
#endif
}

#define TORTURE(f)                         \
    static void f##_survives(void **state) \
    {                                      \
        (void)state;                       \
        torture(f);                        \
    }
TORTURE(parse_change_write)
TORTURE(config_file)
TORTURE(sealing)
TORTURE(password)
TORTURE(containers)
TORTURE(logging)
TORTURE(fetching)

int main(void)
{
    if (crypto_init(&e) != OK || log_open("test", "/dev/null", LOG_INFO, &e) != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(parse_change_write_survives), TEST(config_file_survives), TEST(sealing_survives), TEST(password_survives),
        TEST(containers_survives),         TEST(logging_survives),     TEST(fetching_survives)};
    return RUN(tests);
}
