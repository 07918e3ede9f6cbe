/* What the operator's console reads across workspaces, and that its actions are audited. */
#include "alarm/alarm.h"
#include "billing/console/console.h"
#include "lib/dbtest.h"
#include "lib/test.h"

#include "base/banned.h"

#define DB "parley_console"

static const struct config *config;
static struct db_pool *pool;
static struct db *db;
static struct arena arena;
static struct id mine, theirs;
static const struct actor operator_ = {.ip = "192.0.2.1"};

static void okay(enum status st, const struct err *e)
{
    if (st != OK)
        fail_msg("status %d: %s (%u)", (int)st, e->message, e->code);
}

static struct id workspace(const char *name, const char *email)
{
    struct id tenant, user;
    struct err e = ERR_INIT;
    okay(account_tenant_create(db, str_from(name), STR("enterprise"), &tenant, &e), &e);
    okay(account_user_create(db, &operator_, str_from(email), STR("Somebody"), STR(""), &user, &e), &e);
    okay(account_member_add(db, tenant, user, ROLE_OWNER, &e), &e);
    return tenant;
}

static size_t found(const char *search, struct id before, int limit, struct console_tenant **out)
{
    struct err e = ERR_INIT;
    size_t n = 0;
    okay(console_tenants(db, &arena, str_from(search), before, limit, out, &n, &e), &e);
    return n;
}

static void workspaces_are_found_by_name_email_or_stripe_id(void **state)
{
    static const struct {
        const char *search;
        size_t n;
    } rows[] = {
        {"", 2},         {"100 %", 1},       {"100 _", 0},       {"%", 1},           {"_", 0},
        {"\\", 0},       {"  COMPANY  ", 2}, {"ada@example", 1}, {"ADA@EXAMPLE", 1}, {"cus_mine", 1},
        {"sub_mine", 1}, {"cus_", 0},        {"' OR 1=1 --", 0}, {"CUS_MINE", 0},
    };
    struct console_tenant *list = NULL;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (found(rows[i].search, ID_NONE, 50, &list) != rows[i].n)
            fail_msg("%s", rows[i].search);
    assert_int_equal(found("ada@", ID_NONE, 50, &list), 1);
    assert_true(id_eq(list[0].id, mine));
    assert_string_equal(list[0].owner.p, "Ada@example.com");
}

static void workspaces_come_page_by_page_newest_first(void **state)
{
    struct console_tenant *list = NULL;
    (void)state;
    assert_int_equal(found("", ID_NONE, 1, &list), 1);
    assert_true(id_eq(list[0].id, theirs));
    assert_int_equal(found("", list[0].id, 1, &list), 1);
    assert_true(id_eq(list[0].id, mine));
    assert_int_equal(found("", list[0].id, 1, &list), 0);
    struct err e = ERR_INIT;
    char much[300];
    size_t n = 0;
    memset(much, 'x', sizeof(much));
    assert_int_equal(console_tenants(db, &arena, str_n(much, sizeof(much)), ID_NONE, 1, &list, &n, &e), ERR_INVALID);
}

static void sums_hold_for_one_mode(void **state)
{
    struct console_counts n = {0};
    struct console_terms *terms = NULL;
    struct console_plan *plans = NULL;
    size_t count = 0;
    struct err e = ERR_INIT;
    (void)state;
    okay(console_counts(db, false, &n, &e), &e);
    assert_true(n.tenants == 2 && n.paying == 2 && n.failing == 1 && n.customers_lost == 1);
    okay(console_counts(db, true, &n, &e), &e);
    assert_true(n.tenants == 2 && n.paying == 0 && n.failing == 0 && n.customers_lost == 0);
    okay(console_terms(db, &arena, false, &terms, &count, &e), &e);
    assert_true(count == 1 && terms[0].n == 1);
    okay(console_plans(db, &arena, &plans, &count, &e), &e);
    assert_true(count == 1 && plans[0].n == 2);
}

static void rows_of_another_workspace_are_not_listed(void **state)
{
    struct console_notice *notices = NULL;
    struct console_customer *customers = NULL;
    struct console_meter meter = {0};
    size_t n = 0;
    struct err e = ERR_INIT;
    (void)state;
    okay(console_notices(db, &arena, mine, 10, &notices, &n, &e), &e);
    assert_true(n == 1 && str_eqz(notices[0].key, "usage_75"));
    okay(console_notices(db, &arena, theirs, 10, &notices, &n, &e), &e);
    assert_int_equal(n, 0);
    okay(console_customers(db, &arena, theirs, &customers, &n, &e), &e);
    assert_int_equal(n, 0);
    okay(console_meter(db, mine, &meter, &e), &e);
    assert_true(meter.pending == 7 && meter.sent == 0 && meter.unknown == 0 && meter.rejected == 3);
    okay(console_meter(db, theirs, &meter, &e), &e);
    assert_true(meter.pending == 0 && meter.rejected == 0);
}

/* The ids of periodic jobs are digests: the greatest is not the newest. */
static void the_last_run_of_a_job_is_the_newest_one(void **state)
{
    struct job_last *jobs = NULL;
    size_t n = 0;
    struct err e = ERR_INIT;
    (void)state;
    okay(console_jobs(db, &arena, &jobs, &n, &e), &e);
    assert_int_equal(n, 2);
    assert_true(jobs[0].kind == JOB_KIND_billing_notice && jobs[0].state == JOB_DEAD);
    assert_true(str_eqz(jobs[0].error, "the newest"));
    assert_true(jobs[1].kind == JOB_KIND_meter && str_eqz(jobs[1].error, "the newest"));
}

static int64_t logged(const char *what)
{
    char sql[200];
    snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM operator_log WHERE what = '%s' AND ip = '192.0.2.1'", what);
    return dbtest_int(DB, sql);
}

static void successful_actions_are_audited_and_failed_ones_are_not(void **state)
{
    struct stripe_event ev;
    struct alarm *alarms = NULL;
    size_t n = 0;
    struct err e = ERR_INIT;
    (void)state;
    okay(event_get(db, &arena, STR("evt_dead"), &ev, &e), &e);
    assert_true(ev.state == EVENT_DEAD && ev.attempts == 8);
    okay(console_replay(db, &operator_, STR("evt_dead"), &e), &e);
    okay(event_get(db, &arena, STR("evt_dead"), &ev, &e), &e);
    assert_true(ev.state == EVENT_PENDING);
    assert_int_equal(console_replay(db, &operator_, STR("evt_none"), &e), ERR_NOT_FOUND);
    assert_int_equal(logged("event.replayed"), 1);
    e = ERR_INIT;
    assert_int_equal(event_get(db, &arena, STR("evt_none"), &ev, &e), ERR_NOT_FOUND);
    e = ERR_INIT;
    okay(alarm_raise(db, ALARM_drift, STR("x"), ID_NONE, &e, "Something drifts."), &e);
    okay(alarm_list(db, &arena, true, 10, &alarms, &n, &e), &e);
    assert_int_equal(n, 1);
    okay(console_alarm_close(db, &operator_, alarms[0].id, &e), &e);
    assert_int_equal(console_alarm_close(db, &operator_, id_new(), &e), ERR_NOT_FOUND);
    assert_int_equal(logged("alarm.closed"), 1);
    e = ERR_INIT;
    okay(console_note(db, &operator_, OPERATOR_stripe_fetched, mine, STR("sub_mine"), &e), &e);
    assert_int_equal(logged("stripe.looked"), 1);
}

/* Runs last, because it changes the tables. */
static void a_state_of_a_newer_release_is_an_error(void **state)
{
    struct stripe_event ev;
    struct console_tenant *list;
    struct err e = ERR_INIT;
    size_t n;
    (void)state;
    dbtest_newer_word(DB, "stripe_event", "state", "parked");
    assert_int_equal(event_get(db, &arena, STR("evt_dead"), &ev, &e), ERR_INTERNAL);
    assert_string_equal(err_code(&e), "row_unknown");
    dbtest_newer_word(DB, "tenant", "state", "frozen");
    assert_int_equal(console_tenants(db, &arena, STR_EMPTY, ID_NONE, 10, &list, &n, &e), ERR_INTERNAL);
    assert_string_equal(err_code(&e), "row_unknown");
}

static void fill(void)
{
    dbtest_sql(
        DB, "INSERT INTO billing_customer (tenant_id, stripe_customer_id, livemode, created_at) "
            "SELECT tenant_id, 'cus_mine', 0, NOW(3) FROM tenant WHERE name LIKE '100%';"
            "INSERT INTO subscription_mirror (stripe_subscription_id, tenant_id, stripe_customer_id, livemode, "
            "status, plan_terms_id, created_at, "
            "fetched_at) SELECT 'sub_mine', t.tenant_id, 'cus_mine', 0, 'active', p.plan_terms_id, NOW(3), "
            "NOW(3) FROM tenant t JOIN plan p "
            "ON p.plan = 'starter' WHERE t.name LIKE '100%';"
            "INSERT INTO subscription_mirror (stripe_subscription_id, stripe_customer_id, livemode, status, "
            "first_failed_at, created_at, fetched_at) "
            "VALUES ('sub_lost', 'cus_lost', 0, 'past_due', NOW(3), NOW(3), NOW(3)), ('sub_over', 'cus_lost', "
            "0, 'canceled', NULL, NOW(3), NOW(3));"
            "INSERT INTO billing_notice (tenant_id, kind, about, created_at) SELECT tenant_id, 'usage_75', "
            "NOW(3), NOW(3) FROM tenant "
            "WHERE name LIKE '100%';"
            "INSERT INTO meter_outbox (tenant_id, meter_outbox_id, stripe_customer_id, period_start, quantity, "
            "event_at, state, created_at, due_at) "
            "SELECT tenant_id, UNHEX(MD5(q)), 'cus_mine', NOW(3), q, NOW(3), IF(q = 3, 'rejected', 'pending'), "
            "NOW(3), NOW(3) FROM tenant "
            "JOIN (SELECT 3 AS q UNION SELECT 5 UNION SELECT 2) x WHERE name LIKE '100%';"
            "INSERT INTO stripe_event (event_id, type, livemode, created_at, received_at, state, attempts, "
            "due_at, payload) "
            "VALUES ('evt_dead', 'invoice.paid', 0, NOW(3), NOW(3), 'dead', 8, NOW(3), '{}');"
            "INSERT INTO job (job_id, kind, state, due_at, payload, error, created_at, finished_at) "
            "SELECT UNHEX(RPAD(digest, 32, '0')), kind, state, NOW(3), '{}', error, at, IF(state = 'ready', NULL, at) "
            "FROM ("
            "SELECT '9' AS digest, 'meter' AS kind, 'done' AS state, 'older' AS error, NOW(3) - INTERVAL 1 HOUR AS at "
            "UNION SELECT '1', 'meter', 'done', 'the newest', NOW(3) "
            "UNION SELECT '2', 'billing_notice', 'dead', 'the newest', NOW(3) "
            "UNION SELECT '8', 'billing_notice', 'done', 'older', NOW(3) - INTERVAL 1 DAY "
            "UNION SELECT '7', 'billing_notice', 'ready', 'waits', NOW(3) "
            "UNION SELECT '6', 'cleanup', 'done', 'not about money', NOW(3)) x");
}

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, 4 * 1024 * 1024);
    config = dbtest_config(DB);
    dbtest_migrate(config);
    pool = dbtest_pool(config, 2);
    db = dbtest_get(pool);
    mine = workspace("100 % Company", "Ada@example.com");
    theirs = workspace("Another company", "bob@example.net");
    fill();
    return 0;
}

static int end(void **state)
{
    (void)state;
    dbtest_close(config, pool, db, &arena);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workspaces_are_found_by_name_email_or_stripe_id),
        cmocka_unit_test(workspaces_come_page_by_page_newest_first),
        cmocka_unit_test(sums_hold_for_one_mode),
        cmocka_unit_test(rows_of_another_workspace_are_not_listed),
        cmocka_unit_test(the_last_run_of_a_job_is_the_newest_one),
        cmocka_unit_test(successful_actions_are_audited_and_failed_ones_are_not),
        cmocka_unit_test(a_state_of_a_newer_release_is_an_error),
    };
    dbtest_begin(argc, argv);
    return cmocka_run_group_tests(tests, begin, end);
}
