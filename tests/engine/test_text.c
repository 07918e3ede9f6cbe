/* test_text.c: whole characters of a stream, reasoning left out, tokens, the history that fits, and what failures
 * say. */
#include "engine/chain.h"
#include "engine/text.h"
#include "lib/test.h"

static void assert_whole(struct str text, size_t piece, const char *expected)
{
    struct text_tail tail = {.n = 0};
    struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < text.n; i += piece)
        text_whole(&tail, str_sub(text, i, piece), &out);
    text_whole_end(&tail, &out);
    assert_str(buf_str(&out), expected);
    buf_release(&out);
}

static void a_character_is_never_split(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 12; piece++) {
        assert_whole(STR("a\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80z"), piece, "a\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80z");
        assert_whole(STR("e\xCC\x81 \xD7\xA9"), piece, "e\xCC\x81 \xD7\xA9");
        assert_whole(STR("a\xF0\x9F"), piece, "a\xEF\xBF\xBD\xEF\xBF\xBD");
        assert_whole(STR("\xC3z"), piece, "\xEF\xBF\xBDz");
    }
    assert_whole(STR("a\0z"), 3, "az");
}

static void assert_think(const char *text, const char *expected)
{
    for (size_t piece = 1; piece < 10; piece++) {
        struct str s = str_from(text);
        struct text_think think = {.n = 0};
        struct buf out;
        buf_init(&out, 1000);
        for (size_t i = 0; i < s.n; i += piece)
            text_think(&think, str_sub(s, i, piece), &out);
        text_think_end(&think, &out);
        assert_str(buf_str(&out), expected);
        buf_release(&out);
    }
}

static void reasoning_at_the_beginning_is_left_out(void **state)
{
    (void)state;
    assert_think("<think>I wonder</think>\n\nYes.", "Yes.");
    assert_think("\n<think></think>Yes. ", "Yes. ");
    assert_think("<think>a < b <</think>Yes", "Yes");
    assert_think("Yes <think>no</think>", "Yes <think>no</think>");
    assert_think("<thin", "<thin");
    assert_think("<thing>", "<thing>");
    assert_think("<think>never ends", "");
}

static void tokens_are_estimated(void **state)
{
    (void)state;
    assert_int_equal(text_tokens(STR("")), 0);
    assert_int_equal(text_tokens(STR("abcd")), 1);
    assert_int_equal(text_tokens(STR("abcde")), 2);
    assert_int_equal(text_tokens(STR("\xC3\xBC\xC3\xBC")), 1);
    assert_int_equal(text_tokens(STR("\xE6\x97\xA5\xE6\x9C\xAC")), 2);
}

static void whole_characters_fit_into_quarters_of_tokens(void **state)
{
    const struct str text = STR("ab\xC3\xBC\xE6\x97\xA5"); /* 1 + 1 + 2 + 4 */
    static const size_t bytes[] = {0, 1, 2, 2, 4, 4, 4, 4, 7, 7};
    (void)state;
    assert_int_equal(text_quarters(text), 8);
    for (size_t i = 0; i < COUNT_OF(bytes); i++)
        assert_int_equal(text_fit(text, i).n, bytes[i]);
}

static void the_newest_history_fits(void **state)
{
    (void)state;
    const struct engine_tool_call call = {STR("1"), STR("find"), STR("{}")};
    const struct engine_message m[] = {
        {.role = ENGINE_USER, .text = STR("one")},
        {.role = ENGINE_ASSISTANT, .text = STR("first answer")},
        {.role = ENGINE_USER, .text = STR("two")},
        {.role = ENGINE_ASSISTANT, .text = STR(""), .calls = &call, .call_count = 1},
        {.role = ENGINE_TOOL, .text = STR("found")},
        {.role = ENGINE_ASSISTANT, .text = STR("second answer")},
        {.role = ENGINE_USER, .text = STR("three, and this is a longer question")},
    };
    assert_int_equal(engine_history_begin(m, 7, 1000), 0);
    assert_int_equal(engine_history_begin(m, 7, 0), 6);
    assert_int_equal(engine_history_begin(m, 7, 38), 2); /* 13 + 8 + 6 + 6 + 5 */
    assert_int_equal(engine_history_begin(m, 7, 37), 6);
    assert_int_equal(engine_history_begin(m, 5, 0), 2); /* the result of a tool keeps its question */
    assert_int_equal(engine_history_begin(m, 0, 0), 0);
}

static struct engine_failure failure(int http, const char *body)
{
    struct engine_failure f = ENGINE_FAILURE_INIT;
    struct json *doc = NULL;
    struct arena a;
    arena_init(&a, 1 << 20);
    if (json_parse(&a, str_from(body), 32, &doc, NULL) != OK)
        doc = NULL;
    f.http = http;
    engine_failure_read(&f, doc, str_from(body));
    arena_release(&a);
    return f;
}

static void failures_have_a_class(void **state)
{
    (void)state;
    static const struct {
        int http;
        const char *body;
        enum engine_class class;
        const char *detail;
    } rows[] = {
        {401, "{\"error\":{\"message\":\"Wrong key\",\"code\":\"invalid_api_key\"}}", ENGINE_AUTH, "Wrong key"},
        {401, "", ENGINE_AUTH, ""},
        {403, "{\"error\":\"no\"}", ENGINE_AUTH, "no"},
        {402, "", ENGINE_QUOTA, ""},
        {429, "{\"error\":{\"message\":\"slow\",\"type\":\"requests\",\"code\":\"rate_limit_exceeded\"}}", ENGINE_RATE,
         "slow"},
        {429, "{\"error\":{\"message\":\"pay\",\"type\":\"insufficient_quota\",\"code\":null}}", ENGINE_QUOTA, "pay"},
        {429, "{\"error\":{\"message\":\"pay\",\"type\":\"insufficient_quota\",\"code\":\"x\"}}", ENGINE_QUOTA, "pay"},
        {429, "{\"error\":{\"message\":\"m\",\"code\":\"monthly_spend_limit_exceeded\"}}", ENGINE_QUOTA, "m"},
        {404, "{\"error\":{\"message\":\"none\",\"code\":\"model_not_found\"}}", ENGINE_NOT_FOUND, "none"},
        {400, "{\"error\":{\"message\":\"long\",\"code\":\"context_length_exceeded\"}}", ENGINE_TOO_LONG, "long"},
        {400, "{\"object\":\"error\",\"message\":\"bad\",\"type\":\"BadRequestError\",\"code\":400}", ENGINE_REQUEST,
         "bad"},
        {400, "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Your credit balance is too low\"}}",
         ENGINE_QUOTA, "Your credit balance is too low"},
        {503, "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable_error\"}}", ENGINE_LOADING,
         "Loading model"},
        {503, "{\"error\":\"Model x is currently loading\",\"estimated_time\":20.0}", ENGINE_LOADING,
         "Model x is currently loading"},
        {529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}",
         ENGINE_OVERLOADED, "Overloaded"},
        {502, "<html><body>Bad gateway</body></html>", ENGINE_UPSTREAM, ""},
        {504, "", ENGINE_TOTAL_TIMEOUT, ""},
        {302, "", ENGINE_PROTOCOL, ""},
        {422, "{\"detail\":\"what\"}", ENGINE_REQUEST, "what"},
        {418, "tea\n pot\x01.", ENGINE_REQUEST, "tea  pot ."},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct engine_failure f = failure(rows[i].http, rows[i].body);
        if (f.class != rows[i].class)
            fail_msg("%d %s is %s", rows[i].http, rows[i].body, engine_class_name(f.class));
        assert_string_equal(f.detail, rows[i].detail);
    }
    assert_int_equal(failure(503, "{\"error\":\"loading\",\"estimated_time\":2.5}").retry_after_ms, 2500);
}

static void a_secret_is_not_repeated(void **state)
{
    (void)state;
    struct engine_failure f = ENGINE_FAILURE_INIT;
    engine_failure_detail(&f, STR("Key sk-abcdefghijklmnop is wrong; you gave sk-abcdefgh... and ab"));
    engine_failure_redact(&f, STR("sk-abcdefghijklmnop"));
    assert_string_equal(f.detail, "Key *** is wrong; you gave ***... and ab");
    engine_failure_detail(&f, STR("the key pw was wrong"));
    engine_failure_redact(&f, STR("pw"));
    assert_string_equal(f.detail, "the key ** was wrong");
    engine_failure_redact(&f, STR(""));
    assert_string_equal(f.detail, "the key ** was wrong");
}

static void a_text_is_cut_between_what_is_drawn_as_one_character(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cut;
        int64_t most;
    } rows[] = {
        {"abc", "abc", 3},
        {"abc", "ab", 2},
        {"", "", 0},
        {"a\xF0\x9F\x99\x82", "a", 2}, /* an emoji counts two */
        {"a\xF0\x9F\x99\x82", "a\xF0\x9F\x99\x82", 3},
        {"xe\xCC\x81", "x", 2},                        /* e with an accent of its own */
        {"x\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD", "x", 4}, /* a thumb with a skin tone */
        /* two flags of two letters each */
        {"\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA\xF0\x9F\x87\xAB\xF0\x9F\x87\xB7", "\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA", 6},
        /* woman, joiner, woman */
        {"x\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA9", "x", 5},
        {"e\xCC\x81\xCC\x81", "e\xCC\x81", 2}, /* nothing whole fits */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str cut = text_cut(str_from(rows[i].text), rows[i].most);
        if (!str_eqz(cut, rows[i].cut))
            fail_msg("row %zu is cut to \"%.*s\"", i, STR_F(cut));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_character_is_never_split), TEST(reasoning_at_the_beginning_is_left_out),
        TEST(tokens_are_estimated),       TEST(whole_characters_fit_into_quarters_of_tokens),
        TEST(the_newest_history_fits),    TEST(failures_have_a_class),
        TEST(a_secret_is_not_repeated),   TEST(a_text_is_cut_between_what_is_drawn_as_one_character),
    };
    return RUN(tests);
}
