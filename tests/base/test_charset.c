/* test_charset.c: answers in other character sets. */
#include "base/charset.h"
#include "lib/test.h"

static void charsets_become_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        struct str from;
        const char *to;
    } rows[] = {
        {"application/json; charset=ISO-8859-1",
         {"caf\xE9 \x80", sizeof("caf\xE9 \x80") - 1},
         "caf\xC3\xA9 \xE2\x82\xAC"},
        {"application/json;charset=\"latin1\"", {"\xE9", sizeof("\xE9") - 1}, "\xC3\xA9"},
        {"application/json; version=1; CharSet = windows-1251",
         {"\xCF\xF0", sizeof("\xCF\xF0") - 1},
         "\xD0\x9F\xD1\x80"},
        {"application/json; charset=shift_jis",
         {"\x93\xFA\x96\x7B", sizeof("\x93\xFA\x96\x7B") - 1},
         "\xE6\x97\xA5\xE6\x9C\xAC"},
        {"application/json; charset=gb2312", {"\xC4\xE3", sizeof("\xC4\xE3") - 1}, "\xE4\xBD\xA0"},
        {"application/json; charset=euc-kr", {"\xB0\xA1", sizeof("\xB0\xA1") - 1}, "\xEA\xB0\x80"},
        {"application/json; charset=big5", {"\xA7\x41", sizeof("\xA7\x41") - 1}, "\xE4\xBD\xA0"},
        {"application/json; charset=utf-16", {"{\0\xE9\0}\0", sizeof("{\0\xE9\0}\0") - 1}, "{\xC3\xA9}"},
        {"application/json; charset=utf-16be", {"\xD8\x3D\xDE\0", sizeof("\xD8\x3D\xDE\0") - 1}, "\xF0\x9F\x98\x80"},
        {"application/json", {"\xFF\xFE{\0\xE9\0", sizeof("\xFF\xFE{\0\xE9\0") - 1}, "\xEF\xBB\xBF{\xC3\xA9"},
        {"application/json; charset=utf-8", {"\xFE\xFF\0{", sizeof("\xFE\xFF\0{") - 1}, "\xEF\xBB\xBF{"},
        {"application/json", {"{\0\"\0", sizeof("{\0\"\0") - 1}, "{\""},
        {"", {"\0{\0}", sizeof("\0{\0}") - 1}, "{}"},
        /* half a surrogate pair in the middle, and half a character at the end */
        {"x/y; charset=utf-16le",
         {"\x3D\xD8"
          "a\0b\0c",
          sizeof("\x3D\xD8"
                 "a\0b\0c") -
              1},
         "\xEF\xBF\xBD"
         "ab\xEF\xBF\xBD"},
        {"x/y; charset=windows-1252", {"a\x81\xE9", sizeof("a\x81\xE9") - 1}, "a\xEF\xBF\xBD\xC3\xA9"},
        /* A letter that the next one may combine with is held back by the converter: at the end, and before a byte that
         * is no character. */
        {"x/y; charset=windows-1258", {"xin ch\xE0o", sizeof("xin ch\xE0o") - 1}, "xin ch\xC3\xA0o"},
        {"x/y; charset=windows-1258", {"cha\xCCo", sizeof("cha\xCCo") - 1}, "ch\xC3\xA0o"},
        {"x/y; charset=windows-1258", {"ao\x8A.", sizeof("ao\x8A.") - 1}, "ao\xEF\xBF\xBD."},
        {"x/y; charset=windows-1255", {"\xF9\xE5", sizeof("\xF9\xE5") - 1}, "\xD7\xA9\xD7\x95"},
        {"x/y; charset=big5", {"\x88\x66", sizeof("\x88\x66") - 1}, "\xC3\x8A"},
        /* a header that the server sends for everything */
        {"application/json; charset=iso-8859-1", {"caf\xC3\xA9", sizeof("caf\xC3\xA9") - 1}, "caf\xC3\xA9"},
        {"application/json; charset=UTF-8", {"caf\xE9", sizeof("caf\xE9") - 1}, "caf\xE9"},
        {"application/json; charset=../../evil//TRANSLIT", {"caf\xE9", sizeof("caf\xE9") - 1}, "caf\xE9"},
        {"application/json; charset", {"a", sizeof("a") - 1}, "a"},
        {"application/json; charset=iso-8859-1", {"", sizeof("") - 1}, ""},
    };
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err e = ERR_INIT;
        struct str body = rows[i].from;
        assert_ok(charset_to_utf8(&a, str_from(rows[i].type), &body, &e), &e);
        assert_str(body, rows[i].to);
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(charsets_become_utf8)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
