/* db_internal.h: what the files of src/db share. Each depends only on those before it: wire.c, cost.c, error.c, row.c,
 * stmt.c, pool.c, exec.c, transaction.c, bulk.c, migrate.c. */
#ifndef PARLEY_DB_INTERNAL_H
#define PARLEY_DB_INTERNAL_H

#include <mysql.h>
#include <pthread.h>

#include "db/db.h"

#define DB_SLOTS 64        /* placeholders or columns of one statement (count) */
#define DB_STATEMENTS 2048 /* statements in a program (count) */
#define DB_ROW_ARENA ((size_t)64 << 20)

/* A db_stmt taken apart once: SQL as the server wants it, and where each placeholder's value comes from. Immutable. */
struct db_plan {
    const struct db_stmt *stmt;
    char *sql;
    size_t sql_n;
    unsigned slots, args, cols;
    int8_t source[DB_SLOTS]; /* index of the argument, or -1 = the tenant */
    char type[DB_SLOTS], col[DB_SLOTS];
    bool null[DB_SLOTS], col_null[DB_SLOTS];
};
const struct db_plan *db_plan(struct db_stmt *stmt); /* NULL without memory */

struct db_cell {
    union {
        int64_t i;
        double d;
        struct id u;
        MYSQL_TIME t;
    };
    unsigned long n;
    my_bool null;
};
struct db_prepared {
    MYSQL_STMT *stmt;
    struct db_cell *cells;
};

enum db_fault { FAULT_NONE, FAULT_RETRY, FAULT_ABORT };
struct db {
    struct db_pool *pool;
    struct db *next;
    MYSQL *my;                 /* NULL: not connected */
    bool broken;               /* the connection is lost: connect again before use */
    bool tx;                   /* inside db_transaction */
    enum db_fault fault;       /* what the end of the open transaction must do */
    struct db_prepared *cache; /* by db_stmt.index */
    int cache_n;
    char *scratch; /* bind arrays of db_bulk */
    size_t scratch_n;
    struct arena row_arena; /* db_each's row */
};

struct db_pool {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    const struct config *config;
    enum config_key user, password; /* the settings that hold its user and password */
    struct db *free;
    int open, out, max;
    unsigned io_s;     /* seconds to wait for an answer; 0 = for ever (migrations) */
    char trouble[256]; /* why the last connection failed; "" */
    bool refused;      /* by the server, which answered */
};

/* Open the connection again. Its prepared statements are gone, an open transaction is rolled back. ERR_UNAVAILABLE,
 * code database_unavailable. */
enum status db_connect(struct db *c, struct err *e);
/* Plain SQL without placeholders: BEGIN, COMMIT, migrations. 0 or the server's error number. */
unsigned db_raw(struct db *c, const char *sql, size_t n);
/* For tests: the error number with which db_raw fails instead of sending `sql`, or 0 to send it. NULL in programs. */
extern unsigned (*db_raw_fault)(const char *sql);
/* Prepare the statement, unless it is prepared already. 0, with *out set, or the error number. */
unsigned db_prepare(struct db *c, const struct db_plan *p, struct db_prepared **out);
/* Forget a prepared statement. */
void db_unprepare(struct db *c, int index);

enum db_fate {
    FATE_LOST,  /* the connection is gone */
    FATE_RETRY, /* deadlock, lock timeout, certification failure: the server has undone statement or transaction */
    FATE_STALE, /* the prepared statement no longer fits its table */
    FATE_OTHER
};
enum db_fate db_fate(unsigned no);
/* Turn error `no` of a statement into a status; marks the connection or its transaction. */
enum status db_fail(struct db *c, const char *name, unsigned no, const char *text, struct err *e);

/* Tenant and number of arguments against the declaration. A mismatch is a BUG. */
void db_check_call(const struct db_plan *p, const struct id *tenant, size_t nargs);
/* Whether the value fits the placeholder: a wrong letter is a BUG, a NULL where none may be is ERR_INTERNAL. */
enum status db_check_arg(const struct db_plan *p, unsigned slot, const struct db_val *v, struct err *e);
/* wire.c: between letters, times and the types of the protocol. */
void db_time_from_ms(MYSQL_TIME *t, int64_t ms);
int64_t db_time_to_ms(const MYSQL_TIME *t);
enum enum_field_types db_wire_type(char letter);
/* A value to send as the library wants it: MYSQL_BIND has one pointer for both directions, without const. */
void *db_wire_buffer(const void *p);
/* Count one statement, which began at started_us (monotonic). */
void db_cost_add(int64_t started_us);

/* Read the next row of an executed statement into the arena. *more is false at the end. After a failure the result is
 * freed. */
enum status db_fetch(struct db *c, const struct db_plan *p, struct db_prepared *k, struct arena *a, struct db_row *out,
                     bool *more, struct err *e);
/* Bind the columns of a freshly prepared statement. ERR_NOMEM; *e is not filled. */
enum status db_bind_columns(const struct db_plan *p, struct db_prepared *k);

#endif
