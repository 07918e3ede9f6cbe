/* The n-th allocation of our own code fails, for every n until a whole run passes: nothing leaks, nothing is half done,
 * and the connection works afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "dbtest.h"
#include "okay.h"
#include "queue/queue.h"

#include "base/banned.h"

#define DB "parley_torture"
#define RUNS_MAX 2000

/* linked with --wrap: calls from this file and libparley.a are wrapped, those of the client library are not */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static int countdown; /* 0 = never */

static bool denied(void)
{
    return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t n)
{
    return denied() ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size)
{
    return denied() ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t n)
{
    return denied() ? NULL : __real_realloc(p, n);
}

static const struct config *config;

static int setup(void **state)
{
    (void)state;
    config = dbtest_config(DB);
    dbtest_migrate(config);
    dbtest_sql(DB, "CREATE TABLE t (n INT NOT NULL PRIMARY KEY, s TEXT, at DATETIME(3)) ENGINE=InnoDB CHARSET=utf8mb4");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_drop(config);
    return 0;
}

DB_STMT(add, GLOBAL, "INSERT INTO t (n, s, at) VALUES (?, ?, ?)", "is?t?", "");
DB_STMT(all, GLOBAL, "SELECT n, s, at FROM t ORDER BY n", "", "is?t?");
DB_STMT(wipe, GLOBAL, "DELETE FROM t", "", "");

static enum status sum_up(void *ctx, struct db_row row, struct err *e)
{
    (void)e;
    *(int64_t *)ctx += db_row_int(row, 0);
    return OK;
}

/* One of everything, on a pool of its own. */
static enum status round_trip(struct err *e)
{
    struct db_pool *p = NULL;
    struct db *c = NULL;
    struct arena a;
    struct db_rows rows;
    struct db_val vals[30];
    int64_t sum = 0;
    for (int64_t i = 0; i < 10; i++) {
        vals[i * 3] = db_int(i + 1);
        vals[i * 3 + 1] = db_opt(i % 2 == 0, db_text("text"));
        vals[i * 3 + 2] = db_time(i * 1000);
    }
    arena_init(&a, 4 * MB);
    enum status st = db_pool_open(config, 2, &p, e);
    if (st == OK)
        st = db_get(p, &c, e);
    if (st == OK)
        st = db_exec(c, &wipe, DB_GLOBAL, DB_NONE, NULL, e);
    if (st == OK)
        st = db_bulk(c, &add, DB_GLOBAL, vals, 3, 10, NULL, e);
    if (st == OK)
        st = db_exec(c, &add, DB_GLOBAL, DB_ARGS(db_int(100), db_text("x"), db_null()), NULL, e);
    if (st == OK)
        st = db_query(c, &all, DB_GLOBAL, DB_NONE, &a, &rows, e);
    if (st == OK && (rows.n != 11 || !str_eqz(db_row_str(rows.rows[0], 1), "text")))
        fail_msg("wrong rows");
    if (st == OK)
        st = db_each(c, &all, DB_GLOBAL, DB_NONE, sum_up, &sum, e);
    if (st == OK && sum != 155)
        fail_msg("wrong sum");
    db_put(c);
    db_pool_close(p);
    arena_release(&a);
    return st;
}

static enum status job_life(struct err *e)
{
    struct db_pool *p = NULL;
    struct db *c = NULL;
    struct arena a;
    struct job_new n = {.kind = JOB_KIND_cleanup, .file = STR("some bytes")};
    struct job job;
    struct str file;
    bool found = false;
    arena_init(&a, 4 * MB);
    enum status st = db_pool_open(config, 1, &p, e);
    if (st == OK)
        st = db_get(p, &c, e);
    if (st == OK)
        st = queue_add(c, &n, NULL, e);
    if (st == OK)
        st = queue_claim(c, &a, "w", MINUTE_MS, &job, &found, e);
    if (st == OK && found)
        st = queue_file(c, &a, job.id, &file, e);
    if (st == OK && found)
        st = queue_done(c, job.id, "w", job.payload, e);
    db_put(c);
    db_pool_close(p);
    arena_release(&a);
    return st;
}

static void torture(enum status (*fn)(struct err *e))
{
    enum status st = ERR_NOMEM;
    int n = 0;
    OKAY(fn(&fail)); /* statements are parsed once; from here on every run is the same */
    while (st != OK && ++n < RUNS_MAX) {
        struct err e = ERR_INIT;
        countdown = n;
        st = fn(&e);
        countdown = 0;
        if (st != OK && st != ERR_NOMEM && st != ERR_TOO_LARGE)
            fail_msg("allocation %d: status %d: %s", n, (int)st, e.message);
        struct err after = ERR_INIT;
        if (fn(&after) != OK)
            fail_msg("after allocation %d: %s", n, after.message);
    }
    assert_in_range(n, 5, RUNS_MAX - 1);
}

static void database_without_memory(void **state)
{
    (void)state;
    torture(round_trip);
}

static void queue_without_memory(void **state)
{
    (void)state;
    torture(job_life);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(database_without_memory),
                                       cmocka_unit_test(queue_without_memory)};
    dbtest_begin(argc, argv);
    int failed = cmocka_run_group_tests_name("torture", tests, setup, teardown);
    db_library_end();
    return failed;
}
