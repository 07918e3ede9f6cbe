/* Messages as rows and as JSON, and the names that rows hold. No database. */
#include "base/limits.h"
#include "lib/test.h"
#include "talk/message_internal.h"

#include "base/banned.h"

static struct arena arena;

static struct talk_message message_of(enum talk_message_type type, const char *text)
{
    return (struct talk_message){
        .from = SENDER_BOT,
        .type = type,
        .choice = STR_EMPTY,
        .m = {.text = str_from(text), .title = STR_EMPTY, .url = STR_EMPTY, .image = STR_EMPTY}};
}

static void every_name_is_read_back(void **state)
{
    static const enum talk_sender senders[] = {SENDER_SYSTEM, SENDER_VISITOR, SENDER_BOT, SENDER_AGENT};
    static const enum talk_message_type types[] = {MESSAGE_EVENT, MESSAGE_TEXT, MESSAGE_IMAGE, MESSAGE_CARD,
                                                   MESSAGE_CHOICE};
    static const enum talk_state states[] = {TALK_OPEN, TALK_HANDOFF, TALK_CLOSED};
    enum talk_state read = TALK_CLOSED;
    enum talk_sender sender;
    enum talk_message_type type;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(senders); i++)
        assert_true(message_sender_parse(str_from(talk_sender_name(senders[i])), &sender) && sender == senders[i]);
    for (size_t i = 0; i < COUNT_OF(types); i++)
        assert_true(message_type_parse(str_from(talk_message_type_name(types[i])), &type) && type == types[i]);
    assert_false(message_sender_parse(STR("robot"), &sender));
    assert_false(message_type_parse(STR("video"), &type));
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        assert_true(talk_state_parse(str_from(talk_state_name(states[i])), &read));
        assert_int_equal(read, states[i]);
    }
    assert_false(talk_state_parse(STR("opened"), &read));
    assert_int_equal(read, TALK_CLOSED);
    assert_int_equal(channel_parse(STR("web")), CHANNEL_web);
    assert_int_equal(channel_parse(str_from(channel_name(CHANNEL_api))), CHANNEL_api);
    assert_int_equal(channel_parse(STR("fax")), CHANNEL_NONE);
    assert_string_equal(channel_name(CHANNEL_NONE), "");
}

static void a_message_of_a_flow_has_its_type(void **state)
{
    (void)state;
    assert_int_equal(talk_message_type_of(FLOW_TEXT), MESSAGE_TEXT);
    assert_int_equal(talk_message_type_of(FLOW_IMAGE), MESSAGE_IMAGE);
    assert_int_equal(talk_message_type_of(FLOW_CARD), MESSAGE_CARD);
}

static void written(const struct talk_message *m, const char *expected)
{
    struct buf b;
    buf_init(&b, 4 * KB);
    talk_message_write(&b, m);
    assert_str(buf_str(&b), expected);
    buf_release(&b);
}

static void a_message_is_written_with_what_it_has(void **state)
{
    const struct flow_choice choices[] = {{STR("Yes"), STR("y")}, {STR("No"), STR("n")}};
    const struct flow_citation citations[] = {{STR("A"), STR("https://a.example")}, {STR("B"), STR_EMPTY}};
    struct talk_message m = message_of(MESSAGE_CARD, "text");
    (void)state;
    written(&m, "{\"from\":\"bot\",\"type\":\"card\",\"text\":\"text\"}");
    m.seq = 1;
    m.m.title = STR("T");
    m.m.url = STR("https://example.com");
    m.m.image = STR("https://example.com/i.png");
    m.m.choices = choices;
    m.m.choice_n = 2;
    m.m.citations = citations;
    m.m.citation_n = 2;
    m.m.delay_ms = 1;
    written(&m, "{\"seq\":1,\"from\":\"bot\",\"type\":\"card\",\"text\":\"text\",\"title\":\"T\",\"url\":"
                "\"https://example.com\",\"image\":\"https://example.com/i.png\",\"choices\":[{\"label\":\"Yes\","
                "\"value\":\"y\"},{\"label\":\"No\",\"value\":\"n\"}],\"citations\":[{\"title\":\"A\",\"url\":"
                "\"https://a.example\"},{\"title\":\"B\",\"url\":\"\"}],\"delay_ms\":1}");
}

static void a_choice_and_a_picture_survive_their_rows(void **state)
{
    const struct flow_citation citation = {STR("Cats"), STR("https://example.com/cats")};
    struct talk_message choice = message_of(MESSAGE_CHOICE, "Yes"), image = message_of(MESSAGE_IMAGE, "a cat"), back;
    struct str data;
    struct err e = ERR_INIT;
    (void)state;
    choice.choice = STR("y");
    assert_ok(message_data(&choice, &arena, &data, &e), &e);
    assert_str(data, "{\"choice\":\"y\"}");
    back = (struct talk_message){.type = MESSAGE_CHOICE};
    assert_ok(message_read(data, &arena, &back, &e), &e);
    assert_str(back.choice, "y");
    assert_int_equal(back.m.kind, FLOW_TEXT);
    assert_int_equal(back.m.choice_n, 0);
    assert_int_equal(back.m.citation_n, 0);
    image.m.image = STR("https://example.com/cat.png");
    image.m.citations = &citation;
    image.m.citation_n = 1;
    assert_ok(message_data(&image, &arena, &data, &e), &e);
    back = (struct talk_message){.type = MESSAGE_IMAGE};
    assert_ok(message_read(data, &arena, &back, &e), &e);
    assert_str(back.m.image, "https://example.com/cat.png");
    assert_int_equal(back.m.kind, FLOW_IMAGE);
    assert_int_equal(back.m.citation_n, 1);
    assert_str(back.m.citations[0].title, "Cats");
    assert_str(back.m.citations[0].url, "https://example.com/cats");
}

static void data_that_no_longer_reads_is_left_out(void **state)
{
    struct talk_message back = {.type = MESSAGE_CARD, .m.text = STR("text")};
    struct err e = ERR_INIT;
    (void)state;
    assert_ok(message_read(STR("{\"title\":"), &arena, &back, &e), &e);
    assert_int_equal(back.m.kind, FLOW_CARD);
    assert_str(back.m.text, "text");
    assert_int_equal(back.m.title.n, 0);
    assert_ok(message_read(STR("[1]"), &arena, &back, &e), &e);
    assert_int_equal(back.m.title.n, 0);
    assert_ok(message_read(STR_EMPTY, &arena, &back, &e), &e);
    assert_int_equal(back.m.choice_n, 0);
}

static void data_that_does_not_fit_its_column_refuses_the_turn(void **state)
{
    static char url[60 * KB];
    struct talk_message m = message_of(MESSAGE_CARD, "text");
    struct str data;
    struct arena small;
    struct err e = ERR_INIT;
    (void)state;
    memset(url, 'u', sizeof(url));
    m.m.url = str_n(url, sizeof(url) - 10); /* {"url":""} takes ten bytes */
    assert_ok(message_data(&m, &arena, &data, &e), &e);
    assert_int_equal(data.n, 60 * KB);
    arena_init(&small, 4 * KB);
    assert_int_equal(message_data(&m, &small, &data, &e), ERR_NOMEM);
    arena_release(&small);
    m.m.url.n++;
    e = ERR_INIT;
    assert_int_equal(message_data(&m, &arena, &data, &e), ERR_TOO_LARGE);
    assert_string_equal(err_code(&e), "message_too_large");
    assert_int_equal(data.n, 0);
    assert_int_not_equal(message_data(&m, &arena, &data, NULL), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(every_name_is_read_back),
                                       TEST(a_message_of_a_flow_has_its_type),
                                       TEST(a_message_is_written_with_what_it_has),
                                       TEST(a_choice_and_a_picture_survive_their_rows),
                                       TEST(data_that_no_longer_reads_is_left_out),
                                       TEST(data_that_does_not_fit_its_column_refuses_the_turn)};
    arena_init(&arena, 1 * MB);
    int failed = RUN(tests);
    arena_release(&arena);
    return failed;
}
