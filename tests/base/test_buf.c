/* test_buf.c: growth and failure of a buffer, and the escapes of HTML, URLs and JSON. */
#include "lib/test.h"

static struct buf b;

static int begin(void **state)
{
    (void)state;
    buf_init(&b, 1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_release(&b);
    return 0;
}

static void appends(void **state)
{
    (void)state;
    assert_string_equal(b.p, "");
    buf_add(&b, "ab\0c", 4);
    assert_int_equal(b.n, 4);
    buf_clear(&b);
    assert_string_equal(b.p, "");
    for (int i = 0; i < 5000; i++)
        buf_putc(&b, 'x');
    assert_int_equal(strlen(b.p), 5000);
    buf_clear(&b);
    buf_u64(&b, 0);
    buf_putc(&b, ' ');
    buf_u64(&b, UINT64_MAX);
    buf_putc(&b, ' ');
    buf_i64(&b, INT64_MIN);
    buf_putc(&b, ' ');
    buf_i64(&b, -1);
    assert_string_equal(b.p, "0 18446744073709551615 -9223372036854775808 -1");
}

static void stays_failed_at_its_maximum(void **state)
{
    (void)state;
    struct buf s;
    buf_init(&s, 5);
    buf_puts(&s, "12345");
    assert_true(buf_ok(&s));
    buf_putc(&s, '6');
    assert_false(buf_ok(&s));
    assert_string_equal(s.p, "12345");
    assert_null(buf_detach(&s));
    buf_puts(&s, "1234");
    buf_printf(&s, "%s", "56");
    assert_false(buf_ok(&s));
    assert_string_equal(s.p, "1234");
    buf_clear(&s);
    buf_printf(&s, "%05d", 1);
    assert_true(buf_ok(&s));
    assert_string_equal(s.p, "00001");
    buf_clear(&s);
    buf_add(&s, "x", SIZE_MAX);
    assert_false(buf_ok(&s));
    assert_int_equal(s.n, 0);
    buf_release(&s);
}

static void prints_at_every_fill(void **state)
{
    (void)state;
    for (int n = 0; n < 1100; n++) {
        buf_clear(&b);
        for (int i = 0; i < n; i++)
            buf_putc(&b, '.');
        buf_printf(&b, "%s-%d", "tail", 42);
        assert_int_equal(b.n, (size_t)n + 7);
        assert_string_equal(b.p + n, "tail-42");
    }
}

static void fixed_memory(void **state)
{
    (void)state;
    char memory[8];
    struct buf f;
    buf_fixed(&f, memory, sizeof(memory));
    buf_puts(&f, "1234567");
    assert_true(buf_ok(&f));
    buf_putc(&f, '8');
    assert_false(buf_ok(&f));
    assert_string_equal(memory, "1234567");
    assert_null(buf_detach(&f)); /* never hands out memory it does not own */
    buf_release(&f);
}

static void escapes_html(void **state)
{
    (void)state;
    buf_html(&b, STR("<a href='x'>\"&amp;\xC3\xA9"));
    assert_string_equal(b.p, "&lt;a href=&#39;x&#39;&gt;&quot;&amp;amp;\xC3\xA9");
}

static void escapes_urls(void **state)
{
    (void)state;
    buf_url(&b, STR("aZ0-._~ /?&=+%\xC3\xA9\n"));
    assert_string_equal(b.p, "aZ0-._~%20%2F%3F%26%3D%2B%25%C3%A9%0A");
}

static void escapes_json(void **state)
{
    (void)state;
    buf_json(&b, STR("a\"b\\c\n\r\t\b\0</script>&\x7F\xE2\x80\xA8\xE2\x80\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
    assert_string_equal(b.p, "\"a\\\"b\\\\c\\n\\r\\t\\u0008\\u0000\\u003c/script\\u003e\\u0026\\u007f\\u2028\\u2029"
                             "\xE2\x82\xAC\xF0\x9F\x98\x80\"");
    buf_clear(&b);
    buf_json(&b, STR("\xFFx\xC3\xEF\xBF\xBD\xED\xA0\x80"));
    assert_string_equal(b.p, "\"\\ufffdx\\ufffd\xEF\xBF\xBD\\ufffd\\ufffd\\ufffd\"");
}

static void detaches(void **state)
{
    (void)state;
    buf_puts(&b, "mine");
    char *p = buf_detach(&b);
    assert_string_equal(p, "mine");
    free(p);
    assert_int_equal(b.n, 0);
    p = buf_detach(&b); /* of an empty one */
    assert_string_equal(p, "");
    free(p);
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {WITH(appends),
                                       WITH(stays_failed_at_its_maximum),
                                       WITH(prints_at_every_fill),
                                       WITH(fixed_memory),
                                       WITH(escapes_html),
                                       WITH(escapes_urls),
                                       WITH(escapes_json),
                                       WITH(detaches)};
    return RUN(tests);
}
