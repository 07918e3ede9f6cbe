/* test_clock.c: the calendar against the C library, over many centuries. */
#define _GNU_SOURCE /* timegm */
#include <time.h>

#include "base/clock.h"
#include "lib/test.h"

static void splits_like_the_c_library(void **state)
{
    (void)state;
    int64_t step = DAY_MS * 13 + 12345678;
    for (int64_t ms = INT64_C(-70000000000000); ms < INT64_C(250000000000000); ms += step) {
        time_t s = (time_t)((ms - (ms % 1000 + 1000) % 1000) / 1000);
        struct tm t;
        gmtime_r(&s, &t);
        struct clock_date d = clock_split(ms);
        assert_int_equal(d.year, t.tm_year + 1900);
        assert_int_equal(d.month, t.tm_mon + 1);
        assert_int_equal(d.day, t.tm_mday);
        assert_int_equal(d.hour * 3600 + d.minute * 60 + d.second, t.tm_hour * 3600 + t.tm_min * 60 + t.tm_sec);
        assert_int_equal(d.ms, ms - (int64_t)s * 1000);
        assert_int_equal(clock_month_start(ms) % DAY_MS, 0);
        assert_int_equal(clock_split(clock_month_start(ms)).day, 1);
        assert_int_equal(clock_split(clock_month_start(ms)).month, d.month);
    }
}

static void knows_the_days(void **state)
{
    (void)state;
    assert_int_equal(clock_date_ms(1970, 1, 1), 0);
    assert_int_equal(clock_date_ms(2024, 2, 29), INT64_C(1709164800000));
    assert_int_equal(clock_date_ms(2023, 2, 29), -1);
    assert_int_equal(clock_date_ms(1900, 2, 29), -1);
    assert_true(clock_date_ms(2000, 2, 29) > 0);
    assert_int_equal(clock_date_ms(2024, 4, 31), -1);
    assert_int_equal(clock_date_ms(2024, 0, 1), -1);
    assert_int_equal(clock_date_ms(2024, 13, 1), -1);
    assert_int_equal(clock_date_ms(2024, 1, 0), -1);
}

static void writes_iso(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    clock_iso(&b, INT64_C(1795413140123));
    assert_string_equal(b.p, "2026-11-23T05:52:20.123Z");
    buf_clear(&b);
    clock_iso(&b, -1);
    assert_string_equal(b.p, "1969-12-31T23:59:59.999Z");
    buf_release(&b);
}

static void moves_for_tests(void **state)
{
    (void)state;
    clock_set_for_test(42);
    assert_int_equal(clock_now_ms(), 42);
    clock_set_for_test(0);
    assert_true(clock_now_ms() > clock_date_ms(2020, 1, 1));
    int64_t a = clock_mono_us(), b = clock_mono_us();
    assert_true(a <= b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(splits_like_the_c_library), TEST(knows_the_days), TEST(writes_iso),
                                       TEST(moves_for_tests)};
    return RUN(tests);
}
