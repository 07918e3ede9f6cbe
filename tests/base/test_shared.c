/* base/shared: limits are exact among threads and processes, whatever the order in which they read the clock. */
#define _GNU_SOURCE /* syscall */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/shared.h"
#include "lib/test.h"

static char path[64];
static struct err e;

/* The monotonic clock: stopped at a time (0: it runs), with an offset for its next reading only, or for all. The
 * function below replaces the C library's. */
static atomic_llong stopped_us, once_us, always_us;

int clock_gettime(clockid_t which, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, which, t);
    if (rc == 0 && which == CLOCK_MONOTONIC) {
        long long stopped = atomic_load(&stopped_us);
        long long ns = stopped ? stopped * 1000 : t->tv_sec * 1000000000LL + t->tv_nsec;
        ns += 1000 * (atomic_exchange(&once_us, 0) + atomic_load(&always_us));
        *t = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    }
    return rc;
}

static int begin(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/parley-test-shared-%d", (int)getpid());
    unlink(path);
    stopped_us = always_us = once_us = 0;
    assert_ok(shared_open(path, &e), &e);
    return 0;
}

static int end(void **state)
{
    (void)state;
    shared_close();
    return unlink(path);
}

static int take_many(const char *name, const char *key, int times, int per_minute, int burst)
{
    int got = 0;
    for (int i = 0; i < times; i++)
        got += shared_take(name, str_from(key), per_minute, burst, NULL);
    return got;
}

static void burst_then_refill(void **state)
{
    (void)state;
    int wait = 0;
    stopped_us = clock_mono_us();
    assert_int_equal(take_many("t", "a", 100, 60, 10), 10);
    assert_false(shared_take("t", STR("a"), 60, 10, &wait));
    assert_int_equal(wait, 1);
    assert_int_equal(take_many("t", "b", 100, 60, 10), 10); /* another key */
    assert_int_equal(take_many("u", "a", 100, 60, 10), 10); /* another limit */
    assert_int_equal(take_many("u2", "a", 1, 2, 1), 1);
    assert_false(shared_take("u2", STR("a"), 2, 1, &wait));
    assert_int_equal(wait, 30);
    stopped_us = 0;
    /* 6000 a minute: one each 10 ms. What passes in a while is the burst and the refill, to the token. */
    int64_t before = clock_mono_us();
    int got = shared_take("v", STR("a"), 6000, 50, NULL);
    int64_t first = clock_mono_us(), low, high;
    while (clock_mono_us() - before < 250000)
        got += shared_take("v", STR("a"), 6000, 50, NULL);
    low = clock_mono_us();
    while (shared_take("v", STR("a"), 6000, 50, NULL))
        got++;
    high = clock_mono_us();
    assert_in_range(got, 50 + (low - first) / 10000, 50 + (high - before) / 10000);
}

static void names_and_keys_do_not_run_together(void **state)
{
    (void)state;
    assert_int_equal(take_many("ab", "c", 5, 1, 1), 1);
    assert_int_equal(take_many("a", "bc", 5, 1, 1), 1);
    char long_key[5000];
    memset(long_key, 'k', sizeof(long_key));
    assert_true(shared_take("l", str_n(long_key, 5000), 1, 1, NULL));
    assert_true(shared_take("l", str_n(long_key, 4999), 1, 1, NULL));
    assert_false(shared_take("l", str_n(long_key, 5000), 1, 1, NULL));
}

static void off_means_no_limit(void **state)
{
    (void)state;
    assert_int_equal(take_many("x", "a", 50, 0, 5), 50);
    shared_limits_enable(false);
    assert_int_equal(take_many("x", "a", 50, 1, 1), 50);
    shared_limits_enable(true);
    assert_int_equal(take_many("x", "a", 50, 1, 1), 1);
    shared_close();
    assert_int_equal(take_many("x", "a", 50, 1, 1), 50);
    assert_int_equal(shared_generation("g", ID_NONE), 0);
    shared_bump("g", ID_NONE);
    assert_ok(shared_open(path, &e), &e);
    assert_int_equal(take_many("x", "a", 50, 1, 1), 0); /* the file remembers */
}

/* A thread reads the clock, another empties the bucket, then the first continues with its earlier reading. */
static void a_thread_with_an_older_time_gets_nothing_more(void **state)
{
    static const long long late_us[] = {1, 1000, 5000000, 59000000};
    (void)state;
    stopped_us = clock_mono_us();
    assert_int_equal(take_many("late", "a", 100, 60, 10), 10);
    for (size_t i = 0; i < COUNT_OF(late_us); i++) {
        int wait = 0;
        once_us = -late_us[i];
        assert_false(shared_take("late", STR("a"), 60, 10, &wait));
        assert_int_equal(wait, 1);
        assert_int_equal(take_many("late", "a", 100, 60, 10), 0);
    }
    always_us = -3; /* another processor's clock, always slightly slow */
    assert_int_equal(take_many("late", "a", 100, 60, 10), 0);
}

/* After a reboot the monotonic clock begins again, and a file on a disk still holds the times of the former one. */
static void a_bucket_from_before_a_reboot_is_full(void **state)
{
    (void)state;
    stopped_us = clock_mono_us();
    always_us = 86400000000;
    assert_int_equal(take_many("boot", "a", 100, 60, 10), 10);
    assert_int_equal(take_many("boot", "b", 1, 60, 10), 1);
    always_us = 0;
    assert_int_equal(take_many("boot", "a", 100, 60, 10), 10);
    assert_int_equal(take_many("boot", "b", 100, 60, 10), 10);
}

static atomic_int passed;
static void *take_thread(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < 2000; i++)
        passed += shared_take("thread", STR("one"), 1, 1000, NULL);
    return NULL;
}

static void exact_among_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, take_thread, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(passed, 1000);
}

/* The children open the file themselves, as other programs would. */
static int child_takes(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        shared_close();
        if (shared_open(path, &e) != OK)
            _exit(255);
        int got = take_many("process", "one", 500, 1, 300) / 2; /* an exit code has 8 bits */
        shared_bump("gen", ID_NONE);
        _exit(got);
    }
    return pid;
}

static void exact_among_processes(void **state)
{
    (void)state;
    uint64_t before = shared_generation("gen", ID_NONE);
    int pids[3], sum = 0, odd = 0;
    for (int i = 0; i < 3; i++)
        pids[i] = child_takes();
    for (int i = 0; i < 3; i++) {
        int how = 0;
        assert_int_equal(waitpid(pids[i], &how, 0), pids[i]);
        assert_true(WIFEXITED(how) && WEXITSTATUS(how) != 255);
        sum += WEXITSTATUS(how) * 2;
        odd++;
    }
    assert_in_range(sum, 300 - odd, 300);
    assert_false(shared_take("process", STR("one"), 1, 300, NULL));
    assert_int_equal(shared_generation("gen", ID_NONE), before + 3);
}

static void more_keys_than_buckets(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 200000; i++)
        assert_true(shared_take("flood", str_n((const char *)&i, 4), 1, 1, NULL));
    assert_int_equal(take_many("after", "flood", 10, 1, 3), 3);
}

static void generations(void **state)
{
    (void)state;
    struct id a = id_new(), b = id_new();
    uint64_t of_a = shared_generation("bot", a), of_b = shared_generation("bot", b);
    shared_bump("bot", a);
    assert_true(shared_generation("bot", a) > of_a);
    assert_int_equal(shared_generation("bot", b), of_b);
}

static void a_file_of_another_layout_is_replaced(void **state)
{
    (void)state;
    shared_close();
    struct stat info;
    FILE *f = fopen(path, "w");
    fputs("something else", f);
    fclose(f);
    assert_ok(shared_open(path, &e), &e);
    assert_int_equal(take_many("n", "a", 5, 1, 2), 2);
    shared_close();
    f = fopen(path, "r+"); /* right size, wrong magic */
    fputs("XXXXXXXX", f);
    fclose(f);
    assert_ok(shared_open(path, &e), &e);
    assert_int_equal(take_many("n", "a", 5, 1, 2), 2);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0007, 0);
    shared_close();
    assert_int_equal(shared_open("/nonexistent/shared", &e), ERR_UNAVAILABLE);
    assert_has(e.message, "/nonexistent/shared");
    assert_ok(shared_open(path, &e), &e);
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {WITH(burst_then_refill),
                                       WITH(names_and_keys_do_not_run_together),
                                       WITH(off_means_no_limit),
                                       WITH(exact_among_threads),
                                       WITH(exact_among_processes),
                                       WITH(more_keys_than_buckets),
                                       WITH(generations),
                                       WITH(a_file_of_another_layout_is_replaced),
                                       WITH(a_thread_with_an_older_time_gets_nothing_more),
                                       WITH(a_bucket_from_before_a_reboot_is_full)};
    return RUN(tests);
}
