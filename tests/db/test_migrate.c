/* test_migrate.c: migrations that are new, changed, missing, killed half-way or run twice at the same time. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/migrate.h"
#include "dbtest.h"
#include "okay.h"

#include "base/banned.h"

#define DB "parley_migrate"
static char dir[300];

static void file(const char *name, const char *sql)
{
    char path[400];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(sql, f);
    assert_int_equal(fclose(f), 0);
}

static void no_file(const char *name)
{
    char path[400];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(unlink(path), 0);
}

/* An empty database and three good migrations, the last one DML. */
static const struct config *begin(void)
{
    static int n;
    snprintf(dir, sizeof(dir), "%s/sql%d", dbtest_dir(), n++);
    assert_int_equal(mkdir(dir, 0700), 0);
    file("README.md", "not a migration");
    file("0001_one.sql", "CREATE TABLE one (id INT NOT NULL PRIMARY KEY);\n");
    file("0002_two.sql", "CREATE TABLE two (id INT NOT NULL PRIMARY KEY)");
    file("0003_rows.sql", "INSERT INTO one (id) VALUES (1), (2)");
    return dbtest_config(DB);
}

struct progress_seen {
    int n;
    char names[10][40];
};
static void tell(void *ctx, int version, const char *name)
{
    struct progress_seen *t = ctx;
    assert_in_range(t->n, 0, 9);
    assert_true(version > 0);
    snprintf(t->names[t->n++], sizeof(t->names[0]), "%s", name);
}

static enum status run(const struct config *c, enum migrate_mode mode, struct migrate_report *r, struct err *e)
{
    return migrate_run(c, dir, mode, NULL, NULL, r, e);
}

static int64_t tables(void)
{
    return dbtest_int(DB, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()");
}

static void applied_in_order_and_once(void **state)
{
    const struct config *c = begin();
    struct migrate_report r;
    struct progress_seen t = {0};
    (void)state;
    OKAY(migrate_run(c, dir, MIGRATE_APPLY, tell, &t, &r, &fail));
    assert_int_equal(r.applied, 3);
    assert_int_equal(r.version, 3);
    assert_int_equal(r.pending, 0);
    assert_int_equal(t.n, 3);
    assert_string_equal(t.names[0], "0001_one.sql");
    assert_string_equal(t.names[2], "0003_rows.sql");
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM one"), 2);
    OKAY(run(c, MIGRATE_APPLY, &r, &fail));
    assert_int_equal(r.applied, 0);
    file("0004_four.sql", "CREATE TABLE four (id INT NOT NULL PRIMARY KEY)");
    OKAY(run(c, MIGRATE_APPLY, &r, &fail));
    assert_int_equal(r.applied, 1);
    assert_int_equal(r.version, 4);
    config_drop(c);
}

static void dry_run_changes_nothing(void **state)
{
    const struct config *c = begin();
    struct migrate_report r;
    struct progress_seen t = {0};
    (void)state;
    OKAY(migrate_run(c, dir, MIGRATE_DRY_RUN, tell, &t, &r, &fail));
    assert_int_equal(r.pending, 3);
    assert_int_equal(r.applied, 0);
    assert_int_equal(t.n, 3);
    assert_int_equal(tables(), 0);
    config_drop(c);
}

struct racer {
    const struct config *c;
    struct migrate_report r;
    enum status st;
    struct err e;
};
static void *race(void *arg)
{
    struct racer *k = arg;
    k->st = run(k->c, MIGRATE_APPLY, &k->r, &k->e);
    return NULL;
}

static void two_runs_at_once_apply_each_migration_once(void **state)
{
    const struct config *c = begin();
    struct racer k[3] = {{.c = c}, {.c = c}, {.c = c}};
    pthread_t t[3];
    int applied = 0;
    (void)state;
    file("0004_slow.sql", "INSERT INTO two (id) SELECT SLEEP(1.5)");
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&t[i], NULL, race, &k[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], NULL);
        if (k[i].st != OK)
            fail_msg("%s", k[i].e.message);
        assert_int_equal(k[i].r.version, 4);
        applied += k[i].r.applied;
    }
    assert_int_equal(applied, 4);
    config_drop(c);
}

static void refused(const struct config *c, enum status want, const char *code, const char *word)
{
    struct migrate_report r;
    struct err e = ERR_INIT;
    assert_int_equal(run(c, MIGRATE_APPLY, &r, &e), want);
    assert_string_equal(err_code(&e), code);
    if (!strstr(e.message, word))
        fail_msg("\"%s\" does not name %s", e.message, word);
    assert_int_equal(r.applied, 0);
}

static void mistakes_are_named(void **state)
{
    const struct config *c = begin();
    struct migrate_report r;
    (void)state;
    OKAY(run(c, MIGRATE_APPLY, &r, &fail));
    file("0002_two.sql", "CREATE TABLE two (id BIGINT NOT NULL PRIMARY KEY)");
    refused(c, ERR_CONFLICT, "migration_changed", "0002_two.sql");
    file("0002_two.sql", "CREATE TABLE two (id INT NOT NULL PRIMARY KEY)");
    no_file("0003_rows.sql");
    refused(c, ERR_CONFLICT, "schema_new", "0003");
    file("0003_rows.sql", "INSERT INTO one (id) VALUES (1), (2)");
    file("0005_five.sql", "CREATE TABLE five (id INT NOT NULL PRIMARY KEY)");
    refused(c, ERR_INVALID, "migration_gap", "0004");
    file("0004_a.sql", "SELECT 1");
    file("0004_b.sql", "SELECT 1");
    refused(c, ERR_INVALID, "migration_twice", "0004");
    no_file("0004_b.sql");
    file("0004_a.sql", "");
    refused(c, ERR_INVALID, "migration_file", "0004_a.sql");
    file("0004_a.sql", "CREATE TABLE four (id INT NOT NULL PRIMARY KEY)");
    dbtest_sql(DB, "DELETE FROM schema_migration WHERE version = 2");
    refused(c, ERR_CONFLICT, "migration_gap", "0002");
    snprintf(dir, sizeof(dir), "%s/nowhere", dbtest_dir());
    refused(c, ERR_INVALID, "migration_dir", "nowhere");
    config_drop(c);
}

static void a_fixed_migration_is_repeated(void **state)
{
    const struct config *c = begin();
    struct migrate_report r;
    struct err e = ERR_INIT;
    (void)state;
    file("0002_two.sql", "CREATE TABEL two (id INT)");
    assert_int_equal(run(c, MIGRATE_APPLY, &r, &e), ERR_INTERNAL);
    assert_string_equal(err_code(&e), "migration_failed");
    assert_non_null(strstr(e.message, "0002_two.sql"));
    assert_int_equal(r.applied, 1);
    assert_int_equal(dbtest_int(DB, "SELECT state = 'failed' FROM schema_migration WHERE version = 2"), 1);
    assert_int_equal(run(c, MIGRATE_APPLY, &r, &e), ERR_INTERNAL); /* still broken */
    file("0002_two.sql", "CREATE TABLE two (id INT NOT NULL PRIMARY KEY)");
    OKAY(run(c, MIGRATE_APPLY, &r, &fail));
    assert_int_equal(r.applied, 2);
    assert_int_equal(r.version, 3);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM schema_migration WHERE state = 'applied'"), 3);
    config_drop(c);
}

static void failed_rows_leave_nothing(void **state)
{
    const struct config *c = begin();
    struct migrate_report r;
    struct err e = ERR_INIT;
    (void)state;
    file("0003_rows.sql", "INSERT INTO one (id) VALUES (1), (2), (1)");
    assert_int_equal(run(c, MIGRATE_APPLY, &r, &e), ERR_INTERNAL);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM one"), 0);
    config_drop(c);
}

/* Killed after the DDL statement and before its row: the row says `running`, and the table exists. */
static void a_run_that_was_killed_is_continued(void **state)
{
    const struct config *c = begin();
    struct migrate_report r;
    (void)state;
    OKAY(run(c, MIGRATE_APPLY, &r, &fail));
    file("0004_four.sql", "CREATE TABLE four (id INT NOT NULL PRIMARY KEY)");
    dbtest_sql(DB, "CREATE TABLE four (id INT NOT NULL PRIMARY KEY);"
                   "INSERT INTO schema_migration SELECT 4, '0004_four.sql', checksum, 'running', at FROM "
                   "schema_migration WHERE version = 1");
    OKAY(run(c, MIGRATE_APPLY, &r, &fail));
    assert_int_equal(r.version, 4);
    file("0005_again.sql", "CREATE TABLE four (id INT NOT NULL PRIMARY KEY)"); /* not killed before: a mistake */
    struct err e = ERR_INIT;
    assert_int_equal(run(c, MIGRATE_APPLY, &r, &e), ERR_INTERNAL);
    config_drop(c);
}

static void a_state_of_a_newer_release_is_an_error(void **state)
{
    const struct config *c = begin();
    struct migrate_report r;
    (void)state;
    OKAY(run(c, MIGRATE_APPLY, &r, &fail));
    dbtest_newer_word(DB, "schema_migration", "state", "skipped");
    refused(c, ERR_INTERNAL, "row_unknown", "schema_migration.state");
    dbtest_newer_word(DB, "schema_migration", "state", "applied");
    OKAY(run(c, MIGRATE_APPLY, &r, &fail));
    config_drop(c);
}

static void check(const struct config *c, enum status want, const char *code)
{
    struct db_pool *p = dbtest_pool(c, 1);
    struct db *db = dbtest_get(p);
    struct err e = ERR_INIT;
    assert_int_equal(migrate_check(db, &e), want);
    assert_string_equal(err_code(&e), code);
    db_put(db);
    db_pool_close(p);
}

static void programs_know_their_schema(void **state)
{
    const struct config *c = dbtest_config(DB);
    (void)state;
    check(c, ERR_CONFLICT, "schema_old");
    dbtest_migrate(c);
    check(c, OK, "");
    dbtest_sql(DB, "UPDATE schema_migration SET state = 'failed' WHERE version = 3");
    check(c, ERR_CONFLICT, "schema_unfinished");
    dbtest_sql(
        DB,
        "UPDATE schema_migration SET state = 'applied' WHERE version = 3;"
        "INSERT INTO schema_migration SELECT 9000, name, checksum, state, at FROM schema_migration WHERE version = 1");
    check(c, ERR_CONFLICT, "schema_new");
    dbtest_sql(DB, "DELETE FROM schema_migration WHERE version > 5");
    check(c, ERR_CONFLICT, "schema_old");
    config_drop(c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(applied_in_order_and_once),
        cmocka_unit_test(dry_run_changes_nothing),
        cmocka_unit_test(two_runs_at_once_apply_each_migration_once),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_fixed_migration_is_repeated),
        cmocka_unit_test(failed_rows_leave_nothing),
        cmocka_unit_test(a_run_that_was_killed_is_continued),
        cmocka_unit_test(a_state_of_a_newer_release_is_an_error),
        cmocka_unit_test(programs_know_their_schema),
    };
    dbtest_begin(argc, argv);
    int failed = cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
    db_library_end();
    return failed;
}
