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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(http_names_secrets_and_never_reads_them_from_a_visitor, set_up, end_talk),
        cmocka_unit_test_setup_teardown(secrets_of_a_flow_are_listed, set_up, end_talk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
