/* Visitors whom a tenant names, against a real MariaDB: each name of each bot of each workspace has a conversation of
 * its own, which is kept in the transaction that opens it. */
#include "base/limits.h"
#include "dbtest.h"
#include "lib/test.h"
#include "okay.h"
#include "talk/journal_internal.h"

#include "base/banned.h"

#define DB "parley_visitor"
#define NOW 1794312000000LL /* 2026-11-10 12:00 */

static struct db *c;
static struct journal *journal;

static struct id conversation_of(struct id tenant, struct id bot, const char *name)
{
    struct id found = id_new();
    const struct visitor_of_tenant v = {tenant, bot, str_from(name)};
    OKAY(visitor_conversation_find(c, &v, &found, &fail));
    return found;
}

static struct id new_bot(struct id tenant)
{
    struct id bot = id_new();
    dbtest_sqlf(DB,
                "INSERT INTO bot (tenant_id, bot_id, name, language, template, draft, draft_hash, created_at, "
                "updated_at) VALUES (0x%s, 0x%s, 'B', 'en', '', '{}', REPEAT('x', 32), NOW(3), NOW(3))",
                dbtest_hex(tenant), dbtest_hex(bot));
    return bot;
}

/* One message of the visitor; with base_seq 0 it opens the conversation. "" is a visitor without a name. */
static enum status records(struct id tenant, struct id bot, const char *name, struct id conversation, int64_t base_seq)
{
    const struct journal_message message = {base_seq + 1, SENDER_VISITOR, MESSAGE_TEXT, STR("hi"), STR_EMPTY, NOW};
    struct journal_turn t = {.tenant = tenant,
                             .bot = bot,
                             .conversation = conversation,
                             .opens = base_seq == 0,
                             .version = 1,
                             .channel = CHANNEL_model,
                             .locale = STR("en"),
                             .contact = STR_EMPTY,
                             .base_seq = base_seq,
                             .last_seq = base_seq + 1,
                             .flow_state = STR("{}"),
                             .state = TALK_OPEN,
                             .has_visitor = *name,
                             .messages = &message,
                             .n = 1,
                             .now_ms = NOW,
                             .event = id_new()};
    struct journal_wait w = {.turn = &t};
    visitor_hash(str_from(name), t.visitor_hash);
    journal_submit(journal, &w);
    assert_true(journal_settled(journal, &w));
    return w.status;
}

static struct id opens(struct id tenant, struct id bot, const char *name)
{
    struct id conversation = id_new();
    assert_int_equal(records(tenant, bot, name, conversation, 0), OK);
    return conversation;
}

static void a_name_leads_to_the_newest_conversation(void **state)
{
    struct id tenant = dbtest_tenant(c), bot = new_bot(tenant);
    (void)state;
    assert_true(id_is_none(conversation_of(tenant, bot, "Ada")));
    struct id first = opens(tenant, bot, "Ada");
    assert_true(id_eq(conversation_of(tenant, bot, "Ada"), first));
    struct id second = opens(tenant, bot, "Ada");
    assert_true(id_eq(conversation_of(tenant, bot, "Ada"), second));
    assert_int_equal(records(tenant, bot, "Ada", first, 1), OK);
    assert_true(id_eq(conversation_of(tenant, bot, "Ada"), second));
    assert_int_equal(records(tenant, bot, "Ada", second, 7), ERR_CONFLICT);
    opens(tenant, bot, "");
    assert_int_equal(
        dbtest_intf(DB, "SELECT COUNT(*) FROM visitor_conversation WHERE tenant_id = 0x%s", dbtest_hex(tenant)), 1);
}

static void a_conversation_that_was_not_recorded_is_not_kept(void **state)
{
    struct id tenant = dbtest_tenant(c), bot = new_bot(tenant), first = opens(tenant, bot, "Ada");
    (void)state;
    assert_int_equal(records(tenant, bot, "Bob", first, 0), ERR_CONFLICT);
    assert_true(id_is_none(conversation_of(tenant, bot, "Bob")));
}

static void names_bots_and_workspaces_are_kept_apart(void **state)
{
    struct id tenant = dbtest_tenant(c), bot = new_bot(tenant), other = new_bot(tenant);
    (void)state;
    struct id ada = opens(tenant, bot, "Ada"), bob = opens(tenant, bot, "Bob"), elsewhere = opens(tenant, other, "Ada");
    assert_true(id_eq(conversation_of(tenant, bot, "Ada"), ada));
    assert_true(id_eq(conversation_of(tenant, bot, "Bob"), bob));
    assert_true(id_eq(conversation_of(tenant, other, "Ada"), elsewhere));
    assert_true(id_is_none(conversation_of(tenant, bot, "ada")));
    assert_true(id_is_none(conversation_of(dbtest_tenant(c), bot, "Ada")));
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM visitor_conversation WHERE visitor_hash LIKE '%Ada%'"), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(a_name_leads_to_the_newest_conversation),
                                       TEST(a_conversation_that_was_not_recorded_is_not_kept),
                                       TEST(names_bots_and_workspaces_are_kept_apart)};
    struct err e = ERR_INIT;
    struct arena a;
    dbtest_begin(argc, argv);
    const struct config *config = dbtest_config(DB);
    dbtest_migrate(config);
    struct db_pool *pool = dbtest_pool(config, 1);
    c = dbtest_get(pool);
    arena_init(&a, 1 * MB);
    if (journal_open(config, &journal, &e) != OK) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    int failed = RUN(tests);
    journal_close(journal);
    dbtest_close(config, pool, c, &a);
    db_library_end();
    return failed;
}
