/* What a turn is made of, without a database: the memory of conversations, messages as rows. */
#include "base/crypto.h"
#include "base/limits.h"
#include "lib/test.h"
#include "talk/message_internal.h"
#include "talk/turn_internal.h"

/* ---- the conversation cache ---- */

static struct conv conv_of(int n, struct str flow_state)
{
    struct conv c = {
        .tenant = id_new(), .id = id_new(), .bot = id_new(), .seq = n, .locale = STR("en"), .flow_state = flow_state};
    return c;
}

static void the_least_recently_used_is_evicted(void **state)
{
#define MANY_TURNS 200
    static struct conv c[MANY_TURNS];
    struct conv_cache *k;
    struct conv got;
    struct arena a;
    struct err e = ERR_INIT;
    int kept = 0;

    (void)state;
    arena_init(&a, 4 * MB);
    assert_ok(conv_cache_new(20 * KB, &k, &e), &e);
    for (int i = 0; i < MANY_TURNS; i++) {
        c[i] = conv_of(i, STR("{\"node\":\"ask\"}"));
        conv_cache_put(k, &c[i]);
        assert_true(conv_cache_get(k, c[0].id, &a, &got)); /* always in use */
    }
    for (int i = 0; i < MANY_TURNS; i++) {
        if (conv_cache_get(k, c[i].id, &a, &got)) {
            assert_int_equal(got.seq, i);
            assert_str(got.flow_state, "{\"node\":\"ask\"}");
            kept++;
        }
    }
    assert_in_range(kept, 20, 120);
    assert_true(conv_cache_get(k, c[MANY_TURNS - 1].id, &a, &got));
    c[0].seq = 77;
    c[0].flow_state = STR("{}");
    conv_cache_put(k, &c[0]);
    assert_true(conv_cache_get(k, c[0].id, &a, &got));
    assert_int_equal(got.seq, 77);
    assert_str(got.flow_state, "{}");
    conv_cache_drop(k, c[0].id);
    assert_false(conv_cache_get(k, c[0].id, &a, &got));
    conv_cache_drop(k, c[0].id);
    conv_cache_free(k);
    arena_release(&a);
}

static void oversized_entries_are_not_cached(void **state)
{
    static char large[32 * 1024];
    struct conv_cache *k;
    struct conv c, got;
    struct arena a;
    struct err e = ERR_INIT;
    (void)state;
    memset(large, 'x', sizeof(large));
    arena_init(&a, 4 * MB);
    assert_ok(conv_cache_new(1 * MB, &k, &e), &e);
    c = conv_of(1, STR("{}"));
    conv_cache_put(k, &c);
    c.flow_state = str_n(large, sizeof(large));
    conv_cache_put(k, &c); /* the older one must not stay either */
    assert_false(conv_cache_get(k, c.id, &a, &got));
    conv_cache_free(k);
    arena_release(&a);
}

/* ---- messages ---- */

static void a_message_survives_its_row(void **state)
{
    const struct flow_choice choices[] = {{STR("Yes \"sir\""), STR("yes")}, {STR("No"), STR("no")}};
    const struct flow_citation citations[] = {{STR("Source"), STR("https://example.com/?a=1&b=2")}};
    struct talk_message m = {.from = SENDER_BOT, .type = MESSAGE_CARD, .choice = STR_EMPTY},
                        back = {.from = SENDER_BOT, .type = MESSAGE_CARD};
    struct arena a;
    struct str data;
    struct err e = ERR_INIT;
    (void)state;
    arena_init(&a, 1 * MB);
    m.m = (struct flow_message){.kind = FLOW_CARD,
                                .text = STR("text"),
                                .title = STR("T <b>"),
                                .url = STR("https://example.com"),
                                .image = STR_EMPTY,
                                .choices = choices,
                                .choice_n = 2,
                                .citations = citations,
                                .citation_n = 1,
                                .delay_ms = 300};
    assert_ok(message_data(&m, &a, &data, &e), &e);
    assert_ok(message_read(data, &a, &back, &e), &e);
    assert_int_equal(back.m.kind, FLOW_CARD);
    assert_str(back.m.title, "T <b>");
    assert_str(back.m.url, "https://example.com");
    assert_int_equal(back.m.image.n, 0);
    assert_int_equal(back.m.delay_ms, 300);
    assert_int_equal(back.m.choice_n, 2);
    assert_str(back.m.choices[0].label, "Yes \"sir\"");
    assert_int_equal(back.m.citation_n, 1);
    assert_str(back.m.citations[0].url, "https://example.com/?a=1&b=2");
    arena_release(&a);
}

static void plain_text_has_no_data(void **state)
{
    struct talk_message m = {.seq = 2, .from = SENDER_BOT, .type = MESSAGE_TEXT, .choice = STR_EMPTY};
    struct arena a;
    struct str data;
    struct buf b;
    struct err e = ERR_INIT;
    (void)state;
    arena_init(&a, 1 * MB);
    m.m = (struct flow_message){.text = STR("hi\n\"you\""), .title = STR_EMPTY, .url = STR_EMPTY, .image = STR_EMPTY};
    assert_ok(message_data(&m, &a, &data, &e), &e);
    assert_int_equal(data.n, 0);
    buf_init(&b, 1 * KB);
    talk_message_write(&b, &m);
    assert_string_equal(b.p, "{\"seq\":2,\"from\":\"bot\",\"type\":\"text\",\"text\":\"hi\\n\\\"you\\\"\"}");
    buf_release(&b);
    arena_release(&a);
}

/* ---- keys ---- */

static void message_keys_distinguish_texts_and_conversations(void **state)
{
    struct talk t = {0};
    struct talk_in in = {
        .bot = id_new(), .client_id = STR("short"), .text = STR("ab"), .choice = STR("c"), .visitor = STR("192.0.2.1")};
    struct id conversation = id_new();
    uint8_t one[16], two[16];
    (void)state;
    assert_true(turn_key_of(&t, &in, ID_NONE, one));
    in.text = STR("a"), in.choice = STR("bc"); /* the same bytes, cut elsewhere */
    assert_true(turn_key_of(&t, &in, ID_NONE, two));
    assert_memory_not_equal(one, two, 16);
    in.client_id = STR("0123456789abcdef"); /* long: the text does not matter, so that another text is found out */
    assert_true(turn_key_of(&t, &in, ID_NONE, one));
    in.text = STR("other");
    assert_true(turn_key_of(&t, &in, ID_NONE, two));
    assert_memory_equal(one, two, 16);
    assert_true(turn_key_of(&t, &in, conversation, two));
    assert_memory_not_equal(one, two, 16);
    in.client_id = STR_EMPTY;
    assert_false(turn_key_of(&t, &in, ID_NONE, one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(the_least_recently_used_is_evicted), TEST(oversized_entries_are_not_cached),
                                       TEST(a_message_survives_its_row), TEST(plain_text_has_no_data),
                                       TEST(message_keys_distinguish_texts_and_conversations)};
    struct err e = ERR_INIT;
    return crypto_init(&e) == OK ? RUN(tests) : 1;
}
