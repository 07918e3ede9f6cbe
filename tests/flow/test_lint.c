/* What lint finds, what scripted tests say when they fail, what a difference reads like. */
#include "flow_helper.h"

#include "base/banned.h"

static const char head[] = "{'format':1,'languages':['en','es'],'start':'a',";
#define TESTS "'tests':[{'name':'t','turns':[{'say':'x'}]}]"

/* code severity node pointer, one line each, without the codes in `ignore` */
static char lint_messages[8000];
static const char *lint(const char *rest, const char *ignore)
{
    static char out[8000];
    struct flow_finding *f;
    size_t n;
    struct err e = ERR_INIT;
    struct flow *flow = flow_of_doc(json_of(arena_printf(&arena, "%s%s}", head, rest)));
    out[0] = lint_messages[0] = 0;
    assert_int_equal(flow_lint(flow, &arena, &f, &n, &e), OK);
    for (size_t i = 0; i < n; i++) {
        assert_true(f[i].message.n > 10);
        add(lint_messages, sizeof(lint_messages), "%.*s|", STR_F(f[i].message));
        if (!strstr(ignore, f[i].code))
            add(out, sizeof(out), "%s%s %c %.*s %.*s", out[0] ? "|" : "", f[i].code,
                f[i].severity == FLOW_ERROR ? 'E' : 'W', STR_F(f[i].node), STR_F(f[i].pointer));
    }
    flow_drop(flow);
    return out;
}

static void each_finding(void **state)
{
    (void)state;
    static const struct {
        const char *flow, *found;
    } rows[] = {
        {"'nodes':{'a':{'type':'end'}},'catch_all':'a'," TESTS, ""},
        {"'nodes':{'a':{'type':'end'}}," TESTS, "no_catch_all W  /catch_all"},
        {"'nodes':{'a':{'type':'end'}},'catch_all':'a'", "no_tests W  /tests"},
        {"'nodes':{'b':{'type':'end'}},'catch_all':'b'," TESTS, "start_missing E  /start"},
        {"'nodes':{'a':{'type':'jump','to':'zz'}},'catch_all':'a'," TESTS, "unknown_node E a /nodes/a/to"},
        {"'nodes':{'a':{'type':'end'}},'catch_all':'zz'," TESTS, "unknown_node E  /catch_all"},
        {"'nodes':{'a':{'type':'end'}},'catch_all':'a','tests':[{'name':'t','turns':[{'say':'x','at':'zz'}]}]",
         "unknown_node E  /tests/0/turns/0/at"},
        {"'nodes':{'a':{'type':'end'},'b':{'type':'end'}},'catch_all':'a'," TESTS, "unreachable E b /nodes/b"},
        {"'nodes':{'a':{'type':'ask','text':'?','expect':'text'}},'catch_all':'a'," TESTS,
         "dead_end E a /nodes/a/next"},
        {"'nodes':{'a':{'type':'branch','cases':[{'when':{'var':'input','op':'set'},'next':'b'}]},'b':{'type':'end'}},'"
         "catch_all':'a'," TESTS,
         "dead_end E a /nodes/a/else"},
        {"'nodes':{'a':{'type':'wait','seconds':1}},'catch_all':'a'," TESTS, "dead_end E a /nodes/a/next"},
        {"'nodes':{'a':{'type':'http','method':'GET','url':'https://"
         "e.com','next':'b'},'b':{'type':'end'}},'catch_all':'a'," TESTS,
         "dead_end E a /nodes/a/error"},
        {"'nodes':{'a':{'type':'say','messages':[{'type':'text','text':'x'}],'choices':[{'label':'x','value':'x'}]}},'"
         "catch_all':'a'," TESTS,
         "dead_end E a /nodes/a/choices/0/next"},
        {"'nodes':{'a':{'type':'ask','text':'?','expect':'choice','choices':[{'label':'x','value':'x'}]}},'catch_all':'"
         "a'," TESTS,
         "dead_end E a /nodes/a/choices/0/next"},
        {"'nodes':{'a':{'type':'say','messages':[{'type':'text','text':'x'}]}}," TESTS,
         "no_catch_all W  /catch_all|dead_end E a /nodes/a"},
        {"'nodes':{'a':{'type':'say','messages':[{'type':'text','text':'x'}]}},'catch_all':'a'," TESTS, ""},
        {"'nodes':{'a':{'type':'jump','to':'a'}},'catch_all':'a'," TESTS, "loop_without_input E a /nodes/a"},
        {"'nodes':{'a':{'type':'jump','to':'b'},'b':{'type':'say','messages':[{'type':'text','text':'x'}],'next':'c'},'"
         "c':{'type':'wait','seconds':1,'next':'b'}},'catch_all':'a'," TESTS,
         "loop_without_input E b /nodes/b"},
        {"'nodes':{'a':{'type':'http','method':'GET','url':'https://"
         "e.com','next':'b','error':'a'},'b':{'type':'end'}},'catch_all':'a'," TESTS,
         "loop_without_input E a /nodes/a"},
        {"'nodes':{'a':{'type':'answer','none':'b'},'b':{'type':'say','messages':[{'type':'text','text':'x'}],'next':'"
         "a'}},'catch_all':'a'," TESTS,
         ""},
        {"'nodes':{'a':{'type':'say','messages':[{'type':'text','text':'x'}],'choices':[{'label':'x','value':'x'}],'"
         "next':'a'}},'catch_all':'a'," TESTS,
         ""},
        {"'nodes':{'a':{'type':'wait','for':'message','next':'a'}},'catch_all':'a'," TESTS, ""},
        {"'nodes':{'a':{'type':'end','text':'{{zz}}'}},'catch_all':'a'," TESTS, "undefined_variable E a /nodes/a/text"},
        {"'nodes':{'a':{'type':'end','text':{'en':'x','es':'{{zz}}'}}},'catch_all':'a'," TESTS,
         "undefined_variable E a /nodes/a/text/es"},
        {"'nodes':{'a':{'type':'ask','text':'?','expect':'text','var':'zz','next':'a'}},'catch_all':'a'," TESTS,
         "undefined_variable E a /nodes/a/var"},
        {"'nodes':{'a':{'type':'http','method':'POST','url':'https://e.com','body':{'x':['{{zz}}']},'map':{'yy':'/"
         "a'},'next':'b','error':'b'},'b':{'type':'end'}},'catch_all':'a'," TESTS,
         "undefined_variable E a /nodes/a/body/x/0|undefined_variable E a /nodes/a/map/yy"},
        {"'nodes':{'a':{'type':'end'}},'catch_all':'a','tests':[{'name':'t','turns':[{'say':'x','vars':{'zz':1}}]}]",
         "undefined_variable E  /tests/0/turns/0/vars/zz"},
        {"'variables':{'v':{'type':'text'}},'nodes':{'a':{'type':'end'}},'catch_all':'a'," TESTS,
         "unused_variable W  /variables/v"},
        {"'variables':{'v':{'type':'text'}},'nodes':{'a':{'type':'end','text':'{{v}}'}},'catch_all':'a'," TESTS,
         "never_set W  /variables/v"},
        {"'variables':{'v':{'type':'text','default':''}},'nodes':{'a':{'type':'end','text':'{{v}}'}},'catch_all':'a'"
         "," TESTS,
         ""},
        {"'nodes':{'a':{'type':'end','text':{'en':'x'}}},'catch_all':'a'," TESTS,
         "missing_translation E a /nodes/a/text"},
        {"'nodes':{'a':{'type':'say','messages':[{'type':'text','text':'x'}],'choices':[{'label':{'es':'x'},'value':'x'"
         "}],'next':'a'}},'catch_all':'a'," TESTS,
         "missing_translation E a /nodes/a/choices/0/label"},
        {"'nodes':{'a':{'type':'end'}},'catch_all':'a','commands':{'c':{'words':{'en':['x']},'next':'a'}}," TESTS,
         "missing_translation W  /commands/c/words"},
        {"'nodes':{'a':{'type':'end'}},'catch_all':'a','commands':{'c':{'words':{'en':['x'],'es':['y']},'next':'a'},'d'"
         ":{'words':{'en':['X!'],'es':['z']},'next':'a'}}," TESTS,
         "duplicate_word E  /commands/d/words/en/0"},
        {"'nodes':{'a':{'type':'say','messages':[{'type':'text','text':'x'}],'choices':[{'label':'One','value':'1'},{'"
         "label':'one!','value':'2'},{'label':'Three','value':'1'}],'next':'a'}},'catch_all':'a'," TESTS,
         "duplicate_choice E a /nodes/a/choices/1|duplicate_choice E a /nodes/a/choices/2"},
        {"'variables':{'n':{'type':'number'}},'nodes':{'a':{'type':'ask','text':'?','expect':'email','var':'n','next':'"
         "a'}},'catch_all':'a'," TESTS,
         "type_mismatch E a /nodes/a"},
        {"'variables':{'n':{'type':'number'}},'nodes':{'a':{'type':'set','set':[{'var':'n','to':'x'}],'next':'b'},'b':{"
         "'type':'end'}},'catch_all':'a'," TESTS,
         "type_mismatch E a /nodes/a/set/0"},
        {"'variables':{'v':{'type':'text'}},'nodes':{'a':{'type':'set','set':[{'var':'v','add':1}],'next':'b'},'b':{'"
         "type':'end'}},'catch_all':'a'," TESTS,
         "type_mismatch E a /nodes/a/set/0"},
        {"'variables':{'v':{'type':'text','default':''}},'nodes':{'a':{'type':'branch','cases':[{'when':{'var':'v','op'"
         ":'gt','value':'x'},'next':'b'}],'else':'b'},'b':{'type':'end'}},'catch_all':'a'," TESTS,
         "type_mismatch E a /nodes/a/cases/0/when"},
        {"'variables':{'n':{'type':'number','default':1}},'nodes':{'a':{'type':'branch','cases':[{'when':{'var':'n','"
         "op':'eq','value':'x'},'next':'b'}],'else':'b'},'b':{'type':'end'}},'catch_all':'a'," TESTS,
         "type_mismatch E a /nodes/a/cases/0/when/value"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *found = lint(rows[i].flow, "");
        if (strcmp(found, rows[i].found) != 0)
            fail_msg("%s\n  found    %s\n  expected %s", rows[i].flow, found, rows[i].found);
    }
}

/* A key that is written out in a header is a warning that names the header and not the key. */
static void keys_that_are_written_out_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *header, *value;
        bool key;
    } rows[] = {{"Authorization", "Bearer sk_live_1", true},
                {"authorization", "sk_live_1", true},
                {"X-Api-Key", "sk_live_1", true},
                {"api-key", "sk_live_1", true},
                {"Cookie", "session=sk_live_1", true},
                {"X-Auth-Token", "sk_live_1", true},
                {"X-Client-Secret", "sk_live_1", true},
                {"X-Custom", "Bearer sk_live_1", true},
                {"X-Custom", "basic sk_live_1", true},
                {"X-Api-Key", "sk_live_1{{input}}", true},
                {"Authorization", "Bearer {{secret.crm}}", false},
                {"Authorization", "Bearer {{input}}", false},
                {"X-Api-Key", "{{ secret.crm }}", false},
                {"Cookie", "session={{secret.crm}}; path=/", false},
                {"Authorization", "Bearer ", false},
                {"X-Api-Key", "", false},
                {"Idempotency-Key", "sk_live_1", false},
                {"Accept", "application/json", false},
                {"X-Custom", "the bearer of news", false},
                {"X-Custom", "bearer", false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *found = lint(arena_printf(&arena,
                                              "'nodes':{'a':{'type':'http','method':'GET','url':'https://e.com',"
                                              "'headers':{'%s':'%s'},'next':'b','error':'b'},'b':{'type':'end'}},"
                                              "'catch_all':'a'," TESTS,
                                              rows[i].header, rows[i].value),
                                 "");
        const char *expected = arena_printf(&arena, "literal_key W a /nodes/a/headers/%s", rows[i].header);
        if (strcmp(found, rows[i].key ? expected : "") != 0)
            fail_msg("%s: %s\n  found    %s", rows[i].header, rows[i].value, found);
        assert_null(strstr(lint_messages, "sk_live_1"));
    }
}

static void body_types_without_an_escape_are_warned_about(void **state)
{
    (void)state;
    static const struct {
        const char *type, *body;
        bool warned;
    } rows[] = {{"text/csv", "'{{input}};1'", true},
                {"application/graphql", "'{ a(b: \\\"{{input}}\\\") }'", true},
                {"application/yaml; charset=utf-8", "'a: {{input}}'", true},
                {"json", "'{{input}}'", true},
                {"", "'{{input}}'", true},
                {"text/csv", "'a;1'", false},
                {"text/csv", "{'a':'{{input}}'}", false},
                {"{{input}}", "'{{input}}'", false},
                {"application/vnd.api+json", "'[\\\"{{input}}\\\"]'", false},
                {"application/x-www-form-urlencoded", "'a={{input}}'", false},
                {"text/plain; charset=utf-8", "'{{input}}'", false},
                {"text/html", "'{{input}}'", false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *found = lint(arena_printf(&arena,
                                              "'nodes':{'a':{'type':'http','method':'POST','url':'https://e.com',"
                                              "'headers':{'Content-Type':'%s'},'body':%s,'next':'b','error':'b'},"
                                              "'b':{'type':'end'}},'catch_all':'a'," TESTS,
                                              rows[i].type, rows[i].body),
                                 "");
        if (strcmp(found, rows[i].warned ? "body_type W a /nodes/a/body" : "") != 0)
            fail_msg("%s: %s\n  found    %s", rows[i].type, rows[i].body, found);
    }
}

static void findings_are_bounded(void **state)
{
    (void)state;
    struct buf b;
    size_t n;
    struct err e = ERR_INIT;
    struct flow_finding *f;
    buf_init(&b, MB);
    buf_puts(&b, "'nodes':{'a':{'type':'end'}");
    for (int i = 0; i < 1500; i++)
        buf_printf(&b, ",'n%d':{'type':'jump','to':'zz'}", i);
    buf_puts(&b, "}");
    struct flow *flow = flow_of(b.p);
    assert_int_equal(flow_lint(flow, &arena, &f, &n, &e), OK);
    assert_int_equal(n, MAX_FLOW_FINDINGS);
    flow_drop(flow);
    buf_release(&b);
}

/* ---- scripted tests ---- */

#define NODES                                                                                                   \
    "'variables':{'n':{'type':'number'}},'nodes':{'a':{'type':'say','messages':[{'type':'text','text':'hi'}],'" \
    "choices':[{'label':'Yes','value':'y','next':'c'}],'next':'q'},'q':{'type':'ask','text':'How "              \
    "many?','expect':'number','var':'n','next':'h'},"                                                           \
    "'h':{'type':'http','method':'GET','url':'https://e.com/"                                                   \
    "{{n}}','next':'c','error':'e'},'c':{'type':'say','messages':[{'type':'text','text':'fine "                 \
    "{{n}}'}]},'e':{'type':'end','text':'failed'}},'catch_all':'q',"

static const char *script_says(const char *test)
{
    struct flow_test_result *r;
    size_t n;
    struct err e = ERR_INIT;
    struct flow *f = flow_of(arena_printf(&arena, NODES "'tests':[%s]", test));
    assert_int_equal(flow_test(f, &arena, &r, &n, &e), OK);
    assert_int_equal(n, 1);
    assert_int_equal(r->passed, r->message.n == 0);
    flow_drop(f);
    return arena_strdup(&arena, r->message);
}

static void tests_share_the_time_of_patterns(void **state)
{
    (void)state;
    struct flow_test_result *r;
    size_t n;
    struct err e = ERR_INIT;
    struct buf b;
    char text[4001];
    memset(text, 'a', 4000);
    text[4000] = 0;
    buf_init(&b, MB);
    buf_puts(&b, "'nodes':{'a':{'type':'branch','cases':[{'when':{'var':'input','op':'matches','value':'(?:a?){13}[^a]'"
                 "},'next':'b'}],'else':'b'},"
                 "'b':{'type':'ask','text':'x','expect':'text','next':'a'}},'tests':[");
    for (int i = 0; i < 100; i++)
        buf_printf(&b, "%s{'name':'t%d','turns':[{'say':'%s','expect':['x']}]}", i ? "," : "", i, text);
    buf_puts(&b, "]");
    struct flow *f = flow_of(arena_strdup(&arena, buf_str(&b)));
    assert_int_equal(flow_test(f, &arena, &r, &n, &e), OK);
    assert_int_equal(n, 100);
    assert_true(r[0].passed);
    assert_false(r[99].passed);
    assert_non_null(strstr(r[99].message.p, "the patterns of the flow took more than 1000 ms"));
    flow_drop(f);
    buf_release(&b);
}

static void a_failing_test_names_the_difference(void **state)
{
    (void)state;
    static const struct {
        const char *test, *message;
    } rows[] = {
        {"{'name':'n','greeting':['hi','Yes'],'turns':[{'choose':'Yes','expect':['fine'],'not':['sad'],'at':'c','state'"
         ":'open','vars':{'n':null}}]}",
         ""},
        {"{'name':'n','greeting':['hola'],'turns':[{'say':'x'}]}",
         "Test \"n\", turn 0: expected \"hola\" in the reply, got \"hi\nYes\"."},
        {"{'name':'n','turns':[{'say':'x'},{'say':'4','expect':['bad']}],'http':[{}]}",
         "Test \"n\", turn 2: expected \"bad\" in the reply, got \"fine 4\"."},
        {"{'name':'n','turns':[{'say':'x'},{'say':'4','expect':['fine']}],'http':[{'status':500}]}",
         "Test \"n\", turn 2: expected \"fine\" in the reply, got \"failed\" after a failed call: The service answered "
         "with the status 500."},
        {"{'name':'n','turns':[{'say':'x'},{'say':'4','not':['fine']}],'http':[{}]}",
         "Test \"n\", turn 2: \"fine\" must not be in the reply, got \"fine 4\"."},
        {"{'name':'n','turns':[{'say':'x','at':'c'}]}", "Test \"n\", turn 1: expected to be at \"c\", is at \"q\"."},
        {"{'name':'n','turns':[{'say':'x','state':'closed'}]}",
         "Test \"n\", turn 1: expected the state closed, got open."},
        {"{'name':'n','turns':[{'say':'x'},{'say':'4','vars':{'n':5}}],'http':[{}]}",
         "Test \"n\", turn 2: expected n = \"5\", got \"4\"."},
        {"{'name':'n','turns':[{'choose':'No'}]}",
         "Test \"n\", turn 1: the visitor chooses \"No\", but no such choice is shown."},
        {"{'name':'n','turns':[{'say':'x'},{'say':'4'}]}", "Test \"n\", turn 2: the flow calls GET https://e.com/4 "
                                                           "with the body \"\", and the test has no answer for that."},
        {"{'name':'n','turns':[{'say':'x'},{'say':'4','expect':['failed'],'state':'closed'}],'http':[{'fail':true}]}",
         ""},
        {"{'name':'n','turns':[{'say':'x'},{'say':'4','expect':['failed']}],'http':[{'url':'https://e.com/"
         "5'},{'method':'GET','url':'https://e.com/4','status':500}]}",
         ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(script_says(rows[i].test), rows[i].message);
}

/* ---- difference ---- */

static const char *diff(const char *before, const char *after)
{
    static char out[8000];
    struct flow_change *c;
    size_t n;
    struct err e = ERR_INIT;
    out[0] = 0;
    assert_int_equal(flow_diff(json_of(before), json_of(after), &arena, &c, &n, &e), OK);
    for (size_t i = 0; i < n; i++)
        add(out, sizeof(out), "%s%.*s %.*s; %.*s", i ? "|" : "", STR_F(c[i].pointer), STR_F(c[i].node),
            STR_F(c[i].words));
    return out;
}

static void differences_in_words(void **state)
{
    (void)state;
    assert_string_equal(diff("{'a':[1,{'b':2}]}", "{'a':[1,{'b':2}]}"), "");
    assert_string_equal(
        diff("{'nodes':{'hi':{'messages':[{'text':{'en':'Hi'}}]}}}",
             "{'nodes':{'hi':{'messages':[{'text':{'en':'Hello'}}]}}}"),
        "/nodes/hi/messages/0/text/en hi; node \"hi\", message 1, text, en: changed from \"Hi\" to \"Hello\"");
    assert_string_equal(diff("{'nodes':{'a':{'next':'b'},'c':{}}}", "{'nodes':{'a':{},'d':{'type':'end'}}}"),
                        "/nodes/a/next a; node \"a\", next: removed \"b\"|/nodes/c c; node \"c\": removed "
                        "\"{}\"|/nodes/d d; node \"d\": added \"{\"type\":\"end\"}\"");
    assert_string_equal(diff("{'nodes':{'a':{'choices':[{'value':'1'},{'value':'3'}]}}}",
                             "{'nodes':{'a':{'choices':[{'value':'1'},{'value':'2'},{'value':'3'}]}}}"),
                        "/nodes/a/choices/1 a; node \"a\", choice 2: added \"{\"value\":\"2\"}\"");
    assert_string_equal(diff("{'start':'a','languages':['en']}", "{'start':'b','languages':['en','es']}"),
                        "/start ; start: changed from \"a\" to \"b\"|/languages/1 ; language 2: added \"es\"");
    /* Members who may not read a key may read what has changed. */
    assert_string_equal(
        diff("{'nodes':{'h':{'headers':{'X-Api-Key':'sk_1','Accept':'a'}}}}",
             "{'nodes':{'h':{'headers':{'X-Api-Key':'sk_2','Accept':'b','Cookie':'sk_3'}}}}"),
        "/nodes/h/headers/X-Api-Key h; node \"h\", header \"X-Api-Key\": changed from \"••••\" to \"••••\"|"
        "/nodes/h/headers/Accept h; node \"h\", header \"Accept\": changed from \"a\" to \"b\"|"
        "/nodes/h/headers/Cookie h; node \"h\", header \"Cookie\": added \"••••\"");
    assert_string_equal(diff("{'nodes':{}}", "{'nodes':{'h':{'headers':{'X-A':'Bearer sk_1','X-B':'{{secret.a}}'}}}}"),
                        "/nodes/h h; node \"h\": added "
                        "\"{\"headers\":{\"X-A\":\"••••\",\"X-B\":\"{{secret.a}}\"}}\"");
    assert_string_equal(
        diff("{'nodes':{'h':{'url':'https://e.com/a?q=1&api_key=sk_1','body':{'auth':{'token':'sk_1'}}}}}",
             "{'nodes':{'h':{'url':'https://e.com/b?q=1&api_key=sk_2','body':{'auth':{'token':'sk_2'}}}}}"),
        "/nodes/h/url h; node \"h\", url: changed from \"https://e.com/a?q=1&api_key=••••\" to "
        "\"https://e.com/b?q=1&api_key=••••\"|/nodes/h/body/auth/token h; node \"h\", body, auth, token: "
        "changed from \"••••\" to \"••••\"");
    assert_string_equal(diff("{'nodes':{'h':{'body':'a=1&password=sk_1'}}}",
                             "{'nodes':{'h':{'body':'a=2&password=sk_2'},'i':{'body':[{'secret':'sk_3','x':'y'}]}}}"),
                        "/nodes/h/body h; node \"h\", body: changed from \"a=1&password=••••\" to "
                        "\"a=2&password=••••\"|/nodes/i i; node \"i\": added "
                        "\"{\"body\":[{\"secret\":\"••••\",\"x\":\"y\"}]}\"");
    assert_string_equal(diff("{'nodes':{'h':{'headers':{'Authorization':'Bearer {{secret.a}}'}}}}",
                             "{'nodes':{'h':{'headers':{'Authorization':'Bearer {{secret.b}}'}}}}"),
                        "/nodes/h/headers/Authorization h; node \"h\", header \"Authorization\": changed from "
                        "\"Bearer {{secret.a}}\" to \"Bearer {{secret.b}}\"");
    assert_string_equal(diff("{'x':null}", "{}"), "/x ; x: removed \"null\"");
    assert_string_equal(diff("1", "'y'"), " ; the flow: changed from \"1\" to \"y\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_finding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_that_are_written_out_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(body_types_without_an_escape_are_warned_about, set_up, tear_down),
        cmocka_unit_test_setup_teardown(findings_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failing_test_names_the_difference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tests_share_the_time_of_patterns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(differences_in_words, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
