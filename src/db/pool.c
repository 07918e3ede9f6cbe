/* pool.c: connections to MariaDB: opening, lending, replacing.
 *
 * A pool opens connections when they are needed, up to its maximum, and lends the one that was used last, so that idle
 * ones can be closed by the server. A dead connection is found before it is lent, not by the statement that fails on
 * it. Invariant: `open` counts every connection that exists and `out` those that are lent; both change only under the
 * lock, and nothing that may wait happens under it. */
#include <errmsg.h>
#include <mysqld_error.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/db_internal.h"

#include "base/banned.h"

/* A request waits at most POOL_WAIT_S and CONNECT_S for a connection, and IO_S for each answer: no thread is stuck for
 * ever. */
#define CONNECT_S 5   /* seconds for opening a connection */
#define IO_S 30       /* seconds for an answer of the server */
#define POOL_WAIT_S 5 /* seconds that db_get waits for a free connection */

/* Sent when a connection opens, so that no setting of the server changes what a statement means. In strict mode a
 * value that does not fit is an error and is not cut. READ COMMITTED takes no gap locks, which would make turns of
 * different conversations wait for each other. Locks time out before answers do, so that a stuck row can be
 * distinguished from a stuck server. */
static const char session_setup[] =
    "SET time_zone='+00:00',"
    "sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',"
    "tx_isolation='READ-COMMITTED',innodb_lock_wait_timeout=10";

void db_library_begin(void)
{
    if (mysql_library_init(0, NULL, NULL) != 0)
        BUG("MariaDB's client library cannot be initialised");
}

void db_library_end(void)
{
    mysql_library_end();
}

enum status db_thread_begin(struct err *e)
{
    return mysql_thread_init() ? err_nomem(e) : OK;
}

void db_thread_end(void)
{
    mysql_thread_end();
}

enum status db_pool_open(const struct config *c, int max_connections, struct db_pool **out, struct err *e)
{
    return db_pool_open_as(c, max_connections, CONFIG_database_user, CONFIG_database_password, out, e);
}

enum status db_pool_open_as(const struct config *c, int max_connections, enum config_key user, enum config_key password,
                            struct db_pool **out, struct err *e)
{
    struct db_pool *p = calloc(1, sizeof(*p));
    pthread_condattr_t monotonic;
    if (!p)
        return err_nomem(e);
    p->config = config_retain(c);
    p->user = user;
    p->password = password;
    p->max = max_connections > 0 ? max_connections : (int)config_int(c, CONFIG_database_connections);
    p->io_s = IO_S;
    pthread_mutex_init(&p->lock, NULL);
    /* A wall clock that is set would make waiting threads wake at once, or hours late. */
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->freed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = p;
    return OK;
}

/* The connection is closed first: closing its statements afterwards then sends nothing. */
static void pool_disconnect(struct db *c)
{
    if (c->my)
        mysql_close(c->my);
    c->my = NULL;
    for (int i = 0; i < c->cache_n; i++)
        db_unprepare(c, i);
    c->tx = false;
    c->fault = FAULT_NONE;
}

static void connection_free(struct db *c)
{
    pool_disconnect(c);
    free(c->cache);
    free(c->scratch);
    arena_release(&c->row_arena);
    free(c);
}

/* Only free connections are closed. If a thread still holds one, the pool itself must stay, too. */
void db_pool_close(struct db_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    int out = p->out;
    struct db *list = p->free;
    p->free = NULL;
    pthread_mutex_unlock(&p->lock);
    while (list) {
        struct db *next = list->next;
        connection_free(list);
        list = next;
    }
    if (out) { /* a thread that did not end still uses a connection: it must stay */
        log_line(LOG_WARN, "database_pool_busy", LOG_I("connections", out));
        return;
    }
    pthread_cond_destroy(&p->freed);
    pthread_mutex_destroy(&p->lock);
    config_drop(p->config);
    free(p);
}

/* Opens a connection. NULL without memory; otherwise the caller asks mysql_errno() whether it is open, and closes it if
 * not. Reconnecting is left off: the library would do it silently in the middle of a transaction and lose its first
 * half. LOCAL INFILE is off, because with it a server could ask for any file of this host. */
static MYSQL *pool_dial(const struct db_pool *p)
{
    const struct config *cfg = p->config;
    unsigned connect_s = CONNECT_S, io_s = p->io_s, off = 0;
    my_bool no = 0;
    const char *socket = config_string(cfg, CONFIG_database_socket);
    const char *host = config_string(cfg, CONFIG_database_host);
    MYSQL *my = mysql_init(NULL);
    if (!my)
        return NULL;
    mysql_options(my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_options(my, MYSQL_OPT_READ_TIMEOUT, &io_s);
    mysql_options(my, MYSQL_OPT_WRITE_TIMEOUT, &io_s);
    mysql_options(my, MYSQL_OPT_RECONNECT, &no);
    mysql_options(my, MYSQL_OPT_LOCAL_INFILE, &off);
    mysql_options(my, MYSQL_REPORT_DATA_TRUNCATION, &no);
    mysql_options(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(my, MYSQL_INIT_COMMAND, session_setup);
    bool local = host[0] == '\0';
    mysql_real_connect(my, local ? "localhost" : host, config_string(cfg, p->user), config_string(cfg, p->password),
                       config_string(cfg, CONFIG_database_name),
                       local ? 0 : (unsigned)config_int(cfg, CONFIG_database_port), local ? socket : NULL, 0);
    return my;
}

/* The reason goes to the log, at most once a second, and is kept for `parley doctor`. A visitor only learns that the
 * database cannot be reached: the reason names hosts and users. */
static enum status connect_failed(struct db *c, MYSQL *my, struct err *e)
{
    struct db_pool *p = c->pool;
    unsigned no = mysql_errno(my);
    pthread_mutex_lock(&p->lock);
    snprintf(p->trouble, sizeof(p->trouble), "%s (%u)", mysql_error(my), no);
    p->refused = no == ER_ACCESS_DENIED_ERROR || no == ER_ACCESS_DENIED_NO_PASSWORD_ERROR ||
                 no == ER_DBACCESS_DENIED_ERROR || no == ER_BAD_DB_ERROR;
    pthread_mutex_unlock(&p->lock);
    log_line_limited(LOG_ERROR, "database_unreachable", LOG_S("error", mysql_error(my)), LOG_I("errno", no));
    return err_raise(e, E_database_unavailable);
}

bool db_pool_trouble(struct db_pool *p, char *out, size_t n)
{
    pthread_mutex_lock(&p->lock);
    snprintf(out, n, "%s", p->trouble);
    bool refused = p->refused;
    pthread_mutex_unlock(&p->lock);
    return refused;
}

/* Prepared statements belong to the old connection on the server, so they are dropped with it and prepared again at
 * their next use. */
enum status db_connect(struct db *c, struct err *e)
{
    pool_disconnect(c);
    MYSQL *my = pool_dial(c->pool);
    if (!my)
        return err_nomem(e);
    if (mysql_errno(my)) {
        enum status st = connect_failed(c, my, e);
        mysql_close(my);
        return st;
    }
    c->my = my;
    c->broken = false;
    return OK;
}

/* An idle connection has nothing to read. If there is something, it is its end: the server stopped, timed out or killed
 * it. */
static bool is_stale(struct db *c)
{
    struct pollfd f = {.fd = mysql_get_socket(c->my), .events = POLLIN};
    return poll(&f, 1, 0) != 0;
}

static struct db *connection_new(struct db_pool *p)
{
    struct db *c = calloc(1, sizeof(*c));
    if (c) {
        c->pool = p;
        arena_init(&c->row_arena, DB_ROW_ARENA);
    }
    return c;
}

/* A free connection, or a new one below the maximum. NULL with *timed_out, or without memory. The place is counted
 * before the connection opens, outside the lock, so two threads never open more than the maximum. A timeout is
 * forgotten if a connection has come free at the same moment. */
static struct db *pool_take(struct db_pool *p, bool *timed_out)
{
    struct timespec until;
    struct db *c = NULL;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += POOL_WAIT_S;
    *timed_out = false;
    pthread_mutex_lock(&p->lock);
    while (!p->free && p->open >= p->max && !*timed_out)
        *timed_out = pthread_cond_timedwait(&p->freed, &p->lock, &until) != 0;
    if (p->free) {
        c = p->free;
        p->free = c->next;
        *timed_out = false;
    } else if (p->open < p->max && (c = connection_new(p))) {
        p->open++;
        *timed_out = false;
    }
    if (c)
        p->out++;
    pthread_mutex_unlock(&p->lock);
    return c;
}

/* Testing and opening happen outside the lock of the pool: a slow server must not stop threads that give connections
 * back. */
enum status db_get(struct db_pool *p, struct db **out, struct err *e)
{
    bool timed_out;
    struct db *c = pool_take(p, &timed_out);
    *out = NULL;
    if (!c && timed_out) {
        log_line_limited(LOG_WARN, "database_pool_empty", LOG_I("connections", p->max));
        return err_set(e, E_database_unavailable, "The database is busy. Try again in a moment.");
    }
    if (!c)
        return err_nomem(e);
    if (!c->my || c->broken || is_stale(c)) {
        enum status st = db_connect(c, e);
        if (st != OK) {
            db_put(c);
            return st;
        }
    }
    *out = c;
    return OK;
}

/* The last one given back is lent next, so that under light load few connections are in use and the rest may time
 * out. */
void db_put(struct db *c)
{
    if (!c)
        return;
    struct db_pool *p = c->pool;
    if (c->tx && !c->broken && db_raw(c, "ROLLBACK", 8) != 0)
        c->broken = true;
    c->tx = false;
    c->fault = FAULT_NONE;
    pthread_mutex_lock(&p->lock);
    c->next = p->free;
    p->free = c;
    p->out--;
    pthread_cond_signal(&p->freed);
    pthread_mutex_unlock(&p->lock);
}

/* For tests: errors that one server cannot produce, such as a refusal at certification. */
unsigned (*db_raw_fault)(const char *sql);

/* For what cannot be prepared: transactions, DDL of migrations. A result is read and thrown away, because the next
 * statement on this connection would fail while one is pending. */
unsigned db_raw(struct db *c, const char *sql, size_t n)
{
    int64_t start = clock_mono_us();
    unsigned no = db_raw_fault ? db_raw_fault(sql) : 0;
    if (!no)
        no = mysql_real_query(c->my, sql, n) ? mysql_errno(c->my) : 0;
    MYSQL_RES *rows = no ? NULL : mysql_store_result(c->my);
    if (rows)
        mysql_free_result(rows);
    db_cost_add(start);
    return no;
}
