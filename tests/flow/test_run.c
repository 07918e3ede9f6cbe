/* What each kind of node does in a conversation. */
#include <time.h>

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

/* ---- greeting and say ---- */

static void greeting_is_not_part_of_the_reply(void **state)
{
    (void)state;
    struct flow_message *m;
    size_t n;
    begin("'variables':{'who':{'type':'text','default':'friend'}},'nodes':{'a':{'type':'say','messages':[{'type':'text'"
          ",'text':{'en':'Hi {{who}}','es':'Hola {{who}}'}},"
          "{'type':'image','url':'https://e.com/"
          "i.png','alt':'Alt'}],'choices':[{'label':{'en':'Go','es':'Ir'},'value':'go','next':'b'}],'next':'c'},"
          "'b':{'type':'say'," TEXT("chosen") "},'c':{'type':'say'," TEXT("other {{input}}") "}}");
    assert_int_equal(flow_greeting(t.f, STR("es-MX"), &arena, &m, &n, &t.e), OK);
    assert_int_equal(n, 2);
    assert_true(str_eqz(m[0].text, "Hola friend"));
    assert_int_equal(m[1].kind, FLOW_IMAGE);
    assert_true(str_eqz(m[1].image, "https://e.com/i.png"));
    assert_true(str_eqz(m[1].text, "Alt"));
    assert_int_equal(m[0].choice_n, 0);
    assert_int_equal(m[1].choice_n, 1);
    assert_true(str_eqz(m[1].choices[0].label, "Ir"));
    assert_string_equal(say(&t, "something"), "other something");
    assert_string_equal(t.path, "a>c");
    talk_begin(&t, t.f);
    assert_string_equal(choose(&t, "go"), "chosen");
    talk_begin(&t, t.f);
    assert_string_equal(say(&t, "1"), "chosen");
}

static void no_greeting_without_a_say(void **state)
{
    (void)state;
    struct flow_message *m;
    size_t n = 9;
    begin("'nodes':{'a':{'type':'ask','text':'Name?','expect':'text','next':'b'},'b':{'type':'end','text':'Bye "
          "{{input}}'}}");
    assert_int_equal(flow_greeting(t.f, STR("en"), &arena, &m, &n, &t.e), OK);
    assert_int_equal(n, 0);
    assert_string_equal(say(&t, "hello"), "Name?");
    assert_string_equal(say(&t, "Ann"), "Bye Ann");
    assert_int_equal(t.r.status, FLOW_CLOSED);
}

static void choices_match_by_value_label_number(void **state)
{
    (void)state;
    static const char *const says[] = {"open",           "OPEN!", "¿Horario?", "  opening   HOURS ",
                                       "Opening hours.", "1",     "horário"};
    begin("'nodes':{'a':{'type':'say'," TEXT(
        "x") ",'choices':[{'label':{'en':'Opening hours','es':'Horario'},'value':'open','next':'b'},"
             "{'label':'Two','value':'two'}],'next':'c'},'b':{'type':'end','text':'hours'},'c':{'type':'end','text':'"
             "next'}}");
    for (size_t i = 0; i < COUNT_OF(says); i++) {
        talk_begin(&t, t.f);
        assert_string_equal(say(&t, says[i]), "hours");
    }
    talk_begin(&t, t.f);
    assert_string_equal(say(&t, "2"), "next"); /* a choice without its own `next` continues after the node */
    talk_begin(&t, t.f);
    assert_string_equal(say(&t, "3"), "next");
    talk_begin(&t, t.f);
    assert_string_equal(choose(&t, "Opening hours"), "hours");
}

static void an_unmatched_message_is_always_answered(void **state)
{
    (void)state;
    begin("'nodes':{'a':{'type':'say'," TEXT(
        "x") ",'choices':[{'label':'One','value':'one','next':'b'}]},'b':{'type':'set','set':[{'var':'v','to':1}]}}");
    assert_string_equal(say(&t, "what"), "Sorry, I did not understand that. Could you say it another way? [One=one]");
    assert_at(&t, "a");
    assert_string_equal(say(&t, "one"), "Sorry, I did not understand that. Could you say it another way?");
    assert_at(&t, "b");
    t.language = "es";
    assert_string_equal(say(&t, "and now"), "Lo siento, no lo he entendido. ¿Puede decirlo de otra manera?");
}

static void a_late_click_finds_its_button(void **state)
{
    (void)state;
    begin("'nodes':{'a':{'type':'say'," TEXT(
        "x") ",'choices':[{'label':'Person','value':'person','next':'p'}],'next':'q'},"
             "'q':{'type':'ask','text':'Name?','expect':'text','next':'e'},'p':{'type':'handoff','text':'moment'},'e':{"
             "'type':'say'," TEXT("thanks") "}}");
    say(&t, "go");
    assert_string_equal(choose(&t, "person"), "moment");
    assert_int_equal(t.r.status, FLOW_HANDOFF);
    talk_begin(&t, t.f);
    say(&t, "go");
    assert_string_equal(say(&t, "person"), "thanks"); /* typed, it is the answer to the question */
}

static void messages_of_all_kinds(void **state)
{
    (void)state;
    begin("'variables':{'v':{'type':'text','default':'a "
          "b&c'}},'nodes':{'a':{'type':'jump','to':'s'},'s':{'type':'say','messages':["
          "{'type':'card','title':'T "
          "{{v}}','text':'x','image':'https://e.com/{{v}}.png','url':'https://e.com/?q={{input}}'}]}}");
    assert_string_equal(say(&t, "é/?"),
                        "card:x title=T a b&c url=https://e.com/?q=%C3%A9%2F%3F image=https://e.com/a%20b%26c.png");
}

static void a_value_is_never_a_template(void **state)
{
    (void)state;
    begin("'variables':{'v':{'type':'text'},'w':{'type':'text','default':'secret'}},'nodes':{'a':{'type':'set','set':[{"
          "'var':'v','copy':'input'}],'next':'s'},"
          "'s':{'type':'say'," TEXT("{{v}} {{ w }}") "}}");
    assert_string_equal(say(&t, "{{w}}"), "{{w}} secret");
}

/* ---- ask ---- */

#define ASK(more)                                                                                                     \
    "'variables':{'v':{'type':'text'},'n':{'type':'number'},'d':{'type':'date'}},'nodes':{'a':{'type':'ask','text':'" \
    "Q'," more ",'next':'ok'},'ok':{'type':'say'," TEXT("ok") "},'no':{'type':'say'," TEXT("gave up") "}}"

static void ask_stores_typed_answers(void **state)
{
    (void)state;
    static const struct {
        const char *flow, *text, *name, *value;
    } rows[] = {
        {ASK("'expect':'number','var':'n'"), "we are 1,200.5", "n", "1200.5"},
        {ASK("'expect':'number','var':'v'"), "7", "v", "\"7\""},
        {ASK("'expect':'date','var':'d'"), "3/4/2026", "d", "\"2026-03-04\""},
        {ASK("'expect':'email','var':'v'"), "Mail me: Ann@EXAMPLE.org.", "v", "\"Ann@example.org\""},
        {ASK("'expect':'phone','var':'v'"), "0044 20 7946 0000", "v", "\"+442079460000\""},
        {ASK("'expect':'pattern','pattern':'[A-Z]+|[0-9]+','var':'v'"), " ABC ", "v", "\"ABC\""},
        {ASK("'expect':'text','min':2,'max':5,'var':'v'"), " ñandú ", "v", "\"ñandú\""},
        {ASK("'expect':'choice','var':'v','choices':[{'label':'Red','value':'r'},{'label':'Blue','value':'b'}]"),
         "blue", "v", "\"b\""},
        {ASK("'expect':'choice','var':'n','choices':[{'label':'Ten','value':'10'},{'label':'Blue','value':'b'}]"), "1",
         "n", "10"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(rows[i].flow);
        assert_true(strncmp(say(&t, "start"), "Q", 1) == 0);
        assert_string_equal(say(&t, rows[i].text), "ok");
        assert_string_equal(var(&t, rows[i].name), rows[i].value);
        flow_drop(t.f);
    }
    t.f = NULL;
}

static void wrong_answers_are_asked_again(void **state)
{
    (void)state;
    static const struct {
        const char *flow, *text, *reply;
    } rows[] = {
        {ASK("'expect':'number','min':1,'max':5"), "6", "Please answer with a number."},
        {ASK("'expect':'number','min':1,'max':5"), "0.5", "Please answer with a number."},
        {ASK("'expect':'date','min':'today','max':'today+7'"), "1 March 2026",
         "I could not read that date. Please write it like 2026-03-31."},
        {ASK("'expect':'date','min':'today','max':'today+7'"), "2026-03-10",
         "I could not read that date. Please write it like 2026-03-31."},
        {ASK("'expect':'email'"), "a@b",
         "That does not look like an e-mail address. It should look like name@example.com."},
        {ASK("'expect':'phone'"), "12", "That does not look like a phone number. Please include the area code."},
        {ASK("'expect':'pattern','pattern':'[0-9]+'"), "12a",
         "That does not look right. Please check it and try again."},
        {ASK("'expect':'text','min':3"), "ab", "Please type your answer."},
        {ASK("'expect':'choice','choices':[{'label':'Red','value':'r'}]"), "green",
         "Please choose one of the options. [Red=r]"},
        {ASK("'expect':'email','retry':{'text':'hm {{input}}'}"), "zz", "hm zz"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(rows[i].flow);
        say(&t, "start");
        for (int k = 0; k < 5; k++)
            assert_string_equal(say(&t, rows[i].text), rows[i].reply);
        assert_at(&t, "a");
        flow_drop(t.f);
    }
    t.f = NULL;
}

static void the_last_wrong_answer_takes_the_fallback(void **state)
{
    (void)state;
    begin(ASK("'expect':'email','retry':{'text':'again','max':2,'then':'no'}"));
    say(&t, "start");
    assert_string_equal(say(&t, "x"), "again");
    assert_string_equal(say(&t, "y"), "again");
    assert_string_equal(say(&t, "z"), "gave up");
    flow_drop(t.f);
    begin(ASK("'expect':'email','retry':{'max':0,'then':'no'}"));
    say(&t, "start");
    assert_string_equal(say(&t, "x"), "gave up");
}

static void suggestions_of_a_question_are_answers(void **state)
{
    (void)state;
    begin(ASK("'expect':'number','min':0,'max':10,'var':'n','choices':[{'label':'Nine','value':'9','next':'no'},{'"
              "label':'Ten','value':'10'}]"));
    assert_string_equal(say(&t, "start"), "Q [Nine=9] [Ten=10]");
    assert_string_equal(say(&t, "nine"), "gave up");
    assert_string_equal(var(&t, "n"), "9");
    talk_begin(&t, t.f);
    say(&t, "start");
    assert_string_equal(say(&t, "2"), "ok"); /* the number two, not the second button */
    assert_string_equal(var(&t, "n"), "2");
    talk_begin(&t, t.f);
    say(&t, "start");
    assert_string_equal(choose(&t, "10"), "ok");
}

/* ---- branch and set ---- */

static void branch_takes_the_first_true_case(void **state)
{
    (void)state;
    static const struct {
        const char *when;
        bool yes;
    } rows[] = {
        {"{'var':'n','op':'eq','value':5}", true},
        {"{'var':'n','op':'ne','value':5}", false},
        {"{'var':'n','op':'lt','value':5.5}", true},
        {"{'var':'n','op':'lte','value':4}", false},
        {"{'var':'n','op':'gt','value':4}", true},
        {"{'var':'n','op':'gte','value':6}", false},
        {"{'var':'n','op':'in','value':[1,5]}", true},
        {"{'var':'n','op':'in','value':[1,6]}", false},
        {"{'var':'n','op':'contains','value':'5'}", true},
        {"{'var':'s','op':'eq','value':'CAFE con leche'}", true},
        {"{'var':'s','op':'contains','value':'FÉ'}", true},
        {"{'var':'s','op':'contains','value':'tea'}", false},
        {"{'var':'s','op':'matches','value':'^Caf. '}", true},
        {"{'var':'s','op':'matches','value':'^con'}", false},
        {"{'var':'s','op':'in','value':['tea','café con leche']}", true},
        {"{'var':'b','op':'eq','value':true}", true},
        {"{'var':'b','op':'eq','value':false}", false},
        {"{'var':'d','op':'eq','value':'today'}", true},
        {"{'var':'d','op':'lt','value':'today+1'}", true},
        {"{'var':'d','op':'gt','value':'2026-03-01'}", true},
        {"{'var':'x','op':'set'}", false},
        {"{'var':'x','op':'empty'}", true},
        {"{'var':'s','op':'set'}", true},
        {"{'var':'x','op':'eq','value':'a'}", false},
        {"{'var':'x','op':'ne','value':'a'}", true},
        {"{'var':'x','op':'matches','value':'^$'}", true},
        {"{'var':'input','op':'eq','value':'¡HELLO!'}", true},
        {"{'var':'language','op':'eq','value':'en'}", true},
        {"{'all':[{'var':'n','op':'set'},{'var':'x','op':'set'}]}", false},
        {"{'all':[{'var':'n','op':'set'},{'var':'s','op':'set'}]}", true},
        {"{'any':[{'var':'x','op':'set'},{'var':'s','op':'set'}]}", true},
        {"{'any':[{'var':'x','op':'set'},{'not':{'var':'s','op':'set'}}]}", false},
        {"{'not':{'all':[{'var':'x','op':'set'}]}}", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(arena_printf(&arena,
                           "'variables':{'n':{'type':'number','default':5},'s':{'type':'text','default':'Café con "
                           "leche'},'b':{'type':'boolean','default':true},"
                           "'d':{'type':'date','default':'2026-03-02'},'x':{'type':'text'}},'nodes':{'a':{'type':'"
                           "branch','cases':[{'when':%s,'next':'y'}],'else':'n'},"
                           "'y':{'type':'say'," TEXT("yes") "},'n':{'type':'say'," TEXT("no") "}}",
                           rows[i].when));
        if (strcmp(say(&t, "hello"), rows[i].yes ? "yes" : "no") != 0)
            fail_msg("%s is not %d", rows[i].when, rows[i].yes);
        flow_drop(t.f);
    }
    t.f = NULL;
}

static void assignments_run_in_order(void **state)
{
    (void)state;
    begin("'variables':{'n':{'type':'number'},'s':{'type':'text'},'d':{'type':'date'},'m':{'type':'number','default':3}"
          ",'b':{'type':'boolean'}},'nodes':{'a':{'type':'set','set':["
          "{'var':'n','add':2},{'var':'n','add':0.5},{'var':'s','template':{'en':'n={{n}}','es':'n es "
          "{{n}}'}},{'var':'d','copy':'input'},{'var':'m','to':null},{'var':'b','to':true}],'next':'x'},"
          "'x':{'type':'say'," TEXT(
              "{{n}} {{s}} {{d}} {{m}} {{b}}") ",'next':'w'},'w':{'type':'wait','for':'message','next':'l'},"
                                               "'l':{'type':'set','set':[{'var':'language','to':'es'},{'var':'s','"
                                               "template':{'en':'n={{n}}','es':'n es "
                                               "{{n}}'}}],'next':'y'},'y':{'type':'say','messages':[{'type':'text','"
                                               "text':{'en':'{{s}} {{language}}','es':'ES {{s}} {{language}}'}}]}}");
    assert_string_equal(say(&t, "2026-05-06"), "2.5 n=2.5 6 May 2026  true");
    assert_string_equal(say(&t, "go"), "ES n es 2.5 es");
    assert_true(str_eqz(t.r.language, "es"));
    assert_string_equal(say(&t, "stays"), "Lo siento, no lo he entendido. ¿Puede decirlo de otra manera?");
}

static void sums_are_clamped(void **state)
{
    (void)state;
    begin("'variables':{'n':{'type':'number'},'m':{'type':'number'}},'nodes':{'a':{'type':'set','set':[{'var':'n','to':"
          "999999999999999},{'var':'n','add':1},{'var':'m','to':-999999999999999},{'var':'m','add':-1}],'next':'x'},"
          "'x':{'type':'say'," TEXT("{{n}} {{m}}") ",'next':'w'},'w':{'type':'wait','for':'message','next':'b'},'b':{"
                                                   "'type':'set','set':[{'var':'n','add':1},{'var':'m','add':-1}],'"
                                                   "next':'y'},'y':{'type':'say'," TEXT("{{n}} {{m}}") "}}");
    assert_string_equal(say(&t, "go"), "1000000000000000 -1000000000000000"); /* the last ones that are reached */
    assert_string_equal(say(&t, "on"), "1000000000000000 -1000000000000000");
    flow_drop(t.f);
    begin("'variables':{'n':{'type':'number'}},'nodes':{'a':{'type':'set','set':[{'var':'n','add':1e300},{'var':'n','"
          "add':-3}],'next':'x'},'x':{'type':'say'," TEXT("{{n}}") "}}");
    assert_string_equal(say(&t, "go"), "999999999999997"); /* from the limit it goes back as usual */
}

/* ---- answer ---- */

#define FAQ(more)                                                                                                  \
    "'nodes':{'a':{'type':'say'," TEXT("hi") ",'next':'f'},'f':{'type':'answer'" more "},'n':{'type':'say'," TEXT( \
        "none {{input}}") ",'next':'f'}},'catch_all':'f'"

static void hits(enum flow_verdict verdict, int n)
{
    static const char *const q[] = {"First question?", "Second question?", "Third question?"};
    static const char *const a[] = {"First answer", "Second answer", "Third answer"};
    t.answer = (struct flow_answer){.verdict = verdict, .n = (size_t)n};
    for (int i = 0; i < n; i++) {
        t.answer.hits[i].question = str_from(q[i]);
        t.answer.hits[i].answer = str_from(a[i]);
        t.answer.hits[i].title = i ? STR_EMPTY : STR("Source");
        t.answer.hits[i].url = i == 2 ? STR_EMPTY : STR("https://e.com/1");
    }
}

static void the_first_reply_is_the_answer(void **state)
{
    (void)state;
    begin(FAQ(",'none':'n'"));
    hits(FLOW_SURE, 3);
    assert_string_equal(say(&t, "one?"), "First answer (Source https://e.com/1)");
    assert_string_equal(t.asked, "en:one?;");
    assert_string_equal(t.path, "a>f");
    assert_string_equal(say(&t, "two?"), "First answer (Source https://e.com/1)");
    hits(FLOW_NONE, 0);
    assert_string_equal(say(&t, "three?"), "none three?"); /* and the answer node waits: no loop */
    assert_string_equal(t.asked, "en:three?;");
    assert_at(&t, "f");
}

static void unsure_offers_questions(void **state)
{
    (void)state;
    begin(FAQ(",'none':'n','none_label':'None of these','unsure':'Which?'"));
    hits(FLOW_UNSURE, 2);
    assert_string_equal(
        say(&t, "hm"),
        "Which? [First question?=First question?] [Second question?=Second question?] [None of these=None of these]");
    hits(FLOW_SURE, 2);
    assert_string_equal(choose(&t, "Second question?"), "Second answer (Second question? https://e.com/1)");
    hits(FLOW_UNSURE, 3);
    say(&t, "hm");
    assert_string_equal(say(&t, "3"), "Third answer"); /* still unsure, but it was chosen */
    say(&t, "hm");
    assert_string_equal(say(&t, "none of these"), "none none of these");
    say(&t, "hm");
    assert_string_equal(say(&t, "4"), "none 4");
    hits(FLOW_SURE, 1);
    assert_string_equal(say(&t, "something new"), "First answer (Source https://e.com/1)");
}

static void no_answer_continues_at_the_fallback(void **state)
{
    (void)state;
    begin(FAQ(""));
    assert_string_equal(say(&t, "x"), "Sorry, I did not understand that. Could you say it another way?");
    flow_drop(t.f);
    begin("'nodes':{'a':{'type':'answer'},'c':{'type':'say'," TEXT("caught {{input}}") "}},'catch_all':'c'");
    assert_string_equal(say(&t, "x"), "caught x");
    hits(FLOW_SURE, 1);
    assert_string_equal(say(&t, "y"), "caught y"); /* the catch-all's `say` waits: its next message is caught again */
    flow_drop(t.f);
    begin("'nodes':{'a':{'type':'answer'},'c':{'type':'answer'}},'catch_all':'c'");
    assert_string_equal(say(&t, "x"), "Sorry, I did not understand that. Could you say it another way?");
    assert_string_equal(t.asked, "en:x;en:x;");
}

static void the_flow_continues_after_an_answer(void **state)
{
    (void)state;
    begin(FAQ(",'next':'n'"));
    hits(FLOW_SURE, 1);
    assert_string_equal(say(&t, "x"), "First answer (Source https://e.com/1)|none x");
    assert_at(&t, "f");
    flow_drop(t.f);
    begin("'nodes':{'a':{'type':'answer'},'c':{'type':'say'," TEXT("caught {{input}}") "}},'catch_all':'c'");
    hits(FLOW_SURE, 1);
    say(&t, "x");
    assert_string_equal(say(&t, "y"),
                        "caught y"); /* an answered question is finished: the next message starts a new one */
}

/* ---- handoff, wait, end, commands, languages ---- */

static void handoff_and_back(void **state)
{
    (void)state;
    begin("'nodes':{'a':{'type':'handoff','text':'moment','next':'b'},'b':{'type':'say'," TEXT("back: {{input}}") "}}");
    assert_string_equal(say(&t, "x"), "moment");
    assert_int_equal(t.r.status, FLOW_HANDOFF);
    assert_true(str_eqz(json_get_str(t.r.state, "state"), "handoff"));
    assert_string_equal(say(&t, "y"), "back: y");
    assert_int_equal(t.r.status, FLOW_OPEN);
    flow_drop(t.f);
    begin("'nodes':{'a':{'type':'handoff'}}");
    assert_string_equal(say(&t, "x"), ""); /* the one reply that may be empty */
}

static void end_is_final(void **state)
{
    (void)state;
    begin("'variables':{'n':{'type':'number','default':1}},'nodes':{'a':{'type':'set','set':[{'var':'n','add':1}],'"
          "next':'e'},'e':{'type':'end','text':'bye {{n}}'}}");
    assert_string_equal(say(&t, "x"), "bye 2");
    assert_int_equal(t.r.status, FLOW_CLOSED);
    assert_string_equal(say(&t, "y"), "bye 2"); /* a new conversation, with the defaults */
}

static void waiting(void **state)
{
    (void)state;
    begin("'nodes':{'a':{'type':'wait','seconds':3,'next':'b'},'b':{'type':'wait','seconds':9,'next':'c'},'c':{'type':'"
          "say'," TEXT("one") ",'next':'d'},"
                              "'d':{'type':'wait','for':'message','next':'e'},'e':{'type':'say'," TEXT(
                                  "two {{input}}") "}}");
    assert_string_equal(say(&t, "x"), "one");
    assert_int_equal(t.delay_ms, 10000);
    assert_at(&t, "d");
    assert_string_equal(say(&t, "y"), "two y");
    assert_int_equal(t.delay_ms, 0);
}

#define COMMANDS                                                             \
    "'commands':{'restart':{'words':{'en':['start over'],'es':['empezar de " \
    "nuevo']},'next':'a','reset':true},'human':{'words':{'en':['human'],'es':['persona']},'next':'h'}}"

static void commands_work_anywhere(void **state)
{
    (void)state;
    begin("'variables':{'v':{'type':'text','default':'d'}},'nodes':{'a':{'type':'say'," TEXT(
        "hello {{v}}") ",'next':'q'},'q':{'type':'ask','text':'Q','expect':'text','var':'v','next':'z'},"
                       "'z':{'type':'ask','text':'Z','expect':'text','var':'v','commands':false,'next':'h'},'h':{'type'"
                       ":'handoff','text':'person'}}," COMMANDS);
    assert_string_equal(say(&t, "Human!"), "person"); /* also as the first message */
    talk_begin(&t, t.f);
    say(&t, "x");
    assert_string_equal(say(&t, "first"), "Z");
    assert_string_equal(say(&t, "START OVER"), "person"); /* commands are off: it is the answer */
    assert_string_equal(var(&t, "v"), "\"START OVER\"");
    talk_begin(&t, t.f);
    say(&t, "x");
    say(&t, "first");
    talk_begin(&t, t.f);
    say(&t, "x");
    assert_string_equal(say(&t, "Empezar de nuevo"), "hello d|Q");
    assert_string_equal(say(&t, "please start over now"), "Z");
}

static void the_visitor_chooses_the_language(void **state)
{
    (void)state;
    static const struct {
        const char *locale, *said;
    } rows[] = {{"en", "en"}, {"EN-us", "en"},           {"es-419", "es"}, {"de", "en"},
                {"", "en"},   {"de-AT, es;q=0.8", "es"}, {"-", "en"},      {",,,", "en"}};
    begin("'nodes':{'a':{'type':'wait','seconds':1,'next':'s'},'s':{'type':'say','messages':[{'type':'text','text':{'"
          "en':'en','es':'es'}}],'next':'w'},'w':{'type':'wait','for':'message','next':'s'}}");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        talk_begin(&t, t.f);
        t.language = rows[i].locale;
        assert_string_equal(say(&t, "x"), rows[i].said);
    }
    talk_begin(&t, t.f);
    say(&t, "x");
    t.language = "es";
    assert_string_equal(say(&t, "x"), "es");
    t.language = "";
    assert_string_equal(say(&t, "x"), "es");
    t.language = "fr";
    assert_string_equal(say(&t, "x"), "es");
}

/* ---- bad input ---- */

static void an_endless_loop_is_stopped(void **state)
{
    (void)state;
    begin("'nodes':{'a':{'type':'jump','to':'b'},'b':{'type':'jump','to':'a'}}");
    assert_int_equal(try_turn(&t, "x", ""), ERR_INVALID);
    assert_string_equal(err_code(&t.e), "flow_loop");
    flow_drop(t.f);
    begin("'nodes':{'a':{'type':'say'," TEXT("x") ",'next':'a'}}");
    assert_int_equal(try_turn(&t, "x", ""), ERR_INVALID);
    assert_string_equal(err_code(&t.e), "flow_messages");
    assert_int_equal(t.messages, MAX_TURN_MESSAGES);
}

static void a_hostile_pattern_is_stopped(void **state)
{
    (void)state;
    char text[3001];
    memset(text, 'a', 3000);
    text[3000] = 0;
    begin(ASK("'expect':'pattern','pattern':'(a+)+(a+)+(a+)+b'"));
    say(&t, "x");
    assert_string_equal(say(&t, text), "That does not look right. Please check it and try again.");
}

/* CPU time of this thread, so that other work on the machine does not count. */
static double processor_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A branch that tries each of these patterns and says "yes" when one matches. */
static char *branch_of(const char *pattern, int n)
{
    struct buf b;
    buf_init(&b, MB);
    buf_puts(&b, "'nodes':{'y':{'type':'say'," TEXT("yes") "},'n':{'type':'say'," TEXT(
                     "no") "},'a':{'type':'branch','else':'n','cases':[");
    for (int i = 0; i < n; i++)
        buf_printf(&b, "%s{'when':{'var':'input','op':'matches','value':'%s'},'next':'y'}", i ? "," : "", pattern);
    buf_puts(&b, "]}}");
    char *text = arena_strdup(&arena, buf_str(&b));
    assert_non_null(text);
    buf_release(&b);
    return text;
}

static void a_hostile_search_is_stopped(void **state)
{
    (void)state;
    char text[4001];
    memset(text, 'a', 4000);
    text[4000] = 0;
    static const int cases[] = {1, 50};
    for (size_t i = 0; i < 2; i++) {
        begin(branch_of("(?:a?){13}[^a]", cases[i]));
        double begun = processor_s();
        assert_string_equal(say(&t, text), "no");
        if (processor_s() - begun > 0.4)
            fail_msg("%d patterns took %.3f s", cases[i], processor_s() - begun);
        flow_drop(t.f);
    }
    t.f = NULL;
}

/* What the first, quick search gives up is found by the thorough one. */
static void an_ordinary_search_succeeds(void **state)
{
    (void)state;
    char text[4001];
    memset(text, 'x', 4000);
    memcpy(text + 100, "\xc3\xa9 order", 8);
    memcpy(text + 3000, " 123456 ", 8);
    text[4000] = 0;
    begin(branch_of("order.*[0-9]{6}\\\\b", 1));
    assert_string_equal(say(&t, text), "yes");
    flow_drop(t.f);
    begin(branch_of("(?<=order)x+ [0-9]{7}", 1));
    assert_string_equal(say(&t, text), "no");
}

static void text_that_is_not_utf8(void **state)
{
    (void)state;
    begin("'nodes':{'a':{'type':'say'," TEXT("x") "}}");
    assert_int_equal(try_turn(&t, "\xff", ""), ERR_INVALID);
    assert_int_equal(try_turn(&t, "", "\xed\xa0\x80"), ERR_INVALID);
    assert_int_equal(try_turn(&t, "a\x01", ""), ERR_INVALID);
    assert_int_equal(try_turn(&t, "", ""), OK);
}

static void a_foreign_state_is_harmless(void **state)
{
    (void)state;
    static const char *const states[] = {
        "{}",
        "[]",
        "'x'",
        "{'v':2,'at':'q'}",
        "{'v':1,'at':'gone','vars':{'n':'x','zz':1},'lang':'xx','tries':-5,'suggest':[1,{}],'menu':'gone'}",
        "{'v':1,'vars':[1],'suggest':{'a':1},'lang':5,'at':7}",
        "{'v':1,'at':'q','tries':999999999999}"};
    begin("'variables':{'n':{'type':'number'}},'nodes':{'a':{'type':'say'," TEXT(
        "hi") ",'next':'q'},'q':{'type':'ask','text':'Q','expect':'number','var':'n','retry':{'max':2,'then':'c'},'"
              "next':'c'},'c':{'type':'say'," TEXT("c {{n}}") "}},'catch_all':'c'");
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        t.r.state = json_of(states[i]);
        assert_true(strlen(say(&t, "hello")) > 0);
    }
}

static void the_state_is_bounded(void **state)
{
    (void)state;
    struct buf b;
    char text[3001];
    memset(text, 'x', 3000);
    text[3000] = 0;
    buf_init(&b, MB);
    buf_puts(&b, "'nodes':{'a':{'type':'set','set':[");
    for (int i = 0; i < 40; i++)
        buf_printf(&b, "%s{'var':'v%d','copy':'input'}", i ? "," : "", i);
    buf_puts(&b, "],'next':'e'},'e':{'type':'say'," TEXT("ok") "}}");
    begin(b.p);
    buf_release(&b);
    assert_string_equal(say(&t, "short"), "ok");
    t.r.state = NULL;
    assert_int_equal(try_turn(&t, text, ""), ERR_TOO_LARGE);
    assert_string_equal(err_code(&t.e), "flow_state");
}

static void a_text_is_bounded(void **state)
{
    (void)state;
    struct buf b;
    char text[3001];
    memset(text, 'x', 3000);
    text[3000] = 0;
    buf_init(&b, MB);
    buf_puts(&b, "'nodes':{'a':{'type':'say','messages':[{'type':'text','text':'");
    for (int i = 0; i < 100; i++)
        buf_puts(&b, "{{input}}");
    buf_puts(&b, "'}]}}");
    begin(b.p);
    buf_release(&b);
    t.r.state = json_of("{'v':1,'at':'a'}");
    assert_int_equal(try_turn(&t, text, ""), OK); /* the greeting was read before: nothing is rendered */
    flow_drop(t.f);
    begin("'nodes':{'a':{'type':'jump','to':'b'},'b':{'type':'say'," TEXT(
        "{{input}}{{input}}{{input}}{{input}}{{input}}{{input}}{{input}}{{input}}{{input}}{{input}}{{input}}{{"
        "input}}"
        "{{input}}{{input}}{{input}}{{input}}{{input}}{{input}}{{input}}{{input}}{{input}}{{input}}{{input}}{{"
        "input}}") "}}");
    assert_int_equal(try_turn(&t, text, ""), ERR_TOO_LARGE);
    assert_string_equal(err_code(&t.e), "flow_text");
}

/* ---- the steps of a turn ---- */

static void a_turn_waits_as_often_as_it_needs_something(void **state)
{
    (void)state;
    const struct flow_http_reply late = {.status = 200, .body = STR("{\"x\":\"5\"}")},
                                 none = {.status = 0, .body = STR_EMPTY, .why = "late"};
    struct flow_run *run, *other;
    struct flow_call call, again;
    size_t n;
    begin("'variables':{'x':{'type':'text'}},'nodes':{'a':{'type':'jump','to':'b'},'b':{'type':'say'," TEXT(
        "One moment") ",'next':'h'},'h':{'type':'http','method':'GET','url':'https://e.com/"
                      "{{input}}','map':{'x':'/x'},'next':'f','error':'e'},'f':{'type':'answer','none':'e'},"
                      "'e':{'type':'end','text':'x={{x}}'}}");
    assert_int_equal(begin_turn(&t, "hello", "", &run), OK);
    assert_int_equal(flow_next(run, &call, &t.e), OK);
    assert_int_equal(call.need, FLOW_NEEDS_HTTP);
    assert_true(str_eqz(call.http.url, "https://e.com/hello"));
    assert_true(
        str_eqz(flow_run_messages(run, &n)[0].text, "One moment")); /* already there while the call takes time */
    assert_int_equal(n, 1);
    assert_int_equal(flow_next(run, &again, &t.e), OK); /* it still waits for the same */
    assert_int_equal(again.need, FLOW_NEEDS_HTTP);
    assert_true(str_eq(again.http.url, call.http.url));
    (void)flow_run_path(run, &n);
    assert_int_equal(n, 3);

    assert_int_equal(begin_turn(&t, "other", "", &other), OK); /* two turns at once, in one thread */
    assert_int_equal(flow_next(other, &call, &t.e), OK);
    assert_int_equal(flow_got_http(run, &late, &t.e), OK);
    assert_int_equal(flow_got_http(other, &none, &t.e), OK);
    assert_int_equal(flow_next(run, &call, &t.e), OK);
    assert_int_equal(call.need, FLOW_NEEDS_ANSWERS);
    assert_true(str_eqz(call.question.text, "hello") && str_eqz(call.question.language, "en"));
    assert_int_equal(flow_got_answers(run, &t.answer, &t.e), OK);
    assert_int_equal(flow_next(run, &call, &t.e), OK);
    assert_int_equal(call.need, FLOW_DONE);
    assert_true(str_eqz(flow_run_messages(run, &n)[1].text, "x=5"));
    assert_int_equal(n, 2);
    assert_int_equal(flow_finish(run, &t.r, &t.e), OK);
    assert_int_equal(t.r.status, FLOW_CLOSED);
    assert_int_equal(flow_next(other, &call, &t.e), OK);
    assert_int_equal(call.need, FLOW_DONE);
    assert_true(str_eqz(flow_run_messages(other, &n)[1].text, "x="));
} /* `other` is abandoned: it holds nothing but memory of the arena, which the sanitizers would report otherwise */

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, end_talk)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(greeting_is_not_part_of_the_reply),
        TEST(no_greeting_without_a_say),
        TEST(choices_match_by_value_label_number),
        TEST(an_unmatched_message_is_always_answered),
        TEST(a_late_click_finds_its_button),
        TEST(messages_of_all_kinds),
        TEST(a_value_is_never_a_template),
        TEST(ask_stores_typed_answers),
        TEST(wrong_answers_are_asked_again),
        TEST(the_last_wrong_answer_takes_the_fallback),
        TEST(suggestions_of_a_question_are_answers),
        TEST(branch_takes_the_first_true_case),
        TEST(assignments_run_in_order),
        TEST(sums_are_clamped),
        TEST(the_first_reply_is_the_answer),
        TEST(unsure_offers_questions),
        TEST(no_answer_continues_at_the_fallback),
        TEST(the_flow_continues_after_an_answer),
        TEST(handoff_and_back),
        TEST(end_is_final),
        TEST(waiting),
        TEST(commands_work_anywhere),
        TEST(the_visitor_chooses_the_language),
        TEST(an_endless_loop_is_stopped),
        TEST(a_hostile_pattern_is_stopped),
        TEST(a_hostile_search_is_stopped),
        TEST(an_ordinary_search_succeeds),
        TEST(text_that_is_not_utf8),
        TEST(a_foreign_state_is_harmless),
        TEST(the_state_is_bounded),
        TEST(a_text_is_bounded),
        TEST(a_turn_waits_as_often_as_it_needs_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
