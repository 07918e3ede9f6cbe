/* db.h: MariaDB: a pool of connections, named constant statements with typed parameters and columns, transactions, bulk
 * writes. The one module that knows mysql.h.
 *
 * SQL is only in *_store.c files, as DB_STMT rows. In its text `?` binds the next argument and `:tenant` the tenant
 * that is passed to the call (any number of times). A TENANT statement must contain `:tenant` (tools/lint-sql, and an
 * abort at its first use); a statement that spans tenants says GLOBAL and is passed DB_GLOBAL.
 *
 * Thread rule: a connection belongs to one thread from db_get() to db_put(). The pool is thread safe. No connection may
 * be held while something outside is waited for. Sessions use UTC, utf8mb4, strict mode and READ COMMITTED. */
#ifndef PARLEY_DB_DB_H
#define PARLEY_DB_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

enum db_scope { TENANT, GLOBAL };
/* A statement. `params` and `columns` have one letter for each type; a '?' after a letter allows NULL:
 *   u id (BINARY(16))   i int64   d double   s text (utf8mb4)   x bytes   t time in ms (DATETIME(3)) */
struct db_stmt {
    const char *name; /* its C identifier: in logs and error messages */
    enum db_scope scope;
    const char *sql, *params, *columns; /* columns "" = returns no rows */
    int index;                          /* set at the first use: its place in the cache of each connection */
};
#define DB_STMT(ident, scope, sql, params, columns) \
    static struct db_stmt ident = {#ident, scope, sql, params, columns, 0}

struct db_val {
    char type; /* a letter as above, or 0 for NULL */
    union {
        struct id u;
        int64_t i;
        double d;
        struct str s;
    };
};
static inline struct db_val db_null(void)
{
    return (struct db_val){.type = 0};
}
static inline struct db_val db_id(struct id v)
{
    return (struct db_val){.type = 'u', .u = v};
}
static inline struct db_val db_int(int64_t v)
{
    return (struct db_val){.type = 'i', .i = v};
}
static inline struct db_val db_double(double v)
{
    return (struct db_val){.type = 'd', .d = v};
}
static inline struct db_val db_str(struct str v)
{
    return (struct db_val){.type = 's', .s = v};
}
static inline struct db_val db_text(const char *z)
{
    return z ? db_str(str_from(z)) : db_null();
}
static inline struct db_val db_bytes(const void *p, size_t n)
{
    return (struct db_val){.type = 'x', .s = {(const char *)p, n}};
}
static inline struct db_val db_time(int64_t ms)
{
    return (struct db_val){.type = 't', .i = ms};
}
static inline struct db_val db_opt(bool there, struct db_val v)
{
    return there ? v : db_null();
}
/* NULL in place of time 0, of no bytes, and of ID_NONE. */
static inline struct db_val db_opt_time(int64_t ms)
{
    return db_opt(ms != 0, db_time(ms));
}
static inline struct db_val db_opt_bytes(struct str s)
{
    return db_opt(s.n != 0, db_bytes(s.p, s.n));
}
static inline struct db_val db_opt_id(struct id id)
{
    return db_opt(!id_is_none(id), db_id(id));
}

struct db_pool;
struct db;
#define DB_GLOBAL NULL /* in place of the tenant, for GLOBAL statements */

/* max_connections 0 means the setting database_connections. Connects when needed: a database that is down fails db_get,
 * not this. ERR_NOMEM. */
enum status db_pool_open(const struct config *c, int max_connections, struct db_pool **out, struct err *e);
/* The same, as the database user whose name and password are in these two settings. */
enum status db_pool_open_as(const struct config *c, int max_connections, enum config_key user, enum config_key password,
                            struct db_pool **out, struct err *e);
/* Close all connections. One that a thread still holds keeps the pool in memory, which is logged. NULL is allowed. */
void db_pool_close(struct db_pool *p);
/* Wait up to 5 s for a connection. A dead one is replaced. ERR_UNAVAILABLE, code database_unavailable. */
enum status db_get(struct db_pool *p, struct db **out, struct err *e);
/* Why the last connection failed, in the server's words, for the operator only; "" if none failed. True when the server
 * answered and refused user, password or database: then waiting does not help. */
bool db_pool_trouble(struct db_pool *p, char *out, size_t n);
/* Give a connection back; an open transaction is rolled back. NULL is allowed. */
void db_put(struct db *c);

#define DB_ARGS(...) (const struct db_val[]){__VA_ARGS__}, COUNT_OF(((const struct db_val[]){__VA_ARGS__}))
#define DB_NONE NULL, 0

/* Run a statement that returns no rows. *affected (may be NULL) is the number of rows changed. ERR_CONFLICT, code
 * duplicate: a unique key exists; code reference: a foreign key is violated. ERR_UNAVAILABLE, code retry: a deadlock,
 * lock timeout or certification failure (db_transaction repeats it); code database_unavailable, database_full or
 * database_read_only. Any other failure is logged with the name of the statement and is ERR_INTERNAL. The functions
 * below fail in the same ways. */
enum status db_exec(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *args,
                    size_t nargs, int64_t *affected, struct err *e);

struct db_row {
    const struct db_val *v;
    size_t n;
};
struct db_rows {
    struct db_row *rows;
    size_t n;
};
/* All rows, in the arena. */
enum status db_query(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *args,
                     size_t nargs, struct arena *a, struct db_rows *out, struct err *e);
/* Exactly one row. ERR_NOT_FOUND if there is none, ERR_INTERNAL if there are more. */
enum status db_query_one(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *args,
                         size_t nargs, struct arena *a, struct db_row *out, struct err *e);
/* Call fn for each row as it arrives, for long results. A status other than OK ends the call and is returned. A row is
 * valid only during its callback, which must not use the connection. */
enum status db_each(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *args,
                    size_t nargs, enum status (*fn)(void *ctx, struct db_row row, struct err *e), void *ctx,
                    struct err *e);

/* Access by type; a wrong letter or index is a BUG. NULL reads as ID_NONE, 0 or "". */
struct id db_row_id(struct db_row r, size_t i);
int64_t db_row_int(struct db_row r, size_t i);
double db_row_double(struct db_row r, size_t i);
/* Text or bytes, in the arena of the row and followed by a NUL. */
struct str db_row_str(struct db_row r, size_t i);
/* Milliseconds. */
int64_t db_row_time(struct db_row r, size_t i);
bool db_row_null(struct db_row r, size_t i);
/* For a store that finds a word in a column ("tenant.state") for which it has no enumerator: logs it and returns
 * ERR_INTERNAL code row_unknown. A newer release may have written it while this one still runs, so aborting would end
 * a program that is not wrong. */
enum status db_row_unknown(const char *column, struct str word, struct err *e);

/* One INSERT (or other DML statement) for `count` rows of `ncols` values each, row after row in `vals`. All rows are
 * applied or none: outside a transaction it runs in a transaction of its own; inside one, a failure makes that
 * transaction roll back, even if fn returns OK. More than 1,000 rows or 4 MB are sent in several packets. */
enum status db_bulk(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *vals,
                    size_t ncols, size_t count, int64_t *affected, struct err *e);

/* Run fn inside a transaction: commit if it returns OK, roll back otherwise. Deadlocks, lock timeouts and certification
 * failures (at a statement or at COMMIT) run fn again from the start, up to 8 times, so fn must have no effects outside
 * the database. If the connection is lost during COMMIT, the outcome is unknown: ERR_UNAVAILABLE, code commit_unknown;
 * the caller must look at the data before it repeats anything. Inside another db_transaction it is a part of that one:
 * the outermost commits and retries. */
enum status db_transaction(struct db *c, enum status (*fn)(struct db *c, void *ctx, struct err *e), void *ctx,
                           struct err *e);

/* Statements that this thread has run since the last reset, for the log line of a request. */
struct db_cost {
    int statements;
    int64_t us;
};
void db_cost_reset(void);
struct db_cost db_cost(void);

/* First and last in every thread that uses the database. */
enum status db_thread_begin(struct err *e);
void db_thread_end(void);
/* First and last in main, with no other thread running. */
void db_library_begin(void);
void db_library_end(void);

#endif
