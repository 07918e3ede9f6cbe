/* From counters to rows of the outbox, and what becomes of rows, without Stripe. tests/billing/meter.test.mjs sends
 * them. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/limits.h"
#include "billing/meter/meter.h"
#include "billing/meter/meter_internal.h"
#include "billing/meter/meter_store.h"
#include "lib/dbtest.h"
#include "lib/okay.h"
#include "lib/test.h"
#include "plan/usage.h"
#include "stripe/call.h"

#include "base/banned.h"

#define DB "parley_meter"

static const struct config *config;
static struct db_pool *pool;
static struct db *db;
static struct arena arena;
static struct id mine, theirs;
static int64_t start, end; /* of the period */

DB_STMT(add_counter, TENANT,
        "INSERT INTO usage_counter (tenant_id, period_start, billable, period_end, stripe_customer_id, used) VALUES "
        "(:tenant, ?, ?, ?, ?, 0)",
        "titx?", "");
DB_STMT(add_customer, TENANT,
        "INSERT INTO billing_customer (tenant_id, stripe_customer_id, livemode, created_at) VALUES (:tenant, ?, 0, ?)",
        "xt", "");
DB_STMT(look_counter, TENANT,
        "SELECT used, reported, unsent_since FROM usage_counter WHERE tenant_id = :tenant AND period_start = ? AND "
        "billable = ?",
        "ti", "iit?");

static int setup(void **state)
{
    (void)state;
    config = dbtest_config(DB);
    dbtest_migrate(config);
    pool = dbtest_pool(config, 10);
    db = dbtest_get(pool);
    arena_init(&arena, 64 * MB);
    mine = dbtest_tenant(db);
    theirs = dbtest_tenant(db);
    start = clock_date_ms(2026, 11, 10) + 5000; /* 00:00:05 */
    end = clock_date_ms(2026, 12, 10) + 5000;
    OKAY(db_exec(db, &add_customer, &mine, DB_ARGS(db_bytes("cus_mine", 8), db_time(start)), NULL, &fail));
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
    dbtest_sql(
        DB, "DELETE FROM usage_ledger; DELETE FROM usage_counter; DELETE FROM meter_outbox; DELETE FROM billing_alarm; "
            "DELETE FROM stripe_lease; UPDATE billing_customer SET livemode = 0");
    clock_set_for_test(start + 3 * DAY_MS);
    return 0;
}

static void open_counter(struct id tenant, bool billable, const char *customer)
{
    OKAY(db_exec(db, &add_counter, &tenant,
                 DB_ARGS(db_time(start), db_int(billable), db_time(end),
                         db_opt(customer, db_bytes(customer, customer ? strlen(customer) : 0))),
                 NULL, &fail));
}

/* As the journal counts: ledger and counter in one transaction. */
static enum status count_all(struct db *c, void *ctx, struct err *e)
{
    return usage_record(c, ctx, 1, e);
}

static void count_on(struct db *c, struct id tenant, bool billable)
{
    struct usage_count one = {.tenant = tenant,
                              .conversation = id_new(),
                              .counted_ms = clock_now_ms(),
                              .quota = {.limit = USAGE_UNLIMITED, .period_start_ms = start, .billable = billable}};
    OKAY(db_transaction(c, count_all, &one, &fail));
}

static int64_t collect(void)
{
    int64_t n;
    OKAY(meter_collect(db, &n, &fail));
    return n;
}

static struct meter_row only_row(void)
{
    struct meter_row *rows;
    size_t n;
    OKAY(meter_list(db, &arena, NULL, 10, &rows, &n, &fail));
    assert_int_equal(n, 1);
    return rows[0];
}

static void counter_is(struct id tenant, bool billable, int64_t used, int64_t reported, int64_t unsent_ms)
{
    struct db_row r;
    OKAY(db_query_one(db, &look_counter, &tenant, DB_ARGS(db_time(start), db_int(billable)), &arena, &r, &fail));
    assert_int_equal(db_row_int(r, 0), used);
    assert_int_equal(db_row_int(r, 1), reported);
    assert_int_equal(db_row_time(r, 2), unsent_ms);
}

static void growth_of_a_counter_becomes_one_row(void **state)
{
    int64_t first = clock_now_ms();
    (void)state;
    open_counter(mine, true, "cus_mine");
    count_on(db, mine, true);
    clock_set_for_test(first + MINUTE_MS + 123);
    count_on(db, mine, true);
    counter_is(mine, true, 2, 0, first); /* since the first of them */
    assert_int_equal(collect(), 1);
    struct meter_row r = only_row();
    assert_true(id_eq(r.tenant, mine));
    assert_str(r.customer, "cus_mine");
    assert_int_equal(r.state, METER_PENDING);
    assert_int_equal(r.quantity, 2);
    assert_int_equal(r.period_start_ms, start);
    assert_int_equal(r.event_ms, first - first % 1000); /* of the first, in whole seconds */
    assert_int_equal(r.due_ms, first + MINUTE_MS + 123);
    counter_is(mine, true, 2, 2, 0);
    assert_int_equal(collect(), 0); /* nothing grew */
    count_on(db, mine, true);
    assert_int_equal(collect(), 1);
    assert_int_equal(dbtest_int(DB, "SELECT SUM(quantity) FROM meter_outbox"), 3);
}

static void free_usage_is_never_sent(void **state)
{
    (void)state;
    open_counter(mine, false, NULL);
    for (int i = 0; i < 5; i++)
        count_on(db, mine, false);
    counter_is(mine, false, 5, 0, 0);
    assert_int_equal(collect(), 0);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM meter_outbox"), 0);
}

static void a_row_stays_inside_its_period(void **state)
{
    static const struct {
        int64_t off_start, off_end, expect_start, expect_end;
    } rows[] = {
        /* when it is collected, from the period's start or end; its timestamp likewise */
        {-DAY_MS, 0, 0, 0}, /* a clock that was set back */
        {0, 0, 0, 0},
        {1500, 0, 0, 0},
        {2500, 0, 1000, 0},
        {0, -1500, 0, -3000},
        {0, -1, 0, -2000},
        {0, 1, 0, -1000}, /* collected after the end: inside */
        {0, 40 * MINUTE_MS, 0, -1000},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        clean(state);
        bool by_end = rows[i].off_end != 0;
        int64_t now = by_end ? end + rows[i].off_end : start + rows[i].off_start;
        open_counter(mine, true, "cus_mine");
        clock_set_for_test(now);
        count_on(db, mine, true);
        assert_int_equal(collect(), 1);
        struct meter_row r = only_row();
        int64_t expect = by_end ? end + rows[i].expect_end : start + rows[i].expect_start;
        if (r.event_ms != expect)
            fail_msg("row %zu: stamped %lld ms off", i, (long long)(r.event_ms - expect));
        assert_true(r.event_ms - r.due_ms <= 4 * MINUTE_MS); /* not sent from a future that Stripe does not take */
        assert_true(r.due_ms >= now);
    }
}

/* If the subscription ends in this second, and in the next one another begins, they are on the right invoice. */
static void a_row_is_stamped_when_its_first_was_counted(void **state)
{
    (void)state;
    int64_t first = start + 60 * MINUTE_MS + 300;
    open_counter(mine, true, "cus_mine");
    clock_set_for_test(first);
    count_on(db, mine, true);
    clock_set_for_test(first + MINUTE_MS);
    count_on(db, mine, true);
    assert_int_equal(collect(), 1);
    assert_int_equal(only_row().event_ms, start + 60 * MINUTE_MS);
    clock_set_for_test(first + 2 * MINUTE_MS);
    count_on(db, mine, true);
    assert_int_equal(collect(), 1); /* in the same second: not in this one */
    assert_int_equal(dbtest_int(DB, "SELECT CAST(UNIX_TIMESTAMP(MAX(event_at)) * 1000 AS SIGNED) FROM meter_outbox"),
                     first - 300 + 2 * MINUTE_MS - 1000);
}

/* While Stripe is slow or unreachable no rows are added: usage counted in the meantime goes with the next
 * one. */
static void waiting_rows_are_not_collected_twice(void **state)
{
    (void)state;
    open_counter(mine, true, "cus_mine");
    for (int i = 0; i < 40; i++) {
        clock_set_for_test(start + (60 + i) * MINUTE_MS);
        count_on(db, mine, true);
        collect();
    }
    assert_in_range(dbtest_int(DB, "SELECT COUNT(*) FROM meter_outbox"), 1, 6);
    dbtest_sql(DB, "UPDATE meter_outbox SET state = 'sent', sent_at = event_at");
    assert_int_equal(collect(), 1);
    assert_int_equal(dbtest_int(DB, "SELECT SUM(quantity) FROM meter_outbox"), 40);
    counter_is(mine, true, 40, 40, 0);
}

static void usage_without_a_customer_waits_and_raises_an_alarm(void **state)
{
    (void)state;
    open_counter(theirs, true, NULL);
    count_on(db, theirs, true);
    assert_int_equal(collect(), 0);
    assert_int_equal(
        dbtest_int(DB, "SELECT COUNT(*) FROM billing_alarm WHERE kind = 'meter_customer' AND closed_at IS NULL"), 1);
    counter_is(theirs, true, 1, 0, clock_now_ms());
}

/* Counting and collecting at the same time: every one is in exactly one row. */
static void *count_many(void *arg)
{
    struct db *c = dbtest_get(pool);
    atomic_int *running = arg;

    for (int i = 0; i < 40; i++)
        count_on(c, mine, true);
    db_put(c);
    atomic_fetch_sub(running, 1);
    return NULL;
}

static void collected_while_counted(void **state)
{
    pthread_t threads[6];
    atomic_int running = 6;
    int64_t made = 0;

    (void)state;
    open_counter(mine, true, "cus_mine");
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, &running), 0);
    while (atomic_load(&running) > 0)
        made += collect();
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    made += collect();
    counter_is(mine, true, 240, 240, 0);
    assert_int_equal(dbtest_int(DB, "SELECT SUM(quantity) FROM meter_outbox"), 240);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM meter_outbox"), made);
}

static bool due(bool livemode, struct meter_row *r)
{
    struct err e = ERR_INIT;
    enum status st = meter_store_due(db, &arena, NULL, livemode, clock_now_ms(), r, &e);
    assert_true(st == OK || st == ERR_NOT_FOUND);
    return st == OK;
}

static void due_rows_are_of_this_mode_and_not_leased(void **state)
{
    struct meter_row r;
    (void)state;
    open_counter(mine, true, "cus_mine");
    count_on(db, mine, true);
    collect();
    assert_true(due(false, &r));
    assert_false(due(true, &r)); /* a live key must not send what was counted under a test customer */
    dbtest_sql(DB, "INSERT INTO stripe_lease SELECT 'meter:cus_mine', UNHEX(MD5('x')), due_at + INTERVAL 60 SECOND, 1 "
                   "FROM meter_outbox");
    assert_false(due(false, &r));
    dbtest_sql(DB, "UPDATE stripe_lease SET until = '2099-01-01'"); /* by a clock that ran ahead */
    assert_true(due(false, &r));
    dbtest_sql(DB, "UPDATE stripe_lease SET until = '2020-01-01'");
    assert_true(due(false, &r));
    dbtest_sql(DB, "UPDATE meter_outbox SET state = 'unknown'");
    assert_true(due(false, &r));
    dbtest_sql(DB, "UPDATE meter_outbox SET state = 'sent'");
    assert_false(due(false, &r));
}

static void lag_is_measured_from_when_usage_was_counted(void **state)
{
    struct meter_lag lag;
    int64_t first = clock_now_ms();
    (void)state;
    OKAY(meter_lag(db, &lag, &fail));
    assert_int_equal(lag.oldest_ms, 0);
    open_counter(mine, true, "cus_mine");
    count_on(db, mine, true);
    clock_set_for_test(first + 10 * MINUTE_MS);
    OKAY(meter_lag(db, &lag, &fail));
    assert_int_equal(lag.oldest_ms, 10 * MINUTE_MS); /* although no row was made of it */
    assert_int_equal(lag.pending, 0);
    collect();
    count_on(db, mine, true);
    OKAY(meter_watch(db, &fail));
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM billing_alarm"), 0);
    clock_set_for_test(first + 10 * MINUTE_MS + METER_LAG_ALARM_MS + 1);
    OKAY(meter_lag(db, &lag, &fail));
    assert_int_equal(lag.pending, 1);
    assert_int_equal(lag.oldest_ms, METER_LAG_ALARM_MS + 1);
    OKAY(meter_watch(db, &fail));
    OKAY(meter_watch(db, &fail)); /* once */
    assert_int_equal(
        dbtest_int(DB, "SELECT COUNT(*) FROM billing_alarm WHERE kind = 'meter_lag' AND closed_at IS NULL"), 1);
    dbtest_sql(DB, "UPDATE meter_outbox SET state = 'sent'");
    collect();
    dbtest_sql(DB, "UPDATE meter_outbox SET state = 'sent'");
    OKAY(meter_watch(db, &fail));
    assert_int_equal(
        dbtest_int(DB, "SELECT COUNT(*) FROM billing_alarm WHERE kind = 'meter_lag' AND closed_at IS NULL"), 0);
}

static void a_refused_row_is_rejected_and_can_be_sent_again(void **state)
{
    char before[ID_TEXT_MAX];
    struct id again;
    struct err e = ERR_INIT;
    (void)state;
    open_counter(mine, true, "cus_mine");
    count_on(db, mine, true);
    collect();
    struct id first = only_row().id;
    dbtest_sql(DB, "UPDATE meter_outbox SET state = 'sent', sent_at = event_at");
    id_text(ID_METER, first, before);
    for (int i = 0; i < 2; i++) /* the same event twice */
        OKAY(meter_reject(db, str_from(before), STR("meter_event_customer_not_found"), &fail));
    assert_int_equal(only_row().state, METER_REJECTED);
    assert_true(str_has(only_row().last_error, STR("customer_not_found")));
    assert_int_equal(
        dbtest_int(DB, "SELECT times FROM billing_alarm WHERE kind = 'meter_rejected' AND object = 'cus_mine'"), 1);
    OKAY(meter_resend(db, first, &again, &fail));
    struct meter_row r = only_row();
    assert_int_equal(r.state, METER_PENDING);
    assert_true(id_eq(r.id, again) && !id_eq(again, first));
    assert_true(str_has(r.last_error, str_from(before)));
    assert_int_equal(r.quantity, 1);
    assert_int_equal(meter_resend(db, first, &again, &e), ERR_NOT_FOUND);
    assert_int_equal(meter_resend(db, r.id, &again, &e), ERR_NOT_FOUND); /* it is not rejected */
    OKAY(meter_reject(db, STR("c-1"), STR("no_meter"), &fail));          /* usage at our meter that we did not send */
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM billing_alarm WHERE kind = 'meter_error' AND object = 'c-1'"),
                     1);
}

static void old_rows_are_deleted(void **state)
{
    int64_t n;
    (void)state;
    open_counter(mine, true, "cus_mine");
    for (int i = 0; i < 3; i++) {
        count_on(db, mine, true);
        collect();
    }
    dbtest_sql(DB, "UPDATE meter_outbox SET state = 'sent' ORDER BY meter_outbox_id LIMIT 2");
    OKAY(meter_forget(db, clock_now_ms() + DAY_MS, 10, &n, &fail));
    assert_int_equal(n, 2);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM meter_outbox WHERE state = 'pending'"), 1);
}

static void put_call(struct id row, int64_t at_ms, enum stripe_call_state state)
{
    char key[64];
    struct stripe_call k = {.idem_key = meter_key(row, key),
                            .method = STR("POST"),
                            .path = STR("/v1/billing/meter_events"),
                            .state = state};
    OKAY(stripe_call_add(db, &k, at_ms, &fail));
}

/* One call for each row: most calls to Stripe are of this kind. */
static void old_calls_are_deleted(void **state)
{
    int64_t n, then = clock_now_ms() - 30 * DAY_MS;
    struct id old = id_least(then), older = id_least(then - 1), unsure = id_least(then - 2), other = id_new();
    struct stripe_call kept = {
        .idem_key = STR("cust:ws_1:1.0"), .method = STR("POST"), .path = STR("/v1/customers"), .state = CALL_DONE};
    (void)state;
    put_call(old, then, CALL_DONE);
    put_call(older, then, CALL_DONE);
    put_call(unsure, then, CALL_UNKNOWN);
    put_call(other, clock_now_ms(), CALL_DONE);
    OKAY(stripe_call_add(db, &kept, then, &fail));
    OKAY(meter_forget_calls(db, then, 10, &n, &fail));
    assert_int_equal(n, 1);
    OKAY(meter_forget_calls(db, clock_now_ms() - METER_KEEP_CALLS_MS, 10, &n, &fail));
    assert_int_equal(n, 1);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM stripe_call"), 3);
}

/* Runs last, because it changes the tables. */
static void a_state_of_a_newer_release_is_an_error(void **state)
{
    struct stripe_call call;
    struct meter_row row;
    struct err e = ERR_INIT;
    (void)state;
    open_counter(mine, true, "cus_mine");
    count_on(db, mine, true);
    assert_int_equal(collect(), 1);
    struct id id = only_row().id;
    dbtest_newer_word(DB, "meter_outbox", "state", "merged");
    assert_int_equal(meter_store_get(db, &arena, id, &row, &e), ERR_INTERNAL);
    assert_string_equal(err_code(&e), "row_unknown");
    dbtest_newer_word(DB, "stripe_call", "state", "queued");
    assert_int_equal(stripe_call_find(db, STR("cust:ws_1:1.0"), &arena, &call, &e), ERR_INTERNAL);
    assert_string_equal(err_code(&e), "row_unknown");
}

int main(int argc, char **argv)
{
#define CASE(f) cmocka_unit_test_setup(f, clean)
    const struct CMUnitTest tests[] = {
        CASE(growth_of_a_counter_becomes_one_row),
        CASE(free_usage_is_never_sent),
        CASE(a_row_stays_inside_its_period),
        CASE(a_row_is_stamped_when_its_first_was_counted),
        CASE(waiting_rows_are_not_collected_twice),
        CASE(usage_without_a_customer_waits_and_raises_an_alarm),
        CASE(collected_while_counted),
        CASE(due_rows_are_of_this_mode_and_not_leased),
        CASE(lag_is_measured_from_when_usage_was_counted),
        CASE(a_refused_row_is_rejected_and_can_be_sent_again),
        CASE(old_rows_are_deleted),
        CASE(old_calls_are_deleted),
        CASE(a_state_of_a_newer_release_is_an_error),
    };
    dbtest_begin(argc, argv);
    return cmocka_run_group_tests(tests, setup, teardown);
}
