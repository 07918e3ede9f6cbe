/* test_seat.c: the memory of seats that are free. Parked requests are tested through a server in tests/http. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/test.h"
#include "web/seat_internal.h"

#define BURST 200
#define WARM 64 /* free seats that keep their memory */

struct test_seat {
    struct seat seat;
    size_t kept;
};

static struct seat *make(void *ctx)
{
    (void)ctx;
    struct test_seat *s = calloc(1, sizeof(*s));
    return s ? &s->seat : NULL;
}

static size_t kept(const struct seat *s)
{
    return ((const struct test_seat *)s)->kept;
}

static void trim(struct seat *s)
{
    ((struct test_seat *)s)->kept = 0;
}

/* n requests at once; returns how many of them found memory of an earlier one. Each leaves `leaves` bytes. */
static int serve(struct seats *all, int n, size_t leaves)
{
    struct test_seat *taken[BURST];
    int found = 0;
    for (int i = 0; i < n; i++) {
        taken[i] = (struct test_seat *)seats_begin(all);
        assert_non_null(taken[i]);
        found += taken[i]->kept > 0;
        taken[i]->kept = leaves;
    }
    for (int i = 0; i < n; i++)
        seats_end(&taken[i]->seat);
    return found;
}

static const struct seat_kind kind = {make, kept, trim, NULL};
static struct seats *all; /* a process has one */

static void seats_that_keep_memory_are_used_first(void **state)
{
    (void)state;
    all = seats_open(&kind);
    assert_non_null(all);
    assert_int_equal(serve(all, BURST, 1000), 0);
    assert_int_equal(serve(all, WARM, 1000), WARM); /* also after a burst */
    assert_int_equal(serve(all, BURST, 1000), WARM);
    assert_int_equal(serve(all, 10, 1 << 20), 10); /* too much to be kept */
    assert_int_equal(serve(all, BURST, 1000), WARM - 10);
    seats_trim(all);
    assert_int_equal(serve(all, BURST, 1000), 0);
    assert_int_equal(seats_taken(all), 0);
}

static atomic_bool slow_writes, writing;

/* The thread that wakes another one may be interrupted before it writes. */
ssize_t write(int fd, const void *p, size_t n)
{
    ssize_t (*real)(int, const void *, size_t);
    *(void **)&real = dlsym(RTLD_NEXT, "write");
    if (slow_writes && n == sizeof(uint64_t)) {
        writing = true;
        usleep(20000);
    }
    return real(fd, p, n);
}

static void *wake(void *ctx)
{
    waker_wake(ctx);
    return NULL;
}

/* The request that is woken may end, and the server with it, before the one who woke it has written to the descriptor
 * that sleeping threads watch. Its number must not be another file's then. */
static void a_late_waker_writes_to_no_other_file(void **state)
{
    (void)state;
    struct seat *s = seats_begin(all);
    struct waker waker = s->x.im.waker;
    pthread_t thread;
    int fds[4];
    uint64_t strays = 0;
    seats_park(s);
    assert_true(seats_may_sleep(all));
    slow_writes = true;
    assert_int_equal(pthread_create(&thread, NULL, wake, &waker), 0);
    while (!writing)
        usleep(100);
    slow_writes = false;
    assert_ptr_equal(seats_ready(all), s);
    seats_wake_up(all, false);
    seats_end(s);
    seats_close(all);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_join(thread, NULL);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        uint64_t n = 0;
        strays += read(fds[i], &n, sizeof(n)) == (ssize_t)sizeof(n);
        close(fds[i]);
    }
    assert_int_equal(strays, 0);
    waker_wake(&waker); /* much later it does nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(seats_that_keep_memory_are_used_first),
                                       TEST(a_late_waker_writes_to_no_other_file)};
    return RUN(tests);
}
