/* What a turn is made of, without a database: the lock of a conversation, the memory of conversations, messages as
 * rows. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/crypto.h"
#include "base/limits.h"
#include "lib/test.h"
#include "talk/message_internal.h"
#include "talk/turn_internal.h"

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* ---- the lock ---- */

static const uint8_t key[16] = "a conversation", other[16] = "another one", mark[16] = "a client's id";

static const struct id tenant = {.b = "a workspace"}, stranger = {.b = "another w. house"};
static struct turn_places *places; /* of 48 threads: 24 a workspace, 36 in all */

struct waiting {
    struct turn_locks *locks;
    const uint8_t *who;
    int number;
    pthread_t thread;
    enum status status;
};
static int order[64];
static atomic_int order_n;

static void *wait_in_line(void *arg)
{
    struct waiting *w = arg;
    struct turn_lock *k = NULL;
    struct err e = ERR_INIT;
    w->status = turn_lock_take(w->locks, key, w->who, tenant, &k, &e);
    if (w->status == OK) {
        order[atomic_fetch_add(&order_n, 1)] = w->number;
        turn_lock_give(w->locks, k);
    }
    return NULL;
}

static void stand_in_line(struct waiting *w, struct turn_locks *l, struct turn_places *p, int number,
                          const uint8_t *who)
{
    *w = (struct waiting){.locks = l, .number = number, .who = who};
    int before = turn_places_taken(p, tenant);
    assert_int_equal(pthread_create(&w->thread, NULL, wait_in_line, w), 0);
    for (int ms = 0; turn_places_taken(p, tenant) == before; ms++) { /* a turn that waits takes a place */
        assert_true(ms < 60000);
        pause_ms(1);
    }
}

static void first_come_first_served(void **state)
{
    struct turn_locks *l;
    struct turn_lock *mine, *free_one;
    struct waiting w[4], fifth;
    struct err e = ERR_INIT;
    (void)state;
    atomic_store(&order_n, 0);
    assert_ok(turn_locks_new(places, &l, &e), &e);
    assert_ok(turn_lock_take(l, key, NULL, tenant, &mine, &e), &e);
    assert_ok(turn_lock_take(l, other, NULL, tenant, &free_one, &e), &e);
    turn_lock_give(l, free_one);
    for (int i = 0; i < 4; i++)
        stand_in_line(&w[i], l, places, i, NULL);
    fifth = (struct waiting){.locks = l, .number = 4, .who = NULL};
    wait_in_line(&fifth); /* refused, so it does not wait */
    assert_int_equal(fifth.status, ERR_RATE);
    assert_int_equal(atomic_load(&order_n), 0);
    turn_lock_give(l, mine);
    for (int i = 0; i < 4; i++) {
        pthread_join(w[i].thread, NULL);
        assert_int_equal(w[i].status, OK);
        assert_int_equal(order[i], i);
    }
    assert_ok(turn_lock_take(l, key, NULL, tenant, &mine, &e), &e);
    turn_lock_give(l, mine);
    turn_locks_free(l);
}

static void a_repeated_message_waits_for_the_first(void **state)
{
#define MANY 16
    struct turn_locks *l;
    struct turn_lock *mine;
    struct waiting w[MANY];
    struct err e = ERR_INIT;

    (void)state;
    atomic_store(&order_n, 0);
    assert_ok(turn_locks_new(places, &l, &e), &e);
    assert_ok(turn_lock_take(l, key, mark, tenant, &mine, &e), &e);
    for (int i = 0; i < MANY; i++)
        stand_in_line(&w[i], l, places, i, mark);
    turn_lock_give(l, mine);
    for (int i = 0; i < MANY; i++) {
        pthread_join(w[i].thread, NULL);
        assert_int_equal(w[i].status, OK);
    }
    assert_int_equal(atomic_load(&order_n), MANY);
    turn_locks_free(l);
}

static void no_workspace_takes_all_waiting_slots(void **state)
{
    struct turn_places *few;
    struct err e = ERR_INIT;
    (void)state;
    assert_ok(turn_places_new(8, &few, &e), &e);
    for (int i = 0; i < 4; i++)
        assert_true(turn_place_take(few, tenant));
    assert_false(turn_place_take(few, tenant));
    assert_true(turn_place_take(few, stranger));
    assert_true(turn_place_take(few, stranger));
    assert_false(turn_place_take(few, stranger)); /* the rest is for those who need not wait */
    turn_place_give(few, tenant);
    assert_true(turn_place_take(few, stranger));
    assert_false(turn_place_take(few, tenant));
    turn_places_free(few);
}

static void a_turn_without_a_slot_does_not_wait(void **state)
{
    struct turn_places *one;
    struct turn_locks *l;
    struct turn_lock *mine, *again;
    struct waiting w;
    struct err e = ERR_INIT;
    (void)state;
    assert_ok(turn_places_new(1, &one, &e), &e);
    assert_ok(turn_locks_new(one, &l, &e), &e);
    assert_ok(turn_lock_take(l, key, NULL, tenant, &mine, &e), &e);
    stand_in_line(&w, l, one, 0, NULL);
    assert_int_equal(turn_lock_take(l, key, NULL, tenant, &again, &e), ERR_RATE);
    assert_string_equal(err_code(&e), "conversation_busy");
    turn_lock_give(l, mine);
    pthread_join(w.thread, NULL);
    assert_int_equal(w.status, OK);
    assert_true(turn_place_take(one, tenant)); /* given back */
    turn_locks_free(l);
    turn_places_free(one);
}

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
    const struct CMUnitTest tests[] = {TEST(first_come_first_served),
                                       TEST(a_repeated_message_waits_for_the_first),
                                       TEST(no_workspace_takes_all_waiting_slots),
                                       TEST(a_turn_without_a_slot_does_not_wait),
                                       TEST(the_least_recently_used_is_evicted),
                                       TEST(oversized_entries_are_not_cached),
                                       TEST(a_message_survives_its_row),
                                       TEST(plain_text_has_no_data),
                                       TEST(message_keys_distinguish_texts_and_conversations)};
    struct err e = ERR_INIT;
    if (crypto_init(&e) != OK || turn_places_new(48, &places, &e) != OK)
        return 1;
    int failed = RUN(tests);
    turn_places_free(places);
    return failed;
}
