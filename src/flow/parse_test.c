/* parse_test.c: reads the scripted tests that a flow carries, as far as the flow must know about them. Their form is
 * checked here, when the flow is saved; script.c reads the texts again when the tests run, because tests are run rarely
 * and need no compiled form. Variables that a test expects are noted, so that lint finds a misspelt one. */
#include "base/utf8.h"
#include "flow/reader_internal.h"
#include "flow/text_internal.h"
#include "flow/value_internal.h"

#include "base/banned.h"

typedef enum status read_fn(struct flow_reader *r, const struct json *j);

/* All lists of a test have the same form, so one function walks them and keeps the path. */
static enum status read_each(struct flow_reader *r, const struct json *j, const char *key, size_t min, size_t max,
                             read_fn *one)
{
    const struct json *list = NULL;
    enum status st = read_list(r, j, key, min, max, &list);
    if (st || !list)
        return st;
    size_t mark = path_key(r, str_from(key));
    for (size_t i = 0; i < json_len(list); i++) {
        size_t inner = path_index(r, i);
        st = one(r, json_at(list, i));
        if (st)
            return st;
        path_back(r, inner);
    }
    path_back(r, mark);
    return OK;
}

static enum status read_phrase(struct flow_reader *r, const struct json *j)
{
    struct str s = json_str(j);
    if (s.n == 0 || utf8_length(s) > MAX_FLOW_TEXT || !utf8_text(s))
        return reader_refuse(r, "This must be a string of 1 to %d characters.", MAX_FLOW_TEXT);
    return OK;
}

/* An array or object is refused, because a variable of a conversation is never one. null means that the variable is
 * expected to be empty. */
static enum status read_vars(struct flow_reader *r, const struct json *j)
{
    struct json_iter it = {0};
    size_t mark = path_key(r, STR("vars"));
    if (json_len(json_get(j, "vars")) > MAX_FLOW_VARS)
        return reader_refuse(r, "A turn can check at most %d variables.", MAX_FLOW_VARS);
    while (json_each(json_get(j, "vars"), &it)) {
        size_t inner = path_key(r, it.key);
        int var;
        if (json_is(it.value, JSON_ARRAY) || json_is(it.value, JSON_OBJECT))
            return reader_refuse(r, "A variable must be a string, a number, true, false or null.");
        enum status st = var_find(r, it.key, NOTE_VAR_READ, &var);
        if (st)
            return st;
        path_back(r, inner);
    }
    path_back(r, mark);
    return OK;
}

static const struct field_rule turn_fields[] = {{"say", K_STR}, {"choose", K_STR}, {"expect", K_ARR}, {"not", K_ARR},
                                                {"at", K_STR},  {"state", K_STR},  {"vars", K_OBJ}};
static const char *const state_words[] = {"open", "handoff", "closed"};

/* The target `at` is read like that of a node, so lint reports a test that waits at a node that was renamed. */
static enum status read_test_turn(struct flow_reader *r, const struct json *j)
{
    struct str text = STR_EMPTY;
    int unused = 0;
    enum status st = READ_FIELDS(r, j, turn_fields);
    if (!st && json_has(j, "say") == json_has(j, "choose"))
        return reader_refuse(r, "Exactly one of \"say\" and \"choose\" must be given.");
    if (!st)
        st = read_string(r, j, "say", 1, MAX_TEXT, &text);
    if (!st)
        st = read_string(r, j, "choose", 1, MAX_FLOW_LABEL, &text);
    if (!st)
        st = read_each(r, j, "expect", 0, MAX_FLOW_LIST, read_phrase);
    if (!st)
        st = read_each(r, j, "not", 0, MAX_FLOW_LIST, read_phrase);
    if (!st)
        st = read_target(r, j, "at", &unused);
    if (!st)
        st = read_word(r, j, "state", state_words, 3, &unused);
    return st ? st : read_vars(r, j);
}

static const struct field_rule call_fields[] = {
    {"method", K_STR}, {"url", K_STR}, {"sent", K_ARR}, {"status", K_INT}, {"body", K_STR | K_OBJ | K_ARR},
    {"fail", K_BOOL}};

/* Method, address and `sent` are conditions; the rest is the reply. Each may be missing, and a stand-in without
 * conditions answers every call. */
static enum status read_call(struct flow_reader *r, const struct json *j)
{
    struct str text = STR_EMPTY;
    int64_t http_status = 200;
    enum status st = READ_FIELDS(r, j, call_fields);
    if (!st)
        st = read_string(r, j, "method", 1, MAX_FLOW_NAME, &text);
    if (!st)
        st = read_string(r, j, "url", 1, MAX_FLOW_URL, &text);
    if (!st)
        st = read_each(r, j, "sent", 0, MAX_FLOW_LIST, read_phrase);
    return st ? st : read_int(r, j, "status", 100, 599, &http_status);
}

static const struct field_rule answer_fields[] = {{"question", K_STR | K_MUST},
                                                  {"answer", K_STR | K_MUST},
                                                  {"title", K_STR},
                                                  {"url", K_STR},
                                                  {"sure", K_ARR},
                                                  {"unsure", K_ARR}};

static enum status read_stub_answer(struct flow_reader *r, const struct json *j)
{
    struct str text = STR_EMPTY;
    enum status st = READ_FIELDS(r, j, answer_fields);
    if (!st)
        st = read_string(r, j, "question", 1, MAX_FLOW_TEXT, &text);
    if (!st)
        st = read_string(r, j, "answer", 1, MAX_FLOW_TEXT, &text);
    if (!st)
        st = read_string(r, j, "title", 0, MAX_FLOW_LABEL, &text);
    if (!st)
        st = read_string(r, j, "url", 0, MAX_FLOW_URL, &text);
    if (!st)
        st = read_each(r, j, "sure", 0, MAX_FLOW_LIST, read_phrase);
    return st ? st : read_each(r, j, "unsure", 0, MAX_FLOW_LIST, read_phrase);
}

static const struct field_rule engine_fields[] = {{"node", K_STR},           {"asked", K_ARR},   {"system", K_ARR},
                                                  {"answer", K_STR | K_OBJ}, {"fail", K_BOOL},   {"results", K_ARR},
                                                  {"calls", K_ARR},          {"handoff", K_BOOL}};
static const struct field_rule tool_call_fields[] = {{"tool", K_STR | K_MUST}, {"arguments", K_STR | K_OBJ}};

static enum status read_stub_tool_call(struct flow_reader *r, const struct json *j)
{
    struct str text = STR_EMPTY;
    enum status st = READ_FIELDS(r, j, tool_call_fields);
    if (!st)
        st = read_string(r, j, "tool", 1, MAX_FLOW_NAME, &text);
    return st || !json_is(json_get(j, "arguments"), JSON_STRING)
               ? st
               : read_string(r, j, "arguments", 0, MAX_FLOW_TEXT, &text);
}

/* The node and the parts of what is asked and of the results of tools are conditions, the rest is what the engine
 * answers. */
static enum status read_stub_engine(struct flow_reader *r, const struct json *j)
{
    struct str text = STR_EMPTY;
    int unused = 0;
    enum status st = READ_FIELDS(r, j, engine_fields);
    if (!st)
        st = read_target(r, j, "node", &unused);
    if (!st)
        st = read_each(r, j, "asked", 0, MAX_FLOW_LIST, read_phrase);
    if (!st)
        st = read_each(r, j, "system", 0, MAX_FLOW_LIST, read_phrase);
    if (!st && json_is(json_get(j, "answer"), JSON_STRING))
        st = read_string(r, j, "answer", 0, MAX_FLOW_TEXT, &text);
    if (!st)
        st = read_each(r, j, "results", 0, MAX_FLOW_LIST, read_phrase);
    if (!st)
        st = read_each(r, j, "calls", 1, MAX_FLOW_LIST, read_stub_tool_call);
    bool handoff = json_bool(json_get(j, "handoff")), other = json_has(j, "calls") || json_bool(json_get(j, "fail"));
    if (!st && handoff && other)
        return reader_refuse(r, "An engine that hands off can only give an answer, too.");
    if (!st && !handoff && json_has(j, "answer") + json_has(j, "calls") + json_bool(json_get(j, "fail")) != 1)
        return reader_refuse(r, "Exactly one of \"answer\", \"calls\" and \"fail\" must be given.");
    return st;
}

static const struct field_rule test_fields[] = {{"name", K_STR | K_MUST}, {"language", K_STR},       {"today", K_STR},
                                                {"greeting", K_ARR},      {"turns", K_ARR | K_MUST}, {"http", K_ARR},
                                                {"answers", K_ARR},       {"engine", K_ARR}};

/* A fixed day may be given because a test with dates would otherwise begin to fail as time passes. */
static enum status read_flow_test(struct flow_reader *r, const struct json *j)
{
    struct str text = STR_EMPTY;
    enum status st = READ_FIELDS(r, j, test_fields);
    if (!st)
        st = read_string(r, j, "name", 1, MAX_FLOW_LABEL, &text);
    if (!st && json_has(j, "language") && language_index(r->f, json_get_str(j, "language")) < 0)
        return reader_refuse_key(r, "language", "This is not one of the flow's languages.");
    text = json_get_str(j, "today");
    if (!st && json_has(j, "today") && !value_iso_day(text))
        return reader_refuse_key(r, "today", "A day must have the form \"2026-03-31\".");
    if (!st)
        st = read_each(r, j, "greeting", 0, MAX_FLOW_LIST, read_phrase);
    if (!st)
        st = read_each(r, j, "turns", 1, MAX_FLOW_LIST, read_test_turn);
    if (!st)
        st = read_each(r, j, "http", 0, MAX_FLOW_LIST, read_call);
    if (!st)
        st = read_each(r, j, "answers", 0, MAX_FLOW_LIST, read_stub_answer);
    return st ? st : read_each(r, j, "engine", 0, MAX_FLOW_LIST, read_stub_engine);
}

/* The tests are read last: they name nodes and variables, which are all known by then. */
enum status read_tests(struct flow_reader *r, const struct json *tests)
{
    size_t n = json_len(tests);
    if (n > MAX_FLOW_TESTS)
        return reader_refuse_key(r, "tests", "A flow can have at most %d tests.", MAX_FLOW_TESTS);
    size_t mark = path_key(r, STR("tests"));
    for (size_t i = 0; i < n; i++) {
        size_t inner = path_index(r, i);
        enum status st = read_flow_test(r, json_at(tests, i));
        if (st)
            return st;
        path_back(r, inner);
    }
    path_back(r, mark);
    return OK;
}
