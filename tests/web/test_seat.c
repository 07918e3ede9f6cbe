/* test_seat.c: the memory of seats that are free. Parked requests are tested through a server in tests/http. */
#include <stdlib.h>

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

static void seats_that_keep_memory_are_used_first(void **state)
{
    (void)state;
    const struct seat_kind kind = {make, kept, trim, NULL};
    struct seats *all = seats_open(&kind);
    assert_non_null(all);
    assert_int_equal(serve(all, BURST, 1000), 0);
    assert_int_equal(serve(all, WARM, 1000), WARM); /* also after a burst */
    assert_int_equal(serve(all, BURST, 1000), WARM);
    assert_int_equal(serve(all, 10, 1 << 20), 10); /* too much to be kept */
    assert_int_equal(serve(all, BURST, 1000), WARM - 10);
    seats_trim(all);
    assert_int_equal(serve(all, BURST, 1000), 0);
    assert_int_equal(seats_taken(all), 0);
    seats_close(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(seats_that_keep_memory_are_used_first)};
    return RUN(tests);
}
