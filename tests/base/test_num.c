/* test_num.c: numbers at the bounds of their types, and texts that are not numbers. */
#include <locale.h>
#include <math.h>

#include "base/num.h"
#include "lib/test.h"

static void unsigned_integers(void **state)
{
    (void)state;
    uint64_t v = 7;
    assert_true(num_u64(STR("18446744073709551615"), UINT64_MAX, &v) && v == UINT64_MAX);
    const char *bad[] = {"",   " 1", "1 ", "+1", "-1", "1x", "0x1", "18446744073709551616", "99999999999999999999999",
                         "1\n"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(num_u64(str_from(bad[i]), UINT64_MAX, &v));
    assert_false(num_u64(STR("11"), 10, &v));
    assert_false(num_u64(str_n("1\0", 2), 10, &v));
    assert_true(v == UINT64_MAX); /* untouched by failures */
    assert_true(num_u64(STR("0000000000000000000000000000007"), 10, &v) && v == 7);
}

static void signed_integers(void **state)
{
    (void)state;
    int64_t v = 0;
    assert_true(num_i64(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &v) && v == INT64_MIN);
    assert_true(num_i64(STR("9223372036854775807"), INT64_MIN, INT64_MAX, &v) && v == INT64_MAX);
    assert_false(num_i64(STR("9223372036854775808"), INT64_MIN, INT64_MAX, &v));
    assert_false(num_i64(STR("-9223372036854775809"), INT64_MIN, INT64_MAX, &v));
    assert_false(num_i64(STR("-"), INT64_MIN, INT64_MAX, &v));
    assert_false(num_i64(STR("--1"), INT64_MIN, INT64_MAX, &v));
    assert_false(num_i64(STR("-1"), 0, 10, &v));
    assert_true(num_i64(STR("-0"), -1, 1, &v) && v == 0);
}

static void decimals(void **state)
{
    (void)state;
    double v = 1;
    assert_true(num_double(STR("-12.5e-1"), &v) && v == -1.25);
    assert_true(num_double(STR("1E3"), &v) && v == 1000);
    const char *bad[] = {"", ".5", "5.", "1e", "1e+", "nan", "inf", "0x10", "1,5", " 1", "1e999", "+1", "--1", "1.2.3"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(num_double(str_from(bad[i]), &v));
    char text[500];
    memset(text, '1', sizeof(text));
    assert_false(num_double(str_n(text, sizeof(text)), &v));
    assert_true(num_double(STR("1e-999"), &v) && v == 0);
}

static void sizes(void **state)
{
    (void)state;
    uint64_t v;
    assert_true(num_bytes(STR("64K"), UINT64_MAX, &v) && v == 65536);
    assert_true(num_bytes(STR("8m"), UINT64_MAX, &v) && v == 8388608);
    assert_true(num_bytes(STR("512"), 512, &v) && v == 512);
    assert_false(num_bytes(STR("1K"), 1023, &v));
    assert_false(num_bytes(STR("K"), 1024, &v));
    assert_false(num_bytes(STR("17179869184G"), UINT64_MAX, &v));
    assert_false(num_bytes(STR("1KB"), UINT64_MAX, &v));
}

static void reads_back_equal(void **state)
{
    (void)state;
    const double values[] = {0.1,  1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789.123456789, -2.5, 1e15,
                             1e21, 0.3,     100};
    char text[32];
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        double back = 0;
        assert_true(num_double(str_from(num_double_text(values[i], text)), &back));
        assert_true(back == values[i]);
    }
    assert_string_equal(num_double_text(0.1, text), "0.1");
    assert_string_equal(num_double_text(100, text), "100");
    assert_string_equal(num_double_text(-0.0, text), "-0");
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        double v, back;
        memcpy(&v, &bits, 8);
        if (isfinite(v))
            assert_true(num_double(str_from(num_double_text(v, text)), &back) && back == v);
    }
}

static void locale_does_not_matter(void **state)
{
    (void)state;
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8"))
        skip();
    double v;
    char text[32];
    assert_true(num_double(STR("1.5"), &v) && v == 1.5);
    assert_string_equal(num_double_text(1.5, text), "1.5");
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(unsigned_integers), TEST(signed_integers),
                                       TEST(decimals),          TEST(sizes),
                                       TEST(reads_back_equal),  TEST(locale_does_not_matter)};
    return RUN(tests);
}
