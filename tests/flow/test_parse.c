/* What a flow may hold: every refusal names its place; what the parser refuses the JSON Schema refuses (tests/flow). */
#include "flow_helper.h"

#include "base/banned.h"

/* The parent of the pointer's last part, and that part. */
static struct json *parent_of(struct json *doc, const char *pointer, char *key, size_t size)
{
    const char *slash = strrchr(pointer, '/');
    snprintf(key, size, "%s", slash + 1);
    struct json *parent = slash == pointer ? doc : json_pointer(doc, str_n(pointer, (size_t)(slash - pointer)));
    if (!parent)
        fail_msg("no parent of %s", pointer);
    return parent;
}

/* The array is rebuilt, so that one of its items can differ. */
static void set_item(struct json *doc, const char *array_pointer, size_t at, const struct json *value)
{
    char key[200];
    struct json *owner = parent_of(doc, array_pointer, key, sizeof(key));
    struct json *old = json_get(owner, key), *fresh = json_new_array(&arena);
    for (size_t i = 0; i < json_len(old); i++)
        assert_int_equal(json_push_copy(fresh, i == at ? value : json_at(old, i)), 0);
    assert_int_equal(json_set_copy(owner, key, fresh), 0);
}

static void change(struct json *doc, const struct json *row)
{
    char key[200], path[400];
    bool set = json_has(row, "set");
    snprintf(path, sizeof(path), "%.*s", STR_F(json_get_str(row, set ? "set" : "remove")));
    struct json *parent = parent_of(doc, path, key, sizeof(key));
    if (json_is(parent, JSON_ARRAY)) {
        assert_true(set);
        *strrchr(path, '/') = 0;
        set_item(doc, path, (size_t)strtoul(key, NULL, 10), json_get(row, "value"));
    } else if (set) {
        assert_int_equal(json_set_copy(parent, key, json_get(row, "value")), 0);
    } else {
        assert_true(json_has(parent, key));
        json_del(parent, key);
    }
}

static void every_refusal_names_its_place(void **state)
{
    (void)state;
    const struct json *file = read_file(TEST_SRCDIR "/tests/flow/refused.json");
    const struct json *rows = json_get(file, "refused");
    int wrong = 0;
    assert_true(json_len(rows) > 200);
    flow_drop(flow_of_doc(json_get(file, "flow")));
    for (size_t i = 0; i < json_len(rows); i++) {
        const struct json *row = json_at(rows, i);
        struct json *doc = json_copy(&arena, json_get(file, "flow"));
        struct flow *f = NULL;
        struct err e = ERR_INIT;
        change(doc, row);
        enum status st = flow_parse(doc, &f, &e);
        struct str want = json_get_str(row, "pointer");
        struct str cut = str_sub(want, 0, sizeof(e.pointer) - 1);
        if (st != ERR_INVALID || !str_eqz(cut, e.pointer) || !err_is(&e, E_flow_invalid) || !e.message[0]) {
            print_message("row %zu %.*s: status %d at \"%s\": %s\n", i, STR_F(want), (int)st, e.pointer, e.message);
            wrong++;
        }
        flow_drop(f);
    }
    assert_int_equal(wrong, 0);
}

static void the_smallest_flow(void **state)
{
    (void)state;
    struct flow *f = flow_of("'nodes':{'a':{'type':'end'}}");
    assert_true(json_is(flow_doc(f), JSON_OBJECT));
    assert_ptr_equal(flow_retain(f), f);
    flow_drop(f);
    assert_int_equal(json_int(json_get(flow_doc(f), "format"), 0), 1);
    flow_drop(f);
    flow_drop(NULL);
}

static void a_document_of_another_kind(void **state)
{
    (void)state;
    static const char *const docs[] = {"[]", "'x'", "1", "null", "true", "{}"};
    for (size_t i = 0; i < COUNT_OF(docs); i++) {
        struct err e = ERR_INIT;
        struct flow *f = NULL;
        assert_int_equal(flow_parse(json_of(docs[i]), &f, &e), ERR_INVALID);
        assert_null(f);
    }
}

static void a_document_too_large(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct flow *f = NULL;
    struct json *doc = json_of("{'format':1,'languages':['en'],'start':'a','nodes':{'a':{'type':'end'}}}");
    char *big = arena_alloc(&arena, MAX_FLOW + 1);
    memset(big, 'x', MAX_FLOW);
    assert_int_equal(json_set_str(doc, "note", str_n(big, MAX_FLOW)), 0);
    assert_int_equal(flow_parse(doc, &f, &e), ERR_TOO_LARGE);
    assert_string_equal(err_code(&e), "flow_too_large");
}

static void a_document_of_too_many_values(void **state)
{
    (void)state;
    struct buf b;
    struct err e = ERR_INIT;
    struct flow *f = NULL;
    buf_init(&b, MAX_FLOW);
    buf_puts(&b, "{'format':1,'languages':['en'],'start':'a','nodes':{'a':{'type':'end'}},'tests':[");
    for (int i = 0; i < 200000; i++)
        buf_puts(&b, i ? ",{}" : "{}");
    buf_puts(&b, "]}");
    assert_true(buf_ok(&b));
    assert_int_equal(flow_parse(json_of(b.p), &f, &e), ERR_TOO_LARGE);
    assert_string_equal(err_code(&e), "flow_too_large");
    buf_release(&b);
}

/* n nodes that each lead to the next, through `jump`. */
static struct json *chain(size_t n)
{
    struct buf b;
    buf_init(&b, 8 * MB);
    buf_puts(&b, "{\"format\":1,\"languages\":[\"en\"],\"start\":\"n0\",\"nodes\":{");
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s\"n%zu\":{\"type\":\"jump\",\"to\":\"n%zu\"}", i ? "," : "", i, (i + 1) % n);
    buf_puts(&b, "}}");
    struct json *j = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(json_parse(&arena, arena_str(&arena, buf_str(&b), &(bool){true}), MAX_JSON_DEPTH, &j, &e), OK);
    buf_release(&b);
    return j;
}

static void too_many_nodes(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct flow *f = NULL;
    assert_int_equal(flow_parse(chain(10000), &f, &e), ERR_INVALID);
    assert_string_equal(e.pointer, "/nodes");
    f = flow_of_doc(chain(MAX_FLOW_NODES));
    struct flow_finding *found;
    size_t n;
    assert_int_equal(flow_lint(f, &arena, &found, &n, &e), OK);
    bool loop = false;
    for (size_t i = 0; i < n; i++)
        loop = loop || strcmp(found[i].code, "loop_without_input") == 0;
    assert_true(loop);
    flow_drop(f);
}

/* Six characters of a pattern can compile to a hundred times their size. */
static void patterns_too_large(void **state)
{
    (void)state;
    struct buf b;
    struct err e = ERR_INIT;
    struct flow *f = NULL;
    struct json *j = NULL;
    buf_init(&b, MB);
    buf_puts(&b, "{\"format\":1,\"languages\":[\"en\"],\"start\":\"n0\",\"nodes\":{");
    for (int i = 0; i < 400; i++)
        buf_printf(&b,
                   "%s\"n%d\":{\"type\":\"ask\",\"text\":\"?\",\"expect\":\"pattern\",\"pattern\":\"(?:[^a]b|[^c]d){"
                   "900}\",\"next\":\"n0\"}",
                   i ? "," : "", i);
    buf_puts(&b, "}}");
    assert_int_equal(json_parse(&arena, buf_str(&b), MAX_JSON_DEPTH, &j, &e), OK);
    assert_int_equal(flow_parse(j, &f, &e), ERR_INVALID);
    assert_non_null(strstr(e.pointer, "/pattern"));
    assert_non_null(strstr(e.message, "too large in total"));
    buf_release(&b);
}

static void too_many_variables(void **state)
{
    (void)state;
    struct buf b;
    struct err e = ERR_INIT;
    struct flow *f = NULL;
    struct json *j = NULL;
    buf_init(&b, MB);
    buf_puts(&b, "{\"format\":1,\"languages\":[\"en\"],\"start\":\"a\",\"nodes\":{\"a\":{\"type\":\"end\",\"text\":\"");
    for (int i = 0; i < 201; i++)
        buf_printf(&b, "{{v%d}}", i);
    buf_puts(&b, "\"}}}");
    assert_int_equal(json_parse(&arena, buf_str(&b), MAX_JSON_DEPTH, &j, &e), OK);
    assert_int_equal(flow_parse(j, &f, &e), ERR_INVALID);
    assert_string_equal(e.pointer, "/nodes/a/text");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_refusal_names_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_smallest_flow, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_document_of_another_kind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_document_too_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_document_of_too_many_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_nodes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_variables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(patterns_too_large, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
