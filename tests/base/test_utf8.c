/* test_utf8.c: malformed sequences, case folding, and which characters are letters. */
#include "base/utf8.h"
#include "lib/test.h"

static void malformed_sequences_are_refused(void **state)
{
    (void)state;
    const char *bad[] = {"\x80",
                         "\xBF",
                         "\xC0\xAF",
                         "\xC1\xBF",
                         "\xC3",
                         "\xE0\x80\x80",
                         "\xE0\x9F\xBF",
                         "\xE2\x82",
                         "\xED\xA0\x80",
                         "\xED\xBF\xBF",
                         "\xF0\x80\x80\x80",
                         "\xF0\x8F\xBF\xBF",
                         "\xF4\x90\x80\x80",
                         "\xF5\x80\x80\x80",
                         "\xFF",
                         "\xFE",
                         "\xF0\x9F\x98",
                         "abcdefgh\x80",
                         "abcdefg\xC3(",
                         "\xC3\xC3\xA9"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(utf8_valid(str_from(bad[i])));
    assert_true(utf8_valid(STR("")));
    assert_true(utf8_valid(STR("a\0b")));
    assert_true(utf8_valid(STR("\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80")));
}

static void every_code_point_round_trips(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        char bytes[4];
        size_t n = utf8_encode(cp, bytes);
        struct str s = str_n(bytes, n);
        assert_true(utf8_valid(s));
        uint32_t expected = cp >= 0xD800 && cp < 0xE000 ? 0xFFFD : cp;
        assert_int_equal(utf8_next(&s), expected);
        assert_int_equal(s.n, 0);
    }
    char bytes[4];
    assert_int_equal(utf8_encode(0x110000, bytes), 3);
}

static void a_text_is_cut_between_two_characters(void **state)
{
    static const struct {
        const char *text;
        size_t max, kept;
    } cuts[] = {{"abc", 3, 3},
                {"abc", 2, 2},
                {"abc", 0, 0},
                {"a€", 4, 4},
                {"a€", 3, 1},
                {"a€", 2, 1},
                {"a€", 1, 1},
                {"€", 2, 0},
                {"\xF0\x9F\x98\x80", 3, 0},
                {"x\xF0\x9F\x98\x80", 4, 1},
                {"\x80\x80\x80\x80\x80", 4, 4},
                {"\x80\x80\x80", 1, 1}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cuts); i++)
        assert_int_equal(utf8_fit(str_from(cuts[i].text), cuts[i].max).n, cuts[i].kept);
}

static void invalid_bytes_are_skipped_one_by_one(void **state)
{
    (void)state;
    struct str s = STR("\xE2\x82x");
    assert_int_equal(utf8_next(&s), 0xFFFD);
    assert_int_equal(utf8_next(&s), 0xFFFD);
    assert_int_equal(utf8_next(&s), 'x');
    assert_int_equal(s.n, 0);
}

static void text_has_no_controls(void **state)
{
    (void)state;
    assert_true(utf8_text(STR("a\tb\r\n\xC3\xA9")));
    assert_false(utf8_text(STR("a\0b")));
    assert_false(utf8_text(STR("\x1B[0m")));
    assert_false(utf8_text(STR("\xFF")));
}

static void counts_and_cuts(void **state)
{
    (void)state;
    struct str s = STR("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z");
    assert_int_equal(utf8_length(s), 5);
    assert_int_equal(utf8_cut(s, 0).n, 0);
    assert_int_equal(utf8_cut(s, 1).n, 1);
    assert_int_equal(utf8_cut(s, 2).n, 3);
    assert_int_equal(utf8_cut(s, 3).n, 6);
    assert_int_equal(utf8_cut(s, 4).n, 10);
    assert_int_equal(utf8_cut(s, 5).n, 11);
    assert_int_equal(utf8_cut(s, SIZE_MAX).n, 11);
}

static void folds(void **state)
{
    (void)state;
    const uint32_t pairs[][2] = {
        {'A', 'a'},       {'z', 'z'},     {0xC9, 0xE9},     {0xD7, 0xD7},     {0x130, 'i'},        {0x141, 0x142},
        {0x178, 0xFF},    {0x17D, 0x17E}, {0x1E9E, 0xDF},   {0x391, 0x3B1},   {0x3A9, 0x3C9},      {0x3C2, 0x3C3},
        {0x386, 0x3AC},   {0x410, 0x430}, {0x401, 0x451},   {0x4C0, 0x4CF},   {0x531, 0x561},      {0x556, 0x586},
        {0x1EF8, 0x1EF9}, {0x5D0, 0x5D0}, {0x4E2D, 0x4E2D}, {0x1F08, 0x1F00}, {0x10FFFF, 0x10FFFF}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        assert_int_equal(utf8_lower(pairs[i][0]), pairs[i][1]);
    for (uint32_t cp = 0; cp < 0x20000; cp++)
        assert_int_equal(utf8_lower(utf8_lower(cp)), utf8_lower(cp));
}

static void strips_marks(void **state)
{
    (void)state;
    const uint32_t pairs[][2] = {{0xE9, 'e'}, {0xC9, 'E'}, {0xF1, 'n'},  {0xFC, 'u'},   {0x159, 'r'},   {0x142, 'l'},
                                 {0xF8, 'o'}, {'q', 'q'},  {0xDF, 0xDF}, {0x1EC7, 'e'}, {0x430, 0x430}, {0xD7, 0xD7}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        assert_int_equal(utf8_plain(pairs[i][0]), pairs[i][1]);
}

static void knows_letters(void **state)
{
    (void)state;
    const uint32_t letters[] = {'a',   'Z',   '0',   0xE9,   0x3B1,  0x430,  0x5D0,  0x627,
                                0x915, 0x940, 0xE01, 0x4E2D, 0x3042, 0xAC00, 0x20000};
    const uint32_t others[] = {' ', '.', '_', '-', 0x7F, 0xA0, 0xD7, 0x2014, 0x3002, 0x1F600, 0x20AC, 0xFFFD};
    for (size_t i = 0; i < COUNT_OF(letters); i++)
        assert_true(utf8_is_letter(letters[i]));
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_false(utf8_is_letter(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(malformed_sequences_are_refused),
                                       TEST(every_code_point_round_trips),
                                       TEST(a_text_is_cut_between_two_characters),
                                       TEST(invalid_bytes_are_skipped_one_by_one),
                                       TEST(text_has_no_controls),
                                       TEST(counts_and_cuts),
                                       TEST(folds),
                                       TEST(strips_marks),
                                       TEST(knows_letters)};
    return RUN(tests);
}
