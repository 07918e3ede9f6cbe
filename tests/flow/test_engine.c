/* The nodes that ask an engine: what is asked, and what becomes of each kind of answer. */
#include "flow_helper.h"

#include "base/banned.h"

#define TEXT(t) "'messages':[{'type':'text','text':'" t "'}]"
#define VARS                                                                                                  \
    "'variables':{'v':{'type':'text'},'n':{'type':'number'},'yes':{'type':'boolean'},'day':{'type':'date'}}," \
    "'nodes':{'a':{'type':'jump','to':'g'},'bad':{'type':'end','text':'bad {{v}}'},"                          \
    "'ok':{'type':'end','text':'v={{v}} n={{n}} yes={{yes}} day={{day}}'},'g':"

static struct talk t;

static void begin(const char *node, const char *answer)
{
    flow_drop(t.f);
    talk_begin(&t, flow_of(arena_printf(&arena, VARS "%s}", node)));
    t.engine_answer = answer;
}

static int end_talk(void **state)
{
    flow_drop(t.f);
    t.f = NULL;
    return tear_down(state);
}

/* ---- engine ---- */

static void the_answer_is_said_and_the_conversation_continues(void **state)
{
    (void)state;
    begin("{'type':'engine','error':'bad'}", "  Hello there.\n");
    assert_string_equal(say(&t, "hi"), "Hello there.");
    assert_string_equal(t.engine_seen, "ask|en||hi|hs|;");
    assert_string_equal(t.path, "a>g");
    assert_at(&t, "g");
    t.engine_answer = "Again.";
    assert_string_equal(say(&t, "and now?"), "Again."); /* the node takes the next message, too */
    assert_string_equal(t.engine_seen, "ask|en||and now?|hs|;");
    t.engine_answer = NULL;
    assert_string_equal(say(&t, "and now?"), "bad ");
    assert_string_equal(t.fault, "no engine");
}

static void a_handoff_takes_the_way_of_the_node(void **state)
{
    (void)state;
    begin("{'type':'engine','next':'ok','handoff':'p','error':'bad'},'p':{'type':'handoff','text':'a person'}",
          "Wait.");
    t.engine_handoff = true;
    assert_string_equal(say(&t, "hi"), "Wait.|a person");
    assert_string_equal(t.path, "a>g>p");
    assert_int_equal(t.r.status, FLOW_HANDOFF);
    begin("{'type':'engine','next':'ok','handoff':'p','error':'bad'},'p':{'type':'handoff','text':'a person'}", "");
    t.engine_handoff = true;
    assert_string_equal(say(&t, "hi"), "a person");
    begin("{'type':'engine','map':{'v':'/a'},'next':'ok','handoff':'bad','error':'ok'}", "");
    t.engine_handoff = true;
    assert_string_equal(say(&t, "hi"), "bad ");
}

static void a_handoff_without_a_way_hands_the_conversation_over(void **state)
{
    (void)state;
    begin("{'type':'engine','error':'bad'}", "");
    t.engine_handoff = true;
    assert_string_equal(say(&t, "hi"), "");
    assert_int_equal(t.r.status, FLOW_HANDOFF);
    assert_at(&t, "g");
    t.engine_handoff = false;
    t.engine_answer = "Here again.";
    assert_string_equal(say(&t, "and?"), "Here again."); /* a person has given it back */
    assert_int_equal(t.r.status, FLOW_OPEN);
    begin("{'type':'classify','labels':[{'label':'a','next':'ok'}],'else':'ok','error':'bad'}", "");
    t.engine_handoff = true;
    assert_string_equal(say(&t, "hi"), "bad ");
    assert_string_equal(t.fault, "The engine wants a person to answer.");
}

static void texts_of_the_node_are_asked(void **state)
{
    (void)state;
    begin("{'type':'engine','system':'Be {{input}}','prompt':{'en':'Q: {{input}}','es':'P: {{input}}'},'history':false,"
          "'stream':false,'show':true,'var':'v','next':'ok','error':'bad'}",
          "A");
    assert_string_equal(say(&t, "nice"), "A|v=A n= yes= day=");
    assert_string_equal(t.engine_seen, "ask|en|Be nice|Q: nice||;");
}

static void an_answer_may_be_kept_and_not_said(void **state)
{
    (void)state;
    begin("{'type':'engine','show':false,'var':'v','next':'ok','error':'bad'}", "kept");
    assert_string_equal(say(&t, "x"), "v=kept n= yes= day=");
    assert_string_equal(t.engine_seen, "ask|en||x|h|;");
}

/* Half an answer may be read with its mark, and is good for nothing else. */
static void an_answer_that_was_cut_off_fills_nothing(void **state)
{
    static const char *const nodes[] = {
        "{'type':'engine','show':false,'var':'v','next':'ok','error':'bad'}",
        "{'type':'engine','map':{'v':'/a'},'next':'ok','error':'bad'}",
        "{'type':'extract','fill':{'v':'name'},'next':'ok','error':'bad'}",
        "{'type':'classify','labels':[{'label':'a','next':'ok'}],'else':'ok','error':'bad'}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(nodes); i++) {
        begin(nodes[i], "{\"label\":\"a\",\"v\":\"Ana\",\"a\":\"A\"} and th");
        t.engine_interrupted = true;
        assert_string_equal(say(&t, "x"), "bad ");
        assert_string_equal(t.fault, "The answer of the engine was cut off.");
    }
    begin("{'type':'engine','error':'bad'}", "Half an ans");
    t.engine_interrupted = true;
    assert_string_equal(say(&t, "x"), "Half an ans");
}

static void members_of_a_structured_answer_fill_variables(void **state)
{
    (void)state;
    begin("{'type':'engine','map':{'n':'/order/n','day':'/order/a~1b~0','v':'/who','yes':'/gone'},'next':'ok','error':"
          "'bad'}",
          "Here it is: ```json\n{\"order\":{\"n\":4,\"a/b~\":\"2026-03-04\"},\"who\":\"Ana\"}\n```");
    assert_string_equal(say(&t, "x"), "v=Ana n=4 yes= day=4 March 2026");
    assert_non_null(strstr(t.engine_seen, "\"order\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":[\"number\","
                                          "\"null\"]},\"a/b~\":{\"type\":[\"string\",\"null\"],\"format\":\"date\"}},"
                                          "\"required\":[\"n\",\"a/b~\"],\"additionalProperties\":false}"));
    assert_non_null(strstr(t.engine_seen, "\"required\":[\"order\",\"who\",\"gone\"]"));
    t.r.state = NULL;
    t.engine_answer = "I do not know.";
    assert_string_equal(say(&t, "x"), "bad ");
    assert_string_equal(t.fault, "The answer of the engine is not a JSON object.");
    t.r.state = NULL;
    t.engine_answer = "{\"order\":";
    assert_string_equal(say(&t, "x"), "bad ");
}

static void a_failure_says_what_the_author_wrote(void **state)
{
    (void)state;
    static const char *const answers[] = {NULL, "", " \n", "\xFF"};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        begin("{'type':'engine','failed':'One moment.','next':'ok','error':'bad'}", answers[i]);
        assert_string_equal(say(&t, "x"), "One moment.|bad ");
        assert_string_equal(t.fault, i ? "The engine has given no answer." : "no engine");
    }
}

static void a_turn_asks_only_so_often(void **state)
{
    (void)state;
    begin("{'type':'engine','show':false,'next':'g','error':'bad'}", "x");
    assert_string_equal(say(&t, "x"), "bad ");
    assert_string_equal(t.fault, "This turn has asked engines too often.");
    size_t asked = 0;
    for (const char *p = t.engine_seen; (p = strstr(p, "ask|")); p++)
        asked++;
    assert_int_equal(asked, MAX_FLOW_ENGINE_CALLS);
}

static void nothing_is_asked_without_a_prompt(void **state)
{
    (void)state;
    begin("{'type':'engine','prompt':'{{v}}','next':'ok','error':'bad'}", "x");
    assert_string_equal(say(&t, "x"), "bad ");
    assert_string_equal(t.engine_seen, "");
}

/* ---- classify ---- */

#define CLASSIFY                                                                                                  \
    "{'type':'classify','system':'A shop.','labels':[{'label':'Refund','description':'wants money','next':'ok'}," \
    "{'label':'Té','next':'tea'}],'var':'v','else':'other'},'tea':{'type':'end','text':'tea {{v}}'},"            \
    "'other':{'type':'end','text':'other [{{v}}]'}"

static void the_label_chooses_the_branch(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *reply;
    } rows[] = {{"{\"label\":\"Refund\"}", "v=Refund n= yes= day="},
                {"```{\"label\": \"refund.\"}```", "v=Refund n= yes= day="},
                {"REFUND", "v=Refund n= yes= day="},
                {"te", "tea Té"},
                {"{\"label\":\"none\"}", "other []"},
                {"{\"label\":7}", "other []"},
                {"{\"class\":\"Refund\"}", "other []"},
                {"I think it is Refund or Té", "other []"},
                {NULL, "other []"},
                {"", "other []"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(CLASSIFY, rows[i].answer);
        assert_string_equal(say(&t, "money back!"), rows[i].reply);
    }
    begin(CLASSIFY, "te");
    say(&t, "money back!");
    assert_string_equal(t.engine_seen,
                        "classify|en|Choose the one label that fits the message best. Answer with a JSON object with "
                        "the member \"label\", and nothing else. The labels are:\n- Refund: wants money\n- Té\n- none: "
                        "no other label fits\n\nA shop.|money back!||{\"type\":\"object\",\"properties\":{\"label\":{"
                        "\"type\":\"string\",\"enum\":[\"Refund\",\"Té\",\"none\"]}},\"required\":[\"label\"],"
                        "\"additionalProperties\":false};");
}

static void a_classified_message_can_still_be_answered(void **state)
{
    (void)state;
    begin("{'type':'classify','labels':[{'label':'faq','next':'f'}],'else':'bad'},'f':{'type':'answer','none':'ok'}",
          "faq");
    t.answer = (struct flow_answer){.verdict = FLOW_SURE, .n = 1};
    t.answer.hits[0].question = t.answer.hits[0].answer = t.answer.hits[0].title = STR("From the list");
    t.answer.hits[0].url = STR_EMPTY;
    assert_string_equal(say(&t, "x?"), "From the list");
    assert_string_equal(t.asked, "en:x?;");
}

static void a_failed_choice_takes_its_own_way(void **state)
{
    (void)state;
    begin("{'type':'classify','labels':[{'label':'a','next':'ok'}],'else':'ok','error':'bad'}", NULL);
    assert_string_equal(say(&t, "x"), "bad ");
}

/* ---- extract ---- */

#define EXTRACT                                                                                                 \
    "{'type':'extract','fill':{'n':'guests','day':'','v':'name','yes':'terrace'},'next':'more','error':'bad'}," \
    "'more':{'type':'ask','text':'v={{v}} n={{n}} yes={{yes}} day={{day}}','expect':'text','next':'g'}"

static void values_fill_variables_of_their_types(void **state)
{
    (void)state;
    begin(EXTRACT, "{\"n\":\"4\",\"day\":\"2026-03-05\",\"v\":null,\"yes\":true,\"extra\":1}");
    assert_string_equal(say(&t, "four on the terrace"), "v= n=4 yes=true day=5 March 2026");
    assert_non_null(strstr(t.engine_seen, "- n (a number): guests\n- day (a date as YYYY-MM-DD)\n- v (text): name\n"));
    assert_non_null(strstr(t.engine_seen, "\"properties\":{\"n\":{\"type\":[\"number\",\"null\"],\"description\":"
                                          "\"guests\"},\"day\":{\"type\":[\"string\",\"null\"],\"format\":\"date\"}"));
    t.engine_answer = "{\"v\":\"Ana\",\"n\":null,\"day\":\"\"}"; /* what is missing stays as it was */
    assert_string_equal(say(&t, "I am Ana"), "v=Ana n=4 yes=true day=5 March 2026");
    t.engine_answer = "{}";
    assert_string_equal(say(&t, "hm"), "v=Ana n=4 yes=true day=5 March 2026");
    t.engine_answer = "none";
    assert_string_equal(say(&t, "hm"), "bad Ana");
}

/* ---- tools ---- */

#define TOOLS                                                                                                        \
    "{'type':'engine','tools':['find','note'],'rounds':2,'error':'bad'},'find':{'type':'http','method':'GET','url':" \
    "'https://e.com/{{n}}','map':{'v':'/state'},'tool':{'name':'find_order','description':'Finds it','parameters':{" \
    "'n':'Its number'}}},'note':{'type':'set','set':[{'var':'yes','to':true}],'tool':{'name':'note','description':"  \
    "'Notes it'}}"
#define FIND_SEEN                                                                                                     \
    "find_order(Finds it {\"type\":\"object\",\"properties\":{\"n\":{\"type\":[\"number\",\"null\"],\"description\":" \
    "\"Its number\"}},\"required\":[\"n\"],\"additionalProperties\":false})"
#define NOTE_SEEN \
    "note(Notes it {\"type\":\"object\",\"properties\":{},\"required\":[],\"additionalProperties\":false})"

static void an_engine_runs_tools_before_it_answers(void **state)
{
    (void)state;
    const struct flow_tool_call calls[] = {{STR("1"), STR("find_order"), STR("{\"n\":7}")},
                                           {STR("2"), STR("note"), STR("")}};
    begin(TOOLS, "It is on its way.");
    t.tool_calls = calls;
    t.tool_call_n = 2;
    t.tool_rounds = 1;
    t.http_body = "{\"state\":\"sent\"}";
    assert_string_equal(say(&t, "where is order 7?"), "It is on its way.");
    assert_string_equal(t.http_seen, "GET https://e.com/7 5000 ");
    assert_string_equal(t.tools_seen,
                        FIND_SEEN NOTE_SEEN ";" FIND_SEEN NOTE_SEEN "1:find_order={\"values\":{\"v\":\"sent\"}}1:note={"
                                            "\"values\":{\"yes\":true}};");
    assert_string_equal(t.path, "a>g>find>note>g");
    assert_at(&t, "g");
    t.tool_calls = NULL;
    t.tool_call_n = 0;
    say(&t, "thanks"); /* the next question begins without their results */
    assert_string_equal(t.tools_seen, FIND_SEEN NOTE_SEEN ";");
}

static void what_a_tool_cannot_do_is_told_to_the_engine(void **state)
{
    (void)state;
    const struct flow_tool_call calls[] = {{STR("1"), STR("find_order"), STR("{\"n\":7}")},
                                           {STR("2"), STR("find_order"), STR("[7]")},
                                           {STR("3"), STR("drop_table"), STR("{}")},
                                           {STR("4"), STR("g"), STR("{}")}};
    begin(TOOLS, "Sorry.");
    t.tool_calls = calls;
    t.tool_call_n = 4;
    t.tool_rounds = 1;
    t.http_status = 500;
    assert_string_equal(say(&t, "x"), "Sorry.");
    assert_non_null(strstr(t.tools_seen, "1:find_order={\"error\":\"The service answered with the status 500.\"}"
                                         "1:find_order={\"error\":\"The arguments are not a JSON object.\"}"
                                         "1:drop_table={\"error\":\"There is no tool with this name.\"}"
                                         "1:g={\"error\":\"There is no tool with this name.\"};"));
}

static void rounds_of_tools_are_limited(void **state)
{
    (void)state;
    const struct flow_tool_call call = {STR("1"), STR("note"), STR("{}")};
    begin(TOOLS, "Answer.");
    t.tool_calls = &call;
    t.tool_call_n = 1;
    t.tool_rounds = 2;
    assert_string_equal(say(&t, "x"), "Answer.");
    assert_non_null(strstr(t.tools_seen, NOTE_SEEN "1:note={\"values\":{\"yes\":true}};1:note=")); /* then without */
    assert_string_equal(t.path, "a>g>note>g>note>g");
    t.tool_rounds = 3; /* an engine that asks for tools and never answers */
    assert_string_equal(say(&t, "x"), "bad ");
    assert_string_equal(t.fault, "The engine asks for tools instead of answering.");
}

/* ---- lint and scripted tests ---- */

static void lint_wants_every_way(void **state)
{
    (void)state;
    static const struct {
        const char *node, *missing;
    } rows[] = {{"{'type':'engine'}", "/nodes/g/error"},
                {"{'type':'engine','show':false,'error':'bad'}", "/nodes/g/next"},
                {"{'type':'classify','labels':[{'label':'a','next':'ok'}],'error':'bad'}", "/nodes/g/else"},
                {"{'type':'extract','fill':{'n':''},'error':'bad'}", "/nodes/g/next"},
                {"{'type':'extract','fill':{'n':''},'next':'ok'}", "/nodes/g/error"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct flow_finding *found;
        size_t n;
        bool seen = false;
        begin(rows[i].node, "x");
        assert_int_equal(flow_lint(t.f, &arena, &found, &n, &t.e), OK);
        for (size_t k = 0; k < n; k++)
            seen = seen || str_eqz(found[k].pointer, rows[i].missing);
        if (!seen)
            fail_msg("nothing at %s", rows[i].missing);
    }
}

static void scripted_tests_give_answers(void **state)
{
    (void)state;
    static const struct {
        const char *engine, *message; /* NULL: it passes */
    } rows[] = {
        {"[{'node':'ok','answer':'no'},{'node':'g','asked':['hel'],'system':['Be'],'answer':{'who':'Ana'}}]", NULL},
        {"[{'asked':['bye'],'answer':'x'}]",
         "Test \"one\", turn 1: the node \"g\" asks an engine \"hello\", and the test has no answer for that."},
        {"[{'fail':true}]", "Test \"one\", turn 1: expected \"v=Ana\" in the reply, got \"bad \" after a failed call: "
                            "The test makes this engine fail."}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct flow_test_result *results;
        size_t n;
        flow_drop(t.f);
        t.f = flow_of(arena_printf(&arena,
                                   VARS "{'type':'engine','system':'Be kind','map':{'v':'/who'},'next':'ok','error':'"
                                        "bad'}},'tests':[{'name':'one','turns':[{'say':'hello','expect':['v=Ana']}],"
                                        "'engine':%s}]",
                                   rows[i].engine));
        assert_int_equal(flow_test(t.f, &arena, &results, &n, &t.e), OK);
        assert_int_equal(n, 1);
        assert_int_equal(results[0].passed, !rows[i].message);
        if (rows[i].message)
            assert_string_equal(results[0].message.p, rows[i].message);
    }
}

static void scripted_tests_run_tools(void **state)
{
    (void)state;
    struct flow_test_result *results;
    size_t n;
    flow_drop(t.f);
    t.f = flow_of(VARS TOOLS "},'tests':[{'name':'one','turns':[{'say':'x','expect':['Sent'],'vars':{'v':'sent'}}],"
                             "'http':[{'url':'https://e.com/7','body':{'state':'sent'}}],'engine':[{'results':['sent'],"
                             "'answer':'Sent!'},{'calls':[{'tool':'find_order','arguments':{'n':7}}]}]}]");
    assert_int_equal(flow_test(t.f, &arena, &results, &n, &t.e), OK);
    if (!results[0].passed)
        fail_msg("%s", results[0].message.p);
}

static void lint_knows_tools(void **state)
{
    (void)state;
    static const struct {
        const char *node, *pointer;
    } rows[] = {{TOOLS, NULL},
                {"{'type':'engine','tools':['ok'],'error':'bad'}", "/nodes/g/tools/0"},
                {"{'type':'engine','tools':['g'],'error':'bad'}", "/nodes/g/tools/0"}, /* a tool cannot ask an engine */
                {"{'type':'engine','tools':['gone'],'error':'bad'}", "/nodes/g/tools/0"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct flow_finding *found;
        size_t n;
        bool tools = false;
        begin(rows[i].node, "x");
        assert_int_equal(flow_lint(t.f, &arena, &found, &n, &t.e), OK);
        for (size_t k = 0; k < n; k++)
            tools = tools ||
                    str_starts(found[k].pointer, str_from(rows[i].pointer ? rows[i].pointer : "/nodes/find")) ||
                    str_starts(found[k].pointer, STR("/nodes/note"));
        assert_int_equal(tools, !!rows[i].pointer);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, end_talk)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_answer_is_said_and_the_conversation_continues),
        TEST(a_handoff_takes_the_way_of_the_node),
        TEST(a_handoff_without_a_way_hands_the_conversation_over),
        TEST(texts_of_the_node_are_asked),
        TEST(an_answer_may_be_kept_and_not_said),
        TEST(an_answer_that_was_cut_off_fills_nothing),
        TEST(members_of_a_structured_answer_fill_variables),
        TEST(a_failure_says_what_the_author_wrote),
        TEST(a_turn_asks_only_so_often),
        TEST(nothing_is_asked_without_a_prompt),
        TEST(the_label_chooses_the_branch),
        TEST(a_classified_message_can_still_be_answered),
        TEST(a_failed_choice_takes_its_own_way),
        TEST(values_fill_variables_of_their_types),
        TEST(lint_wants_every_way),
        TEST(scripted_tests_give_answers),
        TEST(an_engine_runs_tools_before_it_answers),
        TEST(what_a_tool_cannot_do_is_told_to_the_engine),
        TEST(rounds_of_tools_are_limited),
        TEST(scripted_tests_run_tools),
        TEST(lint_knows_tools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
