/* Deletion by age: only what is old enough, only of that workspace, in batches, and never the ledger. And rows of a
 * newer release. */
#include "base/clock.h"
#include "base/limits.h"
#include "dbtest.h"
#include "engine/workspace/account.h"
#include "lib/test.h"
#include "okay.h"
#include "plan/entitlement.h"
#include "talk/conversation.h"
#include "talk/retention.h"

#include "base/banned.h"

#define DB "parley_retention"
#define NOW 1794312000000LL /* 2026-11-10 12:00 */

static const struct config *config;
static struct db_pool *pool;
static struct db *c;

static int64_t rows(const char *table, struct id tenant)
{
    return dbtest_intf(DB, "SELECT COUNT(*) FROM %s WHERE tenant_id = 0x%s", table, dbtest_hex(tenant));
}

static struct id workspace(const char *plan)
{
    struct id t;
    OKAY(account_tenant_create(c, STR("W"), str_from(plan), &t, &fail));
    dbtest_sqlf(
        DB,
        "INSERT INTO bot (tenant_id, bot_id, name, language, template, draft, draft_hash, created_at, updated_at)"
        " VALUES (0x%s, 0x%s, 'B', 'en', '', '{}', REPEAT('x', 32), NOW(3), NOW(3))",
        dbtest_hex(t), dbtest_hex(t));
    return t;
}

/* The bot has the workspace's id. An id holds the time the conversation began. */
static struct id conversation(struct id tenant, int64_t began_ms, int64_t last_ms)
{
    struct id id = id_new();
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(began_ms >> (40 - 8 * i));
    const char *t = dbtest_hex(tenant), *v = dbtest_hex(id);
    dbtest_sqlf(
        DB,
        "INSERT INTO conversation (tenant_id, conversation_id, bot_id, version, channel, locale, counted, token_hash, "
        "seq, flow_state, contact,"
        " started_at, last_at) VALUES (0x%s, 0x%s, 0x%s, 1, 'web', 'en', 1, REPEAT('x', 32), 2, '', '', "
        "FROM_UNIXTIME(%lld), FROM_UNIXTIME(%lld));"
        "INSERT INTO message VALUES (0x%s, 0x%s, 1, 'visitor', 'text', 'hi', '', NOW(3)), (0x%s, 0x%s, 2, 'bot', "
        "'text', 'ho', '', NOW(3));"
        "INSERT INTO turn_key VALUES (0x%s, UNHEX(MD5(RAND())), 0x%s, 1, 2, NOW(3));"
        "INSERT INTO turn_event VALUES (0x%s, 0x%s, 0x%s, 0x%s, 1, 1, 'web', 'open', 1, 1, 3, 0);"
        "INSERT INTO visitor_conversation VALUES (0x%s, 0x%s, RANDOM_BYTES(32), 0x%s);"
        "INSERT INTO engine_call VALUES (0x%s, 0x%s, 0x%s, 0x%s, 0x%s, 'answer', 'openai', 'm', 'OK', 0, 1, 1, 0, 0, "
        "1, "
        "1);"
        "INSERT INTO feedback VALUES (0x%s, 0x%s, 2, 1, '', NOW(3), NOW(3));"
        "INSERT INTO usage_ledger (tenant_id, conversation_id, period_start, counted_at) VALUES (0x%s, 0x%s, "
        "'2026-11-01', NOW(3))",
        t, v, t, (long long)(began_ms / 1000), (long long)(last_ms / 1000), t, v, t, v, t, v, t, v, t, v, t, t, v, t, v,
        t, t, v, t, v, t, v);
    return id;
}

static int64_t linked_calls(struct id tenant)
{
    return dbtest_intf(DB, "SELECT COUNT(conversation_id) FROM engine_call WHERE tenant_id = 0x%s", dbtest_hex(tenant));
}

static int64_t sweep(struct id tenant, int64_t before_ms, int limit)
{
    struct id after = ID_NONE;
    int64_t n = limit, total = 0;
    while (n == limit) {
        OKAY(retention_sweep(c, tenant, before_ms, &after, limit, &n, &fail));
        total += n;
    }
    return total;
}

static void only_old_conversations_are_deleted(void **state)
{
    (void)state;
    struct id mine = workspace("free"), theirs = workspace("free");
    for (int i = 0; i < 7; i++)
        conversation(mine, NOW - 200 * DAY_MS + i * 1000, NOW - 100 * DAY_MS);
    struct id long_one = conversation(mine, NOW - 300 * DAY_MS, NOW - 89 * DAY_MS); /* began long ago and continues */
    conversation(mine, NOW - DAY_MS, NOW);
    conversation(theirs, NOW - 200 * DAY_MS, NOW - 200 * DAY_MS);
    assert_int_equal(sweep(mine, NOW - 90 * DAY_MS, 3), 7);
    assert_int_equal(rows("conversation", mine), 2);
    assert_int_equal(rows("message", mine), 4);
    assert_int_equal(rows("turn_key", mine), 2);
    assert_int_equal(rows("feedback", mine), 2);
    assert_int_equal(rows("visitor_conversation", mine), 2);
    assert_int_equal(rows("engine_call", mine), 9);
    assert_int_equal(linked_calls(mine), 2);
    assert_int_equal(rows("usage_ledger", mine), 9); /* deleting gives nothing back */
    assert_int_equal(rows("conversation", theirs), 1);
    assert_int_equal(sweep(mine, NOW - 90 * DAY_MS, 3), 0);
    assert_int_equal(sweep(mine, NOW - 89 * DAY_MS + 1000, 3), 1);
    char text[200];
    snprintf(text, sizeof(text), "SELECT COUNT(*) FROM conversation WHERE conversation_id = 0x%s",
             dbtest_hex(long_one));
    assert_int_equal(dbtest_int(DB, text), 0);
    assert_int_equal(sweep(mine, 0, 3), 0); /* a clock before the first day */
}

/* With `after` forgotten, each batch would walk again over the conversations that stay because they still continue. */
static void each_batch_begins_where_the_last_one_ended(void **state)
{
    (void)state;
    struct id mine = workspace("free"), old[5], after = ID_NONE;
    int64_t n;
    for (int i = 0; i < 5; i++)
        old[i] = conversation(mine, NOW - 200 * DAY_MS + i * 1000, NOW - 100 * DAY_MS);
    OKAY(retention_sweep(c, mine, NOW - 90 * DAY_MS, &after, 3, &n, &fail));
    assert_int_equal(n, 3);
    assert_true(id_eq(after, old[2]));
    OKAY(retention_sweep(c, mine, NOW - 90 * DAY_MS, &after, 3, &n, &fail));
    assert_int_equal(n, 2);
    assert_true(id_eq(after, old[4]));
    OKAY(retention_sweep(c, mine, NOW - 90 * DAY_MS, &after, 3, &n, &fail));
    assert_int_equal(n, 0);
    assert_true(id_eq(after, old[4]));
}

typedef enum status sweep_fn(struct db *conn, struct id tenant, int64_t before_ms, int limit, int64_t *n,
                             struct err *e);

static void rows_are_deleted_by_age(sweep_fn *fn, const char *table)
{
    static const int64_t before[] = {0, NOW - 90 * DAY_MS, NOW - 90 * DAY_MS, NOW - 90 * DAY_MS};
    static const int64_t gone[] = {0, 3, 1, 0};
    struct id mine = workspace("free"), theirs = workspace("free");
    for (int i = 0; i < 4; i++)
        conversation(mine, NOW - 90 * DAY_MS - 1000 * (1 + i), NOW);
    conversation(mine, NOW - 90 * DAY_MS, NOW);
    conversation(theirs, NOW - 200 * DAY_MS, NOW);
    for (size_t i = 0; i < COUNT_OF(before); i++) {
        int64_t n;
        OKAY(fn(c, mine, before[i], 3, &n, &fail));
        assert_int_equal(n, gone[i]);
    }
    assert_int_equal(rows(table, mine), 1);
    assert_int_equal(rows(table, theirs), 1);
    assert_int_equal(rows("conversation", mine), 5);
}

static void turn_events_are_deleted_at_the_same_age(void **state)
{
    (void)state;
    rows_are_deleted_by_age(retention_sweep_events, "turn_event");
}

static void calls_to_engines_are_deleted_at_the_same_age(void **state)
{
    (void)state;
    rows_are_deleted_by_age(engine_account_sweep, "engine_call");
}

static int64_t days(struct id tenant)
{
    int64_t out;
    OKAY(entitlement_history_days(c, tenant, NOW, &out, &fail));
    return out;
}

static void history_is_kept_for_the_paid_retention(void **state)
{
    (void)state;
    struct id tenant = workspace("free");
    assert_int_equal(days(tenant), 90);
    dbtest_sqlf(
        DB,
        "INSERT INTO subscription_mirror (stripe_subscription_id, tenant_id, stripe_customer_id, livemode, status, "
        "known_status, known_at,"
        " plan_terms_id, period_start, period_end, anchor, created_at, fetched_at) SELECT 'sub_1', 0x%s, 'cus_1', 1, "
        "'active', 'active',"
        " '2026-11-01', plan_terms_id, '2026-11-01', '2026-12-01', '2026-11-01', '2026-11-01', '2026-11-01' FROM plan "
        "WHERE plan = 'professional'",
        dbtest_hex(tenant));
    assert_int_equal(days(tenant), 730); /* no key is set here: the right is not there, the history is */
    dbtest_sqlf(DB, "UPDATE subscription_mirror SET livemode = 0");
    assert_int_equal(days(tenant), 730);
    dbtest_sqlf(DB, "UPDATE subscription_mirror SET status = 'unpaid', first_failed_at = '2026-01-01'");
    assert_int_equal(days(tenant), 730);
    dbtest_sqlf(DB, "UPDATE subscription_mirror SET status = 'canceled', ended_at = '2026-10-11 12:00:01'");
    assert_int_equal(days(tenant), 730);
    dbtest_sqlf(DB, "UPDATE subscription_mirror SET status = 'canceled', ended_at = '2026-10-11 12:00:00'");
    assert_int_equal(days(tenant), 90);
    assert_true(days(workspace("enterprise")) == UNLIMITED);
    dbtest_sqlf(DB, "INSERT INTO tenant_override VALUES (0x%s, 'retention_days', 7, 'asked for', NULL, NOW(3))",
                dbtest_hex(tenant));
    assert_int_equal(days(tenant), 7);
}

static void a_state_of_a_newer_release_is_an_error(void **state)
{
    struct id tenant = workspace("free"), id = conversation(tenant, NOW, NOW);
    const struct conversation_filter all = {.bot = ID_NONE, .limit = 10};
    const struct message_range range = {.conversation = id, .limit = 10};
    struct conversation one;
    struct conversation_page list;
    struct message_page messages;
    struct err e = ERR_INIT;
    struct arena a;
    (void)state;
    arena_init(&a, 1 * MB);
    OKAY(conversation_messages(c, tenant, &range, &a, &messages, &fail));
    assert_int_equal(messages.n, 2);
    dbtest_newer_word(DB, "message", "type", "video");
    assert_int_equal(conversation_messages(c, tenant, &range, &a, &messages, &e), ERR_INTERNAL);
    assert_has(e.message, "message.type");
    dbtest_newer_word(DB, "message", "sender", "robot");
    assert_int_equal(conversation_messages(c, tenant, &range, &a, &messages, &e), ERR_INTERNAL);
    assert_has(e.message, "message.sender");
    dbtest_newer_word(DB, "conversation", "state", "parked");
    assert_int_equal(conversation_get(c, tenant, id, &a, &one, &e), ERR_INTERNAL);
    assert_string_equal(err_code(&e), "row_unknown");
    assert_int_equal(conversation_list(c, tenant, &all, &a, &list, &e), ERR_INTERNAL);
    assert_int_equal(conversation_close(c, tenant, id, &e), ERR_INTERNAL);
    arena_release(&a);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(only_old_conversations_are_deleted),      TEST(each_batch_begins_where_the_last_one_ended),
        TEST(turn_events_are_deleted_at_the_same_age), TEST(calls_to_engines_are_deleted_at_the_same_age),
        TEST(history_is_kept_for_the_paid_retention),  TEST(a_state_of_a_newer_release_is_an_error)};
    dbtest_begin(argc, argv);
    config = dbtest_config(DB);
    dbtest_migrate(config);
    pool = dbtest_pool(config, 2);
    c = dbtest_get(pool);
    int failed = RUN(tests);
    db_put(c);
    db_pool_close(pool);
    config_drop(config);
    db_library_end();
    return failed;
}
