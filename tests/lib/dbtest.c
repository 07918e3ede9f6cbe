/* dbtest.c: a database of its own for each C test that needs one; see dbtest.h. */
#include "dbtest.h"

#include <errno.h>
#include <mysql.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/num.h"
#include "base/shared.h"
#include "db/migrate.h"

#include "base/banned.h"

#define DIE(...) (fprintf(stderr, "dbtest: " __VA_ARGS__), fputc('\n', stderr), exit(1))

void dbtest_begin(int argc, char **argv)
{
    struct err e = ERR_INIT;
    (void)argc;
    if (!getenv("PARLEY_TEST_SOCKET")) {
        char runner[] = TEST_SRCDIR "/tests/db/with-mariadb";
        char *again[] = {runner, argv[0], NULL};
        execv(again[0], again);
        DIE("%s: %s", again[0], strerror(errno));
    }
    signal(SIGPIPE, SIG_IGN);
    /* log lines that tests provoke go to a file, not into their output */
    static char log[300];
    snprintf(log, sizeof(log), "%s/test.log", dbtest_dir());
    if (log_open("test", log, LOG_DEBUG, &e) != OK || crypto_init(&e) != OK)
        DIE("%s", e.message);
    db_library_begin();
}

const char *dbtest_dir(void)
{
    return getenv("PARLEY_TEST_DIR");
}

void dbtest_shared(void)
{
    struct err e = ERR_INIT;
    char path[300];
    snprintf(path, sizeof(path), "%s/shared", dbtest_dir());
    if (shared_open(path, &e) != OK)
        DIE("%s", e.message);
}

static MYSQL *root(const char *database)
{
    MYSQL *my = mysql_init(NULL);
    if (!my || !mysql_real_connect(my, "localhost", "root", "", database, 0, getenv("PARLEY_TEST_SOCKET"),
                                   CLIENT_MULTI_STATEMENTS))
        DIE("%s", my ? mysql_error(my) : "no memory");
    return my;
}

void dbtest_sql(const char *database, const char *sql)
{
    MYSQL *my = root(database);
    int more = mysql_query(my, sql);
    while (!more) {
        mysql_free_result(mysql_store_result(my));
        more = mysql_next_result(my);
    }
    if (mysql_errno(my))
        DIE("%s: %s", sql, mysql_error(my));
    mysql_close(my);
}

int64_t dbtest_int(const char *database, const char *sql)
{
    MYSQL *my = root(database);
    MYSQL_RES *rows = mysql_query(my, sql) ? NULL : mysql_store_result(my);
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    int64_t v = 0;
    if (!row || !row[0] || !num_i64(str_from(row[0]), INT64_MIN, INT64_MAX, &v))
        DIE("%s: %s", sql, mysql_error(my));
    mysql_free_result(rows);
    mysql_close(my);
    return v;
}

/* For one thread: the tests' threads do not come here. */
__attribute__((format(printf, 1, 0))) static const char *put_in(const char *fmt, va_list ap)
{
    static char text[8000];
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    if (n < 0 || (size_t)n >= sizeof(text))
        DIE("too long: %s", fmt);
    return text;
}

void dbtest_sqlf(const char *database, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    dbtest_sql(database, put_in(fmt, ap));
    va_end(ap);
}

int64_t dbtest_intf(const char *database, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int64_t v = dbtest_int(database, put_in(fmt, ap));
    va_end(ap);
    return v;
}

const char *dbtest_hex(struct id id)
{
    static char text[16][33];
    static unsigned at;
    char *out = text[at++ % 16];
    for (int i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", id.b[i]);
    return out;
}

void dbtest_close(const struct config *config, struct db_pool *pool, struct db *db, struct arena *a)
{
    db_put(db);
    db_pool_close(pool);
    config_drop(config);
    arena_release(a);
}

const char *dbtest_config_file(const char *database, const char *extra)
{
    static char paths[16][300]; /* callers keep them */
    static int used;
    char sql[200], *path = paths[used++ % 16];
    snprintf(path, sizeof(paths[0]), "%s/%s.conf", dbtest_dir(), database);
    snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s; CREATE DATABASE %s CHARACTER SET utf8mb4", database,
             database);
    dbtest_sql(NULL, sql);
    FILE *f = fopen(path, "w");
    if (!f)
        DIE("%s: %s", path, strerror(errno));
    fprintf(f,
            "database_socket = %s\ndatabase_name = %s\ndatabase_user = root\nrun_dir = %s\ndata_dir = %s\nsql_dir = "
            "%s/sql\n"
            "secret_key = 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n%s",
            getenv("PARLEY_TEST_SOCKET"), database, dbtest_dir(), dbtest_dir(), TEST_SRCDIR, extra ? extra : "");
    if (fclose(f) != 0)
        DIE("%s: %s", path, strerror(errno));
    return path;
}

const struct config *dbtest_config(const char *database)
{
    const struct config *c;
    struct err e = ERR_INIT;
    if (config_load(dbtest_config_file(database, NULL), &c, &e) != OK)
        DIE("%s", e.message);
    return c;
}

void dbtest_migrate(const struct config *c)
{
    struct migrate_report r;
    struct err e = ERR_INIT;
    if (migrate_run(c, TEST_SRCDIR "/sql", MIGRATE_APPLY, NULL, NULL, &r, &e) != OK)
        DIE("%s", e.message);
}

struct db_pool *dbtest_pool(const struct config *c, int connections)
{
    struct db_pool *p;
    struct err e = ERR_INIT;
    if (db_pool_open(c, connections, &p, &e) != OK)
        DIE("%s", e.message);
    return p;
}

struct db *dbtest_get(struct db_pool *p)
{
    struct db *c;
    struct err e = ERR_INIT;
    if (db_get(p, &c, &e) != OK)
        DIE("%s", e.message);
    return c;
}

int dbtest_server_pid(void)
{
    char path[300], text[32] = "";
    int64_t pid = 0;
    snprintf(path, sizeof(path), "%s/my.pid", dbtest_dir());
    FILE *f = fopen(path, "r");
    if (f) {
        if (!fgets(text, sizeof(text), f))
            text[0] = '\0';
        fclose(f);
    }
    text[strcspn(text, "\n")] = '\0';
    return num_i64(str_from(text), 1, INT32_MAX, &pid) ? (int)pid : 0;
}

static bool answers(void)
{
    MYSQL *my = mysql_init(NULL);
    bool ok = my && mysql_real_connect(my, "localhost", "root", "", NULL, 0, getenv("PARLEY_TEST_SOCKET"), 0);
    mysql_close(my);
    return ok;
}

void dbtest_stop_server_at(int pid)
{
    if (pid <= 0 || kill(pid, SIGKILL) != 0)
        DIE("no server to kill");
}

void dbtest_wait_server(void)
{
    for (int i = 0; !answers(); i++) {
        if (i == 300)
            DIE("the server did not come back");
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
}

void dbtest_kill_server(void)
{
    dbtest_stop_server_at(dbtest_server_pid());
    while (answers())
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    dbtest_wait_server();
}

DB_STMT(add_tenant, TENANT,
        "INSERT INTO tenant (tenant_id, name, plan, state, created_at, updated_at) VALUES (:tenant, 'Test', "
        "'enterprise', 'active', ?, ?)",
        "tt", "");

struct id dbtest_tenant(struct db *c)
{
    struct id id = id_new();
    int64_t now = clock_now_ms();
    struct err e = ERR_INIT;
    if (db_exec(c, &add_tenant, &id, DB_ARGS(db_time(now), db_time(now)), NULL, &e) != OK)
        DIE("%s", e.message);
    return id;
}

void dbtest_newer_word(const char *db, const char *table, const char *column, const char *word)
{
    dbtest_sqlf(db, "ALTER TABLE %s MODIFY %s VARCHAR(40) NOT NULL; UPDATE %s SET %s = '%s'", table, column, table,
                column, word);
}
