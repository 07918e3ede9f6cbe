/* db.h: MariaDB: a pool, named constant statements with typed parameters and columns, transactions, bulk writes.
 * The one room that knows mysql.h.
 *
 * SQL stands only in *_store.c files, as DB_STMT rows. Text form: `?` binds the next argument; `:tenant` binds the tenant
 * handed to the call (any number of times). A TENANT statement without `:tenant` does not compile past tools/lint-sql and
 * aborts at first use; a statement that spans tenants says GLOBAL and is handed DB_GLOBAL.
 *
 * Thread rule: a connection belongs to one thread from db_get() to db_put(). The pool is thread safe. No connection may be
 * held while something outside is waited for. Sessions run in UTC, utf8mb4, strict mode, READ COMMITTED. */
#ifndef PARLEY_DB_DB_H
#define PARLEY_DB_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

/* types of parameters and columns, one letter each; a '?' behind a letter allows NULL:
 *   u id (BINARY(16))   i int64   d double   s text (utf8mb4)   x bytes   t time in ms (DATETIME(3))   */
enum db_scope { TENANT, GLOBAL };
struct db_stmt {
    const char *name; /* its C identifier: in logs and error messages */
    enum db_scope scope;
    const char *sql, *params, *columns; /* columns "" = returns no rows */
    int index;                          /* set at first use; a slot in each connection's cache of prepared statements */
};
#define DB_STMT(ident, scope, sql, params, columns) \
    static struct db_stmt ident = {#ident, scope, sql, params, columns, 0}

struct db_val {
    char type; /* letter as above, or 0 = NULL */
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
#define DB_GLOBAL NULL /* in place of a tenant, for GLOBAL statements */

/* max_connections 0 = the setting. Connects lazily: a database that is down fails db_get, not this. */
enum status db_pool_open(const struct config *c, int max_connections, struct db_pool **out, struct err *e);
/* As another user of the database, with fewer rights: these two settings name it. */
enum status db_pool_open_as(const struct config *c, int max_connections, enum config_key user, enum config_key password,
                            struct db_pool **out, struct err *e);
void db_pool_close(struct db_pool *p);
/* Wait up to 5 s for a connection; ERR_UNAVAILABLE with code database_unavailable. A dead connection is replaced. */
enum status db_get(struct db_pool *p, struct db **out, struct err *e);
/* Why the last connection failed, in the server's words, for the operator alone; "" if none did. True when the server
 * answered and refused user, password or database: waiting does not help then. */
bool db_pool_trouble(struct db_pool *p, char *out, size_t n);
void db_put(struct db *c); /* rolls back what is open; NULL is fine */

#define DB_ARGS(...) \
    (const struct db_val[]){__VA_ARGS__}, sizeof((const struct db_val[]){__VA_ARGS__}) / sizeof(struct db_val)
#define DB_NONE NULL, 0

/* Run a statement without rows. *affected (may be NULL) = rows changed. A duplicate key is ERR_CONFLICT, code
 * "duplicate"; a broken foreign key ERR_CONFLICT, "reference"; a deadlock or certification failure ERR_UNAVAILABLE,
 * "retry" (db_transaction retries it). Everything else is logged with the statement's name and is ERR_INTERNAL. */
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
/* All rows at once, in the arena. */
enum status db_query(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *args,
                     size_t nargs, struct arena *a, struct db_rows *out, struct err *e);
/* Exactly one row: none is ERR_NOT_FOUND, more is ERR_INTERNAL. */
enum status db_query_one(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *args,
                         size_t nargs, struct arena *a, struct db_row *out, struct err *e);
/* Rows one by one as they arrive, for long results; a callback status other than OK ends it. Row memory is the callback's
 * for the call only. The connection must not be used inside the callback. */
enum status db_each(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *args,
                    size_t nargs, enum status (*fn)(void *ctx, struct db_row row, struct err *e), void *ctx,
                    struct err *e);

/* Typed access; a wrong letter or index is a BUG. Each takes NULL as the empty value. */
struct id db_row_id(struct db_row r, size_t i);
int64_t db_row_int(struct db_row r, size_t i);
double db_row_double(struct db_row r, size_t i);
struct str db_row_str(struct db_row r, size_t i); /* s or x; in the arena, NUL-terminated */
int64_t db_row_time(struct db_row r, size_t i);   /* ms; 0 for NULL */
bool db_row_null(struct db_row r, size_t i);

/* One INSERT (or other DML) for `count` rows of `ncols` values each, row after row in `vals`, sent as one bulk execution.
 * GLOBAL or TENANT as above. Either all rows are applied or none: outside a transaction it is one of its own; inside one, a
 * failure dooms it (db_transaction rolls back even when fn says OK). More than 1,000 rows or 4 MB go in several packets. */
enum status db_bulk(struct db *c, struct db_stmt *stmt, const struct id *tenant, const struct db_val *vals,
                    size_t ncols, size_t count, int64_t *affected, struct err *e);

/* Run fn inside a transaction; commit on OK, else roll back. Deadlocks and certification failures (1213, 1205 on wait) run
 * fn again from the start, up to 8 times: fn must not have effects outside the database. When the connection is lost
 * during COMMIT the outcome is unknown: ERR_UNAVAILABLE, code "commit_unknown"; the caller must look before it repeats.
 * Inside another db_transaction it is simply part of that one: the outermost commits and retries. */
enum status db_transaction(struct db *c, enum status (*fn)(struct db *c, void *ctx, struct err *e), void *ctx,
                           struct err *e);

/* Statements run by this thread since the last reset, for the request's log line. */
struct db_cost {
    int statements;
    int64_t us;
};
void db_cost_reset(void);
struct db_cost db_cost(void);

enum status db_thread_begin(struct err *e); /* mysql_thread_init; first thing in every thread that uses db */
void db_thread_end(void);
void db_library_begin(void); /* once in main before threads */
void db_library_end(void);

#endif
