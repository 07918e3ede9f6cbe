/* dbtest.h: helpers of tests against a real MariaDB. A failure aborts the test program with a message. */
#ifndef PARLEY_TESTS_DBTEST_H
#define PARLEY_TESTS_DBTEST_H

#include "db/db.h"

/* First thing in main: without a server (PARLEY_TEST_SOCKET) the program runs itself again under
 * tests/db/with-mariadb. */
void dbtest_begin(int argc, char **argv);
/* A config file for an empty database of this name, created again; extra lines may be NULL. The path is valid until
 * 15 more were made. */
const char *dbtest_config_file(const char *database, const char *extra);
const struct config *dbtest_config(const char *database); /* loaded from such a file; drop it */
void dbtest_migrate(const struct config *c);              /* with the tree's sql/ */
struct db_pool *dbtest_pool(const struct config *c, int connections);
struct db *dbtest_get(struct db_pool *p);
void dbtest_close(const struct config *config, struct db_pool *pool, struct db *db,
                  struct arena *a); /* what the three above and the test opened */
void dbtest_sql(const char *database,
                const char *sql); /* as root, on a connection of its own; may be several statements */
int64_t dbtest_int(const char *database, const char *sql); /* the first column of the first row */
void dbtest_sqlf(const char *database, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* both with values put in: ids as 0x%s */
int64_t dbtest_intf(const char *database, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *dbtest_hex(struct id id); /* valid until 15 more were made */
int dbtest_server_pid(void);
void dbtest_kill_server(void);       /* kill -9; returns when it answers again */
void dbtest_stop_server_at(int pid); /* kill -9 without waiting */
void dbtest_wait_server(void);
/* Opens the shared memory of the programs in dbtest_dir(); shared_close() ends it. */
void dbtest_shared(void);
const char *dbtest_dir(void);          /* a scratch folder that goes away */
struct id dbtest_tenant(struct db *c); /* a row in tenant */

/* What a newer release may do while this one still runs: a column of words gets another word, here in every row. */
void dbtest_newer_word(const char *db, const char *table, const char *column, const char *word);

#endif
