/* The ledger as tenants see it, and the check of counters against it. */
#include "base/clock.h"
#include "base/limits.h"
#include "billing/meter/meter.h"
#include "lib/dbtest.h"
#include "lib/okay.h"
#include "lib/test.h"
#include "plan/usage.h"

#include "base/banned.h"

#define DB "parley_usage_report"

static const struct config *config;
static struct db_pool *pool;
static struct db *db;
static struct arena arena;
static struct id mine, theirs;
static int64_t november;

DB_STMT(add_ledger, TENANT,
        "INSERT INTO usage_ledger (tenant_id, conversation_id, period_start, billable, counted_at) VALUES (:tenant, ?, "
        "?, ?, ?)",
        "utit", "");
DB_STMT(add_counter, TENANT,
        "INSERT INTO usage_counter (tenant_id, period_start, billable, used, reported) VALUES (:tenant, ?, ?, ?, ?)",
        "tiii", "");
DB_STMT(add_bot, TENANT,
        "INSERT INTO bot (tenant_id, bot_id, name, language, template, draft, draft_hash, created_at, updated_at)"
        " VALUES (:tenant, ?, 'Test', 'en', 'faq', '{}', ?, ?, ?)",
        "uxtt", "");
DB_STMT(add_conversation, TENANT,
        "INSERT INTO conversation (tenant_id, conversation_id, bot_id, version, channel, locale, token_hash, seq, "
        "flow_state, contact,"
        " started_at, last_at) VALUES (:tenant, ?, ?, 1, 'web', 'en', ?, 1, '', '', ?, ?)",
        "uuxtt", "");
DB_STMT(look_counter, TENANT,
        "SELECT used, unsent_since IS NOT NULL FROM usage_counter WHERE tenant_id = :tenant AND period_start = ? AND "
        "billable = ?",
        "ti", "ii");

static int setup(void **state)
{
    (void)state;
    config = dbtest_config(DB);
    dbtest_migrate(config);
    pool = dbtest_pool(config, 2);
    db = dbtest_get(pool);
    arena_init(&arena, 16 * MB);
    mine = dbtest_tenant(db);
    theirs = dbtest_tenant(db);
    november = clock_date_ms(2026, 11, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dbtest_close(config, pool, db, &arena);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    dbtest_sql(DB, "DELETE FROM usage_ledger; DELETE FROM usage_counter; DELETE FROM conversation; DELETE FROM bot");
    return 0;
}

static struct id conversation_at(int64_t ms)
{
    static uint8_t next;
    struct id id = {.b = {[6] = 0x70, [8] = 0x80, [15] = ++next}};
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(ms >> (8 * (5 - i)));
    return id;
}

static struct id count(struct id tenant, bool billable, int64_t at_ms)
{
    struct id id = conversation_at(at_ms - MINUTE_MS);
    OKAY(db_exec(db, &add_ledger, &tenant, DB_ARGS(db_id(id), db_time(november), db_int(billable), db_time(at_ms)),
                 NULL, &fail));
    return id;
}

static void counter(struct id tenant, bool billable, int64_t used, int64_t reported)
{
    OKAY(db_exec(db, &add_counter, &tenant,
                 DB_ARGS(db_time(november), db_int(billable), db_int(used), db_int(reported)), NULL, &fail));
}

static void look(struct id tenant, bool billable, int64_t *used, bool *unsent)
{
    struct db_row r;
    OKAY(db_query_one(db, &look_counter, &tenant, DB_ARGS(db_time(november), db_int(billable)), &arena, &r, &fail));
    *used = db_row_int(r, 0);
    *unsent = db_row_int(r, 1) != 0;
}

static void keep_conversation(struct id tenant, struct id conversation, struct id bot)
{
    uint8_t hash[32] = {0};
    OKAY(db_exec(db, &add_bot, &tenant, DB_ARGS(db_id(bot), db_bytes(hash, 32), db_time(november), db_time(november)),
                 NULL, &fail));
    OKAY(db_exec(db, &add_conversation, &tenant,
                 DB_ARGS(db_id(conversation), db_id(bot), db_bytes(hash, 32), db_time(november), db_time(november)),
                 NULL, &fail));
}

static void rows_newest_first_page_by_page(void **state)
{
    struct id ids[5], bot = id_new();
    struct usage_row *rows;
    size_t n;
    (void)state;
    for (int i = 0; i < 5; i++)
        ids[i] = count(mine, i >= 3, november + i * DAY_MS);
    count(theirs, false, november + 2 * DAY_MS);
    keep_conversation(mine, ids[4], bot);
    OKAY(usage_rows(db, mine, &arena, ID_NONE, 2, &rows, &n, &fail));
    assert_int_equal(n, 2);
    assert_true(id_eq(rows[0].conversation, ids[4]) && id_eq(rows[1].conversation, ids[3]));
    assert_true(id_eq(rows[0].bot, bot) && !rows[0].deleted && rows[0].billable);
    assert_true(rows[1].deleted && id_is_none(rows[1].bot)); /* its conversation is gone, the count stays */
    assert_int_equal(rows[0].counted_ms, november + 4 * DAY_MS);
    assert_int_equal(rows[0].period_start_ms, november);
    OKAY(usage_rows(db, mine, &arena, rows[1].conversation, 10, &rows, &n, &fail));
    assert_int_equal(n, 3);
    assert_true(id_eq(rows[2].conversation, ids[0]) && !rows[2].billable);
    OKAY(usage_rows(db, theirs, &arena, ids[4], 10, &rows, &n, &fail)); /* another's id leads to nothing of theirs */
    assert_int_equal(n, 1);
    assert_false(id_eq(rows[0].conversation, ids[2]));
}

static void days_without_usage_are_listed(void **state)
{
    struct usage_day *days;
    size_t n;
    (void)state;
    count(mine, false, november + HOUR_MS);
    count(mine, false, november + DAY_MS - 1);
    count(mine, true, november + 2 * DAY_MS);
    count(mine, true, november + 3 * DAY_MS); /* at `to`: not any more */
    count(theirs, false, november + DAY_MS);
    OKAY(usage_days(db, mine, &arena, november, november + 3 * DAY_MS, &days, &n, &fail));
    assert_int_equal(n, 3);
    assert_int_equal(days[0].day_ms, november);
    assert_int_equal(days[0].counted, 2);
    assert_int_equal(days[1].counted, 0);
    assert_int_equal(days[2].counted, 1);
    /* from the middle of a day: that day's rest */
    OKAY(usage_days(db, mine, &arena, november + 2 * HOUR_MS, november + DAY_MS + 1, &days, &n, &fail));
    assert_int_equal(n, 2);
    assert_int_equal(days[0].day_ms, november);
    assert_int_equal(days[0].counted, 1);
    OKAY(usage_days(db, mine, &arena, november, november, &days, &n, &fail));
    assert_int_equal(n, 0);
    struct err e = ERR_INIT;
    assert_int_equal(usage_days(db, mine, &arena, 0, november, &days, &n, &e), ERR_INVALID);
}

static void drift_is_found_and_repaired(void **state)
{
    struct usage_drift *drift;
    size_t n;
    int64_t used;
    bool unsent;
    (void)state;
    for (int i = 0; i < 3; i++)
        count(mine, true, november + i * DAY_MS);
    count(theirs, false, november);
    count(theirs, true, november); /* its counter row is missing */
    counter(mine, true, 3, 1);
    counter(theirs, false, 1, 0);
    counter(mine, false, 2, 0); /* counted without a ledger row */
    dbtest_sql(DB, "UPDATE usage_counter SET used = 7 WHERE used = 3");
    OKAY(meter_verify(db, &arena, false, &drift, &n, &fail));
    assert_int_equal(n, 3);
    for (size_t i = 0; i < n; i++) {
        bool own = id_eq(drift[i].tenant, mine);
        assert_int_equal(drift[i].period_start_ms, november);
        assert_int_equal(drift[i].counter, own ? drift[i].billable ? 7 : 2 : 0);
        assert_int_equal(drift[i].ledger, own ? drift[i].billable ? 3 : 0 : 1);
    }
    look(mine, true, &used, &unsent);
    assert_int_equal(used, 7); /* looking changes nothing */
    OKAY(meter_verify(db, &arena, true, &drift, &n, &fail));
    assert_int_equal(n, 3);
    look(mine, true, &used, &unsent);
    assert_true(used == 3 && unsent); /* two of the three are not reported yet */
    look(mine, false, &used, &unsent);
    assert_true(used == 0 && !unsent);
    look(theirs, true, &used, &unsent);
    assert_true(used == 1 && unsent);
    look(theirs, false, &used, &unsent);
    assert_true(used == 1 && !unsent);
    OKAY(meter_verify(db, &arena, false, &drift, &n, &fail));
    assert_int_equal(n, 0);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM billing_alarm"), 0);
    dbtest_sql(DB, "UPDATE usage_counter SET used = 9, reported = 8 WHERE used = 3"); /* as reported to the meter */
    OKAY(meter_verify(db, &arena, true, &drift, &n, &fail));
    assert_int_equal(
        dbtest_int(
            DB, "SELECT COUNT(*) FROM billing_alarm WHERE kind = 'meter_over' AND words LIKE '5 more conversations%'"),
        1);
}

static void a_repair_says_what_the_meter_has_too_much(void **state)
{
    (void)state;
    const struct usage_drift drift = {.tenant = mine, .period_start_ms = november, .billable = true};
    static const struct {
        int64_t reported, over;
    } rows[] = {{1, 0}, {3, 0}, {8, 5}};
    for (int i = 0; i < 3; i++)
        count(mine, true, november + i * DAY_MS);
    counter(mine, true, 7, 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t over = -1, used;
        bool unsent;
        dbtest_sqlf(DB, "UPDATE usage_counter SET used = 7, reported = %d", (int)rows[i].reported);
        OKAY(usage_drift_repair(db, &drift, &over, &fail));
        assert_int_equal(over, rows[i].over);
        look(mine, true, &used, &unsent);
        assert_true(used == 3 && unsent == (rows[i].reported < 3));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rows_newest_first_page_by_page, clean),
        cmocka_unit_test_setup(days_without_usage_are_listed, clean),
        cmocka_unit_test_setup(drift_is_found_and_repaired, clean),
        cmocka_unit_test_setup(a_repair_says_what_the_meter_has_too_much, clean),
    };
    dbtest_begin(argc, argv);
    return cmocka_run_group_tests(tests, setup, teardown);
}
