/* test_db.c: statements, rows, bulk writes, transactions and lost connections, against a MariaDB that the test may
 * kill. */
#include <errmsg.h>
#include <mysqld_error.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "db/db_internal.h"
#include "dbtest.h"
#include "okay.h"

#include "base/banned.h"

#define DB "parley_db"

static const struct config *config;
static struct db_pool *pool;
static struct arena arena;

DB_STMT(add_all, TENANT, "INSERT INTO all_types (tenant_id, n, u, i, d, s, x, t) VALUES (:tenant, ?, ?, ?, ?, ?, ?, ?)",
        "iu?i?d?s?x?t?", "");
DB_STMT(get_all, TENANT, "SELECT u, i, d, s, x, t FROM all_types WHERE tenant_id = :tenant AND n = ?", "i",
        "u?i?d?s?x?t?");
DB_STMT(count_all, TENANT, "SELECT COUNT(*), COALESCE(SUM(i), 0) FROM all_types WHERE tenant_id = :tenant", "", "ii");
DB_STMT(bump, TENANT, "UPDATE all_types SET i = i + ? WHERE tenant_id = :tenant AND n = ?", "ii", "");
DB_STMT(add_child, TENANT, "INSERT INTO child (tenant_id, n, parent) VALUES (:tenant, ?, ?)", "ii", "");
DB_STMT(drop_parent, TENANT, "DELETE FROM all_types WHERE tenant_id = :tenant AND n = ?", "i", "");
DB_STMT(one_of_many, GLOBAL, "SELECT 1 UNION ALL SELECT 2", "", "i");
DB_STMT(series, GLOBAL, "SELECT seq FROM seq_1_to_100000", "", "i");
DB_STMT(quoted, TENANT, "SELECT '?:tenant', \"it?\" /* ? */, HEX(:tenant) = HEX(:tenant), ? FROM DUAL", "s", "ssis");
DB_STMT(nullable, GLOBAL, "SELECT NULL FROM DUAL", "", "i");
DB_STMT(text_out, GLOBAL,
        "SELECT ? + 0, ?, CAST(? AS CHAR), @@time_zone, @@collation_connection, @@sql_mode, @@tx_isolation", "iss",
        "issssss");

static void make_tables(void)
{
    dbtest_sql(
        DB, "DROP TABLE IF EXISTS child; DROP TABLE IF EXISTS all_types;"
            "CREATE TABLE all_types (tenant_id BINARY(16) NOT NULL, n INT NOT NULL, u BINARY(16), i BIGINT, d DOUBLE,"
            " s LONGTEXT, x LONGBLOB, t DATETIME(3), PRIMARY KEY (tenant_id, n)) ENGINE=InnoDB CHARSET=utf8mb4;"
            "CREATE TABLE child (tenant_id BINARY(16) NOT NULL, n INT NOT NULL, parent INT NOT NULL, PRIMARY KEY "
            "(tenant_id, n),"
            " FOREIGN KEY (tenant_id, parent) REFERENCES all_types (tenant_id, n)) ENGINE=InnoDB");
}

static int setup(void **state)
{
    (void)state;
    config = dbtest_config(DB);
    pool = dbtest_pool(config, 4);
    arena_init(&arena, 256 * MB);
    make_tables();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    db_pool_close(pool);
    config_drop(config);
    arena_release(&arena);
    return 0;
}

static void put(struct db *c, struct id tenant, int64_t n, struct db_val u, struct db_val i, struct db_val d,
                struct db_val s, struct db_val x, struct db_val t)
{
    OKAY(db_exec(c, &add_all, &tenant, DB_ARGS(db_int(n), u, i, d, s, x, t), NULL, &fail));
}

static struct db_row get(struct db *c, struct id tenant, int64_t n)
{
    struct db_row r;
    OKAY(db_query_one(c, &get_all, &tenant, DB_ARGS(db_int(n)), &arena, &r, &fail));
    return r;
}

static int64_t count(struct db *c, struct id tenant)
{
    struct db_row r;
    OKAY(db_query_one(c, &count_all, &tenant, DB_NONE, &arena, &r, &fail));
    return db_row_int(r, 0);
}

static void types_round_trip(void **state)
{
    static const int64_t times[] = {
        0, 1, 999, 1000, 951782400000 /* 2000-02-29 */, 4102444800000 - 1, 4102444800000 /* 2100-01-01 */};
    static const struct str texts[] = {
        STR(""), STR("plain"), STR("Grüße, 你好 \xf0\x9f\xa6\x9c \xf0\x9f\x87\xaa\xf0\x9f\x87\xba"), STR("a\0b")};
    struct db *c = dbtest_get(pool);
    struct id tenant = id_new();
    (void)state;
    for (int64_t n = 0; n < 7; n++) {
        struct id u = id_new();
        struct str s = texts[n % 4];
        int64_t i = n == 0 ? INT64_MIN : n == 1 ? INT64_MAX : n;
        double d = n == 0 ? -1.5e300 : (double)n / 3;
        put(c, tenant, n, db_id(u), db_int(i), db_double(d), db_str(s), db_bytes("\0\xff\xfe\x80'\"", 6),
            db_time(times[n]));
        struct db_row r = get(c, tenant, n);
        assert_true(id_eq(u, db_row_id(r, 0)));
        assert_int_equal(i, db_row_int(r, 1));
        assert_true(d == db_row_double(r, 2));
        assert_true(str_eq(s, db_row_str(r, 3)));
        assert_int_equal(db_row_str(r, 3).p[db_row_str(r, 3).n], 0);
        assert_true(str_eq(STR("\0\xff\xfe\x80'\""), db_row_str(r, 4)));
        assert_int_equal(times[n], db_row_time(r, 5));
    }
    db_put(c);
}

static void nulls_and_empty(void **state)
{
    struct db *c = dbtest_get(pool);
    struct id tenant = id_new();
    (void)state;
    put(c, tenant, 1, db_null(), db_null(), db_null(), db_null(), db_null(), db_null());
    struct db_row r = get(c, tenant, 1);
    for (size_t i = 0; i < 6; i++)
        assert_true(db_row_null(r, i));
    assert_true(id_is_none(db_row_id(r, 0)));
    assert_int_equal(db_row_int(r, 1), 0);
    assert_true(db_row_double(r, 2) == 0);
    assert_int_equal(db_row_str(r, 3).n, 0);
    assert_int_equal(db_row_time(r, 5), 0);
    put(c, tenant, 2, db_id(ID_NONE), db_int(0), db_double(0), db_text(""), db_bytes("", 0), db_time(0));
    r = get(c, tenant, 2);
    for (size_t i = 0; i < 6; i++)
        assert_false(db_row_null(r, i));
    db_put(c);
}

static void long_values(void **state)
{
    struct db *c = dbtest_get(pool);
    struct id tenant = id_new();
    char *big = malloc(5 * MB);
    (void)state;
    assert_non_null(big);
    memset(big, 'x', 5 * MB);
    put(c, tenant, 1, db_null(), db_null(), db_null(), db_str(str_n(big, 5 * MB)), db_null(), db_null());
    struct db_row r = get(c, tenant, 1);
    assert_true(str_eq(str_n(big, 5 * MB), db_row_str(r, 3)));
    free(big);
    db_put(c);
}

static void placeholders_inside_quotes_stay(void **state)
{
    struct db *c = dbtest_get(pool);
    struct id tenant = id_new();
    struct db_row r;
    (void)state;
    OKAY(db_query_one(c, &quoted, &tenant, DB_ARGS(db_text("here")), &arena, &r, &fail));
    assert_true(str_eqz(db_row_str(r, 0), "?:tenant"));
    assert_true(str_eqz(db_row_str(r, 1), "it?"));
    assert_int_equal(db_row_int(r, 2), 1);
    assert_true(str_eqz(db_row_str(r, 3), "here"));
    db_put(c);
}

static void errors_have_their_codes(void **state)
{
    struct db *c = dbtest_get(pool);
    struct id tenant = id_new();
    struct err e = ERR_INIT;
    struct db_row r;
    (void)state;
    put(c, tenant, 1, db_null(), db_null(), db_null(), db_text("s3cret"), db_null(), db_null());
    assert_int_equal(db_exec(c, &add_all, &tenant,
                             DB_ARGS(db_int(1), db_null(), db_null(), db_null(), db_null(), db_null(), db_null()), NULL,
                             &e),
                     ERR_CONFLICT);
    assert_string_equal(err_code(&e), "duplicate");
    assert_non_null(strstr(e.message, "PRIMARY"));
    assert_int_equal(db_exec(c, &add_child, &tenant, DB_ARGS(db_int(1), db_int(99)), NULL, &e), ERR_CONFLICT);
    assert_string_equal(err_code(&e), "reference");
    OKAY(db_exec(c, &add_child, &tenant, DB_ARGS(db_int(1), db_int(1)), NULL, &fail));
    assert_int_equal(db_exec(c, &drop_parent, &tenant, DB_ARGS(db_int(1)), NULL, &e), ERR_CONFLICT);
    assert_string_equal(err_code(&e), "reference");
    assert_int_equal(db_query_one(c, &get_all, &tenant, DB_ARGS(db_int(5)), &arena, &r, &e), ERR_NOT_FOUND);
    assert_int_equal(db_query_one(c, &one_of_many, DB_GLOBAL, DB_NONE, &arena, &r, &e), ERR_INTERNAL);
    assert_int_equal(db_query_one(c, &nullable, DB_GLOBAL, DB_NONE, &arena, &r, &e), ERR_INTERNAL);
    assert_int_equal(db_exec(c, &add_child, &tenant, DB_ARGS(db_null(), db_int(1)), NULL, &e), ERR_INTERNAL);
    assert_int_equal(
        db_exec(c, &add_all, &tenant,
                DB_ARGS(db_int(7), db_null(), db_null(), db_null(), db_text("\xff\xfe"), db_null(), db_null()), NULL,
                &e),
        ERR_INTERNAL);
    assert_int_equal(count(c, tenant), 1); /* and the connection is in order */
    db_put(c);
}

static void affected_counts_rows(void **state)
{
    struct db *c = dbtest_get(pool);
    struct id tenant = id_new();
    int64_t n = -1;
    (void)state;
    put(c, tenant, 1, db_null(), db_int(5), db_null(), db_null(), db_null(), db_null());
    OKAY(db_exec(c, &bump, &tenant, DB_ARGS(db_int(1), db_int(1)), &n, &fail));
    assert_int_equal(n, 1);
    OKAY(db_exec(c, &bump, &tenant, DB_ARGS(db_int(1), db_int(2)), &n, &fail));
    assert_int_equal(n, 0);
    assert_int_equal(db_row_int(get(c, tenant, 1), 1), 6);
    db_put(c);
}

static void tenants_are_separate(void **state)
{
    struct db *c = dbtest_get(pool);
    struct id a = id_new(), b = id_new();
    struct err e = ERR_INIT;
    struct db_row r;
    (void)state;
    put(c, a, 1, db_null(), db_int(1), db_null(), db_text("of a"), db_null(), db_null());
    put(c, b, 1, db_null(), db_int(2), db_null(), db_text("of b"), db_null(), db_null());
    assert_true(str_eqz(db_row_str(get(c, a, 1), 3), "of a"));
    OKAY(db_exec(c, &bump, &a, DB_ARGS(db_int(10), db_int(1)), NULL, &fail));
    assert_int_equal(db_row_int(get(c, b, 1), 1), 2);
    put(c, a, 2, db_null(), db_null(), db_null(), db_null(), db_null(), db_null());
    assert_int_equal(db_exec(c, &add_child, &b, DB_ARGS(db_int(1), db_int(2)), NULL, &e),
                     ERR_CONFLICT); /* a row of tenant a cannot be the parent for tenant b */
    assert_int_equal(db_query_one(c, &get_all, &b, DB_ARGS(db_int(2)), &arena, &r, &e), ERR_NOT_FOUND);
    db_put(c);
}

/* ---- bulk ---- */

#define COLS 7
static struct db_val *bulk_rows(size_t n, int64_t from, size_t text)
{
    struct db_val *v = malloc(n * COLS * sizeof(*v));
    char *z = arena_alloc(&arena, text + 1);
    assert_non_null(v);
    assert_non_null(z);
    memset(z, 'z', text);
    for (size_t r = 0; r < n; r++) {
        struct db_val *x = v + r * COLS;
        x[0] = db_int(from + (int64_t)r);
        x[1] = db_opt(r % 2 == 0, db_id(id_new()));
        x[2] = db_opt(r % 3 != 0, db_int((int64_t)r));
        x[3] = db_opt(r % 4 != 0, db_double((double)r / 7));
        x[4] = db_opt(r % 5 != 0, db_str(str_n(z, text ? r % text : 0)));
        x[5] = db_opt(r % 6 != 0, db_bytes("\0\1", 2));
        x[6] = db_opt(r % 7 != 0, db_time(1000 + (int64_t)r));
    }
    return v;
}

static void check_bulk(struct db *c, struct id tenant, const struct db_val *v, size_t n)
{
    for (size_t r = 0; r < n; r++) {
        const struct db_val *x = v + r * COLS;
        struct db_row row = get(c, tenant, x[0].i);
        for (size_t i = 0; i < 6; i++)
            assert_int_equal(db_row_null(row, i), x[i + 1].type == 0);
        assert_true(x[1].type == 0 || id_eq(x[1].u, db_row_id(row, 0)));
        assert_true(x[2].type == 0 || x[2].i == db_row_int(row, 1));
        assert_true(x[3].type == 0 || x[3].d == db_row_double(row, 2));
        assert_true(x[4].type == 0 || str_eq(x[4].s, db_row_str(row, 3)));
        assert_true(x[5].type == 0 || str_eq(x[5].s, db_row_str(row, 4)));
        assert_true(x[6].type == 0 || x[6].i == db_row_time(row, 5));
    }
}

static void bulk_of_any_size(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 17, 100, 999, 1000, 1001, 2500};
    struct db *c = dbtest_get(pool);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct id tenant = id_new();
        struct db_val *v = bulk_rows(sizes[i], 1, 300);
        int64_t n = 0;
        OKAY(db_bulk(c, &add_all, &tenant, v, COLS, sizes[i], &n, &fail));
        assert_int_equal(n, sizes[i]);
        assert_int_equal(count(c, tenant), sizes[i]);
        check_bulk(c, tenant, v, sizes[i] < 200 ? sizes[i] : 200);
        put(c, tenant, 100000, db_null(), db_int(1), db_null(), db_text("single"), db_null(),
            db_time(5)); /* the same statement singly */
        assert_true(str_eqz(db_row_str(get(c, tenant, 100000), 3), "single"));
        free(v);
    }
    OKAY(db_bulk(c, &add_all, &(struct id){{1}}, NULL, COLS, 0, NULL, &fail));
    db_put(c);
}

static void bulk_larger_than_a_packet(void **state)
{
    struct db *c = dbtest_get(pool);
    struct id tenant = id_new();
    struct db_val *v = bulk_rows(600, 1, 600);
    char *big = arena_alloc(&arena, 100 * KB);
    (void)state;
    assert_non_null(big);
    memset(big, 'b', 100 * KB);
    for (size_t r = 0; r < 600; r++)
        v[r * COLS + 4] = db_str(str_n(big, 100 * KB));
    int64_t n = 0;
    OKAY(db_bulk(c, &add_all, &tenant, v, COLS, 600, &n, &fail)); /* 60 MB: far above max_allowed_packet */
    assert_int_equal(n, 600);
    check_bulk(c, tenant, v, 3);
    free(v);
    db_put(c);
}

static enum status bulk_and_swallow(struct db *c, void *ctx, struct err *e)
{
    struct id *tenant = ctx;
    struct db_val *v = bulk_rows(10, 1, 10);
    struct err mine = ERR_INIT;
    (void)e;
    v[9 * COLS] = db_int(5);
    assert_int_equal(db_bulk(c, &add_all, tenant, v, COLS, 10, NULL, &mine), ERR_CONFLICT);
    free(v);
    return OK;
}

static void duplicate_in_bulk_applies_none(void **state)
{
    struct db *c = dbtest_get(pool);
    struct id tenant = id_new();
    (void)state;
    for (size_t at = 0; at < 1200; at += 399) {
        struct db_val *v = bulk_rows(1200, 1, 50);
        struct err e = ERR_INIT;
        v[at * COLS] = db_int(at == 0 ? 1200 : 1); /* the row number of another one */
        assert_int_equal(db_bulk(c, &add_all, &tenant, v, COLS, 1200, NULL, &e), ERR_CONFLICT);
        assert_string_equal(err_code(&e), "duplicate");
        assert_int_equal(count(c, tenant), 0);
        free(v);
    }
    struct err e = ERR_INIT; /* a transaction that ignores it is not committed either */
    assert_int_equal(db_transaction(c, bulk_and_swallow, &tenant, &e), ERR_INTERNAL);
    assert_int_equal(count(c, tenant), 0);
    db_put(c);
}

/* ---- rows one by one ---- */

struct sum {
    int64_t n, total, stop;
};
static enum status add_up(void *ctx, struct db_row row, struct err *e)
{
    struct sum *s = ctx;
    s->n++;
    s->total += db_row_int(row, 0);
    return s->stop && s->n == s->stop ? err_set(e, E_gone, "enough") : OK;
}

static void each_streams_and_stops(void **state)
{
    struct db *c = dbtest_get(pool);
    struct sum s = {0}, cut = {.stop = 3};
    struct err e = ERR_INIT;
    struct db_row r;
    (void)state;
    OKAY(db_each(c, &series, DB_GLOBAL, DB_NONE, add_up, &s, &fail));
    assert_int_equal(s.n, 100000);
    assert_int_equal(s.total, 5000050000);
    assert_int_equal(db_each(c, &series, DB_GLOBAL, DB_NONE, add_up, &cut, &e), ERR_GONE);
    assert_int_equal(cut.n, 3);
    OKAY(db_query_one(c, &count_all, &(struct id){{7}}, DB_NONE, &arena, &r, &fail)); /* the rest was drained */
    db_put(c);
}

static void result_larger_than_arena_is_drained(void **state)
{
    struct db *c = dbtest_get(pool);
    struct arena small;
    struct db_rows rows;
    struct err e = ERR_INIT;
    struct db_row r;
    (void)state;
    arena_init(&small, 64 * KB);
    assert_int_equal(db_query(c, &series, DB_GLOBAL, DB_NONE, &small, &rows, &e), ERR_NOMEM);
    assert_int_equal(rows.n, 0);
    arena_release(&small);
    OKAY(db_query_one(c, &count_all, &(struct id){{7}}, DB_NONE, &arena, &r, &fail));
    db_put(c);
}

/* ---- transactions ---- */

struct two {
    struct id tenant;
    int64_t first, second;
    pthread_barrier_t *meet;
    int runs;
};

static enum status lock_both(struct db *c, void *ctx, struct err *e)
{
    struct two *t = ctx;
    enum status st = db_exec(c, &bump, &t->tenant, DB_ARGS(db_int(1), db_int(t->first)), NULL, e);
    if (t->runs++ == 0)
        pthread_barrier_wait(t->meet); /* both hold one row, each wants the other's */
    return st == OK ? db_exec(c, &bump, &t->tenant, DB_ARGS(db_int(1), db_int(t->second)), NULL, e) : st;
}

static void *cross(void *arg)
{
    struct db *c = dbtest_get(pool);
    OKAY(db_transaction(c, lock_both, arg, &fail));
    db_put(c);
    return NULL;
}

static void deadlock_is_retried(void **state)
{
    struct db *c = dbtest_get(pool);
    pthread_barrier_t meet;
    struct two a = {.tenant = id_new(), .first = 1, .second = 2, .meet = &meet}, b = a;
    pthread_t other;
    (void)state;
    b.first = 2;
    b.second = 1;
    put(c, a.tenant, 1, db_null(), db_int(0), db_null(), db_null(), db_null(), db_null());
    put(c, a.tenant, 2, db_null(), db_int(0), db_null(), db_null(), db_null(), db_null());
    pthread_barrier_init(&meet, NULL, 2);
    assert_int_equal(pthread_create(&other, NULL, cross, &b), 0);
    cross(&a);
    pthread_join(other, NULL);
    pthread_barrier_destroy(&meet);
    assert_int_equal(a.runs + b.runs, 3); /* one of them twice */
    assert_int_equal(db_row_int(get(c, a.tenant, 1), 1), 2);
    assert_int_equal(db_row_int(get(c, a.tenant, 2), 1), 2);
    db_put(c);
}

static enum status insert_then_fail(struct db *c, void *ctx, struct err *e)
{
    OKAY(db_exec(c, &add_all, ctx, DB_ARGS(db_int(1), db_null(), db_null(), db_null(), db_null(), db_null(), db_null()),
                 NULL, &fail));
    return err_set(e, E_plan_limit, "no");
}

static enum status nested(struct db *c, void *ctx, struct err *e)
{
    return db_transaction(c, insert_then_fail, ctx, e);
}

static void failure_rolls_back(void **state)
{
    struct db *c = dbtest_get(pool);
    struct id tenant = id_new();
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(db_transaction(c, insert_then_fail, &tenant, &e), ERR_PLAN);
    assert_string_equal(err_code(&e), "plan_limit");
    assert_int_equal(count(c, tenant), 0);
    assert_int_equal(db_transaction(c, nested, &tenant, &e), ERR_PLAN);
    assert_int_equal(count(c, tenant), 0);
    db_put(c);
}

/* A Galera cluster refuses a transaction at COMMIT with the error of a deadlock. One server never does, so the answer
 * is made here: the first `refusals` commits fail with `refusal` and are not sent. */
static unsigned refusal;
static int refusals, commits;

static unsigned refuse_commit(const char *sql)
{
    if (strcmp(sql, "COMMIT") != 0)
        return 0;
    return commits++ < refusals ? refusal : 0;
}

static enum status insert_one(struct db *c, void *ctx, struct err *e)
{
    return db_exec(c, &add_all, ctx,
                   DB_ARGS(db_int(1), db_null(), db_null(), db_null(), db_null(), db_null(), db_null()), NULL, e);
}

/* The outcome of one transaction whose commits are refused. */
struct refused {
    enum status status;
    const char *code;
    int64_t rows;
    int commits;
};

/* The connection is given back before anything is asserted: a failed assertion must not leave a transaction open, for
 * which the end of the test would wait. */
static struct refused commit_refused(unsigned no, int times)
{
    struct db *c = dbtest_get(pool);
    struct id tenant = id_new();
    struct err e = ERR_INIT;
    refusal = no;
    refusals = times;
    commits = 0;
    db_raw_fault = refuse_commit;
    struct refused r = {.status = db_transaction(c, insert_one, &tenant, &e)};
    db_raw_fault = NULL;
    r.code = err_code(&e);
    r.commits = commits;
    r.rows = count(c, tenant);
    db_put(c);
    return r;
}

static void a_transaction_refused_at_commit_is_repeated(void **state)
{
    (void)state;
    struct refused r = commit_refused(ER_LOCK_DEADLOCK, 3);
    assert_int_equal(r.status, OK);
    assert_int_equal(r.commits, 4);
    assert_int_equal(r.rows, 1);
}

static void a_transaction_refused_repeatedly_is_given_up(void **state)
{
    (void)state;
    struct refused r = commit_refused(ER_LOCK_DEADLOCK, 100);
    assert_int_equal(r.status, ERR_UNAVAILABLE);
    assert_string_equal(r.code, "retry");
    assert_int_equal(r.commits, 8);
    assert_int_equal(r.rows, 0); /* on the same connection, which has no open transaction */
}

static void a_commit_without_answer_is_not_repeated(void **state)
{
    (void)state;
    struct refused r = commit_refused(CR_SERVER_LOST, 1);
    assert_int_equal(r.status, ERR_UNAVAILABLE);
    assert_string_equal(r.code, "commit_unknown");
    assert_int_equal(r.commits, 1);
    assert_int_equal(r.rows, 0);
}

/* ---- the server goes away ---- */

static void killed_between_statements(void **state)
{
    struct db *c = dbtest_get(pool);
    struct id tenant = id_new();
    (void)state;
    put(c, tenant, 1, db_null(), db_int(1), db_null(), db_null(), db_null(), db_null());
    dbtest_kill_server();
    put(c, tenant, 2, db_null(), db_int(1), db_null(), db_null(), db_null(),
        db_null()); /* held: first statement goes out again */
    db_put(c);
    dbtest_kill_server();
    c = dbtest_get(pool); /* pooled: noticed before use */
    assert_int_equal(count(c, tenant), 2);
    db_put(c);
}

static enum status kill_inside(struct db *c, void *ctx, struct err *e)
{
    enum status st = db_exec(c, &add_all, ctx,
                             DB_ARGS(db_int(1), db_null(), db_null(), db_null(), db_null(), db_null(), db_null()), NULL,
                             e);
    if (st != OK)
        return st;
    dbtest_kill_server();
    return db_exec(c, &add_all, ctx,
                   DB_ARGS(db_int(2), db_null(), db_null(), db_null(), db_null(), db_null(), db_null()), NULL, e);
}

static enum status kill_before_commit(struct db *c, void *ctx, struct err *e)
{
    enum status st = db_exec(c, &add_all, ctx,
                             DB_ARGS(db_int(1), db_null(), db_null(), db_null(), db_null(), db_null(), db_null()), NULL,
                             e);
    dbtest_kill_server();
    return st;
}

static void killed_inside_a_transaction(void **state)
{
    struct db *c = dbtest_get(pool);
    struct id tenant = id_new();
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(db_transaction(c, kill_inside, &tenant, &e), ERR_UNAVAILABLE);
    assert_string_equal(err_code(&e), "database_unavailable");
    assert_int_equal(count(c, tenant), 0); /* nothing of it, and the same connection works again */
    assert_int_equal(db_transaction(c, kill_before_commit, &tenant, &e), ERR_UNAVAILABLE);
    assert_string_equal(err_code(&e), "commit_unknown");
    db_put(c);
    c = dbtest_get(pool);
    assert_int_equal(count(c, tenant), 0);
    db_put(c);
}

static void an_unreachable_database_is_reported_immediately(void **state)
{
    const struct config *nowhere;
    struct db *c = NULL;
    struct err e = ERR_INIT;
    char why[256];
    (void)state;
    OKAY(config_load(dbtest_config_file("parley_nowhere", "database_name = absent\n"), &nowhere, &fail));
    struct db_pool *p = dbtest_pool(nowhere, 1);
    assert_int_equal(db_get(p, &c, &e), ERR_UNAVAILABLE);
    assert_string_equal(err_code(&e), "database_unavailable");
    assert_null(c);
    db_pool_trouble(p, why, sizeof(why));
    assert_non_null(strstr(why, "absent"));
    assert_int_equal(db_get(p, &c, &e), ERR_UNAVAILABLE); /* the failed one went back to the pool */
    db_pool_close(p);
    config_drop(nowhere);
}

static void *put_later(void *arg)
{
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    db_put(arg);
    return NULL;
}

static void exhausted_pool_waits(void **state)
{
    struct db_pool *p = dbtest_pool(config, 1);
    struct db *c = dbtest_get(p), *second;
    struct err e = ERR_INIT;
    pthread_t t;
    (void)state;
    assert_int_equal(pthread_create(&t, NULL, put_later, c), 0);
    int64_t start = clock_mono_us();
    OKAY(db_get(p, &second, &fail));
    assert_true(clock_mono_us() - start > 100000);
    pthread_join(t, NULL);
    start = clock_mono_us();
    assert_int_equal(db_get(p, &c, &e), ERR_UNAVAILABLE);
    assert_in_range(clock_mono_us() - start, 4500000, 7000000);
    db_put(second);
    db_pool_close(p);
}

static void cost_is_counted(void **state)
{
    struct db *c = dbtest_get(pool);
    (void)state;
    db_cost_reset();
    count(c, (struct id){{1}});
    count(c, (struct id){{1}});
    assert_int_equal(db_cost().statements, 2);
    assert_true(db_cost().us > 0);
    db_cost_reset();
    assert_int_equal(db_cost().statements, 0);
    db_put(c);
}

static void session_is_set_up(void **state)
{
    struct db *c = dbtest_get(pool);
    struct db_row r;
    (void)state;
    OKAY(db_query_one(c, &text_out, DB_GLOBAL, DB_ARGS(db_int(4), db_text("\xf0\x9f\xa6\x9c"), db_text("x")), &arena,
                      &r, &fail));
    assert_int_equal(db_row_int(r, 0), 4);
    assert_true(str_eqz(db_row_str(r, 1), "\xf0\x9f\xa6\x9c"));
    assert_true(str_eqz(db_row_str(r, 3), "+00:00"));
    assert_true(str_starts(db_row_str(r, 4), STR("utf8mb4")));
    assert_true(str_has(db_row_str(r, 5), STR("STRICT_ALL_TABLES")));
    assert_true(str_eqz(db_row_str(r, 6), "READ-COMMITTED"));
    db_put(c);
}

static void statement_outlives_a_changed_table(void **state)
{
    struct db *c = dbtest_get(pool);
    struct id tenant = id_new();
    (void)state;
    put(c, tenant, 1, db_null(), db_int(1), db_null(), db_null(), db_null(), db_null());
    dbtest_sql(DB, "ALTER TABLE all_types ADD COLUMN more INT NULL, ADD COLUMN first INT NULL FIRST");
    put(c, tenant, 2, db_null(), db_int(1), db_null(), db_null(), db_null(), db_null());
    assert_int_equal(count(c, tenant), 2);
    db_put(c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_round_trip),
        cmocka_unit_test(nulls_and_empty),
        cmocka_unit_test(long_values),
        cmocka_unit_test(placeholders_inside_quotes_stay),
        cmocka_unit_test(session_is_set_up),
        cmocka_unit_test(errors_have_their_codes),
        cmocka_unit_test(affected_counts_rows),
        cmocka_unit_test(tenants_are_separate),
        cmocka_unit_test(bulk_of_any_size),
        cmocka_unit_test(bulk_larger_than_a_packet),
        cmocka_unit_test(duplicate_in_bulk_applies_none),
        cmocka_unit_test(each_streams_and_stops),
        cmocka_unit_test(result_larger_than_arena_is_drained),
        cmocka_unit_test(deadlock_is_retried),
        cmocka_unit_test(failure_rolls_back),
        cmocka_unit_test(a_transaction_refused_at_commit_is_repeated),
        cmocka_unit_test(a_transaction_refused_repeatedly_is_given_up),
        cmocka_unit_test(a_commit_without_answer_is_not_repeated),
        cmocka_unit_test(cost_is_counted),
        cmocka_unit_test(statement_outlives_a_changed_table),
        cmocka_unit_test(exhausted_pool_waits),
        cmocka_unit_test(an_unreachable_database_is_reported_immediately),
        cmocka_unit_test(killed_between_statements),
        cmocka_unit_test(killed_inside_a_transaction),
    };
    dbtest_begin(argc, argv);
    int failed = cmocka_run_group_tests_name("db", tests, setup, teardown);
    db_library_end();
    return failed;
}
