/* What a turn does in each state of its conversation, and what its visitor then reads and rates, against a real
 * MariaDB. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "bot/bot.h"
#include "dbtest.h"
#include "lib/test.h"
#include "lib/turn.h"
#include "okay.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

#define DB "parley_states"

static const struct config *config;
static struct db_pool *pool;
static struct db *c;
static struct talk *talk;
static struct arena arena;
static struct id bot, form, tenant; /* form: a bot that asks one thing after another */

static struct talk_in message(const char *text, const char *client_id, const struct talk_out *before)
{
    struct talk_in in = {.bot = bot,
                         .text = str_from(text),
                         .choice = STR_EMPTY,
                         .client_id = str_from(client_id),
                         .locale = STR_EMPTY,
                         .token = STR_EMPTY,
                         .visitor = STR("192.0.2.1"),
                         .channel = CHANNEL_api};
    if (before) {
        in.conversation = before->conversation;
        in.token = str_from(before->token);
    }
    return in;
}

static struct talk_out said(const struct talk_in *in)
{
    struct talk_out out;
    OKAY(talk_turn(talk, in, NULL, &arena, &out, &fail));
    return out;
}

static struct talk_out say(const char *text, const struct talk_out *before)
{
    const struct talk_in in = message(text, "", before);
    return said(&in);
}

static enum error_code refusal(const struct talk_in *in, enum status st)
{
    struct talk_out out;
    struct err e = ERR_INIT;
    assert_int_equal(talk_turn(talk, in, NULL, &arena, &out, &e), st);
    return e.code;
}

static struct id published(const struct actor *who, struct str template)
{
    struct bot b;
    int version;
    OKAY(bot_create(c, config, who, &(struct bot_wanted){template, STR("My bot"), STR_EMPTY}, &arena, &b, &fail));
    OKAY(bot_publish(c, who, &(struct bot_publishing){.bot = b.id}, &arena, &version, &fail));
    return b.id;
}

/* As another process sets it: this one remembers nothing. */
static void set_state(const struct talk_out *of, const char *name)
{
    dbtest_sqlf(DB, "UPDATE conversation SET state = '%s' WHERE conversation_id = 0x%s", name,
                dbtest_hex(of->conversation));
    talk_close(talk);
    OKAY(talk_open(config, pool, &talk, &fail));
}

static struct talk_place place_of(const struct talk_out *out)
{
    return (struct talk_place){bot, out->conversation, str_from(out->token)};
}

static int64_t last_of(const struct talk_out *out)
{
    return out->seq + (int64_t)out->n;
}

/* ---- states ---- */

static void a_message_to_a_person_gets_no_reply(void **state)
{
    struct talk_out first = say("hello", NULL), out;
    (void)state;
    assert_true(first.n > 0);
    assert_int_equal(first.state, TALK_OPEN);
    set_state(&first, "handoff");
    for (int i = 1; i <= 2; i++) { /* loaded, then from memory */
        out = say("is anybody there?", &first);
        assert_int_equal(out.n, 0);
        assert_int_equal(out.state, TALK_HANDOFF);
        assert_int_equal(out.seq, last_of(&first) + i);
        assert_string_equal(out.token, first.token);
    }
    assert_int_equal(dbtest_intf(DB,
                                 "SELECT COUNT(*) FROM conversation WHERE conversation_id = 0x%s AND state = 'handoff' "
                                 "AND flow_state <> ''",
                                 dbtest_hex(first.conversation)),
                     1);
}

static struct talk_out say_in_form(const char *text, const struct talk_out *before)
{
    struct talk_in in = message(text, "", before);
    in.bot = form;
    return said(&in);
}

static void a_message_to_a_closed_conversation_begins_the_flow_again(void **state)
{
    struct talk_out first = say_in_form("hello", NULL), next = say_in_form("Ada", &first), again;
    (void)state;
    assert_true(first.n > 0 && next.n > 0);
    assert_true(!str_eq(next.messages[0].m.text, first.messages[0].m.text)); /* the form goes on */
    set_state(&first, "closed");
    again = say_in_form("hello", &first);
    assert_true(id_eq(again.conversation, first.conversation));
    assert_int_equal(again.seq, last_of(&next) + 1);
    assert_int_equal(again.state, TALK_OPEN);
    assert_int_equal(again.n, first.n);
    assert_true(str_eq(again.messages[0].m.text, first.messages[0].m.text));
}

/* ---- many replies ---- */

#define SAYS(a, b, c, next)                                                                         \
    "{\"type\":\"say\",\"messages\":[{\"type\":\"text\",\"text\":{\"en\":\"" a                      \
    "\"}},{\"type\":\"text\",\"text\":{\"en\":\"" b "\"}},{\"type\":\"text\",\"text\":{\"en\":\"" c \
    "\"}}],\"next\":\"" next "\"}"

static void a_turn_keeps_all_of_its_replies(void **state)
{
    static const struct str nine = STR("{\"format\":1,\"languages\":[\"en\"],\"start\":\"a\",\"nodes\":{\"a\":" SAYS(
        "1", "2", "3", "b") ",\"b\":" SAYS("4", "5", "6", "c") ",\"c\":" SAYS("7", "8", "9",
                                                                              "z") ",\"z\":{\"type\":\"end\"}}}");
    const struct actor who = {.cli = true, .role = ROLE_OWNER, .tenant = tenant};
    struct talk_in in = message("hello", "", NULL);
    struct json *old, *flow;
    int revision, version;
    (void)state;
    in.bot = published(&who, STR("faq"));
    OKAY(bot_draft(c, tenant, in.bot, &arena, &old, &revision, &fail));
    OKAY(json_parse(&arena, nine, MAX_JSON_DEPTH, &flow, &fail));
    OKAY(bot_draft_save(c, &who, in.bot, flow, revision, &fail));
    OKAY(bot_publish(c, &who, &(struct bot_publishing){.bot = in.bot}, &arena, &version, &fail));
    const struct talk_out out = said(&in);
    assert_int_equal(out.n, 6); /* the visitor has seen the first three, the greeting */
    for (size_t i = 0; i < out.n; i++)
        assert_int_equal(*out.messages[i].m.text.p, '4' + (int)i);
}

/* ---- a message that arrives twice ---- */

static void is_the_same(const struct talk_out *a, const struct talk_out *b)
{
    assert_true(id_eq(a->tenant, b->tenant) && id_eq(a->conversation, b->conversation));
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->state, b->state);
    assert_string_equal(a->token, b->token);
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        assert_int_equal(a->messages[i].seq, b->messages[i].seq);
        assert_int_equal(a->messages[i].from, SENDER_BOT);
        assert_true(str_eq(a->messages[i].m.text, b->messages[i].m.text));
    }
}

static void a_repeated_message_gets_the_same_messages_again(void **state)
{
    struct talk_in in = message("hello", "the id of the first message", NULL);
    const struct talk_out first = said(&in), first_again = said(&in);
    struct talk_in other = in;
    (void)state;
    is_the_same(&first_again, &first);
    other.text = STR("another text");
    assert_int_equal(refusal(&other, ERR_CONFLICT), E_id_reused);
    other = in, other.choice = STR("human");
    assert_int_equal(refusal(&other, ERR_CONFLICT), E_id_reused);
    in = message("hello", "1", &first);
    const struct talk_out next = said(&in), next_again = said(&in);
    is_the_same(&next_again, &next);
    other = in, other.text = STR("another text");
    assert_int_equal(refusal(&other, ERR_CONFLICT), E_id_reused);
    other.client_id = STR("2");
    assert_int_equal(said(&other).seq, last_of(&next) + 1);
}

/* ---- the right to a conversation ---- */

static void a_visitor_needs_the_token_and_the_tenant_does_not(void **state)
{
    struct talk_out first = say("hello", NULL);
    struct talk_in in = message("hello", "", &first);
    (void)state;
    in.token = STR_EMPTY;
    assert_int_equal(refusal(&in, ERR_AUTH), E_token_invalid);
    in.tenant = tenant;
    struct talk_out out = said(&in);
    assert_true(id_eq(out.conversation, first.conversation));
    assert_string_equal(out.token, first.token);
    in.tenant = id_new();
    assert_int_equal(refusal(&in, ERR_NOT_FOUND), E_bot_unknown);
    in = message("hello", "", &first);
    in.conversation = id_new();
    assert_int_equal(refusal(&in, ERR_NOT_FOUND), E_conversation_unknown);
}

static void a_contact_is_kept_and_limited(void **state)
{
    static char large[64 * KB];
    struct talk_out first = say("hello", NULL);
    struct talk_in in = message("hello", "", &first);
    struct json *contact = json_new_object(&arena), *too_large = json_new_object(&arena);
    (void)state;
    assert_true(contact && json_set_str(contact, "name", STR("Ada")) == 0);
    in.contact = contact;
    (void)said(&in);
    (void)say("without a contact", &first);
    assert_int_equal(dbtest_intf(DB,
                                 "SELECT COUNT(*) FROM conversation WHERE conversation_id = 0x%s AND contact = "
                                 "'{\"name\":\"Ada\"}'",
                                 dbtest_hex(first.conversation)),
                     1);
    memset(large, 'x', sizeof(large));
    assert_true(too_large && json_set_str(too_large, "name", str_n(large, sizeof(large))) == 0);
    in.contact = too_large;
    assert_int_equal(refusal(&in, ERR_INVALID), E_contact_too_large);
}

/* ---- the plan ---- */

/* As after a first message that got no reply: the conversation is there, and its first reply counts like any other. */
static void a_conversation_that_was_not_counted_yet_needs_a_place_in_the_plan(void **state)
{
    struct talk_out counted = say("hello", NULL), silent = say("hello", NULL);
    const struct talk_in opening = message("hello", "", NULL), next = message("hello", "", &silent);
    (void)state;
    dbtest_sqlf(DB, "UPDATE conversation SET counted = 0 WHERE conversation_id = 0x%s",
                dbtest_hex(silent.conversation));
    dbtest_sqlf(DB, "DELETE FROM usage_ledger WHERE conversation_id = 0x%s", dbtest_hex(silent.conversation));
    dbtest_sqlf(DB, "INSERT INTO tenant_override VALUES (0x%s, 'conversations', 1, 'test', NULL, NOW(3))",
                dbtest_hex(tenant));
    shared_bump("plan", tenant);
    set_state(&silent, "open");
    assert_int_equal(refusal(&opening, ERR_PLAN), E_plan_limit);
    assert_int_equal(refusal(&next, ERR_PLAN), E_plan_limit);
    assert_int_equal(say("hello", &counted).seq, last_of(&counted) + 1);
    dbtest_sqlf(DB, "DELETE FROM tenant_override");
    shared_bump("plan", tenant);
    assert_int_equal(said(&next).seq, last_of(&silent) + 1);
}

/* ---- reading ---- */

static void messages_are_read_in_order_from_a_number_on(void **state)
{
    struct talk_out first = say("hello", NULL), out;
    struct talk_place at = place_of(&first);
    struct err e = ERR_INIT;
    (void)state;
    OKAY(talk_messages(talk, &at, 0, &arena, &out, &fail));
    assert_int_equal(out.n, first.n + 1);
    assert_int_equal(out.messages[0].from, SENDER_VISITOR);
    for (size_t i = 0; i < out.n; i++)
        assert_int_equal(out.messages[i].seq, i + 1);
    assert_int_equal(out.seq, last_of(&first));
    assert_int_equal(out.state, TALK_OPEN);
    assert_string_equal(out.token, first.token);
    OKAY(talk_messages(talk, &at, first.seq, &arena, &out, &fail));
    assert_int_equal(out.n, first.n);
    dbtest_sqlf(DB, "UPDATE conversation SET state = 'closed' WHERE conversation_id = 0x%s",
                dbtest_hex(first.conversation));
    OKAY(talk_newest_messages(talk, &at, &arena, &out, &fail));
    assert_int_equal(out.n, first.n + 1);
    assert_int_equal(out.state, TALK_CLOSED); /* although this process remembers it as open */
    at.token = STR("not the token");
    assert_int_equal(talk_messages(talk, &at, 0, &arena, &out, &e), ERR_AUTH);
    assert_int_equal(talk_newest_messages(talk, &at, &arena, &out, &e), ERR_AUTH);
    at = place_of(&first), at.bot = id_new();
    assert_int_equal(talk_messages(talk, &at, 0, &arena, &out, &e), ERR_NOT_FOUND);
}

static void the_newest_two_hundred_messages_are_read(void **state)
{
    struct talk_out first = say("hello", NULL), out;
    const struct talk_place at = place_of(&first);
    const char *tenant_hex = dbtest_hex(tenant), *hex = dbtest_hex(first.conversation);
    (void)state;
    assert_true(last_of(&first) < 10);
    for (int last = 200; last <= 201; last++) {
        dbtest_sqlf(DB,
                    "INSERT IGNORE INTO message SELECT 0x%s, 0x%s, seq, 'agent', 'text', 'x', '', NOW(3) FROM "
                    "seq_1_to_%d",
                    tenant_hex, hex, last);
        dbtest_sqlf(DB, "UPDATE conversation SET seq = %d WHERE conversation_id = 0x%s", last, hex);
        OKAY(talk_newest_messages(talk, &at, &arena, &out, &fail));
        assert_int_equal(out.n, 200);
        assert_int_equal(out.messages[0].seq, last - 199);
        assert_int_equal(out.messages[199].seq, last);
        assert_int_equal(out.seq, last);
    }
    OKAY(talk_messages(talk, &at, 0, &arena, &out, &fail));
    assert_int_equal(out.n, 200);
    assert_int_equal(out.messages[0].seq, 1);
}

/* ---- rating ---- */

static enum error_code rated(const struct talk_out *of, int64_t seq, int64_t rating, struct str comment)
{
    const struct talk_place at = place_of(of);
    struct err e = ERR_INIT;
    enum status st = talk_feedback(talk, &at, &(struct talk_rating){seq, rating, comment}, &e);
    assert_int_equal(e.status, st);
    return e.code;
}

static void replies_and_conversations_can_be_rated(void **state)
{
    static char comment[1001];
    struct talk_out first = say("hello", NULL), other = first;
    const char *hex = dbtest_hex(first.conversation);
    (void)state;
    memset(comment, 'x', sizeof(comment));
    assert_int_equal(rated(&first, 0, 0, STR_EMPTY), E_rating_invalid);
    assert_int_equal(rated(&first, 0, 2, STR_EMPTY), E_rating_invalid);
    assert_int_equal(rated(&first, -1, 1, STR_EMPTY), E_seq_invalid);
    assert_int_equal(rated(&first, 0, 1, str_n(comment, 1001)), E_comment_too_long);
    assert_int_equal(rated(&first, 0, 1, STR("\xff")), E_comment_too_long);
    assert_int_equal(rated(&first, first.seq, 1, STR_EMPTY), E_message_unknown); /* what the visitor said */
    assert_int_equal(rated(&first, last_of(&first) + 1, 1, STR_EMPTY), E_message_unknown);
    snprintf(other.token, sizeof(other.token), "not the token");
    assert_int_equal(rated(&other, 0, 1, STR_EMPTY), E_token_invalid);
    assert_int_equal(dbtest_intf(DB, "SELECT COUNT(*) FROM feedback WHERE conversation_id = 0x%s", hex), 0);
    assert_int_equal(rated(&first, 0, 1, str_n(comment, 1000)), E_none);
    assert_int_equal(rated(&first, first.seq + 1, 1, STR("good")), E_none);
    assert_int_equal(rated(&first, first.seq + 1, -1, STR("bad")), E_none);
    assert_int_equal(dbtest_intf(DB, "SELECT COUNT(*) FROM feedback WHERE conversation_id = 0x%s", hex), 2);
    assert_int_equal(dbtest_intf(DB,
                                 "SELECT COUNT(*) FROM feedback WHERE conversation_id = 0x%s AND seq = %d AND rating = "
                                 "-1 AND comment = 'bad'",
                                 hex, (int)first.seq + 1),
                     1);
}

static enum status open_all(struct err *e)
{
    struct actor who = {.cli = true, .role = ROLE_OWNER};
    enum status st = config_load(dbtest_config_file(DB, "flow_template_dir = " TEST_SRCDIR "/flow-templates\n"),
                                 &config, e);
    if (st != OK)
        return st;
    config_set_current(config_retain(config));
    dbtest_migrate(config);
    pool = dbtest_pool(config, 4);
    c = dbtest_get(pool);
    arena_init(&arena, 256 * MB);
    dbtest_shared();
    shared_limits_enable(false);
    st = account_tenant_create(c, STR("W"), STR("enterprise"), &who.tenant, e);
    if (st != OK)
        return st;
    bot = published(&who, STR("faq"));
    form = published(&who, STR("lead-capture"));
    tenant = who.tenant;
    return talk_open(config, pool, &talk, e);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(a_message_to_a_person_gets_no_reply),
                                       TEST(a_message_to_a_closed_conversation_begins_the_flow_again),
                                       TEST(a_turn_keeps_all_of_its_replies),
                                       TEST(a_repeated_message_gets_the_same_messages_again),
                                       TEST(a_visitor_needs_the_token_and_the_tenant_does_not),
                                       TEST(a_contact_is_kept_and_limited),
                                       TEST(a_conversation_that_was_not_counted_yet_needs_a_place_in_the_plan),
                                       TEST(messages_are_read_in_order_from_a_number_on),
                                       TEST(the_newest_two_hundred_messages_are_read),
                                       TEST(replies_and_conversations_can_be_rated)};
    struct err e = ERR_INIT;
    dbtest_begin(argc, argv);
    if (open_all(&e) != OK) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    int failed = RUN(tests);
    talk_close(talk);
    bot_live_forget();
    config_set_current(NULL);
    dbtest_close(config, pool, c, &arena);
    config = NULL; /* a reference that a turn has kept is a leak for the sanitizer now */
    shared_close();
    db_library_end();
    return failed;
}
