/* Secrets that a service sends back are hidden in its reply, whatever surrounds them. */
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
    const struct CMUnitTest tests[] = {TEST(secrets_in_a_reply_become_stars),
                                       TEST(a_reply_without_a_secret_is_not_copied),
                                       TEST(wiping_overwrites_the_values)};
    arena_init(&arena, 1 << 20);
    int failed = RUN(tests);
    arena_release(&arena);
    return failed;
}
