/* test_log.c: every line is one JSON object, however long its fields and however many threads write. */
#include <pthread.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "lib/test.h"

static char path[64], moved[80];
static struct arena arena;

static int begin(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/parley-test-log-%d", (int)getpid());
    snprintf(moved, sizeof(moved), "%s.1", path);
    unlink(path);
    arena_init(&arena, 64 << 20);
    struct err e = ERR_INIT;
    assert_ok(log_open("tester", path, LOG_INFO, &e), &e);
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(path);
    unlink(moved);
    arena_release(&arena);
    return 0;
}

/* The lines of a file as JSON, *count of them. */
static struct json **lines(const char *file, size_t *count)
{
    static struct json *out[5000];
    static char text[4 << 20];
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof(text), f);
    fclose(f);
    struct str rest = str_n(text, n), line;
    struct err e = ERR_INIT;
    for (*count = 0; str_split(&rest, '\n', &line); ++*count)
        assert_ok(json_parse(&arena, line, 2, &out[*count], &e), &e);
    return out;
}

static void each_line_is_one_object(void **state)
{
    (void)state;
    size_t n;
    log_set_request("req_1");
    log_line(LOG_WARN, "odd", LOG_S("text", "a\"\n\xFF"), LOG_I("n", -5), LOG_D("d", 1.5), LOG_T("t", STR("x")),
             LOG_S("nil", NULL));
    log_set_request(NULL);
    log_line(LOG_DEBUG, "hidden", LOG_I("n", 1));
    log_line(LOG_INFO, "bare");
    struct json **j = lines(path, &n);
    assert_int_equal(n, 2);
    assert_str(json_get_str(j[0], "level"), "warn");
    assert_str(json_get_str(j[0], "program"), "tester");
    assert_str(json_get_str(j[0], "event"), "odd");
    assert_str(json_get_str(j[0], "request"), "req_1");
    assert_str(json_get_str(j[0], "text"), "a\"\n\xEF\xBF\xBD");
    assert_int_equal(json_int(json_get(j[0], "n"), 0), -5);
    assert_true(json_double(json_get(j[0], "d"), 0) == 1.5);
    assert_false(json_has(j[1], "request"));
}

/* How many descriptors of this process lead to the file. */
static int descriptors_of(const char *file)
{
    char link[64], target[256];
    int found = 0;
    for (int fd = 0; fd < 256; fd++) {
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        found += strcmp(target, file) == 0;
    }
    return found;
}

static void a_log_that_changes_to_standard_error_keeps_no_file_open(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(descriptors_of(path), 1);
    assert_ok(log_open("tester", NULL, LOG_ERROR, &e), &e);
    assert_int_equal(descriptors_of(path), 0);
    log_reopen(); /* there is no file that could be opened again */
    assert_int_equal(descriptors_of(path), 0);
    assert_ok(log_open("tester", path, LOG_INFO, &e), &e);
    assert_int_equal(descriptors_of(path), 1);
}

static void long_lines_stay_json(void **state)
{
    (void)state;
    static char big[30000];
    size_t n;
    for (size_t size = 7000; size < 9000; size += 7) {
        memset(big, size % 2 ? '<' : 'x', size);
        big[size] = '\0';
        log_line(LOG_ERROR, "big", LOG_S("text", big), LOG_I("after", 1));
    }
    struct json **j = lines(path, &n);
    assert_int_equal(n, 286);
    for (size_t i = 0; i < n; i++)
        assert_true(json_get_str(j[i], "text").n > 500);
    assert_true(json_has(j[n - 1], "after"));
}

static void *write_many(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < 500; i++)
        log_line(LOG_INFO, "line", LOG_I("i", i), LOG_S("pad", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
    return NULL;
}

static void threads_and_rotation_lose_nothing(void **state)
{
    (void)state;
    pthread_t threads[4];
    size_t a, b;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_many, NULL);
    assert_int_equal(rename(path, moved), 0);
    log_reopen();
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    lines(path, &a);
    lines(moved, &b);
    assert_int_equal(a + b, 2000);
}

static void names_a_file_it_cannot_open(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(log_open("tester", "/nonexistent/x.log", LOG_INFO, &e), ERR_UNAVAILABLE);
    assert_has(e.message, "/nonexistent/x.log");
    log_line(LOG_INFO, "still");
    size_t n;
    lines(path, &n);
    assert_int_equal(n, 1);
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, begin, end)
static void *log_much(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < 1000; i++)
        log_line_limited(LOG_ERROR, "outage", LOG_S("error", "away"), LOG_I("n", i));
    return NULL;
}

static void an_outage_logs_one_line_a_second(void **state)
{
    size_t n;
    int64_t out = 0, all = 0;
    pthread_t threads[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, log_much, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    struct json **j = lines(path, &n);
    assert_in_range(n, 1, 3); /* more than one only where the threads took longer than a second */
    assert_str(json_get_str(j[0], "event"), "outage");
    assert_false(json_has(j[0], "left_out"));
    usleep(1100000);
    log_much(NULL);
    j = lines(path, &n);
    for (size_t i = 0; i < n; i++, all++)
        out += json_int(json_get(j[i], "left_out"), 0);
    assert_true(out >= 3990 && out + all <= 5000); /* those of the last second are not reported yet */
    for (int i = 0; i < 3; i++)
        log_line_limited(LOG_ERROR, "another", LOG_I("i", i));
    log_line_limited(LOG_DEBUG, "hidden", LOG_I("i", 1));
    j = lines(path, &n);
    assert_str(json_get_str(j[n - 1], "event"), "another");
}

int main(void)
{
    const struct CMUnitTest tests[] = {WITH(each_line_is_one_object),
                                       WITH(a_log_that_changes_to_standard_error_keeps_no_file_open),
                                       WITH(long_lines_stay_json),
                                       WITH(threads_and_rotation_lose_nothing),
                                       WITH(an_outage_logs_one_line_a_second),
                                       WITH(names_a_file_it_cannot_open)};
    return RUN(tests);
}
