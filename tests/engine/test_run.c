/* test_run.c: a run of an engine that this test makes up: its events, its one end, its timers, and what may not come
 * after the end. */
#include <unistd.h>

#include "base/clock.h"
#include "engine/receive.h"
#include "engine/run_internal.h"
#include "lib/test.h"

struct seen {
    struct buf b;
    struct engine_failure end;
    int ends;
};

static void on_event(void *ctx, const struct engine_event *ev)
{
    struct seen *s = ctx;
    buf_printf(&s->b, "<%d|%.*s>", (int)ev->kind, STR_F(ev->text));
}

static void on_ended(void *ctx, const struct engine_failure *f)
{
    struct seen *s = ctx;
    s->end = *f;
    s->ends++;
}

static void (*script)(struct engine_run *run);
static int closed;

static void on_turn(struct engine_run *run)
{
    script(run);
}

static void on_receive(struct engine_run *run, const struct engine_incoming *in)
{
    engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_MESSAGE, .text = in->body});
    engine_run_end(run, ENGINE_OK);
}

static void on_close(struct engine_run *run)
{
    closed += *(int *)engine_run_memory(run);
}

static void on_open(struct engine_run *run)
{
    *(int *)engine_run_memory(run) = 1;
}

static const struct engine_ops ops = {
    .size = sizeof(int), .open = on_open, .close = on_close, .turn = on_turn, .receive = on_receive};

/* The caller gives the run back. */
static struct engine_run *start(struct seen *s, enum engine_task task, void (*turn)(struct engine_run *run),
                                struct arena *a, const struct engine_incoming *in)
{
    static const struct engine_turn turn_of_test;
    struct err e = ERR_INIT;
    struct json *settings = NULL;
    struct engine_owner owner = {s, on_event, on_ended};
    arena_init(a, 1 << 20);
    assert_ok(json_parse(a, STR("{\"base_url\":\"https://a.example/v1//\",\"api_key\":\"sk-secret-0123456789\"}"), 8,
                         &settings, &e),
              &e);
    struct engine_run_request rq = {.ops = &ops,
                                    .type = engine_type_find(STR("openai")),
                                    .settings = settings,
                                    .private_hosts = STR_EMPTY,
                                    .task = task,
                                    .turn = &turn_of_test,
                                    .incoming = in,
                                    .deadline_us = clock_mono_us() + 1000000,
                                    .max_output = 20};
    *s = (struct seen){.ends = 0};
    buf_init(&s->b, 10000);
    script = turn;
    closed = 0;
    struct engine_run *run = engine_run_start(&rq, &owner);
    assert_non_null(run);
    return run;
}

static void finish(struct engine_run *run, struct seen *s, struct arena *a)
{
    engine_run_release(run);
    buf_release(&s->b);
    arena_release(a);
}

static void say_and_go_on(struct engine_run *run)
{
    engine_emit_delta(run, STR("gr\xC3"));
    engine_emit_delta(run, STR("\xBC"));
    engine_emit_delta(run, STR("n \xF0\x9F"));
    engine_run_end(run, ENGINE_OK);
    engine_emit_delta(run, STR("late"));
    engine_run_end(run, ENGINE_UPSTREAM);
}

static void a_run_ends_once_with_its_whole_message(void **state)
{
    (void)state;
    struct seen s;
    struct arena a;
    struct engine_run *run = start(&s, ENGINE_TASK_TURN, say_and_go_on, &a, NULL);
    assert_str(buf_str(&s.b),
               "<0|gr><0|\xC3\xBC><0|n ><0|\xEF\xBF\xBD\xEF\xBF\xBD><1|gr\xC3\xBCn \xEF\xBF\xBD\xEF\xBF\xBD>");
    assert_int_equal(s.ends, 1);
    assert_int_equal(s.end.class, ENGINE_OK);
    assert_int_equal(closed, 0);
    finish(run, &s, &a);
    assert_int_equal(closed, 1);
}

static void say_nothing(struct engine_run *run)
{
    engine_emit(run, &(struct engine_event){.kind = ENGINE_EVENT_USAGE, .text = STR_EMPTY, .usage = {1, 1}});
    engine_run_end(run, ENGINE_OK);
}

static void say_too_much(struct engine_run *run)
{
    engine_emit_delta(run, STR("0123456789"));
    engine_emit_delta(run, STR("0123456789."));
}

static void tell_the_key(struct engine_run *run)
{
    engine_run_fail_text(run, ENGINE_AUTH, "Wrong key sk-secret-0123456789 (sk-secret-01...)");
}

static void the_end_has_a_class(void **state)
{
    (void)state;
    static const struct {
        void (*turn)(struct engine_run *run);
        enum engine_task task;
        enum engine_class class;
        const char *detail;
    } rows[] = {
        {say_nothing, ENGINE_TASK_TURN, ENGINE_NO_REPLY, ""},
        {say_too_much, ENGINE_TASK_TURN, ENGINE_TOO_BIG, ""},
        {tell_the_key, ENGINE_TASK_TURN, ENGINE_AUTH, "Wrong key *** (***...)"},
        {say_nothing, ENGINE_TASK_EMBED, ENGINE_CONFIG, "Engines of this type cannot do this."},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct seen s;
        struct arena a;
        struct engine_run *run = start(&s, rows[i].task, rows[i].turn, &a, NULL);
        assert_int_equal(s.ends, 1);
        assert_int_equal(s.end.class, rows[i].class);
        assert_string_equal(s.end.detail, rows[i].detail);
        finish(run, &s, &a);
    }
}

static void read_settings(struct engine_run *run)
{
    engine_emit_delta(run, engine_run_setting(run, "model"));
    engine_emit_delta(run, engine_run_setting(run, "nothing"));
    assert_str(engine_run_url(run, "/chat"), "https://a.example/v1/chat");
    assert_str(engine_run_base64(run, STR("image/png"), STR("\xFF")), "data:image/png;base64,/w==");
    engine_run_end(run, ENGINE_NO_REPLY);
}

static void settings_become_addresses(void **state)
{
    (void)state;
    struct seen s;
    struct arena a;
    struct engine_run *run = start(&s, ENGINE_TASK_TURN, read_settings, &a, NULL);
    assert_str(buf_str(&s.b), "");
    finish(run, &s, &a);
}

static void a_request_of_the_server_becomes_events(void **state)
{
    (void)state;
    const struct engine_incoming in = {.body = STR("late reply")};
    struct seen s;
    struct arena a;
    struct engine_run *run = start(&s, ENGINE_TASK_RECEIVE, NULL, &a, &in);
    assert_str(buf_str(&s.b), "<1|late reply>");
    assert_int_equal(s.end.class, ENGINE_OK);
    finish(run, &s, &a);
    struct engine_receive_request rq = {.type = engine_type_find(STR("openai")), .incoming = in, .event = on_event};
    assert_int_equal(engine_receive(&rq).class, ENGINE_CONFIG);
}

/* In the calls thread, as in life: a run belongs to it. */
struct timed {
    struct seen s;
    struct arena a;
    struct engine_run *run;
    struct call_timer *begin, *cancel;
    bool cancels;
};

static void late(struct engine_run *run)
{
    engine_emit_delta(run, STR("late"));
    engine_run_end(run, ENGINE_OK);
}

static void set_timers(struct engine_run *run)
{
    engine_timer(run, 30, late);
    engine_timer(run, 60000, late);
}

static void timed_cancel(void *ctx)
{
    struct timed *t = ctx;
    if (t->cancels)
        engine_run_cancel(t->run);
}

static void timed_begin(void *ctx)
{
    struct timed *t = ctx;
    struct err e = ERR_INIT;
    t->run = start(&t->s, ENGINE_TASK_TURN, set_timers, &t->a, NULL);
    assert_ok(call_timer(10, timed_cancel, t, &t->cancel, &e), &e);
}

static void a_timer_fires_unless_the_run_is_over(void **state)
{
    (void)state;
    for (int cancels = 0; cancels < 2; cancels++) {
        struct timed t = {.cancels = cancels};
        struct err e = ERR_INIT;
        assert_ok(call_timer(0, timed_begin, &t, &t.begin, &e), &e);
        usleep(300000);
        call_timer_cancel(t.begin);
        call_timer_cancel(t.cancel);
        assert_int_equal(t.s.ends, cancels ? 0 : 1);
        assert_str(buf_str(&t.s.b), cancels ? "" : "<0|late><1|late>");
        assert_int_equal(t.run->refs, 1);
        finish(t.run, &t.s, &t.a);
        assert_int_equal(closed, 1);
    }
    fetch_library_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_run_ends_once_with_its_whole_message),
        TEST(the_end_has_a_class),
        TEST(settings_become_addresses),
        TEST(a_request_of_the_server_becomes_events),
        TEST(a_timer_fires_unless_the_run_is_over),
    };
    return RUN(tests);
}
