/* migrate_store.h: the rows of schema_migration. */
#ifndef PARLEY_DB_MIGRATE_STORE_H
#define PARLEY_DB_MIGRATE_STORE_H

#include "db/db.h"

/* MIGRATE_RUNNING: also after a run that was killed. MIGRATE_FAILED: a part of it may be done. */
enum migrate_state { MIGRATE_RUNNING, MIGRATE_APPLIED, MIGRATE_FAILED };
struct migrate_row {
    int version;
    struct str name, checksum;
    enum migrate_state state;
};

/* Create the two tables, if they do not exist. */
enum status migrate_store_create(struct db *c, struct err *e);
/* *out: whether the table exists. */
enum status migrate_store_exists(struct db *c, struct arena *a, bool *out, struct err *e);
/* Wait for the lock, which is held until the transaction of `c` ends. ERR_UNAVAILABLE, code retry, after the lock
 * timeout. */
enum status migrate_store_lock(struct db *c, struct arena *a, struct err *e);
/* All rows by version, in the arena. */
enum status migrate_store_rows(struct db *c, struct arena *a, struct migrate_row **out, size_t *n, struct err *e);
/* Add or replace the row of a version. */
enum status migrate_store_mark(struct db *c, const struct migrate_row *row, int64_t now_ms, struct err *e);
/* The highest version, and the number of rows that are not "applied". */
enum status migrate_store_state(struct db *c, struct arena *a, int *version, int *unfinished, struct err *e);

#endif
