/* test_id.c: ids grow strictly among threads and after fork; the parser accepts exactly the texts that are written. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "lib/test.h"

#define THREADS 4
#define EACH 20000

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id));
}

static void is_a_uuid_of_now(void **state)
{
    (void)state;
    int64_t before = clock_now_ms();
    struct id id = id_new();
    assert_int_equal(id.b[6] >> 4, 7);
    assert_int_equal(id.b[8] >> 6, 2);
    assert_true(id_time_ms(id) >= before && id_time_ms(id) <= clock_now_ms() + 1);
    assert_false(id_is_none(id));
    assert_true(id_is_none(ID_NONE));
}

static void grows_also_when_the_clock_goes_back(void **state)
{
    (void)state;
    struct id last = id_new();
    for (int i = 0; i < 50000; i++) {
        if (i % 1000 == 0)
            clock_set_for_test(clock_now_ms() - 5);
        struct id id = id_new();
        assert_true(by_bytes(&last, &id) < 0);
        last = id;
    }
    clock_set_for_test(0);
}

static void *make_many(void *ctx)
{
    struct id *out = ctx;
    for (int i = 0; i < EACH; i++)
        out[i] = id_new();
    return NULL;
}

static void unique_and_growing_in_threads(void **state)
{
    (void)state;
    struct id *ids = calloc(THREADS * EACH, sizeof(*ids));
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, ids + i * EACH), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS * EACH; i++)
        assert_true(i % EACH == 0 || by_bytes(&ids[i - 1], &ids[i]) < 0);
    qsort(ids, THREADS * EACH, sizeof(*ids), by_bytes);
    for (int i = 1; i < THREADS * EACH; i++)
        assert_false(id_eq(ids[i - 1], ids[i]));
    free(ids);
}

static void a_child_draws_its_own(void **state)
{
    (void)state;
    int ends[2];
    struct id of_child[100], of_parent[100];
    (void)id_new(); /* the pool is filled before the fork */
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 100; i++)
            of_child[i] = id_new();
        _exit(write(ends[1], of_child, sizeof(of_child)) == (ssize_t)sizeof(of_child) ? 0 : 1);
    }
    for (int i = 0; i < 100; i++)
        of_parent[i] = id_new();
    assert_int_equal(read(ends[0], of_child, sizeof(of_child)), sizeof(of_child));
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    for (int i = 0; i < 100; i++) /* the random half must differ, the times may be the same */
        for (int j = 0; j < 100; j++)
            assert_memory_not_equal(of_child[i].b + 8, of_parent[j].b + 8, 8);
}

static void shown_form_round_trips(void **state)
{
    (void)state;
    char text[ID_TEXT_MAX];
    for (int kind = ID_TENANT; kind <= ID_AUDIT; kind++) {
        struct id id = id_new(), back = ID_NONE;
        id_text((enum id_kind)kind, id, text);
        assert_true(strlen(text) < ID_TEXT_MAX);
        assert_true(id_parse((enum id_kind)kind, str_from(text), &back));
        assert_true(id_eq(id, back));
        for (int other = ID_TENANT; other <= ID_AUDIT; other++)
            assert_int_equal(id_parse((enum id_kind)other, str_from(text), &back), other == kind);
    }
    struct id all = {{0}};
    memset(all.b, 0xFF, sizeof(all.b));
    assert_string_equal(id_text(ID_BOT, all, text), "bot_7zzzzzzzzzzzzzzzzzzzzzzzzz");
    assert_string_equal(id_text(ID_TENANT, ID_NONE, text), "ws_00000000000000000000000000");
}

static void refuses_other_texts(void **state)
{
    (void)state;
    const char *bad[] = {"",
                         "bot_",
                         "bot_0000000000000000000000000",
                         "bot_000000000000000000000000000",
                         "bot_80000000000000000000000000",
                         "bot_0000000000000000000000000i",
                         "bot_0000000000000000000000000l",
                         "bot_0000000000000000000000000o",
                         "bot_0000000000000000000000000u",
                         "bot_0000000000000000000000000A",
                         "BOT_00000000000000000000000000",
                         "bot-00000000000000000000000000",
                         "bot_0000000000000000000000000 ",
                         "bot_0000000000000000000000000\xC3",
                         "01m83h475pe00a10a796gfe6s3"};
    struct id id;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(id_parse(ID_BOT, str_from(bad[i]), &id));
    assert_false(id_parse(ID_BOT, str_n("bot_0000000000000000000000000\0", 30), &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(is_a_uuid_of_now),
                                       TEST(grows_also_when_the_clock_goes_back),
                                       TEST(unique_and_growing_in_threads),
                                       TEST(a_child_draws_its_own),
                                       TEST(shown_form_round_trips),
                                       TEST(refuses_other_texts)};
    return RUN(tests);
}
