/* Leases against a real MariaDB: one holder at a time, also among threads, and a holder that lost the lease cannot
 * write. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "dbtest.h"
#include "lib/test.h"
#include "okay.h"
#include "stripe/lease.h"

#include "base/banned.h"

#define DB "parley_lease"
#define NOW 1800000000000

static const struct config *config;
static struct db_pool *pool;
static struct db *c;

static bool take(struct str name, int64_t ms, struct id *holder)
{
    bool got = false;
    OKAY(lease_take(c, name, ms, holder, &got, &fail));
    assert_int_equal(got, !id_is_none(*holder));
    return got;
}

static enum status hold(struct db *db, void *ctx, struct err *e)
{
    return lease_hold(db, STR("sub_1"), *(struct id *)ctx, e);
}

static void loses(enum status got, const struct err *e)
{
    assert_int_equal(got, ERR_CONFLICT);
    assert_string_equal(err_code(e), "lease_lost");
}

static void one_at_a_time(void **state)
{
    (void)state;
    struct id a, b;
    struct err e = ERR_INIT;
    clock_set_for_test(NOW);
    assert_true(take(STR("sub_1"), 1000, &a));
    assert_false(take(STR("sub_1"), 1000, &b));
    assert_true(take(STR("sub_2"), 1000, &b));      /* another name is another lease */
    OKAY(lease_release(c, STR("sub_1"), b, &fail)); /* not this one's */
    assert_false(take(STR("sub_1"), 1000, &b));
    OKAY(db_transaction(c, hold, &a, &fail));
    OKAY(lease_release(c, STR("sub_1"), a, &fail));
    loses(db_transaction(c, hold, &a, &e), &e);
    assert_true(take(STR("sub_1"), 1000, &b));
    assert_false(id_eq(a, b));
    OKAY(lease_release(c, STR("sub_1"), b, &fail));
}

static void a_lease_expires(void **state)
{
    (void)state;
    struct id a, b;
    struct err e = ERR_INIT;
    clock_set_for_test(NOW);
    assert_true(take(STR("sub_1"), 1000, &a));
    clock_set_for_test(NOW + 999);
    assert_false(take(STR("sub_1"), 1000, &b));
    clock_set_for_test(NOW + 1500); /* expired, but no other holder took it: it still counts */
    OKAY(db_transaction(c, hold, &a, &fail));
    assert_true(take(STR("sub_1"), 1000, &b));
    loses(db_transaction(c, hold, &a, &e), &e);
    OKAY(lease_release(c, STR("sub_1"), a, &fail));
    OKAY(db_transaction(c, hold, &b, &fail)); /* the release of the former holder changed nothing */
    OKAY(lease_release(c, STR("sub_1"), b, &fail));
}

static void a_clock_that_was_set_back(void **state)
{
    (void)state;
    struct id a, b;
    struct err e = ERR_INIT;
    clock_set_for_test(NOW + HOUR_MS);
    assert_true(take(STR("sub_1"), 1000, &a));
    clock_set_for_test(NOW);
    assert_false(take(STR("sub_1"), 1000, &b));
    OKAY(lease_release(c, STR("sub_1"), a, &fail));
    assert_true(take(STR("sub_1"), 1000, &b));
    OKAY(lease_release(c, STR("sub_1"), b, &fail));
    clock_set_for_test(NOW + DAY_MS); /* its holder died: no process waits a day for that */
    assert_true(take(STR("sub_1"), 1000, &a));
    clock_set_for_test(NOW);
    assert_true(take(STR("sub_1"), 1000, &b));
    assert_int_equal(lease_hold(c, STR("sub_1"), a, &e), ERR_CONFLICT);
    OKAY(lease_release(c, STR("sub_1"), b, &fail));
}

static void old_leases_are_deleted(void **state)
{
    (void)state;
    struct id a;
    int64_t n = 0;
    clock_set_for_test(NOW);
    dbtest_sql(DB, "DELETE FROM stripe_lease");
    assert_true(take(STR("meter:cus_1"), 1000, &a));
    assert_true(take(STR("tenant:x"), 5000000, &a));
    OKAY(lease_clean(c, NOW + 3601000, 100, &n, &fail));
    assert_int_equal(n, 0);
    OKAY(lease_clean(c, NOW + 3601001, 100, &n, &fail));
    assert_int_equal(n, 1);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM stripe_lease WHERE name = 'tenant:x'"), 1);
    OKAY(lease_release(c, STR("tenant:x"), a, &fail));
}

static void names_are_bytes(void **state)
{
    (void)state;
    char name[LEASE_NAME_MAX];
    struct id a, b;
    clock_set_for_test(NOW);
    memset(name, 'x', sizeof(name));
    assert_true(take(str_n(name, sizeof(name)), 1000, &a));
    assert_false(take(str_n(name, sizeof(name)), 1000, &b));
    assert_true(take(str_n(name, sizeof(name) - 1), 1000, &b));
    assert_true(take(STR("SUB_1"), 1000, &a));
    assert_true(take(STR("sub_1"), 1000, &b)); /* letters' case counts */
    assert_true(take(STR("sub_1 "), 1000, &a));
    dbtest_sql(DB, "DELETE FROM stripe_lease");
}

/* ---- threads ---- */

#define THREADS 6
#define ROUNDS 40
static atomic_int inside, most, takes, lost;

struct write {
    struct id holder;
};

static enum status add_one(struct db *db, void *ctx, struct err *e)
{
    enum status st = lease_hold(db, STR("race"), ((struct write *)ctx)->holder, e);
    if (st != OK)
        return st;
    int now = atomic_fetch_add(&inside, 1) + 1, seen = atomic_load(&most);
    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
        ;
    atomic_fetch_sub(&inside, 1);
    return OK;
}

static void *run(void *unused)
{
    struct err e = ERR_INIT;
    struct db *db = NULL;
    (void)unused;
    if (db_thread_begin(&e) != OK || db_get(pool, &db, &e) != OK)
        fail_msg("%s", e.message);
    for (int i = 0; i < ROUNDS; i++) {
        struct write w;
        bool got = false;
        /* some leases are over before they are used */
        if (lease_take(db, STR("race"), i % 3 ? 5000 : 0, &w.holder, &got, &e) != OK)
            fail_msg("%s", e.message);
        if (!got)
            continue;
        atomic_fetch_add(&takes, 1);
        enum status st = db_transaction(db, add_one, &w, &e);
        if (st == ERR_CONFLICT)
            atomic_fetch_add(&lost, 1);
        else if (st != OK)
            fail_msg("%s", e.message);
        if (lease_release(db, STR("race"), w.holder, &e) != OK)
            fail_msg("%s", e.message);
    }
    db_put(db);
    db_thread_end();
    return unused;
}

static void threads_race(void **state)
{
    (void)state;
    pthread_t t[THREADS];
    clock_set_for_test(0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, run, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    assert_true(atomic_load(&takes) >= ROUNDS / 2);
    assert_int_equal(atomic_load(&most), 1); /* never two between hold and commit */
    assert_true(atomic_load(&lost) < atomic_load(&takes));
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM stripe_lease"), 0);
}

/* Of many threads that ask for a free or expired lease at the same time, one gets it. */
static atomic_int winners;
static pthread_barrier_t gate;
static void *rush(void *name)
{
    struct err e = ERR_INIT;
    struct db *db = NULL;
    struct id holder;
    bool got = false;
    if (db_thread_begin(&e) != OK || db_get(pool, &db, &e) != OK)
        fail_msg("%s", e.message);
    pthread_barrier_wait(&gate);
    if (lease_take(db, str_from(name), MINUTE_MS, &holder, &got, &e) != OK)
        fail_msg("%s", e.message);
    atomic_fetch_add(&winners, got);
    db_put(db);
    db_thread_end();
    return NULL;
}

static void one_winner(void **state)
{
    (void)state;
    char name[32];
    pthread_t t[THREADS];
    pthread_barrier_init(&gate, NULL, THREADS);
    for (int round = 0; round < 40; round++) {
        snprintf(name, sizeof(name), "rush:%d", round / 2);
        clock_set_for_test(NOW + round * MINUTE_MS); /* in odd rounds the row is there and just over */
        atomic_store(&winners, 0);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&t[i], NULL, rush, name), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(t[i], NULL);
        assert_int_equal(atomic_load(&winners), 1);
    }
    pthread_barrier_destroy(&gate);
    clock_set_for_test(0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(one_at_a_time),
                                       TEST(a_lease_expires),
                                       TEST(a_clock_that_was_set_back),
                                       TEST(old_leases_are_deleted),
                                       TEST(names_are_bytes),
                                       TEST(threads_race),
                                       TEST(one_winner)};
    dbtest_begin(argc, argv);
    config = dbtest_config(DB);
    dbtest_migrate(config);
    pool = dbtest_pool(config, 8);
    c = dbtest_get(pool);
    int failed = RUN(tests);
    db_put(c);
    db_pool_close(pool);
    config_drop(config);
    db_library_end();
    return failed;
}
