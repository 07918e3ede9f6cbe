/* test_arena.c: alignment, limits, deferred calls and reuse of an arena. */
#include <stdalign.h>

#include "base/arena.h"
#include "lib/test.h"

static void aligned_and_zero(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (int round = 0; round < 3; round++) {
        for (size_t n = 0; n < 200; n++) {
            unsigned char *p = arena_alloc(&a, n);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xEE, n);
        }
        arena_reset(&a); /* the next round gets used memory */
    }
    arena_release(&a);
}

static void stays_within_its_maximum(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 10000);
    assert_non_null(arena_alloc(&a, 9000));
    assert_null(arena_alloc(&a, 2000));
    assert_non_null(arena_alloc(&a, 500));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 8));
    assert_null(arena_array(&a, SIZE_MAX / 2, 3));
    bool ok = true;
    assert_str(arena_str(&a, str_n("x", 1), &ok), "x");
    assert_true(ok);
    static const char big[20000];
    assert_str(arena_str(&a, str_n(big, sizeof(big)), &ok), "");
    assert_false(ok);
    arena_reset(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(arena_alloc(&a, 9000));
    arena_release(&a);
}

static void prints(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (int n = 0; n < 600; n++) {
        char *p = arena_printf(&a, "%*d|", n, 7);
        assert_non_null(p);
        assert_int_equal(strlen(p), (n ? n : 1) + 1);
        assert_int_equal(p[strlen(p) - 1], '|');
    }
    arena_release(&a);
}

static char order[16], one[] = "1", two[] = "2", inner[] = "n", late[] = "x";
static void note(void *p)
{
    strcat(order, p);
}

static struct arena *nested;
static void defer_again(void *p)
{
    (void)p;
    assert_int_equal(arena_defer(nested, note, inner), 0);
}

static void defers_newest_first(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 4096);
    order[0] = '\0';
    nested = &a;
    assert_int_equal(arena_defer(&a, note, one), 0);
    assert_int_equal(arena_defer(&a, defer_again, NULL), 0);
    assert_int_equal(arena_defer(&a, note, two), 0);
    arena_reset(&a);
    assert_string_equal(order, "2n1");
    arena_release(&a);
    assert_string_equal(order, "2n1"); /* once only */
    a.max = 0;
    assert_int_equal(arena_defer(&a, note, late), -1);
    assert_string_equal(order, "2n1x");
}

static void big_blocks_leave_the_rest_usable(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 64 << 20);
    char *small = arena_alloc(&a, 16);
    assert_non_null(arena_alloc(&a, 10 << 20));
    char *next = arena_alloc(&a, 16);
    assert_ptr_equal(next, small + 16);
    arena_release(&a);
    assert_null(a.head);
}

static void a_small_arena_begins_small(void **state)
{
    (void)state;
    struct arena a;
    arena_init_small(&a, 1 << 20);
    assert_non_null(arena_alloc(&a, 400));
    assert_in_range(arena_kept(&a), 400, 512);
    for (size_t i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&a, 1000));
    assert_in_range(arena_kept(&a), 16384, 65536); /* and grows like any other */
    arena_release(&a);
    assert_non_null(arena_alloc(&a, 3000)); /* more than the first block */
    assert_in_range(arena_kept(&a), 3000, 4096);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(aligned_and_zero),    TEST(stays_within_its_maximum),         TEST(prints),
        TEST(defers_newest_first), TEST(big_blocks_leave_the_rest_usable), TEST(a_small_arena_begins_small)};
    return RUN(tests);
}
