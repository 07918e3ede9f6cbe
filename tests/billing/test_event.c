/* The envelope of an event: which fields are read, and which texts are not events. */
#include "base/clock.h"
#include "base/limits.h"
#include "billing/sync/event.h"
#include "lib/test.h"

#include "base/banned.h"

static struct arena arena;

static enum status read_it(const char *text, struct event_envelope *v)
{
    char *copy = arena_strdup(&arena, str_from(text));
    struct err e = ERR_INIT;
    assert_non_null(copy);
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    return event_envelope_parse(&arena, str_from(copy), v, &e);
}

static struct event_envelope taken(const char *text)
{
    struct event_envelope v;
    assert_int_equal(read_it(text, &v), OK);
    return v;
}

#define SNAPSHOT(object)                                                                                           \
    "{'id':'evt_1','object':'event','type':'a.b','created':1790000000,'livemode':true,'api_version':'v','data':{'" \
    "object':" object "}}"
#define THIN(created)                                                            \
    "{'id':'evt_1','object':'v2.core.event','type':'v1.a.b','created':'" created \
    "','related_object':{'id':'x_1','type':'x'}}"

static void snapshots(void **state)
{
    (void)state;
    struct event_envelope v = taken(SNAPSHOT("{'id':'sub_1','object':'subscription'}"));
    assert_str(v.id, "evt_1");
    assert_str(v.type, "a.b");
    assert_str(v.object_type, "subscription");
    assert_str(v.object_id, "sub_1");
    assert_str(v.api_version, "v");
    assert_str(v.account, "");
    assert_true(v.livemode && !v.thin);
    assert_int_equal(v.created_ms, 1790000000000);
    assert_str(taken(SNAPSHOT("null")).object_id, "");
    assert_str(taken(SNAPSHOT("{'object':'balance'}")).object_type, "balance");
    v = taken(SNAPSHOT("{'object':'invoice','parent':{'subscription_details':{'subscription':{'id':'sub_2'}}}}"));
    assert_str(v.object_type, "subscription");
    assert_str(v.object_id, "sub_2");
    v = taken(SNAPSHOT("{'object':'invoice','parent':null}"));
    assert_str(v.object_type, "invoice");
    assert_str(v.object_id, "");
    assert_str(taken("{'id':'e','object':'event','type':'t','account':'acct_1'}").account, "acct_1");
    assert_str(taken("{'id':'e','object':'event','type':'t','account':null,'context':'acct_2'}").account, "acct_2");
    assert_int_equal(taken("{'id':'e','object':'event','type':'t','created':-5}").created_ms, 0);
    assert_int_equal(taken("{'id':'e','object':'event','type':'t','created':'1'}").created_ms, 0);
}

static void thin_events(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } times[] = {
        {THIN("1970-01-02T00:00:00Z"), DAY_MS},
        {THIN("2026-11-23T05:52:20.123Z"), 1795413140123},
        {THIN("2026-11-23T05:52:20.123456789Z"), 1795413140123},
        {THIN("2028-02-29T00:00:00Z"), 1835395200000},
        {THIN("2027-02-29T00:00:00Z"), 0},
        {THIN("2026-11-23T24:00:00Z"), 0},
        {THIN("2026-11-23T05:52:20"), 0},
        {THIN("2026-11-23 05:52:20Z"), 0},
        {THIN("2026-11-23T05:52:20+01"), 0},
        {THIN(""), 0},
        {THIN("x026-11-23T05:52:20Z"), 0},
        {THIN("2026-11-23T05:52:20.xyzZ"), 0},
        {THIN("9999-12-31T23:59:60.999Z"), 253402300799999},
        {THIN("2026-11-23T05:52:61Z"), 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(times); i++)
        if (taken(times[i].text).created_ms != times[i].ms)
            fail_msg("%s is %lld", times[i].text, (long long)taken(times[i].text).created_ms);
    struct event_envelope v = taken(THIN("2026-11-23T05:52:20Z"));
    assert_true(v.thin);
    assert_str(v.object_id, "x_1");
    assert_str(v.object_type, "x");
    assert_str(v.api_version, "");
    assert_str(taken("{'id':'e','object':'v2.core.event','type':'t','related_object':null}").object_id, "");
}

static void texts_that_are_not_events(void **state)
{
    static const char *const texts[] = {"{}",
                                        "[]",
                                        "1",
                                        "{'object':'event'}",
                                        "{'id':'e','object':'event'}",
                                        "{'object':'event','type':'t'}",
                                        "{'id':'e f','object':'event','type':'t'}",
                                        "{'id':'e','object':'event','type':'t\\n'}",
                                        "{'id':'e','object':'invoice','type':'t'}",
                                        "{'id':1,'object':'event','type':'t'}",
                                        SNAPSHOT("{'id':'\xc3\xbc','object':'x'}"),
                                        "{'id':'e','object':'event','type':'t',}"};
    char text[400];
    struct event_envelope v;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (read_it(texts[i], &v) != ERR_INVALID)
            fail_msg("%s is an event", texts[i]);
    snprintf(text, sizeof(text), "{'id':'%0255d','object':'event','type':'t'}", 7);
    assert_int_equal(read_it(text, &v), OK);
    snprintf(text, sizeof(text), "{'id':'%0256d','object':'event','type':'t'}", 7);
    assert_int_equal(read_it(text, &v), ERR_INVALID);
    snprintf(text, sizeof(text), "{'id':'e','object':'event','type':'%0121d'}", 7);
    assert_int_equal(read_it(text, &v), ERR_INVALID);
}

/* Stripe adds fields at any time, and metadata holds what customers have typed. */
static void one_odd_value_does_not_cost_the_event(void **state)
{
    (void)state;
    static const char *const odd[] = {"98765432109876543210", "'\\ud83d'", "'\\u0000'", "1e999", "1,'odd':2", "'\xE9'"};
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        const char *object = arena_printf(&arena, "{'id':'sub_1','object':'subscription','metadata':{'odd':%s}}",
                                          odd[i]);
        struct event_envelope v = taken(
            arena_printf(&arena, "{'id':'evt_1','object':'event','type':'a.b','data':{'object':%s}}", object));
        assert_str(v.object_id, "sub_1");
    }
    assert_str(taken("\xEF\xBB\xBF{'id':'evt_1','object':'event','type':'a.b'}").id, "evt_1");
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 16 * MB);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(snapshots), TEST(thin_events), TEST(one_odd_value_does_not_cost_the_event),
                                       TEST(texts_that_are_not_events)};
    return cmocka_run_group_tests_name("event", tests, setup, teardown);
}
