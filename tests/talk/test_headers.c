/* Secrets that a service sends back are hidden in its reply, whatever surrounds them. */
#include "base/crypto.h"
#include "lib/test.h"
#include "talk/turn_headers_internal.h"

#include "base/banned.h"

static struct arena arena;

static const char *hidden(const struct turn_headers *h, const char *body)
{
    struct str s = str_from(body);
    struct err e = ERR_INIT;
    arena_reset(&arena);
    assert_int_equal(turn_headers_hide(h, &arena, &s, &e), OK);
    assert_int_equal(s.n, strlen(body));
    char *text = arena_strdup(&arena, s);
    assert_non_null(text);
    return text;
}

static void secrets_in_a_reply_become_stars(void **state)
{
    (void)state;
    struct str secrets[] = {STR("abcdef"), STR("abcdefghij"), STR("xyz")};
    struct turn_headers h = {.secrets = secrets, .secret_n = COUNT_OF(secrets)};
    static const char *const rows[][2] = {
        {"", ""},
        {"nothing", "nothing"},
        {"abcdef", "******"},
        {"{\"a\":\"abcdef\"}", "{\"a\":\"******\"}"},
        {"abcdefabcdef", "************"},
        {"abcdefghij", "**********"},
        {"abcdefghi", "******ghi"},
        {"aabcdef-abcde", "a******-abcde"},
        {"a short secret could be any word: xyz", "a short secret could be any word: xyz"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(hidden(&h, rows[i][0]), rows[i][1]);
}

static void other_encodings_of_a_secret_become_stars(void **state)
{
    struct str secrets[] = {STR("k&y\"/+é 1"), STR("%41\\u00")};
    struct turn_headers h = {.secrets = secrets, .secret_n = COUNT_OF(secrets)};
    static const struct {
        const char *before, *echo, *after;
    } rows[] = {
        {"{\"a\":\"", "k&y\\\"/+é 1", "\"}"},
        {"{\"a\":\"", "\\u006b\\u0026y\\u0022\\/\\u002b\\u00E9 1", "\"}"},
        {"q=", "k%26y%22%2f%2B%C3%A9+1", "&b=2"},
        {"q=", "%6B%26%79%22%2F%2B%c3%a9%20%31", ""},
        {"<p>", "k&amp;y&quot;/+&#233; 1", "</p>"},
        {"<p>", "&#107;&#x26;y&#34;&#47;&#x2B;&#xE9;&nbsp;1", "</p>"},
        {"id: ", "6b2679222f2bc3a92031", " end"},
        {"id: ", "6B2679222F2BC3A92031", " end"},
        {"id: ", "ayZ5Ii8rw6kgMQ", "== end"}, /* the secret alone */
        {"Basic dT", "prJnkiLyvDqSAx", "\""}, /* after "u:" */
        {"url: ", "ayZ5Ii8rw6kgMQ", "%3D%3D"},
        {"", "%41\\u00", ""}, /* a secret that looks like escapes, as it is */
        {"", "%2541%5Cu00", ""},
        {"\"", "%41\\\\u00", "\""},
        {"what is only a part of it: k&y\"/+", "", ""},
        {"%", "", "%"},
        {"&#; &#x; \\u12 %4 %zz &#99999999;", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char body[200], want[200];
        snprintf(body, sizeof(body), "%s%s%s", rows[i].before, rows[i].echo, rows[i].after);
        snprintf(want, sizeof(want), "%s%.*s%s", rows[i].before, (int)strlen(rows[i].echo),
                 "****************************************************************", rows[i].after);
        assert_string_equal(hidden(&h, body), want);
    }
}

/* Each number of bytes before the secret, and each length of it. */
static void base64_tells_no_bit_of_a_secret(void **state)
{
    (void)state;
    for (size_t before = 0; before < 4; before++)
        for (size_t n = ECHO_SECRET_MIN; n < ECHO_SECRET_MIN + 3; n++) {
            char plain[40], text[80];
            struct buf b;
            struct str secret = STR("s3cr3t-k");
            secret.n = n;
            snprintf(plain, sizeof(plain), "%.*s%.*s", (int)before, "abc:", (int)n, secret.p);
            buf_fixed(&b, text, sizeof(text));
            crypto_base64(&b, plain, strlen(plain));
            buf_putc(&b, 0);
            struct turn_headers h = {.secrets = &secret, .secret_n = 1};
            const char *got = hidden(&h, text);
            size_t first = before * 8 / 6, last = ((before + n) * 8 + 5) / 6;
            for (size_t i = 0; i < strlen(text); i++)
                assert_int_equal(got[i] == '*', i >= first && i < last);
        }
}

static void a_reply_without_a_secret_is_not_copied(void **state)
{
    (void)state;
    struct turn_headers none = {.secret_n = 0};
    struct str body = STR("{\"a\":1}"), before = body;
    struct err e = ERR_INIT;
    assert_int_equal(turn_headers_hide(&none, &arena, &body, &e), OK);
    assert_ptr_equal(body.p, before.p);
}

static void wiping_overwrites_the_values(void **state)
{
    (void)state;
    char memory[32];
    struct turn_headers h = {.n = 1, .secret_n = 1};
    buf_fixed(&h.values, memory, sizeof(memory));
    buf_puts(&h.values, "Bearer abcdef");
    turn_headers_wipe(&h);
    for (size_t i = 0; i < sizeof("Bearer abcdef") - 1; i++)
        assert_int_equal(memory[i], 0);
    assert_int_equal(h.n, 0);
    turn_headers_wipe(&(struct turn_headers){.n = 0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(secrets_in_a_reply_become_stars), TEST(other_encodings_of_a_secret_become_stars),
        TEST(base64_tells_no_bit_of_a_secret), TEST(a_reply_without_a_secret_is_not_copied),
        TEST(wiping_overwrites_the_values)};
    arena_init(&arena, 1 << 20);
    int failed = RUN(tests);
    arena_release(&arena);
    return failed;
}
