/* Jobs against a real MariaDB: leases, retries, dead jobs, and many workers that claim at the same time. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "dbtest.h"
#include "okay.h"
#include "queue/queue.h"

#include "base/banned.h"

#define DB "parley_queue"
#define JOBS 1000
#define THREADS 8
#define LEASE MINUTE_MS

static const struct config *config;
static struct db_pool *pool;
static struct db *db;
static struct arena arena;

static int setup(void **state)
{
    (void)state;
    config = dbtest_config(DB);
    dbtest_migrate(config);
    pool = dbtest_pool(config, THREADS + 2);
    db = dbtest_get(pool);
    arena_init(&arena, 256 * MB);
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
    clock_set_for_test(0);
    dbtest_sql(DB, "DELETE FROM job");
    return 0;
}

static struct id add(enum job_kind kind, int max_attempts)
{
    struct job_new n = {.kind = kind, .max_attempts = max_attempts};
    struct id id;
    OKAY(queue_add(db, &n, &id, &fail));
    return id;
}

static bool claim(const char *worker, struct job *job)
{
    bool found;
    OKAY(queue_claim(db, &arena, worker, LEASE, job, &found, &fail));
    return found;
}

static struct job look(struct id id)
{
    struct job job;
    OKAY(queue_get(db, DB_GLOBAL, &arena, id, &job, &fail));
    return job;
}

static void later(int64_t ms)
{
    clock_set_for_test(clock_now_ms() + ms);
}

/* ---- many workers ---- */

struct taker {
    char name[24];
    int n;
    struct id ids[JOBS];
};
static void *take_all(void *arg)
{
    struct taker *t = arg;
    struct db *c = dbtest_get(pool);
    struct arena a;
    struct job job;
    bool found = true;
    arena_init(&a, 4 * MB);
    while (found) {
        OKAY(queue_claim(c, &a, t->name, LEASE, &job, &found, &fail));
        if (found) {
            t->ids[t->n++] = job.id;
            OKAY(queue_done(c, job.id, t->name, NULL, &fail));
        }
        arena_reset(&a);
    }
    arena_release(&a);
    db_put(c);
    return NULL;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id));
}

static enum status add_many(struct db *c, void *ctx, struct err *e)
{
    struct job_new n = {.kind = JOB_KIND_cleanup};
    (void)ctx;
    for (int i = 0; i < JOBS; i++)
        if (queue_add(c, &n, NULL, e) != OK)
            return e->status;
    return OK;
}

static void each_job_once(void **state)
{
    static struct taker takers[THREADS];
    static struct id all[JOBS];
    pthread_t t[THREADS];
    int n = 0;
    (void)state;
    OKAY(db_transaction(db, add_many, NULL, &fail));
    for (int i = 0; i < THREADS; i++) {
        snprintf(takers[i].name, sizeof(takers[i].name), "worker %d", i);
        assert_int_equal(pthread_create(&t[i], NULL, take_all, &takers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        assert_in_range(n + takers[i].n, n, JOBS);
        memcpy(all + n, takers[i].ids, sizeof(struct id) * (size_t)takers[i].n);
        n += takers[i].n;
    }
    assert_int_equal(n, JOBS);
    qsort(all, JOBS, sizeof(all[0]), by_bytes);
    for (int i = 1; i < JOBS; i++)
        assert_false(id_eq(all[i - 1], all[i]));
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM job WHERE state = 'done' AND attempts = 1"), JOBS);
}

/* ---- one job's life ---- */

static void jobs_run_in_order_of_their_due_time(void **state)
{
    struct job job;
    struct job_new n = {.kind = JOB_KIND_retention, .due_ms = clock_now_ms() + 50000};
    struct id late, first;
    (void)state;
    OKAY(queue_add(db, &n, &late, &fail));
    first = add(JOB_KIND_mail, 0);
    later(10);
    assert_true(claim("w", &job));
    assert_true(id_eq(job.id, first));
    assert_int_equal(job.kind, JOB_KIND_mail);
    assert_string_equal(job.kind_name, "mail");
    assert_int_equal(job.state, JOB_RUNNING);
    assert_int_equal(job.attempt, 1);
    assert_false(claim("w", &job));
    later(51000);
    assert_true(claim("w", &job));
    assert_true(id_eq(job.id, late));
}

static void payload_progress_result(void **state)
{
    struct job_new n = {.kind = JOB_KIND_cleanup};
    struct json *payload = json_new_object(&arena), *progress = json_new_object(&arena),
                *result = json_new_object(&arena);
    struct job job;
    struct id id;
    (void)state;
    assert_int_equal(json_set_str(payload, "bot", STR("\xf0\x9f\xa6\x9c")) | json_set_int(progress, "done", 5) |
                         json_set_int(result, "rows", 7),
                     0);
    n.payload = payload;
    OKAY(queue_add(db, &n, &id, &fail));
    assert_true(claim("w", &job));
    assert_true(json_equal(job.payload, payload));
    assert_null(job.progress);
    OKAY(queue_extend(db, id, "w", LEASE, progress, &fail));
    OKAY(queue_extend(db, id, "w", LEASE, NULL, &fail)); /* keeps the last progress */
    assert_true(json_equal(look(id).progress, progress));
    OKAY(queue_done(db, id, "w", result, &fail));
    job = look(id);
    assert_int_equal(job.state, JOB_DONE);
    assert_true(json_equal(job.result, result));
    assert_true(job.finished_ms > 0);
}

static void file_is_kept_until_done(void **state)
{
    size_t size = 2 * MB + 17;
    char *data = arena_alloc(&arena, size);
    struct str got;
    struct job job;
    struct id id;
    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < size; i++)
        data[i] = (char)(i * 31 + i / 997);
    struct job_new n = {.kind = JOB_KIND_cleanup, .file = {data, size}};
    OKAY(queue_add(db, &n, &id, &fail));
    OKAY(queue_file(db, &arena, id, &got, &fail));
    assert_true(str_eq(got, n.file));
    assert_true(claim("w", &job));
    OKAY(queue_done(db, id, "w", NULL, &fail));
    OKAY(queue_file(db, &arena, id, &got, &fail));
    assert_int_equal(got.n, 0);
    n.file.n = 1000;
    OKAY(queue_add(db, &n, &id, &fail));
    assert_true(claim("w", &job));
    OKAY(queue_fail(db, id, "w", "not yet", false, &fail)); /* comes back */
    OKAY(queue_file(db, &arena, id, &got, &fail));
    assert_int_equal(got.n, 1000);
    OKAY(queue_add(db, &n, &id, &fail));
    assert_true(claim("w", &job));
    OKAY(queue_fail(db, id, "w", "no CSV", true, &fail)); /* never will: anybody can upload such files */
    struct queue_depth depth;
    OKAY(queue_depth(db, &depth, &fail));
    assert_int_equal(depth.dead, 1); /* a job of the install itself */
    n.tenant = dbtest_tenant(db);
    OKAY(queue_add(db, &n, &id, &fail));
    assert_true(claim("w", &job));
    OKAY(queue_fail(db, id, "w", "no CSV", true, &fail));
    OKAY(queue_depth(db, &depth, &fail));
    assert_int_equal(depth.dead, 1);
    OKAY(queue_file(db, &arena, id, &got, &fail));
    assert_int_equal(got.n, 0);
    struct err e = ERR_INIT;
    n.file.n = MAX_CSV + 1;
    assert_int_equal(queue_add(db, &n, &id, &e), ERR_TOO_LARGE);
}

static void lease_ends(void **state)
{
    struct job job;
    struct id id = add(JOB_KIND_cleanup, 2);
    struct err e = ERR_INIT;
    (void)state;
    assert_true(claim("first", &job));
    later(LEASE - 1000);
    assert_false(claim("second", &job));
    OKAY(queue_extend(db, id, "first", LEASE, NULL, &fail));
    later(2000);
    assert_false(claim("second", &job)); /* extended */
    later(LEASE);
    assert_true(claim("second", &job));
    assert_int_equal(job.attempt, 2);
    assert_int_equal(queue_done(db, id, "first", NULL, &e), ERR_CONFLICT); /* too late: it is the second one's */
    assert_string_equal(err_code(&e), "lease_lost");
    assert_int_equal(queue_extend(db, id, "first", LEASE, NULL, &e), ERR_CONFLICT);
    assert_int_equal(queue_fail(db, id, "first", "no", false, &e), ERR_CONFLICT);
    later(LEASE + 1000);
    assert_false(claim("third", &job)); /* its last attempt: buried */
    job = look(id);
    assert_int_equal(job.state, JOB_DEAD);
    assert_non_null(strstr(job.error, "died"));
}

static void backoff_then_dead_then_replayed(void **state)
{
    static const int64_t pauses[] = {10, 60, 600, 3600};
    struct job job;
    struct id id = add(JOB_KIND_cleanup, 5);
    struct queue_depth depth;
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_true(claim("w", &job));
        OKAY(queue_fail(db, id, "w", "not yet", false, &fail));
        later(pauses[i] * 1000 - 500);
        assert_false(claim("w", &job));
        later(1000);
    }
    assert_true(claim("w", &job));
    assert_int_equal(job.attempt, 5);
    OKAY(queue_fail(db, id, "w", "never \xf0\x9f\xa6\x9c", false, &fail));
    job = look(id);
    assert_int_equal(job.state, JOB_DEAD);
    assert_string_equal(job.error, "never \xf0\x9f\xa6\x9c");
    OKAY(queue_depth(db, &depth, &fail));
    assert_int_equal(depth.dead, 1);
    assert_int_equal(depth.ready, 0);
    OKAY(queue_replay(db, id, &fail));
    assert_true(claim("w", &job));
    assert_int_equal(job.attempt, 1);
    struct err e = ERR_INIT;
    assert_int_equal(queue_replay(db, id, &e), ERR_NOT_FOUND); /* it runs */
    OKAY(queue_fail(db, id, "w", "wrong", true, &fail));       /* final at the first attempt */
    assert_int_equal(look(id).state, JOB_DEAD);
}

static void long_error_is_cut(void **state)
{
    char text[2001];
    struct job job;
    struct id id = add(JOB_KIND_cleanup, 1);
    (void)state;
    memset(text, 'e', 2000);
    text[2000] = '\0';
    assert_true(claim("w", &job));
    OKAY(queue_fail(db, id, "w", text, false, &fail));
    assert_int_equal(strlen(look(id).error), 500);
}

static void jobs_of_another_tenant_are_not_found(void **state)
{
    struct id a = dbtest_tenant(db), b = dbtest_tenant(db), id;
    struct job_new n = {.kind = JOB_KIND_cleanup, .tenant = a};
    struct job job;
    struct err e = ERR_INIT;
    (void)state;
    OKAY(queue_add(db, &n, &id, &fail));
    OKAY(queue_get(db, &a, &arena, id, &job, &fail));
    assert_true(id_eq(job.tenant, a));
    assert_int_equal(queue_get(db, &b, &arena, id, &job, &e), ERR_NOT_FOUND);
    assert_true(claim("w", &job));
    OKAY(queue_done(db, id, "w", NULL, &fail));
}

static void periodic_once_a_period(void **state)
{
    struct job job;
    (void)state;
    clock_set_for_test(1800000000000);
    for (int i = 0; i < 5; i++)
        OKAY(queue_add_periodic(db, JOB_KIND_cleanup, HOUR_MS, &fail));
    assert_true(claim("w", &job));
    OKAY(queue_done(db, job.id, "w", NULL, &fail));
    OKAY(queue_add_periodic(db, JOB_KIND_cleanup, HOUR_MS, &fail));
    assert_false(claim("w", &job));
    later(HOUR_MS);
    OKAY(queue_add_periodic(db, JOB_KIND_cleanup, HOUR_MS, &fail));
    assert_true(claim("w", &job));
}

static void deleted_by_age_and_state(void **state)
{
    struct job job;
    int64_t n;
    (void)state;
    for (int i = 0; i < 3; i++) {
        add(JOB_KIND_cleanup, 1);
        assert_true(claim("w", &job));
        OKAY(queue_done(db, job.id, "w", NULL, &fail));
    }
    struct id ready = add(JOB_KIND_cleanup, 1);
    OKAY(queue_forget(db, JOB_DONE, clock_now_ms() - 10000, 100, &n, &fail));
    assert_int_equal(n, 0);
    OKAY(queue_forget(db, JOB_DONE, clock_now_ms() + 10000, 2, &n, &fail));
    assert_int_equal(n, 2);
    OKAY(queue_forget(db, JOB_DONE, clock_now_ms() + 10000, 2, &n, &fail));
    assert_int_equal(n, 1);
    assert_int_equal(look(ready).state, JOB_READY);
}

static enum status add_then_fail(struct db *c, void *ctx, struct err *e)
{
    struct job_new n = {.kind = JOB_KIND_cleanup};
    OKAY(queue_add(c, &n, ctx, &fail));
    return err_set(e, E_plan_limit, "no");
}

static void enqueue_is_part_of_the_callers_transaction(void **state)
{
    struct id id;
    struct job job;
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(db_transaction(db, add_then_fail, &id, &e), ERR_PLAN);
    assert_false(claim("w", &job));
}

/* Runs last, because it changes the table. */
static void a_state_of_a_newer_release_is_an_error(void **state)
{
    struct id id = add(JOB_KIND_cleanup, 1);
    struct job job;
    struct err e = ERR_INIT;
    (void)state;
    dbtest_newer_word(DB, "job", "state", "paused");
    assert_int_equal(queue_get(db, DB_GLOBAL, &arena, id, &job, &e), ERR_INTERNAL);
    assert_string_equal(err_code(&e), "row_unknown");
    dbtest_newer_word(DB, "job", "state", "ready");
    dbtest_newer_word(DB, "job", "kind", "archive"); /* a kind may be new: it is shown by its name */
    job = look(id);
    assert_int_equal(job.state, JOB_READY);
    assert_int_equal(job.kind, JOB_KIND_NONE);
    assert_string_equal(job.kind_name, "archive");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_job_once, clean),
        cmocka_unit_test_setup(jobs_run_in_order_of_their_due_time, clean),
        cmocka_unit_test_setup(payload_progress_result, clean),
        cmocka_unit_test_setup(file_is_kept_until_done, clean),
        cmocka_unit_test_setup(lease_ends, clean),
        cmocka_unit_test_setup(backoff_then_dead_then_replayed, clean),
        cmocka_unit_test_setup(long_error_is_cut, clean),
        cmocka_unit_test_setup(jobs_of_another_tenant_are_not_found, clean),
        cmocka_unit_test_setup(periodic_once_a_period, clean),
        cmocka_unit_test_setup(deleted_by_age_and_state, clean),
        cmocka_unit_test_setup(enqueue_is_part_of_the_callers_transaction, clean),
        cmocka_unit_test_setup(a_state_of_a_newer_release_is_an_error, clean),
    };
    dbtest_begin(argc, argv);
    int failed = cmocka_run_group_tests_name("queue", tests, setup, teardown);
    db_library_end();
    return failed;
}
