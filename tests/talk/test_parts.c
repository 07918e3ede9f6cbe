/* The parts of a turn at their limits, without a database: tokens and keys, what may come in, the cache of
 * conversations. */
#include "base/crypto.h"
#include "base/limits.h"
#include "lib/test.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

/* ---- tokens and keys ---- */

static void a_token_belongs_to_a_conversation_and_an_install(void **state)
{
    struct talk here = {.token_key = {1}}, elsewhere = {.token_key = {2}};
    struct id a = id_new(), b = id_new();
    char token[TALK_TOKEN_MAX], again[TALK_TOKEN_MAX], other[TALK_TOKEN_MAX];
    uint8_t hash[32], other_hash[32];
    (void)state;
    turn_token(&here, a, token);
    turn_token(&here, a, again);
    assert_int_equal(strlen(token), 43); /* 256 bits */
    assert_string_equal(token, again);
    turn_token(&here, b, other);
    assert_string_not_equal(token, other);
    turn_token(&elsewhere, a, again);
    assert_string_not_equal(token, again);
    turn_token_hash(str_from(token), hash);
    turn_token_hash(str_from(other), other_hash);
    assert_memory_not_equal(hash, other_hash, sizeof(hash));
}

static bool key_differs(const struct talk *t, const struct talk_in *a, const struct talk_in *b, struct id conversation)
{
    uint8_t one[16] = {0}, two[16] = {0};
    assert_true(turn_key_of(t, a, conversation, one));
    assert_true(turn_key_of(t, b, conversation, two));
    return memcmp(one, two, sizeof(one)) != 0;
}

static void a_short_id_is_joined_with_the_message_and_the_address(void **state)
{
    const struct str fifteen = STR("0123456789abcde"), sixteen = STR("0123456789abcdef");
    const struct talk t = {.turn_key = {1}};
    const struct talk_in in = {.bot = id_new(),
                               .client_id = fifteen,
                               .text = STR("text"),
                               .choice = STR("choice"),
                               .visitor = STR("192.0.2.1")};
    struct talk_in change[4] = {in, in, in, in}, with_long = in;
    (void)state;
    change[0].text = STR("other");
    change[1].choice = STR("other");
    change[2].visitor = STR("192.0.2.2");
    change[3].bot = id_new();
    for (size_t i = 0; i < COUNT_OF(change); i++) {
        assert_true(key_differs(&t, &in, &change[i], ID_NONE));
        change[i].client_id = with_long.client_id = sixteen;
        assert_int_equal(key_differs(&t, &with_long, &change[i], ID_NONE), i == 3);
    }
    change[0].client_id = in.client_id; /* inside a conversation an id is unique, however short */
    assert_false(key_differs(&t, &in, &change[0], id_new()));
}

static void another_id_is_another_message(void **state)
{
    const struct talk t = {.turn_key = {1}};
    const struct talk_in in = {.bot = id_new(),
                               .client_id = STR("0123456789abcdef"),
                               .text = STR("text"),
                               .choice = STR_EMPTY,
                               .visitor = STR_EMPTY};
    struct talk_in other = in, none = in;
    uint8_t key[16];
    (void)state;
    other.client_id = STR("0123456789abcdeF");
    assert_true(key_differs(&t, &in, &other, ID_NONE));
    assert_true(key_differs(&t, &in, &other, in.bot));
    none.client_id = STR_EMPTY;
    assert_false(turn_key_of(&t, &none, ID_NONE, key));
    none.client_id = STR("a"), other.client_id = STR("at");
    none.visitor = STR("text"), other.visitor = STR("ext"); /* the same bytes, cut elsewhere */
    assert_true(key_differs(&t, &none, &other, ID_NONE));
}

static void a_first_message_has_another_key_than_a_next_one(void **state)
{
    const struct talk t = {.turn_key = {1}};
    const struct talk_in in = {.bot = id_new(), .client_id = STR("0123456789abcdef")};
    uint8_t first[16], next[16];
    (void)state;
    assert_true(turn_key_of(&t, &in, ID_NONE, first));
    assert_true(turn_key_of(&t, &in, in.bot, next)); /* the same sixteen bytes */
    assert_memory_not_equal(first, next, sizeof(first));
}

static void a_message_that_is_too_large_has_no_key(void **state)
{
    static char text[64 * KB];
    const struct talk t = {.turn_key = {1}};
    const struct talk_in in = {.bot = id_new(),
                               .client_id = STR("short"),
                               .text = str_n(text, sizeof(text)),
                               .choice = STR_EMPTY,
                               .visitor = STR_EMPTY};
    uint8_t key[16];
    (void)state;
    assert_false(turn_key_of(&t, &in, ID_NONE, key));
}

/* ---- what may come in ---- */

static enum error_code refusal_of(const struct talk_in *in)
{
    struct err e = ERR_INIT;
    enum status st = turn_check_input(in, &e);
    assert_int_equal(e.status, st);
    return st == OK ? E_none : e.code;
}

static void locales_look_like_language_tags(void **state)
{
    static const struct {
        const char *locale;
        bool accepted;
    } rows[] = {{"", true},
                {"az", true},
                {"AZ", true},
                {"pt-BR", true},
                {"x-09", true},
                {"z-A-1", true},
                {"e", false},
                {"-en", false},
                {"en-", false},
                {"en--US", false},
                {"en_US", false},
                {"en US", false},
                {"e`", false},
                {"e{", false},
                {"e@", false},
                {"e[", false},
                {"e/", false},
                {"e:", false},
                {"é-x", false},
                {"--", false},
                {"abcdefgh-abcdefgh-abcdefgh-abcdefgh", true},
                {"abcdefgh-abcdefgh-abcdefgh-abcdefghi", false}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct talk_in in = {
            .text = STR("x"), .choice = STR_EMPTY, .client_id = STR_EMPTY, .locale = str_from(rows[i].locale)};
        if (refusal_of(&in) != (rows[i].accepted ? E_none : E_locale_invalid))
            fail_msg("the locale \"%s\"", rows[i].locale);
    }
}

static void a_message_may_have_exactly_its_limits(void **state)
{
    static char x[2 * MAX_TEXT];
    const struct talk_in in = {.text = STR("x"), .choice = STR_EMPTY, .client_id = STR_EMPTY, .locale = STR_EMPTY};
    struct talk_in other = in;
    (void)state;
    memset(x, 'x', sizeof(x));
    other.text = str_n(x, MAX_TEXT);
    assert_int_equal(refusal_of(&other), E_none);
    other.text = str_n(x, MAX_TEXT + 1);
    assert_int_equal(refusal_of(&other), E_text_too_long);
    other = in;
    other.choice = str_n(x, 400);
    assert_int_equal(refusal_of(&other), E_none);
    other.choice = str_n(x, 401);
    assert_int_equal(refusal_of(&other), E_choice_too_long);
    other = in;
    other.client_id = str_n(x, 100);
    assert_int_equal(refusal_of(&other), E_none);
    other.client_id = str_n(x, 101);
    assert_int_equal(refusal_of(&other), E_id_too_long);
}

static void each_text_of_a_message_is_checked(void **state)
{
    const struct talk_in in = {.text = STR("x"), .choice = STR("x"), .client_id = STR("x"), .locale = STR_EMPTY};
    const struct str bell = STR("a\ab");
    struct talk_in other[] = {in, in, in, in};
    (void)state;
    other[0].text = other[1].choice = other[2].client_id = bell;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(refusal_of(&other[i]), E_text_invalid);
    other[3].text = STR(" \n"); /* a button needs no text */
    assert_int_equal(refusal_of(&other[3]), E_none);
    other[3].choice = STR_EMPTY;
    assert_int_equal(refusal_of(&other[3]), E_text_empty);
}

/* ---- the cache ---- */

/* Ids that end alike fall into one bucket. */
static struct conv conv_numbered(uint8_t n, struct str flow_state)
{
    struct conv c = {.seq = n, .locale = STR("en"), .flow_state = flow_state};
    c.id.b[0] = n;
    return c;
}

static bool is_cached(struct conv_cache *k, uint8_t n)
{
    struct conv got, c = conv_numbered(n, STR_EMPTY);
    struct arena a;
    arena_init(&a, 64 * KB);
    bool there = conv_cache_get(k, c.id, &a, &got);
    if (there) {
        assert_int_equal(got.seq, n);
        assert_str(got.locale, "en");
    }
    arena_release(&a);
    return there;
}

static void ids_that_end_alike_are_kept_apart(void **state)
{
    struct conv_cache *k;
    struct err e = ERR_INIT;
    (void)state;
    assert_ok(conv_cache_new(1 * MB, &k, &e), &e);
    for (uint8_t i = 1; i <= 5; i++) {
        struct conv c = conv_numbered(i, STR("{}"));
        conv_cache_put(k, &c);
    }
    conv_cache_drop(k, conv_numbered(3, STR_EMPTY).id); /* in the middle of the bucket */
    conv_cache_drop(k, conv_numbered(5, STR_EMPTY).id); /* at its head */
    conv_cache_drop(k, conv_numbered(1, STR_EMPTY).id); /* at its end */
    for (uint8_t i = 1; i <= 5; i++)
        assert_int_equal(is_cached(k, i), i == 2 || i == 4);
    conv_cache_free(k);
}

static void conversations_are_dropped_in_the_order_of_their_use(void **state)
{
    static char large[15 * KB];
    struct conv_cache *k;
    struct err e = ERR_INIT;
    (void)state;
    memset(large, 'x', sizeof(large));
    assert_ok(conv_cache_new(50 * KB, &k, &e), &e); /* three of these and no more */
    for (uint8_t i = 1; i <= 3; i++) {
        struct conv c = conv_numbered(i, str_n(large, sizeof(large)));
        conv_cache_put(k, &c);
    }
    for (int i = 0; i < 9; i++) { /* a conversation that is put again takes its place once */
        struct conv c = conv_numbered(2, str_n(large, sizeof(large)));
        conv_cache_put(k, &c);
    }
    assert_true(is_cached(k, 3));
    assert_true(is_cached(k, 1)); /* by use from the oldest: 2, 3, 1 */
    struct conv fourth = conv_numbered(4, str_n(large, sizeof(large)));
    conv_cache_put(k, &fourth);
    assert_false(is_cached(k, 2));
    assert_true(is_cached(k, 4));
    assert_true(is_cached(k, 1));
    assert_true(is_cached(k, 3)); /* 4, 1, 3 */
    struct conv fifth = conv_numbered(5, str_n(large, sizeof(large)));
    conv_cache_put(k, &fifth);
    assert_false(is_cached(k, 4));
    assert_true(is_cached(k, 1) && is_cached(k, 3) && is_cached(k, 5));
    conv_cache_free(k);
}

static void without_memory_a_conversation_counts_as_not_cached(void **state)
{
    static char large[8 * KB];
    struct conv_cache *k;
    struct conv c = conv_numbered(1, str_n(large, sizeof(large))), got;
    struct arena a;
    struct err e = ERR_INIT;
    (void)state;
    assert_ok(conv_cache_new(50 * KB, &k, &e), &e);
    conv_cache_put(k, &c);
    arena_init(&a, 4 * KB);
    assert_false(conv_cache_get(k, c.id, &a, &got));
    arena_release(&a);
    assert_true(is_cached(k, 1));
    conv_cache_free(k);
    conv_cache_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(a_token_belongs_to_a_conversation_and_an_install),
                                       TEST(a_short_id_is_joined_with_the_message_and_the_address),
                                       TEST(another_id_is_another_message),
                                       TEST(a_first_message_has_another_key_than_a_next_one),
                                       TEST(a_message_that_is_too_large_has_no_key),
                                       TEST(locales_look_like_language_tags),
                                       TEST(a_message_may_have_exactly_its_limits),
                                       TEST(each_text_of_a_message_is_checked),
                                       TEST(ids_that_end_alike_are_kept_apart),
                                       TEST(conversations_are_dropped_in_the_order_of_their_use),
                                       TEST(without_memory_a_conversation_counts_as_not_cached)};
    struct err e = ERR_INIT;
    return crypto_init(&e) == OK ? RUN(tests) : 1;
}
