/* test_str.c: comparing, cutting and splitting text. */
#include "lib/test.h"

static void compares(void **state)
{
    (void)state;
    assert_true(str_eq(STR("ab"), str_n("abc", 2)));
    assert_false(str_eqz(STR("ab\0c"), "ab"));
    assert_true(str_ieq(STR("HeLLo-1"), STR("hEllO-1")));
    assert_false(str_ieq(STR("\xC3\x84"), STR("\xC3\xA4"))); /* ASCII only */
    assert_false(str_ieq(STR("@"), STR("`")));
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("\xFF"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR_EMPTY, STR("")), 0);
    assert_true(str_starts(STR("abc"), STR("")) && str_starts(STR("abc"), STR("abc")) &&
                !str_starts(STR("ab"), STR("abc")));
    assert_true(str_ends(STR("abc"), STR("bc")) && !str_ends(STR("c"), STR("bc")));
    assert_true(str_has(STR("abc"), STR("b")) && str_has(STR(""), STR("")) && !str_has(STR("abc"), STR("ca")));
    assert_str(str_from(NULL), "");
    assert_str(str_n(NULL, 5), "");
}

static void cuts(void **state)
{
    (void)state;
    assert_str(str_trim(STR(" \t\r\n x y \v\f")), "x y");
    assert_str(str_trim(STR("  \n ")), "");
    assert_str(str_sub(STR("hello"), 1, 3), "ell");
    assert_str(str_sub(STR("hello"), 4, SIZE_MAX), "o");
    assert_str(str_sub(STR("hello"), 9, 1), "");
    assert_int_equal(str_find(STR("a=b=c"), '='), 1);
    assert_int_equal(str_find(STR("abc"), 'x'), -1);
}

static void splits(void **state)
{
    (void)state;
    struct str rest = STR("a,,b,"), part;
    const char *expected[] = {"a", "", "b"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(str_split(&rest, ',', &part));
        assert_str(part, expected[i]);
    }
    assert_false(str_split(&rest, ',', &part));
    rest = STR_EMPTY;
    assert_false(str_split(&rest, ',', &part));
}

static void finds_names(void **state)
{
    (void)state;
    const char *const names[] = {"none", "one", "two"};
    assert_int_equal(str_among(STR("two"), names, COUNT_OF(names)), 2);
    assert_int_equal(str_among(STR("tw"), names, COUNT_OF(names)), COUNT_OF(names));
    assert_int_equal(str_among_or(STR("one"), names, COUNT_OF(names), 0), 1);
    assert_int_equal(str_among_or(STR("ONE"), names, COUNT_OF(names), 0), 0);
    assert_int_equal(str_among_or(STR_EMPTY, names, COUNT_OF(names), 7), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(compares), TEST(cuts), TEST(splits), TEST(finds_names)};
    return RUN(tests);
}
