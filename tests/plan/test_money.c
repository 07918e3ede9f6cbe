/* Amounts and exact decimals. */
#include "lib/test.h"
#include "plan/money.h"

#include "base/banned.h"

static void shows(int64_t amount, const char *currency, const char *expected)
{
    char text[64];
    struct buf b;
    buf_fixed(&b, text, sizeof(text));
    money_text(&b, amount, str_from(currency));
    assert_true(buf_ok(&b));
    assert_string_equal(text, expected);
}

static void texts(void **state)
{
    (void)state;
    shows(4900, "usd", "$49.00");
    shows(1250, "EUR", "€12.50");
    shows(4900, "jpy", "¥4900");
    shows(0, "usd", "$0.00");
    shows(5, "usd", "$0.05");
    shows(-100, "usd", "-$1.00");
    shows(-1, "jpy", "-¥1");
    shows(1250, "chf", "CHF\u00a012.50");
    shows(1500, "kwd", "KWD\u00a01.500");
    shows(7, "bhd", "BHD\u00a00.007");
    shows(500, "ugx", "UGX\u00a05.00");
    shows(500, "xaf", "XAF\u00a0500");
    shows(INT64_MAX, "usd", "$92233720368547758.07");
    shows(INT64_MIN, "usd", "-$92233720368547758.08");
    shows(INT64_MIN, "krw", "-₩9223372036854775808");
    assert_int_equal(money_places(STR("JPY")), 0);
    assert_int_equal(money_places(STR("usd")), 2);
    assert_int_equal(money_places(STR("Tnd")), 3);
    assert_int_equal(money_places(STR("")), 2);
}

static struct decimal d(const char *z)
{
    struct decimal out;
    if (!decimal_parse(str_from(z), &out))
        fail_msg("\"%s\" was refused", z);
    return out;
}

static void decimals_come_back(void **state)
{
    (void)state;
    static const char *const same[] = {"0",
                                       "1",
                                       "-1",
                                       "0.49",
                                       "0.398",
                                       "4900",
                                       "0.000000000001",
                                       "-0.000000000001",
                                       "-0.5",
                                       "0.5",
                                       "123.456789012345",
                                       "9223372036854775807",
                                       "-9223372036854775808",
                                       "9223372036854775807.999999999999",
                                       "-9223372036854775808.999999999999",
                                       "0.1",
                                       "10",
                                       "100.01"};
    static const struct {
        const char *in, *out;
    } shorter[] = {{"0.4900", "0.49"}, {"-0", "0"}, {"007", "7"}, {"1.000000000000", "1"}, {"0.0", "0"}};
    char text[64];
    struct buf b;
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        buf_fixed(&b, text, sizeof(text));
        decimal_print(&b, d(same[i]));
        assert_string_equal(text, same[i]);
    }
    for (size_t i = 0; i < COUNT_OF(shorter); i++) {
        buf_fixed(&b, text, sizeof(text));
        decimal_print(&b, d(shorter[i].in));
        assert_string_equal(text, shorter[i].out);
    }
    assert_int_equal(d("-1.5").whole, -1);
    assert_int_equal(d("-1.5").pico, -500000000000);
}

static void texts_that_are_not_decimals(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-",
                                      ".",
                                      ".5",
                                      "5.",
                                      "1.",
                                      "-.5",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1e3",
                                      "0x1",
                                      "1,5",
                                      "1.2.3",
                                      "--1",
                                      "-",
                                      "0.0000000000001",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999999999999999999999",
                                      "1-",
                                      "NaN",
                                      "inf",
                                      "١"};
    struct decimal out;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (decimal_parse(str_from(bad[i]), &out))
            fail_msg("\"%s\" was taken", bad[i]);
    assert_false(decimal_parse((struct str){"1\0", 2}, &out));
    assert_true(decimal_parse(str_n("0.49xyz", 4), &out)); /* the text needs no NUL after it */
}

static void order(void **state)
{
    (void)state;
    assert_true(decimal_cmp(d("0.49"), d("0.398")) > 0);
    assert_true(decimal_cmp(d("-0.49"), d("0.398")) < 0);
    assert_true(decimal_cmp(d("-2"), d("-1.999999999999")) < 0);
    assert_int_equal(decimal_cmp(d("1.50"), d("1.5")), 0);
    assert_true(decimal_cmp(d("9223372036854775807"), d("-9223372036854775808")) > 0);
    assert_int_equal(decimal_cmp(decimal_of(7), d("7")), 0);
}

static void overage(void **state)
{
    (void)state;
    assert_int_equal(decimal_cmp(money_overage_unit(4900, 10000), d("0.49")), 0);
    assert_int_equal(decimal_cmp(money_overage_unit(19900, 50000), d("0.398")), 0);
    assert_int_equal(decimal_cmp(money_overage_unit(100, 3), d("33.333333333333")), 0); /* cut off, never up */
    assert_int_equal(decimal_cmp(money_overage_unit(200, 3), d("66.666666666666")), 0);
    assert_int_equal(decimal_cmp(money_overage_unit(0, 10000), d("0")), 0);
    assert_int_equal(decimal_cmp(money_overage_unit(1, INT64_MAX), d("0")), 0);
    assert_int_equal(decimal_cmp(money_overage_unit(INT64_MAX, 1), d("9223372036854775807")), 0);
    assert_int_equal(decimal_cmp(money_overage_unit(7500, 10000), d("0.75")), 0);
}

static int64_t times(const char *unit, int64_t qty)
{
    int64_t out;
    if (!money_times(d(unit), qty, &out))
        fail_msg("%s * %lld overflows", unit, (long long)qty);
    return out;
}

static void products(void **state)
{
    (void)state;
    int64_t out = 77;
    assert_int_equal(times("0.49", 10000), 4900);
    assert_int_equal(times("0.49", 1), 0);
    assert_int_equal(times("0.49", 2), 1); /* 0.98 */
    assert_int_equal(times("0.5", 1), 1);  /* half goes up */
    assert_int_equal(times("0.5", -1), 0); /* also below zero: towards +infinity */
    assert_int_equal(times("-0.5", 1), 0);
    assert_int_equal(times("-0.500000000001", 1), -1);
    assert_int_equal(times("-1", 5), -5);
    assert_int_equal(times("-1.5", 1), -1);
    assert_int_equal(times("0.499999999999", 1), 0);
    assert_int_equal(times("0.398", 50001), 19900);
    assert_int_equal(times("0.398", 0), 0);
    assert_int_equal(times("1", INT64_MAX), INT64_MAX);
    assert_int_equal(times("1", INT64_MIN), INT64_MIN);
    assert_int_equal(times("0.000000000001", INT64_MAX), 9223372);
    assert_false(money_times(d("2"), INT64_MAX, &out));
    assert_false(money_times(d("9223372036854775807"), INT64_MAX, &out));
    assert_false(money_times(d("9223372036854775807.5"), 1, &out));
    assert_false(money_times(d("-9223372036854775808"), -1, &out));
    assert_int_equal(out, 77);
}

static void under_a_cap(void **state)
{
    (void)state;
    assert_int_equal(money_qty_for(4900, d("0.49")), 10000);
    assert_int_equal(money_qty_for(4899, d("0.49")), 9997);
    assert_int_equal(money_qty_for(1, d("0.49")), 2);
    assert_int_equal(money_qty_for(0, d("0.49")), 0);
    assert_int_equal(money_qty_for(-1, d("0.49")), 0);
    assert_int_equal(money_qty_for(100, d("0")), INT64_MAX);
    assert_int_equal(money_qty_for(100, d("-1")), INT64_MAX);
    assert_int_equal(money_qty_for(-1, d("0")), 0);
    assert_int_equal(money_qty_for(INT64_MAX, d("0.000000000001")), INT64_MAX);
    assert_int_equal(money_qty_for(INT64_MAX, d("1")), INT64_MAX);
    for (int64_t cap = 0; cap < 500; cap++) { /* the most that fits: one more does not */
        int64_t n = money_qty_for(cap, d("0.398")), cost;
        assert_true(money_times(d("398"), n, &cost) && cost <= cap * 1000);
        assert_true(money_times(d("398"), n + 1, &cost) && cost > cap * 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(texts),    TEST(decimals_come_back), TEST(texts_that_are_not_decimals), TEST(order), TEST(overage),
        TEST(products), TEST(under_a_cap)};
    return RUN(tests);
}
