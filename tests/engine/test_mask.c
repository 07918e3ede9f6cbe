/* test_mask.c: what is hidden from an engine, what is not, and that all of it comes back. */
#include "base/clock.h"
#include "engine/mask.h"
#include "lib/test.h"

struct fixture {
    struct arena a;
    struct engine_mask *m;
    struct err e;
};

static void begin(struct fixture *f, const struct str *patterns, size_t n)
{
    f->e = ERR_INIT;
    arena_init(&f->a, 64 << 20);
    assert_ok(engine_mask_new(&f->a, patterns, n, &f->m, &f->e), &f->e);
}

static struct str hide(struct fixture *f, const char *text)
{
    struct str out;
    assert_ok(engine_mask_hide(f->m, str_from(text), &out, &f->e), &f->e);
    return out;
}

/* Hidden as expected, and shown as it was, in pieces of every size. */
static void assert_hidden(const char *text, const char *expected)
{
    struct fixture f;
    struct buf out;
    begin(&f, NULL, 0);
    struct str hidden = hide(&f, text);
    assert_str(hidden, expected);
    for (size_t piece = 1; piece <= hidden.n; piece++) {
        struct engine_mask_tail tail = {.n = 0};
        buf_init(&out, 1 << 16);
        for (size_t i = 0; i < hidden.n; i += piece)
            engine_mask_show_piece(f.m, &tail, str_sub(hidden, i, piece), false, &out);
        engine_mask_show_end(&tail, &out);
        assert_str(buf_str(&out), text);
        buf_release(&out);
    }
    arena_release(&f.a);
}

static void personal_data_is_hidden(void **state)
{
    (void)state;
    assert_hidden("write to eva.k+shop@mail.example.co.uk, please", "write to [EMAIL_1], please");
    assert_hidden("<z\xC3\xB6@b\xC3\xBC\x63her.example>.", "<[EMAIL_1]>.");
    assert_hidden("call +49 (0)30 901820 or 0049-30-901820", "call [PHONE_1] or [PHONE_2]");
    assert_hidden("030 90182000, (212) 555-0100, 212-555-0100", "[PHONE_1], [PHONE_2], [PHONE_3]");
    assert_hidden("card 4111 1111 1111 1111, 378282246310005.", "card [CARD_1], [CARD_2].");
    assert_hidden("IBAN DE89 3704 0044 0532 0130 00 now", "IBAN [IBAN_1] now");
    assert_hidden("gb82west12345698765432", "[IBAN_1]");
    assert_hidden("from 192.0.2.17, 2001:db8::1 and fe80::1.", "from [IP_1], [IP_2] and [IP_3].");
    assert_hidden("http://192.0.2.17:8080/, 192.0.2.18:53 and [2001:db8::1]:443",
                  "http://[IP_1]:8080/, [IP_2]:53 and [[IP_3]]:443");
    assert_hidden("030 / 901 820 10, +49 30 - 901820", "[PHONE_1], [PHONE_2]");
    /* No-break spaces and dashes, as they are pasted from pages and letters. */
    assert_hidden("4111\xC2\xA0"
                  "1111\xE2\x80\xAF"
                  "1111\xE2\x80\x91"
                  "1111 and 030\xE2\x80\x93"
                  "90182000",
                  "[CARD_1] and [PHONE_1]");
    assert_hidden("Tel.:\xC2\xA0"
                  "030 90182000, \xE2\x80\x9E"
                  "192.0.2.17\xE2\x80\x9C",
                  "Tel.:\xC2\xA0[PHONE_1], \xE2\x80\x9E[IP_1]\xE2\x80\x9C");
    /* Chinese is written without spaces. */
    assert_hidden("\xE7\x94\xB5\xE8\xAF\x9D+49 30 901820\xE6\x88\x96", "\xE7\x94\xB5\xE8\xAF\x9D[PHONE_1]\xE6\x88\x96");
    assert_hidden("DE89\xC2\xA0"
                  "3704\xC2\xA0"
                  "0044\xC2\xA0"
                  "0532\xC2\xA0"
                  "0130\xC2\xA0"
                  "00",
                  "[IBAN_1]");
    assert_hidden("a@example.org b@example.org a@example.org", "[EMAIL_1] [EMAIL_2] [EMAIL_1]");
}

static void other_numbers_stay(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "order 12345678901",
        "2026-11-28 12:30:05",
        "01.02.2026",
        "from 01.02.2026 - 03.04.2026",
        "4111 1111 1111 1112 is no card",
        "version 1.2.3",
        "$1,234,567.89",
        "a @ b.example",
        "DE12 3456 7890 1234 5678 91",
        "me@localhost",
        "300.1.2.3",
        "abc:def",
        "see [this] and [EMAIL]",
        "",
        "[",
        "x@",
        "+1 2",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_hidden(texts[i], texts[i]);
}

static void a_text_like_a_placeholder_is_hidden_itself(void **state)
{
    (void)state;
    assert_hidden("[EMAIL_1] is eva@example.org", "[PRIVATE_1] is [EMAIL_1]");
    struct fixture f;
    struct buf out;
    begin(&f, NULL, 0);
    buf_init(&out, 1000);
    engine_mask_show(f.m, STR("[EMAIL_1] [EMAIL_0] [EMAIL_99999999999999999999]"), false, &out);
    assert_str(buf_str(&out), "[EMAIL_1] [EMAIL_0] [EMAIL_99999999999999999999]");
    buf_release(&out);
    arena_release(&f.a);
}

static void tenants_patterns_hide_more(void **state)
{
    (void)state;
    const struct str patterns[] = {STR("\\bK-\\d{4,6}\\b"), STR("(?i)project \\w+"), STR("q*")};
    struct fixture f;
    begin(&f, patterns, COUNT_OF(patterns));
    assert_str(hide(&f, "K-12345 of Project Apollo, mail a@example.org, K-12345"),
               "[PRIVATE_1] of [PRIVATE_2], mail [EMAIL_1], [PRIVATE_1]");
    assert_str(hide(&f, "K-777777 and qq"), "[PRIVATE_3] and [PRIVATE_4]");
    arena_release(&f.a);
}

static void a_wrong_pattern_is_named(void **state)
{
    (void)state;
    const struct str pattern = STR("(");
    struct err e = ERR_INIT;
    struct engine_mask *m;
    struct arena a;
    arena_init(&a, 1 << 20);
    assert_int_equal(engine_mask_new(&a, &pattern, 1, &m, &e), ERR_INVALID);
    assert_has(e.message, "pattern");
    arena_release(&a);
}

static void a_pattern_that_takes_too_long_lets_nothing_out(void **state)
{
    (void)state;
    const struct str pattern = STR("(a+)+$");
    struct fixture f;
    struct str out;
    char text[200];
    memset(text, 'a', sizeof(text));
    text[199] = 'b';
    begin(&f, &pattern, 1);
    assert_int_equal(engine_mask_hide(f.m, str_n(text, sizeof(text)), &out, &f.e), ERR_TIMEOUT);
    arena_release(&f.a);
}

static void values_are_escaped_where_the_text_is_json(void **state)
{
    (void)state;
    const struct str pattern = STR("\"[^\"]*\"");
    struct fixture f;
    struct buf out;
    begin(&f, &pattern, 1);
    assert_str(hide(&f, "say \"hi\\\""), "say [PRIVATE_1]");
    buf_init(&out, 1000);
    engine_mask_show(f.m, STR("{\"a\":\"[PRIVATE\\_1]!\"}"), true, &out);
    assert_str(buf_str(&out), "{\"a\":\"\\\"hi\\\\\\\"!\"}");
    buf_release(&out);
    arena_release(&f.a);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct buf text;
    struct str out;
    begin(&f, NULL, 0);
    buf_init(&text, 1 << 20);
    for (int i = 0; i <= MASK_VALUES_MAX; i++)
        buf_printf(&text, "user%d@example.org ", i);
    assert_int_equal(engine_mask_hide(f.m, buf_str(&text), &out, &f.e), ERR_TOO_LARGE);
    buf_release(&text);
    arena_release(&f.a);
}

/* Texts made to be slow: each begins something at every place and finishes nothing. */
static void a_megabyte_takes_no_longer_than_it_should(void **state)
{
    (void)state;
    static const char *const units[] = {"a", "1", "1 ", "a@", "[IP_1]", "+1-", "DE12", "f:", "(1", "a.b@c."};
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        struct fixture f;
        struct buf text;
        struct str out;
        begin(&f, NULL, 0);
        buf_init(&text, 2 << 20);
        while (text.n < 1 << 20)
            buf_puts(&text, units[i]);
        int64_t before = clock_mono_us();
        enum status st = engine_mask_hide(f.m, buf_str(&text), &out, &f.e);
        assert_true(st == OK || st == ERR_TOO_LARGE);
        assert_in_range(clock_mono_us() - before, 0, 5000000);
        buf_release(&text);
        arena_release(&f.a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(personal_data_is_hidden),
        TEST(other_numbers_stay),
        TEST(a_text_like_a_placeholder_is_hidden_itself),
        TEST(tenants_patterns_hide_more),
        TEST(a_wrong_pattern_is_named),
        TEST(a_pattern_that_takes_too_long_lets_nothing_out),
        TEST(values_are_escaped_where_the_text_is_json),
        TEST(too_much_is_refused),
        TEST(a_megabyte_takes_no_longer_than_it_should),
    };
    return RUN(tests);
}
