/* test_waker.c: threads that block until they are woken, and wakes that come too late. */
#include <pthread.h>

#include "base/clock.h"
#include "base/waker.h"
#include "lib/test.h"

static void *wake_from_another_thread(void *ctx)
{
    waker_wake(ctx);
    return NULL;
}

static void remembers_a_wake_before_the_wait(void **state)
{
    struct waker_wait w;
    struct waker waker;
    (void)state;
    waker_wait_begin(&w, &waker);
    waker_wake(&waker);
    waker_wake(&waker);
    assert_true(waker_wait_for(&w, -1));
    assert_false(waker_wait_for(&w, 1)); /* the two wakes counted as one */
    waker_wait_end(&w);
}

static void wakes_from_another_thread(void **state)
{
    struct waker_wait w;
    struct waker waker;
    pthread_t thread;
    (void)state;
    waker_wait_begin(&w, &waker);
    assert_int_equal(pthread_create(&thread, NULL, wake_from_another_thread, &waker), 0);
    assert_true(waker_wait_for(&w, -1));
    pthread_join(thread, NULL);
    waker_wait_end(&w);
}

static void ends_after_its_time(void **state)
{
    struct waker_wait w;
    struct waker waker;
    int64_t begun = clock_mono_us();
    (void)state;
    waker_wait_begin(&w, &waker);
    assert_false(waker_wait_for(&w, 20));
    assert_true(clock_mono_us() - begun >= 20000);
    waker_wait_end(&w);
}

/* A second wait in the same memory must not be woken by the waker of the first. */
static void ignores_a_wake_after_the_end(void **state)
{
    struct waker_wait w;
    struct waker late, waker;
    (void)state;
    waker_wait_begin(&w, &late);
    waker_wait_end(&w);
    waker_wait_begin(&w, &waker);
    waker_wake(&late);
    assert_false(waker_wait_for(&w, 1));
    waker_wake(&(struct waker){0});
    waker_wake(&waker);
    assert_true(waker_wait_for(&w, 1));
    waker_wait_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(remembers_a_wake_before_the_wait),
        TEST(wakes_from_another_thread),
        TEST(ends_after_its_time),
        TEST(ignores_a_wake_after_the_end),
    };
    return RUN(tests);
}
