/* `http` nodes: what is sent whatever a visitor types, and what becomes of the answer. */
#include "flow_helper.h"

#include "base/banned.h"

#define TEXT(t) "'messages':[{'type':'text','text':'" t "'}]"

static struct talk t;

static void begin(const char *flow)
{
    talk_begin(&t, flow_of(flow));
}

static int end_talk(void **state)
{
    flow_drop(t.f);
    t.f = NULL;
    return tear_down(state);
}

#define HTTP                                                                                                          \
    "'variables':{'v':{'type':'text'},'n':{'type':'number'},'code':{'type':'number'},'d':{'type':'date'}},'nodes':{'" \
    "a':{'type':'set','set':[{'var':'v','copy':'input'},{'var':'n','to':7}],'next':'h'},"                             \
    "'h':{'type':'http','method':'POST','url':'https://e.com/{{v}}?n={{n}}','headers':{'X-V':'a "                     \
    "{{v}}'},'body':{'n':'{{n}}','s':'x {{n}}','v':'{{ v }}','list':['{{d}}',1.5,null,true,{'k':'{{v}}!'}]},"         \
    "'timeout_ms':750,'map':{'v':'/a/0/b~1c','n':'/n','d':'/"                                                         \
    "when'},'status':'code','next':'ok','error':'bad'},'ok':{'type':'say'," TEXT(                                     \
        "ok {{v}} {{n}} {{d}}") "},'bad':{'type':'say'," TEXT("bad {{code}}") "}}"

static void http_escapes_and_maps(void **state)
{
    (void)state;
    begin(HTTP);
    t.http_body = "{\"a\":[{\"b/c\":{\"x\":1}}],\"n\":\"12\",\"when\":\"2026-05-06T10:00:00Z\"}";
    assert_string_equal(say(&t, "a\"b/ñ"), "ok {\"x\":1} 12 6 May 2026");
    assert_string_equal(
        t.http_seen, "POST https://e.com/a%22b%2F%C3%B1?n=7 750 X-V=a a\"b/ñ Content-Type=application/json "
                     "{\"n\":7,\"s\":\"x 7\",\"v\":\"a\\\"b/ñ\",\"list\":[null,1.5,null,true,{\"k\":\"a\\\"b/ñ!\"}]}");
    assert_string_equal(var(&t, "code"), "200");
}

static void http_failures_continue_at_the_error_node(void **state)
{
    (void)state;
    static const struct {
        int status;
        bool fails;
        const char *body, *reply, *why;
    } rows[] = {{404, false, "{}", "bad 404", "The service answered with the status 404."},
                {500, false, "", "bad 500", "The service answered with the status 500."},
                {200, true, "", "bad 0", "no"},
                {204, false, "", "ok   ", ""},
                {200, false, "", "ok   ", ""},
                {200, false, "\xEF\xBB\xBF\r\n", "ok   ", ""},
                {200, false, "null", "ok   ", ""},
                {200, false, "[1,2]", "ok   ", ""},
                {200, false, "not json", "bad 200",
                 "The answer cannot be read: This is not valid JSON: line 1, column 1: a value was expected."},
                {201, false, "\xEF\xBB\xBF <!DOCTYPE html>", "bad 201", "The answer is HTML or XML and not JSON."},
                {200, false, "{\"n\":1", "bad 200",
                 "The answer cannot be read: This is not valid JSON: line 1, column 7: a comma or } was expected."}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(HTTP);
        t.http_status = rows[i].status;
        t.http_fails = rows[i].fails;
        t.http_body = rows[i].body;
        assert_string_equal(say(&t, "x"), rows[i].reply);
        assert_string_equal(t.fault, rows[i].why);
        flow_drop(t.f);
    }
    t.f = NULL;
}

/* What one value is must not cost the others. */
static void http_answers_of_others_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *body, *reply;
    } rows[] = {{"\xEF\xBB\xBF{\"a\":[{\"b/c\":\"Ana\"}],\"n\":5}", "ok Ana 5 "},
                {"{\"a\":[{\"b/c\":98765432109876543210}],\"n\":98765432109876543210}",
                 "ok 98765432109876543210 9.876543210987654e+19 "},
                {"{\"meta\":[1e999,NaN,\"hi \\ud83d\",\"\\u0000\"],\"n\":1,\"n\":5}", "ok  5 "},
                {"{\"a\":[{\"b/c\":\"hi \\ud83d\"}]}", "ok hi \xEF\xBF\xBD  "}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(HTTP);
        t.http_body = rows[i].body;
        assert_string_equal(say(&t, "x"), rows[i].reply);
        flow_drop(t.f);
    }
    char deep[151] = "";
    memset(deep, '[', 75);
    memset(deep + 75, ']', 75);
    begin(HTTP);
    t.http_body = arena_printf(&arena, "{\"n\":5,\"deep\":%s}", deep);
    assert_string_equal(say(&t, "x"), "ok  5 ");
}

/* An answer that fills no variables may be anything. */
static void http_an_answer_that_is_not_used_is_not_read(void **state)
{
    (void)state;
    begin("'nodes':{'a':{'type':'http','method':'POST','url':'https://e.com/','next':'b','error':'c'},"
          "'b':{'type':'end','text':'good'},'c':{'type':'end','text':'bad'}}");
    t.http_body = "<html>";
    assert_string_equal(say(&t, "x"), "good");
}

static void http_never_sends_a_line_break_in_a_header(void **state)
{
    (void)state;
    begin(HTTP);
    t.http_body = "{}";
    assert_string_equal(say(&t, "x\r\nX-Evil: 1"), "bad 0");
    assert_string_equal(t.http_seen, "");
}

static void http_string_bodies_are_escaped_by_their_type(void **state)
{
    (void)state;
    static const struct {
        const char *headers, *body, *seen;
    } rows[] = {{"{'Content-Type':'application/x-www-form-urlencoded'}", "a={{input}}", "a=1%262"},
                {"{'content-type':'application/json'}", "[{{input}}]", "[\"1\\u00262\"]"},
                {"{'Content-Type':'text/plain'}", "a={{input}}", "a=1&2"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(arena_printf(&arena,
                           "'nodes':{'a':{'type':'http','method':'PUT','url':'https://"
                           "e.com','headers':%s,'body':'%s','next':'b','error':'b'},'b':{'type':'end','text':'x'}}",
                           rows[i].headers, rows[i].body));
        say(&t, "1&2");
        assert_non_null(strstr(t.http_seen, rows[i].seen));
        flow_drop(t.f);
    }
    t.f = NULL;
}

/* One call with these headers and this body, after the visitor has said `input`. Returns what was sent, or "". */
static const char *http_sent(const char *url, const char *headers, const char *body, const char *input)
{
    begin(arena_printf(&arena,
                       "'variables':{'type':{'type':'text'},'n':{'type':'number'},'no':{'type':'text'}},'nodes':{"
                       "'a':{'type':'set','set':[{'var':'type','copy':'input'},{'var':'n','to':7}],'next':'h'},"
                       "'h':{'type':'http','method':'PUT','url':'%s','headers':%s%s%s,'next':'b','error':'c'},"
                       "'b':{'type':'end','text':'good'},'c':{'type':'end','text':'bad'}}",
                       url, headers, body ? ",'body':" : "", body ? body : ""));
    const char *reply = say(&t, input);
    assert_string_equal(reply, t.http_seen[0] ? "good" : "bad");
    assert_int_equal(t.http_seen[0] == 0, t.fault[0] != 0);
    flow_drop(t.f);
    t.f = NULL;
    return t.http_seen;
}

static void http_a_visitor_cannot_add_fields_to_a_body(void **state)
{
    (void)state;
    static const char json[] = "'{\\\"a\\\":\\\"{{input}}\\\",\\\"n\\\":{{n}}}'",
                      fields[] = "\",\"role\":\"admin\",\"z\":\"", tags[] = "</t><role>admin</role><t a='\">&";
    static const struct {
        const char *headers, *body, *input, *seen;
    } rows[] = {
        {"{}", json, fields, " {\"a\":\"\\\",\\\"role\\\":\\\"admin\\\",\\\"z\\\":\\\"\",\"n\":7}"},
        {"{'Content-Type':'Application/JSON; charset=utf-8'}", json, "\"", " {\"a\":\"\\\"\",\"n\":7}"},
        {"{'Content-Type':'application/vnd.x+json'}", json, "\"", " {\"a\":\"\\\"\",\"n\":7}"},
        {"{'Content-Type':'application/{{type}}'}", "'a={{type}}'", "json", " a=\"json\""},
        {"{'Content-Type':'{{type}}'}", "'<a>{{type}}&amp;</a>'", "text/xml", " <a>text/xml&amp;</a>"},
        {"{}", "'[{{input}},{{n}},{{no}}]'", "1,2", " [\"1,2\",7,null]"},
        {"{}", "'[{{input}}]'", "-1.5e3", " [-1.5e3]"},
        {"{}", "'[{{input}}]'", "007", " [\"007\"]"},
        {"{}", "'[{{input}}]'", "true", " [true]"},
        {"{'Content-Type':'text/xml'}", "'<t>{{input}}</t>'", tags,
         " <t>&lt;/t&gt;&lt;role&gt;admin&lt;/role&gt;&lt;t a=&#39;&quot;&gt;&amp;</t>"},
        {"{'Content-Type':'application/soap+xml; charset=utf-8'}", "'<t a=\\\"{{input}}\\\"/>'", "a\"b\rc\xEF\xBF\xBE",
         " <t a=\"a&quot;b&#13;c\"/>"},
        {"{'Content-Type':'text/html'}", "'<!-- > --><t>{{input}}</t>'", "<b>", " <!-- > --><t>&lt;b&gt;</t>"},
        {"{'Content-Type':'application/xml'}", "'<t><![CDATA[<{{input}}]]></t>'", "a&]]><x>",
         " <t><![CDATA[<a&]]>&#93;<![CDATA[]]>&#93;<![CDATA[]]>&#62;<![CDATA[<x]]>&#62;<![CDATA[]]></t>"},
        {"{'Content-Type':'application/xml'}", "'<{{input}}/>'", "a-b", " <a-b/>"},
        {"{'Content-Type':'application/xml'}", "'<{{input}}/>'", "a b=\"c\"", NULL},
        {"{'Content-Type':'application/xml'}", "'<a b={{input}}/>'", "a b", NULL},
        {"{'Content-Type':'text/plain'}", "'{{input}}'", fields, fields},
        {"{'Content-Type':'text/csv'}", "'{{input}},{{n}}'", "Ana Müller", " Ana Müller,7"},
        {"{'Content-Type':'text/csv'}", "'{{input}},1'", "=1+2", NULL},
        {"{'Content-Type':'text/csv'}", "'{{input}},1'", "a\nb", NULL},
        {"{'Content-Type':'multipart/form-data; boundary=x'}", "'--x {{input}}'", "a\r\n--x", NULL},
        {"{'Content-Type':'text/plain, application/json'}", "'{{input}}'", "\"", NULL},
        {"{'Content-Type':''}", "'{{input}}'", "\"", NULL},
        {"{'Content-Type':'text/plain','content-type':'text/xml'}", "'{{input}}'", "a", NULL},
        {"{'Content-Type':'text/xml'}", "{'a':'{{input}}'}", "\"", " {\"a\":\"\\\"\"}"},
        {"{}", "'{\\\"a\\\":\\\"\\\\{{input}}\\\"}'", "\",\"b\":\"", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *seen = http_sent("https://e.com/", rows[i].headers, rows[i].body, rows[i].input);
        if (!rows[i].seen ? seen[0] != 0 : !strstr(seen, rows[i].seen))
            fail_msg("row %zu sends %s", i, seen);
    }
}

static void http_a_visitor_cannot_change_the_resource(void **state)
{
    (void)state;
    static const struct {
        const char *url, *input, *seen;
    } rows[] = {{"https://e.com/v1/{{input}}/notes", "..", NULL},
                {"https://e.com/v1/{{input}}/notes", ".", NULL},
                {"https://e.com/v1/{{input}}", "..", NULL},
                {"https://e.com/v1/{{input}}?a=1", "..", NULL},
                {"https://e.com/v1/{{input}}#a", "..", NULL},
                {"https://e.com/{{input}}{{input}}/a", ".", NULL},
                {"https://e.com/.{{input}}/a", ".", NULL},
                {"https://e.com/%2e{{input}}/a", ".", NULL},
                {"https://e.com/{{input}}%2E/a", ".", NULL},
                {"https://e.com/{{input}};v=1/a", "..", NULL},
                {"https://e.com/%{{input}}/a", "2e", NULL},
                {"https://e.com/.%2{{input}}/a", "e", NULL},
                {"https://e.com/?a=%2{{input}}", "6", NULL},
                {"https://e.com/v1/{{no}}", "x", NULL},
                {"https://e.com/v1/{{no}}/a", "x", NULL},
                {"https://e.com/v1/x{{no}}", "x", "https://e.com/v1/x "},
                {"https://e.com/v1/{{input}}", "...", "https://e.com/v1/... "},
                {"https://e.com/v1/{{input}}.json", "..", "https://e.com/v1/...json "},
                {"https://e.com/v1/{{input}}", "../users", "https://e.com/v1/..%2Fusers "},
                {"https://e.com/v1/{{input}}", "%2e%2e", "https://e.com/v1/%252e%252e "},
                {"https://e.com/v1/{{input}}", "1?admin=1#x", "https://e.com/v1/1%3Fadmin%3D1%23x "},
                {"https://e.com/a/../b/{{input}}", "x", "https://e.com/a/../b/x "},
                {"https://e.com/v1?a={{input}}&b={{no}}", "..", "https://e.com/v1?a=..&b= "},
                {"https://e.com/v1?a=/{{input}}/", "..", "https://e.com/v1?a=/../ "},
                {"https://e.com?a={{input}}", "&b=1", "https://e.com?a=%26b%3D1 "}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *seen = http_sent(rows[i].url, "{}", NULL, rows[i].input);
        if (!rows[i].seen ? seen[0] != 0 : !strstr(seen, rows[i].seen))
            fail_msg("row %zu sends %s", i, seen);
    }
}

static void http_a_visitor_cannot_add_a_cookie(void **state)
{
    (void)state;
    assert_string_equal(http_sent("https://e.com/", "{'Cookie':'a={{input}}; b=1'}", NULL, "x; admin=1"), "");
    assert_non_null(
        strstr(http_sent("https://e.com/", "{'cookie':'a={{input}}; b=1'}", NULL, "x=="), "cookie=a=x==; b=1"));
    assert_non_null(strstr(http_sent("https://e.com/", "{'X-A':'{{input}}'}", NULL, "x; y"), "X-A=x; y"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, end_talk)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(http_escapes_and_maps),
        TEST(http_failures_continue_at_the_error_node),
        TEST(http_answers_of_others_are_read),
        TEST(http_an_answer_that_is_not_used_is_not_read),
        TEST(http_never_sends_a_line_break_in_a_header),
        TEST(http_string_bodies_are_escaped_by_their_type),
        TEST(http_a_visitor_cannot_add_fields_to_a_body),
        TEST(http_a_visitor_cannot_change_the_resource),
        TEST(http_a_visitor_cannot_add_a_cookie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
