/* test_botpress.c: what comes from Botpress without a call of ours: signals that the integration sends to us, and
 * messages of any shape. */
#include "engine/botpress_inbox.h"
#include "engine/botpress_payload.h"
#include "engine/receive.h"
#include "engine/run_internal.h"
#include "lib/test.h"

struct heard {
    struct buf b;
    struct engine_failure end;
};

static void on_event(void *ctx, const struct engine_event *ev)
{
    static const char *const names[] = {
        [ENGINE_EVENT_DELTA] = "delta",
        [ENGINE_EVENT_MESSAGE] = "message",
        [ENGINE_EVENT_CHOICES] = "choices",
        [ENGINE_EVENT_CARD] = "card",
        [ENGINE_EVENT_MEDIA] = "media",
        [ENGINE_EVENT_STATE] = "state",
        [ENGINE_EVENT_CONVERSATION] = "conversation",
    };
    struct heard *h = ctx;
    buf_printf(&h->b, "<%s %.*s%.*s%s>", names[ev->kind], STR_F(str_n(ev->key.p, ev->key.n)),
               STR_F(str_n(ev->text.p, ev->text.n)), ev->choice_count ? "+" : "");
}

static void on_ended(void *ctx, const struct engine_failure *f)
{
    ((struct heard *)ctx)->end = *f;
}

/* One run of a turn that does `turn` and nothing else. */
static void hear(struct heard *h, const char *settings, void (*turn)(struct engine_run *))
{
    struct engine_ops ops = engine_botpress;
    const struct engine_turn asked = {.message_id = STR_EMPTY};
    struct json *doc = NULL;
    struct arena a;
    struct err e = ERR_INIT;
    arena_init(&a, 1 << 20);
    buf_init(&h->b, 1 << 20);
    assert_ok(json_parse(&a, str_from(settings), 8, &doc, &e), &e);
    ops.turn = turn;
    struct engine_run_request rq = {.ops = &ops,
                                    .type = engine_type_find(STR("botpress")),
                                    .settings = doc,
                                    .private_hosts = STR_EMPTY,
                                    .task = ENGINE_TASK_TURN,
                                    .turn = &asked,
                                    .max_output = 10000};
    struct engine_run *run = engine_run_start(&rq, &(struct engine_owner){h, on_event, on_ended});
    assert_non_null(run);
    engine_run_release(run);
    arena_release(&a);
}

/* ---- signals that are sent to us ---- */

static void assert_received(const char *settings, const char *secret, const char *body, const char *seen,
                            enum engine_class class, const char *events)
{
    struct heard h = {.end = ENGINE_FAILURE_INIT};
    struct fetch_header header = {STR("X-Secret-Key"), str_from(secret)};
    struct json *doc = NULL, *state = NULL;
    struct arena a;
    struct err e = ERR_INIT;
    arena_init(&a, 1 << 20);
    buf_init(&h.b, 1 << 20);
    assert_ok(json_parse(&a, str_from(settings), 8, &doc, &e), &e);
    if (seen) {
        state = json_new_object(&a);
        assert_int_equal(json_set_str(state, "seen", str_from(seen)), 0);
    }
    h.end = engine_receive(&(struct engine_receive_request){
        .type = engine_type_find(STR("botpress")),
        .settings = doc,
        .incoming = {&header, secret ? 1 : 0, str_from(body), state},
        .event = on_event,
        .ctx = &h,
    });
    assert_str(str_from(engine_class_name(h.end.class)), engine_class_name(class));
    assert_str(buf_str(&h.b), events);
    buf_release(&h.b);
    arena_release(&a);
}

#define SETTINGS "{\"base_url\": \"http://127.0.0.1:1/w\", \"webhook_secret\": \"s3cret-of-the-hook\"}"
#define SECRET "s3cret-of-the-hook"
#define LATE(bot)                                                                                             \
    "{\"type\": \"message_created\", \"data\": {\"id\": \"m\", \"createdAt\": \"2026-01-01T00:00:00.000Z\", " \
    "\"conversationId\": \"conv_7\", \"isBot\": " bot ", \"payload\": {\"type\": \"text\", \"text\": \"late\"}}}"

static void a_signal_tells_its_conversation_and_then_its_message(void **state)
{
    (void)state;
    assert_received(SETTINGS, SECRET, LATE("true"), NULL, ENGINE_OK, "<conversation conv_7>");
    assert_received(SETTINGS, SECRET, LATE("true"), "", ENGINE_OK,
                    "<conversation conv_7><message late><state seen2026-01-01T00:00:00.000Z>");
    assert_received(SETTINGS, SECRET, LATE("true"), "2025-12-31T23:59:59.999Z", ENGINE_OK,
                    "<conversation conv_7><message late><state seen2026-01-01T00:00:00.000Z>");
}

static void a_message_that_a_turn_has_reported_is_not_new(void **state)
{
    (void)state;
    assert_received(SETTINGS, SECRET, LATE("true"), "2026-01-01T00:00:00.000Z", ENGINE_OK, "<conversation conv_7>");
    assert_received(SETTINGS, SECRET, LATE("true"), "2026-01-01T00:00:00.001Z", ENGINE_OK, "<conversation conv_7>");
}

static void what_is_not_of_the_bot_is_accepted_and_left_out(void **state)
{
    (void)state;
    assert_received(SETTINGS, SECRET, LATE("false"), "", ENGINE_OK, "");
    assert_received(SETTINGS, SECRET, "{\"type\": \"participant_added\", \"data\": {}}", "", ENGINE_OK, "");
    assert_received(SETTINGS, SECRET, "{}", "", ENGINE_OK, "");
}

static void a_request_without_the_secret_is_refused(void **state)
{
    (void)state;
    assert_received(SETTINGS, NULL, LATE("true"), "", ENGINE_AUTH, "");
    assert_received(SETTINGS, "", LATE("true"), "", ENGINE_AUTH, "");
    assert_received(SETTINGS, "s3cret-of-the-hoo", LATE("true"), "", ENGINE_AUTH, "");
    assert_received(SETTINGS, "S3cret-of-the-hook", LATE("true"), "", ENGINE_AUTH, "");
    /* An engine without a secret takes nothing from outside. */
    assert_received("{\"base_url\": \"http://127.0.0.1:1/w\"}", "", LATE("true"), "", ENGINE_AUTH, "");
    assert_received(SETTINGS, SECRET, "no JSON", "", ENGINE_PROTOCOL, "");
}

/* ---- messages of any shape ---- */

static const char *payload_text;

static void show(struct engine_run *run)
{
    struct json *doc = NULL;
    struct err e = ERR_INIT;
    assert_ok(json_parse(engine_run_arena(run), str_from(payload_text), 64, &doc, &e), &e);
    botpress_emit_payload(run, doc);
    engine_run_end(run, ENGINE_OK);
}

static void assert_shown(const char *payload, const char *events)
{
    struct heard h = {.end = ENGINE_FAILURE_INIT};
    payload_text = payload;
    hear(&h, SETTINGS, show);
    assert_str(buf_str(&h.b), events);
    buf_release(&h.b);
}

static void a_field_of_another_kind_costs_only_itself(void **state)
{
    (void)state;
    assert_shown("{\"type\": \"text\", \"text\": 7}", "");
    assert_shown("{\"type\": 7, \"text\": \"t\"}", "<message t>");
    assert_shown("{\"type\": \"choice\", \"text\": \"q\", \"options\": [7, null, {}, {\"label\": \"a\"}]}",
                 "<choices q+>");
    assert_shown("{\"type\": \"choice\", \"text\": \"q\", \"options\": {}}", "<choices q>");
    assert_shown("{\"type\": \"choice\", \"options\": [{}]}", "");
    assert_shown("{\"type\": \"card\", \"actions\": \"x\"}", "");
    assert_shown("{\"type\": \"carousel\", \"items\": 3}", "");
    assert_shown("{\"type\": \"image\"}", "");
    assert_shown("{\"type\": \"location\", \"latitude\": 1.5}", "");
    assert_shown("{}", "");
}

static void blocs_in_blocs_end_somewhere(void **state)
{
#define BLOC "{\"type\": \"bloc\", \"items\": [{\"type\": \"text\", \"text\": \"t\"}, "
    (void)state;
    assert_shown(BLOC BLOC BLOC BLOC BLOC BLOC "{}]}]}]}]}]}]}", "<message t><message t><message t><message t>");
}

/* ---- streams ---- */

static const char *const *stream_steps;

static void stream(struct engine_run *run)
{
    struct botpress_inbox in = {.live = STR_EMPTY, .newest = STR_EMPTY};
    for (const char *const *s = stream_steps; *s && !engine_run_over(run); s++) {
        struct json *doc = NULL;
        struct err e = ERR_INIT;
        assert_ok(json_parse(engine_run_arena(run), str_from(*s + 1), 64, &doc, &e), &e);
        if (**s == 'd')
            botpress_inbox_delta(run, &in, doc);
        else if (**s == 'c')
            botpress_inbox_complete(run, &in, doc);
        else if (**s == 'a')
            botpress_inbox_abort(run, &in, doc);
        else
            (void)botpress_inbox_message(run, &in, doc);
    }
    engine_run_end(run, ENGINE_OK);
    botpress_inbox_release(&in);
}

static void assert_stream(const char *const *steps, const char *events)
{
    struct heard h = {.end = ENGINE_FAILURE_INIT};
    stream_steps = steps;
    hear(&h, SETTINGS, stream);
    assert_str(buf_str(&h.b), events);
    buf_release(&h.b);
}

#define DELTA(id, n, text) "d{\"streamId\": \"" id "\", \"sequence\": " n ", \"delta\": \"" text "\"}"
#define TEXT(id, text) "{\"id\": \"" id "\", \"payload\": {\"type\": \"text\", \"text\": \"" text "\"}}"
#define STREAM(...) ((const char *const[]){__VA_ARGS__, NULL})

static void every_order_of_pieces_gives_the_same_text(void **state)
{
    const char *a = DELTA("s", "0", "a"), *b = DELTA("s", "1", "b"), *c = DELTA("s", "2", "c");
    const char *end = "c{\"streamId\": \"s\", \"message\": " TEXT("m", "abc") "}";
    const char *whole = "<delta a><delta b><delta c><message abc>";
    (void)state;
    assert_stream(STREAM(a, b, c, end), whole);
    assert_stream(STREAM(a, c, b, end), whole);
    assert_stream(STREAM(b, a, c, end), whole);
    assert_stream(STREAM(c, a, b, end), whole);
    /* This looks as if it were counted from 1; the message puts it right. */
    assert_stream(STREAM(c, b, a, end), "<delta b><delta c><message abc>");
}

static void a_message_is_reported_once_however_often_it_is_told(void **state)
{
    (void)state;
    assert_stream(STREAM("m" TEXT("1", "x"), "m" TEXT("1", "x"), "m" TEXT("2", "x")), "<message x><message x>");
    assert_stream(STREAM(DELTA("s", "0", "x"), "m" TEXT("1", "x"), "m" TEXT("1", "x"),
                         "c{\"streamId\": \"s\", \"message\": " TEXT("1", "x") "}", "m" TEXT("1", "x")),
                  "<delta x><message x>");
    assert_stream(STREAM("c{\"streamId\": \"s\", \"message\": " TEXT("1", "x") "}",
                         "c{\"streamId\": \"s\", \"message\": " TEXT("1", "x") "}"),
                  "<message x>");
}

static void a_stream_without_a_name_or_a_number_is_left_out(void **state)
{
    (void)state;
    assert_stream(STREAM("d{}", "d{\"streamId\": \"s\"}", "d{\"streamId\": \"\", \"sequence\": 0}", "a{}", "c{}"), "");
    assert_stream(STREAM("d{\"streamId\": \"s\", \"sequence\": -1, \"delta\": \"x\"}", "a{\"streamId\": \"t\"}"), "");
}

static void pieces_that_never_join_do_not_fill_the_memory(void **state)
{
    static char steps[1000][80];
    static const char *list[1001];
    struct heard h = {.end = ENGINE_FAILURE_INIT};
    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(steps[i], sizeof(steps[i]), "d{\"streamId\": \"s\", \"sequence\": %d, \"delta\": \"x\"}", i + 5);
        list[i] = steps[i];
    }
    stream_steps = list;
    hear(&h, SETTINGS, stream);
    assert_int_equal(h.end.class, ENGINE_TOO_BIG);
    buf_release(&h.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_signal_tells_its_conversation_and_then_its_message),
        TEST(a_message_that_a_turn_has_reported_is_not_new),
        TEST(what_is_not_of_the_bot_is_accepted_and_left_out),
        TEST(a_request_without_the_secret_is_refused),
        TEST(a_field_of_another_kind_costs_only_itself),
        TEST(blocs_in_blocs_end_somewhere),
        TEST(every_order_of_pieces_gives_the_same_text),
        TEST(a_message_is_reported_once_however_often_it_is_told),
        TEST(a_stream_without_a_name_or_a_number_is_left_out),
        TEST(pieces_that_never_join_do_not_fill_the_memory),
    };
    return RUN(tests);
}
