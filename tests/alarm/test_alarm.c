/* Alarms against a real MariaDB: one open row for a kind and object, mailed once to the operators, closed by its
 * cause or by hand. */
#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/limits.h"
#include "dbtest.h"
#include "lib/test.h"
#include "okay.h"

#include "base/banned.h"

#define DB "parley_alarm"
#define NOW 1790000000000LL

static const struct config *config;
static struct db_pool *pool;
static struct db *c;
static struct arena arena;
static struct id tenant;

/* Two operators, one without a valid address, and a user who is not an operator. */
static int clean(void **state)
{
    (void)state;
    dbtest_sql(DB, "DELETE FROM billing_alarm; DELETE FROM job; DELETE FROM user");
    dbtest_sql(
        DB,
        "INSERT INTO user (user_id, email, email_key, name, password_hash, is_operator, created_at, updated_at) VALUES"
        " (UNHEX(MD5('1')), 'op@example.com', 'op@example.com', 'Op', '', 1, NOW(3), NOW(3)),"
        " (UNHEX(MD5('2')), 'no address', 'no address', 'Odd', '', 1, NOW(3), NOW(3)),"
        " (UNHEX(MD5('3')), 'me@example.com', 'me@example.com', 'Me', '', 0, NOW(3), NOW(3))");
    clock_set_for_test(NOW);
    return 0;
}

static size_t count(bool open_only, struct alarm **list)
{
    size_t n = 0;
    OKAY(alarm_list(c, &arena, open_only, 10, list, &n, &fail));
    return n;
}

static int64_t mails(void)
{
    return dbtest_int(DB, "SELECT COUNT(*) FROM job WHERE kind = 'mail'");
}

static void an_alarm_raised_again_is_counted(void **state)
{
    struct alarm *list;
    (void)state;
    OKAY(alarm_raise(c, ALARM_two_live, STR("cus_1"), tenant, &fail, "%d live subscriptions.", 2));
    clock_set_for_test(NOW + MINUTE_MS);
    OKAY(alarm_raise(c, ALARM_two_live, STR("cus_1"), ID_NONE, &fail, "%d live subscriptions.", 3));
    assert_int_equal(count(true, &list), 1);
    assert_int_equal(list[0].times, 2);
    assert_str(list[0].words, "3 live subscriptions.");
    assert_int_equal(list[0].first_ms, NOW);
    assert_int_equal(list[0].last_ms, NOW + MINUTE_MS);
    assert_true(id_eq(list[0].tenant, tenant)); /* a raise without a tenant does not take it away */
}

static void each_alarm_is_mailed_once_to_the_operators(void **state)
{
    (void)state;
    OKAY(alarm_raise(c, ALARM_two_live, STR("cus_1"), tenant, &fail, "Once."));
    OKAY(alarm_raise(c, ALARM_two_live, STR("cus_1"), tenant, &fail, "Twice."));
    assert_int_equal(mails(), 1); /* an address that cannot be mailed to does not stop the other */
    OKAY(alarm_raise(c, ALARM_two_live, STR("cus_2"), tenant, &fail, "Another object."));
    OKAY(alarm_raise(c, ALARM_refund, STR("cus_1"), tenant, &fail, "Another kind."));
    assert_int_equal(mails(), 3);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM job WHERE payload LIKE '%op@example.com%'"), 3);
}

static void the_end_of_the_cause_closes_the_alarm(void **state)
{
    struct alarm *list;
    struct err e = ERR_INIT;
    (void)state;
    OKAY(alarm_raise(c, ALARM_two_live, STR("cus_1"), tenant, &fail, "Open."));
    assert_int_equal(count(true, &list), 1);
    struct id first = list[0].id;
    OKAY(alarm_clear(c, ALARM_refund, STR("cus_1"), &fail));   /* another kind */
    OKAY(alarm_clear(c, ALARM_two_live, STR("cus_9"), &fail)); /* another object */
    assert_int_equal(count(true, &list), 1);
    OKAY(alarm_clear(c, ALARM_two_live, STR("cus_1"), &fail));
    OKAY(alarm_clear(c, ALARM_two_live, STR("cus_1"), &fail));
    assert_int_equal(count(true, &list), 0);
    assert_int_equal(alarm_close(c, first, &e), ERR_NOT_FOUND);
    OKAY(alarm_raise(c, ALARM_two_live, STR("cus_1"), tenant, &fail, "Again."));
    assert_int_equal(count(false, &list), 2); /* a new alarm, mailed again */
    assert_int_equal(mails(), 2);
}

static void the_operator_closes_an_alarm(void **state)
{
    struct alarm *list;
    (void)state;
    OKAY(alarm_raise(c, ALARM_dispute, STR("dp_1"), ID_NONE, &fail, "Open."));
    assert_int_equal(count(true, &list), 1);
    OKAY(alarm_close(c, list[0].id, &fail));
    assert_int_equal(count(true, &list), 0);
}

static void only_closed_alarms_are_deleted(void **state)
{
    struct alarm *list;
    int64_t gone = 0;
    (void)state;
    OKAY(alarm_raise(c, ALARM_two_live, STR("cus_1"), tenant, &fail, "Open."));
    OKAY(alarm_raise(c, ALARM_two_live, STR("cus_2"), tenant, &fail, "Closed."));
    OKAY(alarm_clear(c, ALARM_two_live, STR("cus_2"), &fail));
    OKAY(alarm_forget(c, NOW - 1000, 10, &gone, &fail));
    assert_int_equal(gone, 0);
    OKAY(alarm_forget(c, NOW + 1000, 10, &gone, &fail));
    assert_int_equal(gone, 1);
    assert_int_equal(count(false, &list), 1);
    assert_str(list[0].object, "cus_1");
}

static void invalid_text_is_made_valid(void **state)
{
    struct alarm *list;
    char endless[2000];
    (void)state;
    memset(endless, 'x', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    OKAY(alarm_raise(c, ALARM_refund, STR("1"), ID_NONE, &fail, "Words with a broken end \xc3"));
    assert_int_equal(count(true, &list), 1);
    assert_str(list[0].words, "Words with a broken end ");
    OKAY(alarm_clear(c, ALARM_refund, STR("1"), &fail));
    OKAY(alarm_raise(c, ALARM_dispute,
                     STR("evt_\xff\xfe"
                         "_1"),
                     ID_NONE, &fail, "%s", endless));
    assert_int_equal(count(true, &list), 1);
    assert_str(list[0].object, "evt_??_1");
    assert_int_equal(list[0].words.n, 480);
    OKAY(alarm_clear(c, ALARM_dispute,
                     STR("evt_\xff\xfe"
                         "_1"),
                     &fail)); /* found by the bytes it was raised with */
    assert_int_equal(count(true, &list), 0);
}

static int setup(void **state)
{
    (void)state;
    config = dbtest_config(DB);
    dbtest_migrate(config);
    pool = dbtest_pool(config, 2);
    c = dbtest_get(pool);
    arena_init(&arena, 16 * MB);
    tenant = dbtest_tenant(c);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dbtest_close(config, pool, c, &arena);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_alarm_raised_again_is_counted, clean),
        cmocka_unit_test_setup(each_alarm_is_mailed_once_to_the_operators, clean),
        cmocka_unit_test_setup(the_end_of_the_cause_closes_the_alarm, clean),
        cmocka_unit_test_setup(the_operator_closes_an_alarm, clean),
        cmocka_unit_test_setup(only_closed_alarms_are_deleted, clean),
        cmocka_unit_test_setup(invalid_text_is_made_valid, clean),
    };
    dbtest_begin(argc, argv);
    int failed = cmocka_run_group_tests_name("alarm", tests, setup, teardown);
    db_library_end();
    return failed;
}
