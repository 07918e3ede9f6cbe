/* csv: rows, quotes, separators, encodings and refusals. */
#include "base/utf8.h"
#include "knowledge/csv.h"
#include "lib/test.h"

#include "base/banned.h"

static struct arena arena;

/* Every row on a line of its own, fields in brackets, bad rows as !code, each with its number. */
static char *read_all(struct str file)
{
    static char out[4096];
    struct csv c;
    struct csv_row r;
    struct err e = ERR_INIT;
    struct buf b;
    const char *code, *words;
    enum csv_result got;
    buf_init(&b, sizeof(out) - 1);
    assert_ok(csv_open(&c, file, &e), &e);
    while ((got = csv_next(&c, &arena, &r, &code, &words)) == CSV_ROW || got == CSV_BAD) {
        buf_printf(&b, "%lld", (long long)c.row);
        if (got == CSV_BAD) {
            assert_non_null(words);
            buf_printf(&b, "!%s", code);
        }
        for (size_t i = 0; got == CSV_ROW && i < r.n; i++) {
            assert_true(utf8_valid(r.fields[i]));
            buf_printf(&b, "[%.*s]", STR_F(r.fields[i]));
        }
        buf_putc(&b, '\n');
    }
    assert_int_equal(got, CSV_END);
    assert_true(buf_ok(&b));
    memcpy(out, b.p, b.n + 1);
    buf_release(&b);
    arena_reset(&arena);
    return out;
}

static void reads(const char *file, const char *expected)
{
    assert_string_equal(read_all(str_from(file)), expected);
}

static void plain_rows(void **state)
{
    (void)state;
    reads("", "");
    reads("\n\r\n\r", "");
    reads("a,b\nc,d\n", "1[a][b]\n2[c][d]\n");
    reads("a,b\r\nc,d", "1[a][b]\n2[c][d]\n");
    reads("a,b\rc,d\r", "1[a][b]\n2[c][d]\n");
    reads("a,\n\n,b\n", "1[a][]\n2[][b]\n");
    reads("a,b,\n", "1[a][b][]\n");
    reads("\xEF\xBB\xBF"
          "a,b\n",
          "1[a][b]\n");
}

static void quotes(void **state)
{
    (void)state;
    reads("\"a\",\"b\"\n", "1[a][b]\n");
    reads("\"a,\"\"b\"\"\nc\",d\n", "1[a,\"b\"\nc][d]\n");
    reads("\"\",\"\"\"\"\n", "1[][\"]\n");
    reads("\"a\" ,b\n", "1[a][b]\n");
    reads("a \"b\" c,d\n", "1[a \"b\" c][d]\n"); /* inside a plain field they are text */
    reads("\"a\"", "1[a]\n");
}

static void separators(void **state)
{
    (void)state;
    reads("question;answer\na,b;c\n", "1[question][answer]\n2[a,b][c]\n");
    reads("question\tanswer\na,b\tc;d\n", "1[question][answer]\n2[a,b][c;d]\n");
    reads("\"a;b;c\",d\ne,f\n", "1[a;b;c][d]\n2[e][f]\n"); /* inside quotes they do not count */
}

static void a_bad_row_loses_only_itself(void **state)
{
    (void)state;
    reads("a,b\n\"open,x\nc,d\n", "1[a][b]\n2!quote_unclosed\n3[c][d]\n");
    reads("a,b\n\"open,x\n\"c\",\"d\"\ne,f\n", "1[a][b]\n2!quote_misplaced\n3[c][d]\n4[e][f]\n");
    reads("a,b\n\"x\"y,z\nc,d\n", "1[a][b]\n2!quote_misplaced\n3[c][d]\n");
    reads("a,b\nx,\"", "1[a][b]\n2!quote_unclosed\n");
    assert_string_equal(read_all(STR("a,b\nx\0y,z\nc,d\n")), "1[a][b]\n2!nul\n3[c][d]\n");
    reads("a,b\n\xC3\xA9,\xE2\x82\xAC\nx,\xFF\nc,\"d\ne\"\n",
          "1[a][b]\n2[\xC3\xA9][\xE2\x82\xAC]\n3!encoding\n4[c][d\ne]\n");
}

static void windows_1252(void **state)
{
    (void)state;
    reads("a,b\ncaf\xE9,\x80 5\n\x93q\x94,\x81\n",
          "1[a][b]\n2[caf\xC3\xA9][\xE2\x82\xAC 5]\n3[\xE2\x80\x9Cq\xE2\x80\x9D][\xEF\xBF\xBD]\n");
}

static void oversized_fields(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 4 * MB);
    buf_puts(&b, "a,b\n\"");
    for (size_t i = 0; i <= MAX_CSV_FIELD; i++)
        buf_putc(&b, 'x');
    buf_puts(&b, "\",y\nc,d\n");
    char *got = read_all(buf_str(&b));
    assert_string_equal(got, "1[a][b]\n2!field_too_long\n3[c][d]\n");
    buf_clear(&b);
    for (size_t i = 0; i <= CSV_FIELDS_MAX; i++)
        buf_puts(&b, "x,");
    buf_puts(&b, "\nc,d\n");
    assert_string_equal(read_all(buf_str(&b)), "1!too_many_fields\n2[c][d]\n");
    buf_release(&b);
}

static void utf16_is_reported(void **state)
{
    struct csv c;
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(csv_open(&c,
                              STR("\xFF\xFE"
                                  "a\0"),
                              &e),
                     ERR_INVALID);
    assert_string_equal(err_code(&e), "csv_encoding");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plain_rows),   TEST(quotes),           TEST(separators),       TEST(a_bad_row_loses_only_itself),
        TEST(windows_1252), TEST(oversized_fields), TEST(utf16_is_reported)};
    arena_init(&arena, 16 * MB);
    int failed = RUN(tests);
    arena_release(&arena);
    return failed;
}
