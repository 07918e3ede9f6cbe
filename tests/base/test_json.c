/* test_json.c: texts that the reader accepts and refuses, the position of an error, and trees that outlive
 * their arena. */
#include <math.h>
#include <pthread.h>

#include "base/json.h"
#include "lib/test.h"

static struct arena arena;
static struct buf out;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, 64 << 20);
    buf_init(&out, 16 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    buf_release(&out);
    return 0;
}

static struct json *parse(const char *text)
{
    struct json *j;
    struct err e = ERR_INIT;
    assert_ok(json_parse(&arena, str_from(text), 32, &j, &e), &e);
    return j;
}

static void round_trips(void **state)
{
    (void)state;
    const char *same[] = {"null",
                          "true",
                          "false",
                          "0",
                          "-1",
                          "9223372036854775807",
                          "-9223372036854775808",
                          "1.5",
                          "1e+30",
                          "\"\"",
                          "[]",
                          "{}",
                          "[1,[2,[3]],{\"a\":null}]",
                          "{\"z\":1,\"a\":{\"b\":[true,false,null]},\"\":2}",
                          "\"\\\"\\\\\\n\\r\\t\\u0008\\u003c\xE2\x82\xAC\"",
                          "1000.0",
                          "[\"\xF0\x9F\x98\x80\"]"};
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        buf_clear(&out);
        json_write(&out, parse(same[i]));
        assert_string_equal(out.p, same[i]);
    }
    assert_str(json_str(parse(" \t\r\n\"\\u00e9\\ud83d\\uDE00\\/\\b\\f\" ")), "\xC3\xA9\xF0\x9F\x98\x80/\b\f");
    assert_int_equal(json_int(parse("-0"), 7), 0);
    assert_true(json_is(parse("1e3"), JSON_DOUBLE));
}

static void refuses_malformed_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "ends too early"},
        {"  ", "ends too early"},
        {"{", "key"},
        {"[", "ends too early"},
        {"[1", "comma"},
        {"[1,]", "value"},
        {"[,1]", "value"},
        {"{\"a\"}", "colon"},
        {"{\"a\":}", "value"},
        {"{\"a\":1,}", "key"},
        {"{a:1}", "key"},
        {"{'a':1}", "key"},
        {"{1:1}", "key"},
        {"'a'", "value"},
        {"NaN", "value"},
        {"Infinity", "value"},
        {"-Infinity", "number"},
        {"nul", "value"},
        {"nulll", "follows"},
        {"TRUE", "value"},
        {"1 2", "follows"},
        {"{} x", "follows"},
        {"[]]", "follows"},
        {"01", "begin with 0"},
        {"-01", "begin with 0"},
        {"+1", "value"},
        {".5", "value"},
        {"5.", "number"},
        {"1e", "number"},
        {"--1", "number"},
        {"1-1", "number"},
        {"0x10", "follows"},
        {"9223372036854775808", "number"},
        {"18446744073709551616", "number"},
        {"-9223372036854775809", "number"},
        {"1e999", "number"},
        {"\"", "no closing quotation mark"},
        {"\"abc", "no closing quotation mark"},
        {"\"a\\", "escape"},
        {"\"\\x\"", "escape"},
        {"\"\\u12\"", "hexadecimal"},
        {"\"\\u12g4\"", "hexadecimal"},
        {"\"\\u0000\"", "NUL"},
        {"\"\\ud800\"", "surrogate"},
        {"\"\\ud800x\"", "surrogate"},
        {"\"\\udc00\"", "surrogate"},
        {"\"\\ud800\\ud800\"", "surrogate"},
        {"\"\\ud800\\u0041\"", "surrogate"},
        {"\"a\nb\"", "control"},
        {"\"a\tb\"", "control"},
        {"\"a\x01\"", "control"},
        {"{\"a\":1,\"a\":2}", "twice"},
        {"{\"a\":1,\"\\u0061\":2}", "twice"},
        {"[{\"x\":{\"k\":0,\"k\":0}}]", "twice"},
        {"\"\xFF\"", "UTF-8"},
        {"\"\xED\xA0\x80\"", "UTF-8"},
        {"\"\xC0\x80\"", "UTF-8"},
        {"\xEF\xBB\xBF{}", "value"},
        {"/* */ 1", "value"},
        {"[1 // x\n]", "comma"},
        {"tru\xC3\xA9", "value"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct json *j = (struct json *)&out;
        struct err e = ERR_INIT;
        if (json_parse(&arena, str_from(bad[i].text), 32, &j, &e) != ERR_INVALID)
            fail_msg("%s was let pass", bad[i].text);
        assert_null(j);
        assert_string_equal(err_code(&e), "json_invalid");
        assert_has(e.message, bad[i].why);
    }
    struct json *j;
    struct err e = ERR_INIT;
    assert_int_equal(json_parse(&arena, STR("\"a\0b\""), 32, &j, &e), ERR_INVALID);
    assert_int_equal(json_parse(&arena, STR("1\0"), 32, &j, &e), ERR_INVALID);
    (void)json_parse(&arena, STR("{\"a\": 1,\n \"\xC3\xA9\": x}"), 32, &j, &e);
    assert_has(e.message, "line 2, column 7");
}

static void depth_is_bounded(void **state)
{
    (void)state;
    static char text[200001];
    struct json *j;
    struct err e = ERR_INIT;
    memset(text, '[', 32);
    memset(text + 32, ']', 32);
    assert_ok(json_parse(&arena, str_n(text, 64), 32, &j, &e), &e);
    assert_int_equal(json_parse(&arena, str_n(text, 64), 31, &j, &e), ERR_INVALID);
    assert_has(e.message, "too deep");
    assert_int_equal(json_parse(&arena, STR("[]"), 0, &j, &e), ERR_INVALID);
    assert_ok(json_parse(&arena, STR("1"), 0, &j, &e), &e);
    memset(text, '[', 200000);
    assert_int_equal(json_parse(&arena, str_n(text, 200000), 32, &j, &e), ERR_INVALID);
    for (size_t i = 0; i < 200000; i += 5)
        memcpy(text + i, "{\"a\":", 5);
    assert_int_equal(json_parse(&arena, str_n(text, 200000), 32, &j, &e), ERR_INVALID);
    assert_ok(json_parse(&arena, STR("[[],[],[[]],{\"a\":[]}]"), 3, &j, &e), &e); /* depth, not count */
}

static void many_keys(void **state)
{
    (void)state;
    buf_putc(&out, '{');
    for (int i = 0; i < 20000; i++)
        buf_printf(&out, "%s\"key %d\":%d", i ? "," : "", i, i);
    buf_putc(&out, '}');
    struct json *j = parse(out.p);
    assert_int_equal(json_len(j), 20000);
    assert_int_equal(json_int(json_get(j, "key 19999"), 0), 19999);
    struct json_iter it = {0};
    for (int i = 0; json_each(j, &it); i++) /* in document order */
        assert_int_equal(json_int(it.value, -1), i);
}

static void reads(void **state)
{
    (void)state;
    struct json *j = parse(
        "{\"s\":\"x\",\"n\":null,\"i\":3,\"d\":2.5,\"t\":true,\"a\":[10,\"q\"],\"o\":{\"a/b\":1,\"m~n\":2,\"\":3}}");
    assert_true(json_has(j, "n") && !json_has(j, "x") && !json_has(NULL, "x"));
    assert_null(json_get(j, "n"));
    assert_str(json_get_str(j, "s"), "x");
    assert_str(json_get_str(j, "i"), "");
    assert_int_equal(json_int(json_get(j, "s"), 9), 9);
    assert_int_equal(json_int(json_get(j, "d"), 9), 9);
    assert_true(json_double(json_get(j, "i"), 0) == 3.0);
    assert_true(json_bool(json_get(j, "t")) && !json_bool(json_get(j, "i")) && !json_bool(NULL));
    assert_int_equal(json_len(json_get(j, "a")), 2);
    assert_null(json_at(json_get(j, "a"), 2));
    assert_null(json_at(j, 0));
    assert_str(json_str(json_pointer(j, STR("/a/1"))), "q");
    assert_ptr_equal(json_pointer(j, STR("")), j);
    assert_int_equal(json_int(json_pointer(j, STR("/o/a~1b")), 0), 1);
    assert_int_equal(json_int(json_pointer(j, STR("/o/m~0n")), 0), 2);
    assert_int_equal(json_int(json_pointer(j, STR("/o/")), 0), 3);
    const char *nowhere[] = {"a",       "/a/2", "/a/-", "/a/01", "/a/1x", "/a/99999999999",
                             "/o/m~2n", "/o/~", "/s/x", "/x/y",  "/a/"};
    for (size_t i = 0; i < COUNT_OF(nowhere); i++)
        assert_null(json_pointer(j, str_from(nowhere[i])));
    char long_key[300];
    memset(long_key, 'k', sizeof(long_key));
    struct json *o = json_new_object(&arena);
    long_key[299] = '\0';
    assert_int_equal(json_set_int(o, long_key, 5), 0);
    assert_int_equal(json_int(json_get_n(o, str_n(long_key, 299)), 0), 5);
    assert_null(json_get_n(o, str_n(long_key, 298)));
    assert_null(json_get_n(j, str_n("s\0", 2)));
}

static void builds(void **state)
{
    (void)state;
    struct json *o = json_new_object(&arena), *child, *list;
    assert_int_equal(json_set_str(o, "s", STR("a\0b")), 0);
    assert_int_equal(json_set_int(o, "i", INT64_MIN), 0);
    assert_int_equal(json_set_double(o, "nan", (double)NAN), 0);
    assert_int_equal(json_set_bool(o, "b", true), 0);
    assert_int_equal(json_set_null(o, "i"), 0); /* replaces */
    assert_int_equal(json_set_array(o, "list", &list), 0);
    assert_int_equal(json_push_str(list, STR("x")), 0);
    assert_int_equal(json_push_object(list, &child), 0);
    assert_int_equal(json_set_int(child, "deep", 1), 0);
    assert_int_equal(json_push_copy(list, NULL), 0);
    struct json *made = json_new_array(&arena);
    assert_int_equal(json_push(list, made), 0); /* the arena and the tree both hold it */
    assert_int_equal(json_push_str(made, STR("later")), 0);
    assert_int_equal(json_set(o, "x", NULL), -1);
    json_del(o, "b");
    json_del(o, "not there");
    json_write(&out, o);
    assert_string_equal(out.p,
                        "{\"s\":\"a\\u0000b\",\"i\":null,\"nan\":null,\"list\":[\"x\",{\"deep\":1},null,[\"later\"]]}");
}

static void trees_outlive_the_arena_of_a_part(void **state)
{
    (void)state;
    struct arena a, b;
    arena_init(&a, 1 << 20);
    arena_init(&b, 1 << 20);
    struct json *root = json_new_object(&a), *part = json_new_array(&b);
    assert_int_equal(json_set(root, "part", part), 0);
    arena_release(&b);
    assert_int_equal(json_push_str(part, STR("alive")), 0);
    json_retain(root);
    arena_release(&a);
    json_write(&out, root);
    assert_string_equal(out.p, "{\"part\":[\"alive\"]}");
    json_drop(root);
}

static void copies_and_compares(void **state)
{
    (void)state;
    struct json *a = parse("{\"a\":[1,2.5,\"x\",null,{\"q\":true}],\"b\":null}"),
                *b = parse("{\"b\":null,\"a\":[1,2.5,\"x\",null,{\"q\":true}]}");
    assert_true(json_equal(a, b));
    struct json *c = json_copy(&arena, a);
    assert_true(json_equal(a, c));
    assert_int_equal(json_push_str(json_get(c, "a"), STR("more")), 0);
    assert_false(json_equal(a, c));
    assert_false(json_equal(parse("{\"a\":null}"), parse("{\"b\":null}")));
    assert_false(json_equal(parse("1"), parse("1.0")));
    assert_true(json_equal(NULL, NULL) && !json_equal(NULL, a));
    assert_int_equal(json_set_copy(c, "self", c), 0);
    assert_int_equal(json_len(json_get(c, "self")), 2);
}

static void writes_indented(void **state)
{
    (void)state;
    json_write_pretty(&out, parse("{\"a\":[],\"b\":{},\"c\":[1,{\"d\":2}]}"));
    assert_string_equal(out.p,
                        "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": 2\n    }\n  ]\n}\n");
    struct buf small;
    buf_init(&small, 10);
    json_write(&small, parse("[1,2,3,4,5,6,7,8,9,10]"));
    assert_false(buf_ok(&small));
    buf_release(&small);
}

static struct json *shared_doc;
static void *use_shared(void *ctx)
{
    struct buf *b = ctx;
    for (int i = 0; i < 5000; i++) {
        json_retain(shared_doc);
        buf_clear(b);
        json_write(b, shared_doc);
        json_drop(shared_doc);
    }
    return NULL;
}

static void references_from_many_threads(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct err e = ERR_INIT;
    assert_ok(json_parse(&a, STR("{\"a\":[1,2,{\"b\":\"c\"}]}"), 8, &shared_doc, &e), &e);
    json_retain(shared_doc);
    pthread_t threads[4];
    struct buf bufs[4];
    for (int i = 0; i < 4; i++) {
        buf_init(&bufs[i], 1000);
        pthread_create(&threads[i], NULL, use_shared, &bufs[i]);
    }
    arena_release(&a); /* while they work */
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_string_equal(bufs[i].p, "{\"a\":[1,2,{\"b\":\"c\"}]}");
        buf_release(&bufs[i]);
    }
    json_drop(shared_doc);
}

/* Three characters can take 200 bytes: the arena's maximum holds for them too. */
static void memory_is_bounded(void **state)
{
    (void)state;
    struct arena small;
    struct err e = ERR_INIT;
    struct json *j;
    arena_init(&small, 1 << 20);
    buf_puts(&out, "[{\"a\":[");
    for (int i = 0; i < 20000; i++)
        buf_puts(&out, i ? ",{}" : "{}");
    buf_puts(&out, "]}]");
    assert_int_equal(json_parse(&small, buf_str(&out), 32, &j, &e), ERR_TOO_LARGE);
    assert_string_equal(err_code(&e), "json_too_large");
    arena_reset(&small);
    assert_ok(json_parse(&small, STR("[[],{},\"\"]"), 32, &j, &e), &e);
    size_t used = arena.used;
    j = parse(out.p);
    assert_true(json_bytes(j) > 20000 * 128 && json_bytes(j) < 20000 * 512);
    assert_true(arena.used - used >= json_bytes(j));
    assert_null(json_copy(&small, j));
    struct json *first = json_at(json_get(json_at(j, 0), "a"), 0); /* a tree that was shrunk to fit can still grow */
    for (int i = 0; i < 40; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(json_set_int(first, key, i), 0);
    }
    assert_int_equal(json_len(first), 40);
    assert_int_equal(json_int(json_get(first, "k39"), 0), 39);
    assert_int_equal(json_int(json_get(first, "k0"), -1), 0);
    arena_release(&small);
}

static void the_tolerant_reader_keeps_the_rest(void **state)
{
    (void)state;
    static const struct {
        const char *text, *same;
    } rows[] = {
        {"{\"a\":98765432109876543210,\"b\":1}", "{\"a\":\"98765432109876543210\",\"b\":1}"},
        {"[9223372036854775807,9223372036854775808,-9223372036854775809]",
         "[9223372036854775807,\"9223372036854775808\",\"-9223372036854775809\"]"},
        {"[1e999,-1.5E+999,1e3]", "[\"1e999\",\"-1.5E+999\",1000.0]"},
        {"{\"a\":1,\"b\":2,\"a\":{\"c\":[3]}}", "{\"a\":{\"c\":[3]},\"b\":2}"},
        {"{\"a\":{\"x\":[1]},\"a\":null,\"a\":7}", "{\"a\":7}"},
        {"[\"\\ud83d\",\"\\ude00x\",\"\\ud83d\\u0041\",\"\\ud83d\\ude00\",\"\\ud83d\\ud83d\\ude00\",\"\\ud83d\\n\"]",
         "[\"\xEF\xBF\xBD\",\"\xEF\xBF\xBDx\",\"\xEF\xBF\xBD"
         "A\",\"\xF0\x9F\x98\x80\",\"\xEF\xBF\xBD\xF0\x9F\x98\x80\","
         "\"\xEF\xBF\xBD\\n\"]"},
        {"{\"a\\u0000b\":\"\\u0000\"}", "{\"a\xEF\xBF\xBD"
                                        "b\":\"\xEF\xBF\xBD\"}"},
        {"[\"caf\xE9\",\"\xED\xA0\xBD\",\"\xF0\x9F\"]",
         "[\"caf\xEF\xBF\xBD\",\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\",\"\xEF\xBF\xBD\xEF\xBF\xBD\"]"},
        {"\xEF\xBB\xBF{\xEF\xBB\xBF\"a\"\xEF\xBB\xBF:\xEF\xBB\xBF[1,\xEF\xBB\xBF 2]}\xEF\xBB\xBF\n", "{\"a\":[1,2]}"},
        {"\"\xEF\xBB\xBFx\"", "\"\xEF\xBB\xBFx\""},
        {"[NaN,Infinity,-Infinity,-1]", "[null,null,null,-1]"},
        {"\"a\nb\tc\"", "\"a\\nb\\tc\""},
        {"1", "1"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct json *j;
        struct err e = ERR_INIT;
        assert_int_equal(json_parse(&arena, str_from(rows[i].text), 8, &j, NULL) == OK,
                         i == COUNT_OF(rows) - 1 || i == 9);
        assert_ok(json_parse_tolerant(&arena, str_from(rows[i].text), 8, &j, &e), &e);
        buf_clear(&out);
        json_write(&out, j);
        assert_string_equal(out.p, rows[i].same);
    }
}

static void the_tolerant_reader_takes_nul_bytes(void **state)
{
    (void)state;
    struct json *j;
    struct err e = ERR_INIT;
    assert_ok(json_parse_tolerant(&arena, STR("{\"a\":\"x\0y\",\"b\":1}\0\0"), 8, &j, &e), &e);
    assert_str(json_get_str(j, "a"), "x\xEF\xBF\xBDy");
    assert_int_equal(json_int(json_get(j, "b"), 0), 1);
}

/* It repairs values; it does not guess what a text that is not JSON may mean. */
static void the_tolerant_reader_refuses_what_is_not_json(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "\xEF\xBB\xBF",
                                      "<html></html>",
                                      "{\"a\":1",
                                      "{\"a\":1}{\"b\":2}",
                                      ")]}',\n{}",
                                      "f({})",
                                      "{a:1}",
                                      "[1,]",
                                      "007",
                                      "1.",
                                      "-",
                                      "[NaN",
                                      "Nan",
                                      "[[[[[[[[[1]]]]]]]]]",
                                      "{\"a\"",
                                      "{\"a\":1,\"a\":}",
                                      "\"\\u12\"",
                                      "\"\\ud83d\\u12\"",
                                      "\"\\x\"",
                                      "\"abc",
                                      "[1\0,2]",
                                      "{\"a\":1,\"a\":[2"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct json *j;
        struct err e = ERR_INIT;
        assert_int_equal(json_parse_tolerant(&arena, str_from(bad[i]), 8, &j, &e), ERR_INVALID);
        assert_null(j);
        assert_int_equal(e.code, E_json_invalid);
    }
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {WITH(round_trips),
                                       WITH(the_tolerant_reader_keeps_the_rest),
                                       WITH(the_tolerant_reader_takes_nul_bytes),
                                       WITH(the_tolerant_reader_refuses_what_is_not_json),
                                       WITH(refuses_malformed_text),
                                       WITH(depth_is_bounded),
                                       WITH(many_keys),
                                       WITH(memory_is_bounded),
                                       WITH(reads),
                                       WITH(builds),
                                       WITH(trees_outlive_the_arena_of_a_part),
                                       WITH(copies_and_compares),
                                       WITH(writes_indented),
                                       WITH(references_from_many_threads)};
    return RUN(tests);
}
