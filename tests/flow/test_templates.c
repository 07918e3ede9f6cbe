/* Every template that is shipped: it parses, lint has nothing to say, its tests pass in every language; and, since
 * they use all there is, what happens to them when memory runs out at any point. */
#include <dirent.h>

#include "base/clock.h"
#include "flow_helper.h"
#include "lib/short_memory.h"

#include "base/banned.h"

static const char dir[] = TEST_SRCDIR "/flow-templates";

/* ---- templates ---- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_json(const struct dirent *d)
{
    return str_ends(str_from(d->d_name), STR(".json"));
}

static void check_heading(const struct json *doc, const char *file)
{
    static const char *const texts[] = {"name", "summary"};
    char *id = arena_printf(&arena, "%.*s.json", STR_F(json_get_str(doc, "id")));
    assert_string_equal(id, file);
    assert_true(json_get_str(doc, "category").n > 0);
    assert_int_equal(json_len(doc), 5);
    for (size_t i = 0; i < 2; i++) {
        assert_true(json_get_str(json_get(doc, texts[i]), "en").n > 2);
        assert_true(json_get_str(json_get(doc, texts[i]), "es").n > 2);
    }
}

static void check_lint(const struct flow *f, const char *file)
{
    struct flow_finding *found;
    size_t n;
    struct err e = ERR_INIT;
    assert_int_equal(flow_lint(f, &arena, &found, &n, &e), OK);
    if (n)
        fail_msg("%s: %.*s at %.*s", file, STR_F(found->message), STR_F(found->pointer));
}

static void check_tests(const struct flow *f, const char *file)
{
    struct flow_test_result *r;
    size_t n, languages[2] = {0};
    struct err e = ERR_INIT;
    assert_int_equal(flow_test(f, &arena, &r, &n, &e), OK);
    for (size_t i = 0; i < n; i++) {
        struct str language = json_get_str(json_at(json_get(flow_doc(f), "tests"), i), "language");
        if (!r[i].passed)
            fail_msg("%s: %.*s", file, STR_F(r[i].message));
        languages[str_eqz(language, "es")]++;
    }
    assert_true(languages[0] >= 2 && languages[1] >= 2);
}

static void every_template_is_sound(void **state)
{
    (void)state;
    struct dirent **files;
    int n = scandir(dir, &files, is_json, by_name);
    bool faq = false;
    assert_true(n >= 10);
    for (int i = 0; i < n; i++) {
        const struct json *doc = read_file(arena_printf(&arena, "%s/%s", dir, files[i]->d_name));
        struct flow *f = flow_of_doc(json_get(doc, "flow"));
        check_heading(doc, files[i]->d_name);
        check_lint(f, files[i]->d_name);
        check_tests(f, files[i]->d_name);
        faq = faq || str_eqz(json_get_str(doc, "id"), "faq");
        flow_drop(f);
        free(files[i]);
    }
    free(files);
    assert_true(faq);
}

/* ---- torture ---- */

static struct json *torture_doc;

/* All that can be done with a flow; a failure must be "no memory", never a wrong result or a crash. */
static enum status everything(struct arena *a)
{
    struct flow *f = NULL;
    struct err e = ERR_INIT;
    struct flow_finding *found;
    struct flow_test_result *tests;
    struct flow_message *greeting;
    struct flow_change *changes;
    size_t n;
    enum status st = flow_parse(torture_doc, &f, &e);
    if (!st)
        st = flow_lint(f, a, &found, &n, &e);
    if (!st)
        st = flow_greeting(f, STR("es"), a, &greeting, &n, &e);
    if (!st)
        st = flow_test(f, a, &tests, &n, &e);
    if (!st)
        st = flow_diff(torture_doc, json_get(torture_doc, "nodes"), a, &changes, &n, &e);
    flow_drop(f);
    return st;
}

static struct json *small_flow(void)
{
    return json_get(read_file(TEST_SRCDIR "/tests/flow/refused.json"), "flow");
}

static void an_allocation_fails(void **state)
{
    (void)state;
    if (!INTERPOSED)
        skip();
    long i = 0;
    enum status st = ERR_NOMEM;
    torture_doc = small_flow();
    clock_set_for_test(1772452800000);
    for (; st != OK; i++) {
        struct arena a;
        arena_init(&a, 64 * MB);
        forever = true;
        countdown = i;
        st = everything(&a);
        countdown = -1;
        arena_release(&a);
        if (st != OK && st != ERR_NOMEM)
            fail_msg("allocation %ld: status %d", i, (int)st);
        assert_true(i < 20000);
    }
    clock_set_for_test(0);
    assert_true(i > 100);
}

static void an_arena_is_exhausted(void **state)
{
    (void)state;
    enum status st = ERR_NOMEM;
    size_t max = 0;
    torture_doc = small_flow();
    for (; st != OK; max += 509) {
        struct arena a;
        arena_init(&a, max);
        st = everything(&a);
        arena_release(&a);
        if (st != OK && st != ERR_NOMEM)
            fail_msg("arena of %zu bytes: status %d", max, (int)st);
        assert_true(max < 4 * MB);
    }
}

/* ---- speed: a turn must be lost in the noise of a request ---- */

/* One turn of the flow, with an answer for every question. */
static enum status quick_turn(const struct flow *f, const struct flow_input *in, struct arena *a, struct err *e)
{
    const struct str s = STR("https://example.com/");
    const struct flow_answer one = {
        .verdict = FLOW_SURE, .n = 1, .hits[0] = {.question = s, .answer = s, .title = s, .url = s}};
    struct flow_run *run;
    struct flow_call call = {.need = FLOW_DONE};
    struct flow_result r;
    enum status st = flow_begin(f, NULL, in, a, &run, e);
    if (!st)
        st = flow_next(run, &call, e);
    while (!st && call.need == FLOW_NEEDS_ANSWERS) {
        st = flow_got_answers(run, &one, e);
        if (!st)
            st = flow_next(run, &call, e);
    }
    return st ? st : flow_finish(run, &r, e);
}

static void a_turn_takes_microseconds(void **state)
{
    (void)state;
#define TURNS 2000
    struct err e = ERR_INIT;
    struct flow *f = flow_of_doc(json_get(read_file(arena_printf(&arena, "%s/faq.json", dir)), "flow"));
    struct flow_input in = {.text = STR("When are you open on Saturdays?"),
                            .choice = STR_EMPTY,
                            .language = STR("en"),
                            .now_ms = 1772452800000};
    struct arena a;
    arena_init(&a, 4 * MB);
    int64_t from = clock_mono_us();
    for (int i = 0; i < TURNS; i++) {
        assert_int_equal(quick_turn(f, &in, &a, &e), OK);
        arena_reset(&a);
    }
    double us = (double)(clock_mono_us() - from) / TURNS;
    print_message("# %.1f microseconds a turn\n", us);
    assert_true(us < 500); /* a few in truth; sanitizers and busy machines take their part */
    arena_release(&a);
    flow_drop(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_template_is_sound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_allocation_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_arena_is_exhausted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_turn_takes_microseconds, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
