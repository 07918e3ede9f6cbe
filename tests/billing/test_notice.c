/* Mails about money: what there is to say, and that it is said once. */
#include "base/clock.h"
#include "base/limits.h"
#include "billing/notice/notice.h"
#include "lib/dbtest.h"
#include "lib/okay.h"
#include "lib/test.h"

#include "base/banned.h"

#define DB "parley_notice"

static const struct config *config;
static struct db_pool *pool;
static struct db *db;
static struct arena arena;
static struct id mine, theirs;
static int64_t t0; /* 10 November 2026, when the subscription's period began */

/* ---- pure ---- */

static struct str kinds(const struct notice *list, int n)
{
    static char out[400];
    struct buf b;
    buf_fixed(&b, out, sizeof(out));
    for (int i = 0; i < n; i++)
        buf_printf(&b, "%s%s%s%s", i ? " " : "", list[i].key, list[i].mail ? "=" : "",
                   list[i].mail ? list[i].mail : "");
    return buf_str(&b);
}

static void keys_are_read_back(void **state)
{
    static const struct {
        const char *key;
        enum notice_kind kind;
        int64_t of;
    } rows[] = {{"usage_75_1000", NOTICE_USAGE_75, 1000},
                {"usage_90_10000", NOTICE_USAGE_90, 10000},
                {"usage_100_50000", NOTICE_USAGE_100, 50000},
                {"usage_cap_7", NOTICE_USAGE_CAP, 7},
                {"usage_75", NOTICE_USAGE_75, 0},
                {"next_starter", NOTICE_NEXT, 0},
                {"next_90_1000", NOTICE_NEXT, 0},
                {"read_only", NOTICE_READ_ONLY, 0},
                {"read_only_soon", NOTICE_READ_ONLY_SOON, 0},
                {"recovered", NOTICE_RECOVERED, 0},
                {"ended", NOTICE_ENDED, 0},
                {"usage_80_1000", NOTICE_UNKNOWN, 0},
                {"usage_75_many", NOTICE_UNKNOWN, 0},
                {"", NOTICE_UNKNOWN, 0}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t of = -1;
        if (notice_key_parse(str_from(rows[i].key), &of) != rows[i].kind || of != rows[i].of)
            fail_msg("%s: of %lld", rows[i].key, (long long)of);
    }
}

static void usage_by_thresholds(void **state)
{
    static const struct {
        int64_t used, included, limit;
        const char *expect;
    } rows[] = {
        {0, 1000, 1000, ""},
        {749, 1000, 1000, ""},
        {750, 1000, 1000, "usage_75_1000=usage_75"},
        {899, 1000, 1000, "usage_75_1000=usage_75"},
        {900, 1000, 1000, "usage_75_1000 usage_90_1000=usage_90"},
        {999, 1000, 1000, "usage_75_1000 usage_90_1000=usage_90"},
        {1000, 1000, 1000, "usage_75_1000 usage_90_1000 usage_100_1000=usage_100"},
        {900, 1000, 1500, "usage_75_1000 usage_90_1000=usage_90_overage"},
        {1499, 1000, 1500, "usage_75_1000 usage_90_1000 usage_100_1000=usage_100_overage"},
        {1500, 1000, 1500, "usage_75_1000 usage_90_1000 usage_100_1000 usage_cap_1500=usage_cap"},
        {2000, 1000, 1500, "usage_75_1000 usage_90_1000 usage_100_1000 usage_cap_1500=usage_cap"},
        {2000, 1000, UNLIMITED, "usage_75_1000 usage_90_1000 usage_100_1000=usage_100_overage"},
        {800, 10000, 1000, "usage_75_1000=usage_75"}, /* dunning left less than the plan includes */
        {1000000, UNLIMITED, UNLIMITED, ""},
        {5, 0, 0, ""},
        {7, 7, 7, "usage_75_7 usage_90_7 usage_100_7=usage_100"},
        {5, 7, 7, ""}, /* 71 % */
        {INT64_MAX - 1, INT64_MAX - 2, INT64_MAX - 2,
         "usage_75_9223372036854775805 usage_90_9223372036854775805 usage_100_9223372036854775805=usage_100"},
    };
    struct notice list[NOTICES_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct entitlements x = {
            .period = {.start_ms = 1, .end_ms = 2, .included = rows[i].included, .limit = rows[i].limit}};
        int n = notice_usage(&x, rows[i].used, list);
        if (!str_eqz(kinds(list, n), rows[i].expect))
            fail_msg("%lld of %lld: %.*s", (long long)rows[i].used, (long long)rows[i].included, STR_F(kinds(list, n)));
        for (int k = 0; k < n; k++)
            assert_true(list[k].about_ms == 1 && list[k].until_ms == 2);
    }
}

static void dunning_by_days(void **state)
{
    static const struct {
        enum billing_state state;
        int64_t after;
        const char *expect;
        int64_t until;
    } rows[] = {
        {BILLING_LIVE, 0, "", 0},
        {BILLING_GRACE, 0, "payment_failed=payment_failed", 7 * DAY_MS},
        {BILLING_GRACE, 4 * DAY_MS - 1, "payment_failed=payment_failed", 7 * DAY_MS},
        {BILLING_GRACE, 4 * DAY_MS, "payment_failed read_only_soon=read_only_soon", 7 * DAY_MS},
        {BILLING_READ_ONLY, 7 * DAY_MS, "payment_failed read_only_soon read_only=read_only", 14 * DAY_MS},
        {BILLING_READ_ONLY, 11 * DAY_MS, "payment_failed read_only_soon read_only free_soon=free_soon", 14 * DAY_MS},
        {BILLING_SUSPENDED, 14 * DAY_MS, "payment_failed read_only_soon read_only free_soon suspended=suspended", 0},
        {BILLING_SUSPENDED, HOUR_MS, "payment_failed read_only_soon read_only free_soon suspended=suspended",
         0},                             /* unpaid from the start */
        {BILLING_GRACE, -DAY_MS, "", 0}, /* a clock that was set back: not yet */
        {BILLING_PAUSED, 0, "", 0},
    };
    struct notice list[NOTICES_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct subscription s = {.first_failed_ms = 100 * DAY_MS, .period_start_ms = 99 * DAY_MS};
        struct entitlements x = {.state = rows[i].state, .subscription = &s};
        int n = notice_dunning(&x, 100 * DAY_MS + rows[i].after, list);
        if (!str_eqz(kinds(list, n), rows[i].expect))
            fail_msg("row %zu: %.*s", i, STR_F(kinds(list, n)));
        assert_true(!n || (list[n - 1].about_ms == 100 * DAY_MS &&
                           list[n - 1].until_ms == (rows[i].until ? 100 * DAY_MS + rows[i].until : 0)));
    }
}

static void coming_changes(void **state)
{
    struct subscription s = {.trial_end_ms = 103 * DAY_MS, .next_ms = 120 * DAY_MS};
    struct entitlements x = {.state = BILLING_TRIAL, .subscription = &s};
    struct notice list[NOTICES_MAX];
    (void)state;
    assert_int_equal(notice_coming(&x, 100 * DAY_MS - 1, STR_EMPTY, list), 0);
    assert_str(kinds(list, notice_coming(&x, 100 * DAY_MS, STR_EMPTY, list)), "trial_ending=trial_ending");
    assert_int_equal(notice_coming(&x, 103 * DAY_MS, STR_EMPTY, list), 0);
    assert_str(kinds(list, notice_coming(&x, 90 * DAY_MS, STR("starter"), list)), "next_starter=plan_changing");
    assert_int_equal(notice_coming(&x, 121 * DAY_MS, STR("starter"), list), 0);
    x.state = BILLING_ENDING;
    x.until_ms = 120 * DAY_MS;
    assert_str(kinds(list, notice_coming(&x, 102 * DAY_MS, STR("starter"), list)),
               "plan_ending=plan_ending"); /* it does not come to the trial's end */
    x.subscription = NULL;
    assert_int_equal(notice_coming(&x, 102 * DAY_MS, STR("starter"), list), 0);
}

/* ---- with a database ---- */

DB_STMT(add_counter, TENANT,
        "INSERT INTO usage_counter (tenant_id, period_start, billable, period_end, used) VALUES (:tenant, ?, ?, ?, ?) "
        "ON DUPLICATE KEY UPDATE used = VALUES(used)",
        "titi", "");
DB_STMT(add_member, TENANT,
        "INSERT INTO member (tenant_id, user_id, role, created_at) SELECT :tenant, user_id, ?, NOW(3) FROM user WHERE "
        "email = ?",
        "ss", "");
DB_STMT(add_subscription, TENANT,
        "INSERT INTO subscription_mirror (stripe_subscription_id, tenant_id, stripe_customer_id, livemode, status, "
        "known_status, plan_terms_id, "
        "period_start, period_end, anchor, created_at, fetched_at) "
        "SELECT 'sub_1', :tenant, 'cus_1', 0, 'active', 'active', plan_terms_id, ?, ?, ?, ?, ? FROM plan WHERE plan = "
        "'starter'",
        "ttttt", "");
DB_STMT(mails, GLOBAL,
        "SELECT CONCAT(JSON_VALUE(payload, '$.template'), ' ', JSON_VALUE(payload, '$.to')), payload FROM job WHERE "
        "kind = 'mail' ORDER BY job_id",
        "", "ss");

static int setup(void **state)
{
    (void)state;
    OKAY(config_load(
        dbtest_config_file(DB, "stripe_secret_key = sk_test_notices\nbase_url = https://chat.example.com\n"), &config,
        &fail));
    config_set_current(config_retain(config));
    dbtest_migrate(config);
    pool = dbtest_pool(config, 2);
    db = dbtest_get(pool);
    arena_init(&arena, 64 * MB);
    mine = dbtest_tenant(db);
    theirs = dbtest_tenant(db);
    t0 = clock_date_ms(2026, 11, 10);
    dbtest_sql(DB, "UPDATE tenant SET plan = 'free', name = 'Acme'");
    static const char *const people[][2] = {
        {"owner@example.com", "owner"}, {"money@example.com", "billing"}, {"editor@example.com", "editor"}};
    for (int i = 0; i < 3; i++) {
        char sql[300];
        snprintf(
            sql, sizeof(sql),
            "INSERT INTO user VALUES (UNHEX(MD5('%s')), '%s', '%s', 'P', '', 'en', 0, 'active', NULL, NOW(3), NOW(3))",
            people[i][0], people[i][0], people[i][0]);
        dbtest_sql(DB, sql);
        OKAY(db_exec(db, &add_member, &mine, DB_ARGS(db_text(people[i][1]), db_text(people[i][0])), NULL, &fail));
    }
    dbtest_sql(DB, "INSERT INTO user VALUES (UNHEX(MD5('o')), 'other@example.com', 'other@example.com', 'O', '', 'en', "
                   "0, 'active', NULL, NOW(3), NOW(3))");
    OKAY(db_exec(db, &add_member, &theirs, DB_ARGS(db_text("owner"), db_text("other@example.com")), NULL, &fail));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_set_current(NULL);
    dbtest_close(config, pool, db, &arena);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    dbtest_sql(
        DB, "DELETE FROM job; DELETE FROM billing_notice; DELETE FROM usage_counter; DELETE FROM subscription_mirror; "
            "DELETE FROM invoice_mirror; DELETE FROM overage_choice");
    clock_set_for_test(t0);
    return 0;
}

static void look_at(int64_t now)
{
    struct id after = ID_NONE;
    bool more = true;
    clock_set_for_test(now);
    for (int i = 0; more; i++) {
        assert_true(i < 10);
        OKAY(notice_step(db, now, &after, 1, &more, &fail)); /* one by one: no tenant is left out, none comes twice */
    }
}

/* What waits in the queue, and then does not any more: "usage_75 owner@example.com, ..." */
static struct str take_mails(void)
{
    static char out[1000];
    struct db_rows rows;
    struct buf b;
    buf_fixed(&b, out, sizeof(out));
    OKAY(db_query(db, &mails, DB_GLOBAL, DB_NONE, &arena, &rows, &fail));
    for (size_t i = 0; i < rows.n; i++)
        buf_printf(&b, "%s%.*s", i ? ", " : "", STR_F(db_row_str(rows.rows[i], 0)));
    dbtest_sql(DB, "DELETE FROM job");
    return buf_str(&b);
}

static struct str value(const char *name)
{
    struct db_rows rows;
    struct json *j;
    OKAY(db_query(db, &mails, DB_GLOBAL, DB_NONE, &arena, &rows, &fail));
    assert_true(rows.n > 0);
    OKAY(json_parse(&arena, db_row_str(rows.rows[0], 1), 20, &j, &fail));
    struct json *v = json_get(json_get(j, "values"), name);
    struct buf b;
    buf_init(&b, 4 * KB);
    if (json_is(v, JSON_STRING))
        buf_str_add(&b, json_str(v));
    else
        json_write(&b, v);
    struct str s = str_from(arena_strdup(&arena, buf_str(&b)));
    buf_release(&b);
    return s;
}

static void used(struct id tenant, bool billable, int64_t n)
{
    int64_t start = billable ? t0 : clock_date_ms(2026, 11, 1),
            end = billable ? clock_date_ms(2026, 12, 10) : clock_date_ms(2026, 12, 1);
    OKAY(db_exec(db, &add_counter, &tenant, DB_ARGS(db_time(start), db_int(billable), db_time(end), db_int(n)), NULL,
                 &fail));
}

static void subscribe(void)
{
    OKAY(db_exec(db, &add_subscription, &mine,
                 DB_ARGS(db_time(t0), db_time(clock_date_ms(2026, 12, 10)), db_time(t0), db_time(t0), db_time(t0)),
                 NULL, &fail));
}

static void assert_mails(const char *a, const char *b)
{
    struct str got = take_mails();
    if (!str_eqz(got, a) && !str_eqz(got, b)) /* people come in the order of their ids */
        fail_msg("mails: %.*s", STR_F(got));
}
#define MAILS(mail)                                                     \
    assert_mails(mail " money@example.com, " mail " owner@example.com", \
                 mail " owner@example.com, " mail " money@example.com")
#define NO_MAILS() assert_str(take_mails(), "")

static void usage_is_reported_once(void **state)
{
    (void)state;
    used(mine, false, 740);
    used(theirs, false, 10);
    look_at(t0);
    NO_MAILS();
    used(mine, false, 750);
    look_at(t0 + HOUR_MS);
    assert_str(value("used"), "{\"number\":750}");
    assert_str(value("included"), "{\"number\":1000}");
    assert_str(value("plan"), "FREE");
    assert_str(value("workspace"), "Acme");
    assert_str(value("url"), "/app/billing/usage");
    assert_str(value("plans"), "https://chat.example.com/app/billing/plans");
    MAILS("usage_75");
    used(mine, false, 760);
    look_at(t0 + 2 * HOUR_MS);
    NO_MAILS();
    used(mine, false, 1000); /* over two thresholds in one step: only the highest */
    look_at(t0 + 3 * HOUR_MS);
    MAILS("usage_100");
    look_at(t0 + 4 * HOUR_MS);
    dbtest_sql(DB, "UPDATE usage_counter SET noticed = 0"); /* a run that died before it stored its progress */
    look_at(t0 + 5 * HOUR_MS);
    look_at(t0 - DAY_MS); /* a clock that was set back */
    NO_MAILS();
    used(theirs, false, 900);
    look_at(t0 + 6 * HOUR_MS);
    assert_str(take_mails(), "usage_90 other@example.com");
}

static void usage_is_reported_again_on_a_larger_plan(void **state)
{
    (void)state;
    subscribe();
    used(mine, true, 10000);
    look_at(t0 + DAY_MS);
    MAILS("usage_100");
    dbtest_sql(
        DB,
        "UPDATE subscription_mirror SET plan_terms_id = (SELECT plan_terms_id FROM plan WHERE plan = 'professional')");
    used(mine, true, 10500);
    look_at(t0 + 2 * DAY_MS);
    NO_MAILS(); /* a fifth of 50,000 */
    used(mine, true, 37500);
    look_at(t0 + 3 * DAY_MS);
    assert_str(value("included"), "{\"number\":50000}");
    MAILS("usage_75");
}

static void overage_has_its_own_text(void **state)
{
    (void)state;
    subscribe();
    dbtest_sql(DB, "INSERT INTO overage_choice SELECT tenant_id, 'bill', 4900, NOW(3) FROM subscription_mirror");
    used(mine, true, 9000);
    look_at(t0 + DAY_MS);
    assert_str(value("unit"), "$0.0049");
    assert_str(value("cap"), "$49.00");
    MAILS("usage_90_overage");
    used(mine, true, 10001);
    look_at(t0 + 2 * DAY_MS);
    MAILS("usage_100_overage");
    used(mine, true, 20000); /* 10,000 beyond at 0.49 cents are the 49 dollars */
    look_at(t0 + 3 * DAY_MS);
    assert_str(value("used"), "{\"number\":20000}");
    MAILS("usage_cap");
    dbtest_sql(DB, "UPDATE overage_choice SET cap = 9800");
    used(mine, true, 20001);
    look_at(t0 + 4 * DAY_MS);
    NO_MAILS();
    used(mine, true, 30000);
    look_at(t0 + 5 * DAY_MS);
    MAILS("usage_cap"); /* the new one */
}

static void unlimited_usage_is_never_reported(void **state)
{
    (void)state;
    subscribe();
    dbtest_sql(
        DB,
        "UPDATE subscription_mirror SET plan_terms_id = (SELECT plan_terms_id FROM plan WHERE plan = 'enterprise')");
    used(mine, true, 5000000);
    look_at(t0 + DAY_MS);
    NO_MAILS();
}

static void past_due(int64_t since_ms)
{
    char sql[300];
    snprintf(sql, sizeof(sql),
             "UPDATE subscription_mirror SET status = 'past_due', latest_invoice_id = 'in_1', first_failed_at = "
             "'1970-01-01' + INTERVAL %lld SECOND",
             (long long)(since_ms / 1000));
    dbtest_sql(DB, sql);
}

static void dunning_step_by_step(void **state)
{
    (void)state;
    subscribe();
    dbtest_sql(DB, "INSERT INTO invoice_mirror (stripe_invoice_id, tenant_id, stripe_customer_id, livemode, status, "
                   "currency, total, amount_due, "
                   "amount_paid, amount_remaining, next_payment_attempt_at, created_at, fetched_at) SELECT 'in_1', "
                   "tenant_id, 'cus_1', 0, 'open', 'USD', "
                   "4900, 4900, 0, 4900, '2026-11-14', '2026-11-11', '2026-11-11' FROM subscription_mirror");
    look_at(t0 + HOUR_MS);
    NO_MAILS();
    past_due(t0 + DAY_MS);
    look_at(t0 + DAY_MS + HOUR_MS);
    assert_str(value("amount"), "$49.00");
    assert_str(value("plan"), "STARTER");
    assert_true(str_has(value("retry"), STR("date")));
    MAILS("payment_failed");
    for (int64_t t = t0 + DAY_MS + 2 * HOUR_MS; t < t0 + 5 * DAY_MS; t += 7 * HOUR_MS)
        look_at(t);
    NO_MAILS();
    look_at(t0 + 5 * DAY_MS);
    MAILS("read_only_soon");
    look_at(t0 + 8 * DAY_MS);
    MAILS("read_only");
    look_at(t0 + 12 * DAY_MS);
    assert_str(value("plan"), "STARTER");
    MAILS("free_soon");
    look_at(t0 + 15 * DAY_MS);
    MAILS("suspended");
    look_at(t0 + 16 * DAY_MS);
    NO_MAILS();
    dbtest_sql(DB, "UPDATE subscription_mirror SET status = 'active', first_failed_at = NULL");
    look_at(t0 + 17 * DAY_MS);
    MAILS("recovered");
    look_at(t0 + 18 * DAY_MS);
    NO_MAILS();
    past_due(t0 + 19 * DAY_MS); /* another time is reported again */
    look_at(t0 + 19 * DAY_MS);
    MAILS("payment_failed");
}

static void missed_steps_are_not_reported(void **state)
{
    (void)state;
    subscribe();
    past_due(t0 + DAY_MS);
    look_at(t0 + 9 * DAY_MS);
    MAILS("read_only");
    dbtest_sql(DB, "UPDATE subscription_mirror SET status = 'canceled', ended_at = '2026-11-20', canceled_at = "
                   "'2026-11-20', first_failed_at = NULL");
    look_at(t0 + 11 * DAY_MS);
    assert_str(value("plan"), "STARTER");
    MAILS("free_again"); /* and no thanks for a payment */
    dbtest_sql(DB,
               /* as if bought again */
               "UPDATE subscription_mirror SET status = 'active', ended_at = NULL, canceled_at = NULL");
    look_at(t0 + 12 * DAY_MS);
    NO_MAILS();
}

static void an_old_end_is_not_reported(void **state)
{
    (void)state;
    subscribe();
    dbtest_sql(DB, "UPDATE subscription_mirror SET status = 'canceled', ended_at = '2026-11-12'");
    look_at(t0 + 30 * DAY_MS);
    NO_MAILS();
}

static void trial_and_planned_changes(void **state)
{
    (void)state;
    subscribe();
    dbtest_sql(DB, "UPDATE subscription_mirror SET status = 'trialing', trial_end = '2026-11-24'");
    look_at(t0 + 10 * DAY_MS);
    NO_MAILS();
    look_at(t0 + 11 * DAY_MS);
    assert_str(value("price"), "$49.00");
    MAILS("trial_ending");
    dbtest_sql(DB, "UPDATE subscription_mirror SET status = 'active', trial_end = NULL, plan_terms_id = (SELECT "
                   "plan_terms_id FROM plan WHERE "
                   "plan = 'professional'), next_terms_id = (SELECT plan_terms_id FROM plan WHERE plan = 'starter'), "
                   "next_at = '2026-12-10'");
    look_at(t0 + 12 * DAY_MS);
    assert_str(value("next"), "STARTER");
    assert_str(value("bots"), "{\"number\":5}");
    MAILS("plan_changing");
    dbtest_sql(DB, "UPDATE subscription_mirror SET next_terms_id = NULL, next_at = NULL, cancel_at_period_end = 1");
    look_at(t0 + 13 * DAY_MS);
    MAILS("plan_ending");
    look_at(t0 + 14 * DAY_MS);
    NO_MAILS();
}

static void suspended_users_get_no_mail(void **state)
{
    (void)state;
    dbtest_sql(DB, "UPDATE user SET state = 'suspended' WHERE email = 'money@example.com'");
    used(mine, false, 800);
    look_at(t0);
    assert_str(take_mails(), "usage_75 owner@example.com");
    dbtest_sql(DB, "UPDATE user SET state = 'active'");
}

static void without_a_key_nothing_is_offered(void **state)
{
    const struct config *off;
    (void)state;
    OKAY(config_load(dbtest_config_file("parley_notice_off", "base_url = https://chat.example.com\n"), &off, &fail));
    config_set_current(off);
    used(mine, false, 1000);
    look_at(t0);
    assert_str(value("plans"), "null");
    MAILS("usage_100");
    config_set_current(config_retain(config));
}

int main(int argc, char **argv)
{
#define CASE(f) cmocka_unit_test_setup(f, clean)
    const struct CMUnitTest tests[] = {
        TEST(keys_are_read_back),
        TEST(usage_by_thresholds),
        TEST(dunning_by_days),
        TEST(coming_changes),
        CASE(usage_is_reported_once),
        CASE(usage_is_reported_again_on_a_larger_plan),
        CASE(overage_has_its_own_text),
        CASE(unlimited_usage_is_never_reported),
        CASE(dunning_step_by_step),
        CASE(missed_steps_are_not_reported),
        CASE(an_old_end_is_not_reported),
        CASE(trial_and_planned_changes),
        CASE(suspended_users_get_no_mail),
        CASE(without_a_key_nothing_is_offered),
    };
    dbtest_begin(argc, argv);
    return cmocka_run_group_tests(tests, setup, teardown);
}
