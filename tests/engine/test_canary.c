/* The choice of a canary: the same for the same conversation, near the wanted share, and another one in each run. */
#include "engine/workspace/canary.h"
#include "lib/test.h"

#define CONVERSATIONS 20000

static void the_share_is_near_what_is_wanted(void **state)
{
    static const int percents[] = {1, 10, 50};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(percents); i++) {
        int chosen = 0;
        for (int k = 0; k < CONVERSATIONS; k++) {
            struct id id = id_new();
            int canary = engine_canary_choose(id, 7, percents[i]);
            assert_int_equal(canary / 2, 7);
            assert_int_equal(engine_canary_choose(id, 7, percents[i]), canary);
            chosen += canary % 2;
        }
        assert_in_range(chosen, CONVERSATIONS * percents[i] / 100 * 7 / 10,
                        CONVERSATIONS * percents[i] / 100 * 13 / 10);
    }
}

/* A larger share keeps those that were in the smaller one, and the next run begins with others. */
static void the_choice_depends_on_conversation_and_run_alone(void **state)
{
    int both = 0, first = 0;
    (void)state;
    for (int k = 0; k < CONVERSATIONS; k++) {
        struct id id = id_new();
        if (engine_canary_choose(id, 1, 10) % 2)
            assert_int_equal(engine_canary_choose(id, 1, 20), 3);
        first += engine_canary_choose(id, 1, 10) % 2;
        both += engine_canary_choose(id, 1, 10) % 2 && engine_canary_choose(id, 2, 10) % 2;
    }
    assert_true(both * 5 < first);
}

static void without_a_comparison_there_is_no_choice(void **state)
{
    (void)state;
    for (int k = 0; k < 100; k++)
        assert_int_equal(engine_canary_choose(id_new(), 3, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_share_is_near_what_is_wanted),
                                       cmocka_unit_test(the_choice_depends_on_conversation_and_run_alone),
                                       cmocka_unit_test(without_a_comparison_there_is_no_choice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
