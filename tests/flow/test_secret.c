/* Secrets of the workspace in the headers of a flow's calls. */
#include "flow_helper.h"

#include "base/banned.h"

static struct talk t;

static int end_talk(void **state)
{
    flow_drop(t.f);
    t.f = NULL;
    return tear_down(state);
}

#define KEYED                                                                                                    \
    "'variables':{'v':{'type':'text','default':'d'}},'nodes':{'a':{'type':'set','set':[{'var':'v','copy':'"      \
    "input'}],'next':'h'},'h':{'type':'http','method':'GET','url':'https://e.com','headers':{'Authorization':'"  \
    "Bearer {{ secret.crm }}','X-Two':'{{secret.a}}{{v}}{{secret.b}}','X-Three':'{{v}}','X-None':''},'map':{'v'" \
    ":'/v'},'next':'ok','error':'bad'},'ok':{'type':'say','messages':[{'type':'text','text':'{{v}}'}]},'bad':{'" \
    "type':'say','messages':[{'type':'text','text':'bad'}]}}"

/* The flow names secrets, and only where its author wrote them: what a visitor types stays text, in the request and in
 * everything the flow keeps. */
static void http_names_secrets_and_never_reads_them_from_a_visitor(void **state)
{
    (void)state;
    talk_begin(&t, flow_of(KEYED));
    t.http_body = "{\"v\":\"{{secret.crm}}\"}";
    assert_string_equal(say(&t, "{{secret.crm}}"), "{{secret.crm}}");
    assert_string_equal(t.http_seen, "GET https://e.com 5000 Authorization=Bearer <crm> "
                                     "X-Two=<a>{{secret.crm}}<b> X-Three={{secret.crm}} X-None= ");
    flow_drop(t.f);
    talk_begin(&t, flow_of(KEYED));
    assert_string_equal(say(&t, "x\ny"), "bad");
    assert_string_equal(t.http_seen, "");
}

static void secrets_of_a_flow_are_listed(void **state)
{
    (void)state;
    struct flow_secret *all;
    struct err e = ERR_INIT;
    size_t n;
    talk_begin(&t, flow_of(KEYED));
    assert_int_equal(flow_secrets(t.f, &arena, &all, &n, &e), OK);
    assert_int_equal(n, 3);
    assert_true(str_eqz(all[0].name, "crm") && str_eqz(all[0].node, "h") && str_eqz(all[0].header, "Authorization"));
    assert_true(str_eqz(all[1].name, "a") && str_eqz(all[2].name, "b") && str_eqz(all[2].header, "X-Two"));
}

/* The names of a hostile flow would otherwise cost time with the square of their number. */
static void a_flow_names_a_bounded_number_of_secrets(void **state)
{
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        struct buf b;
        struct err e = ERR_INIT;
        buf_init(&b, MB);
        buf_puts(&b, "{'format':1,'languages':['en'],'start':'h','nodes':{'h':{'type':'http','method':'GET','url':"
                     "'https://e.com','next':'x','error':'x','headers':{");
        for (int h = 0; h < 3; h++) {
            buf_printf(&b, "%s'X-%d':'", h ? "," : "", h);
            for (int i = 0; i < 50; i++)
                buf_printf(&b, "{{secret.s%d}}", h < 2 ? h * 50 + i : extra ? 100 : i);
            buf_puts(&b, "'");
        }
        buf_puts(&b, "}},'x':{'type':'end'}}}");
        enum status st = flow_parse(json_of(arena_strdup(&arena, buf_str(&b))), &t.f, &e);
        assert_int_equal(st, extra ? ERR_INVALID : OK);
        if (extra)
            assert_string_equal(e.message, "The flow uses more than 100 secrets.");
        flow_drop(t.f);
        t.f = NULL;
        buf_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(http_names_secrets_and_never_reads_them_from_a_visitor, set_up, end_talk),
        cmocka_unit_test_setup_teardown(secrets_of_a_flow_are_listed, set_up, end_talk),
        cmocka_unit_test_setup_teardown(a_flow_names_a_bounded_number_of_secrets, set_up, end_talk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
