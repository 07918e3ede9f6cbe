/* migrate_store.h: the rows of schema_migration. */
#ifndef PARLEY_DB_MIGRATE_STORE_H
#define PARLEY_DB_MIGRATE_STORE_H

#include "db/db.h"

/* state: applied, failed (it may stand in part), running (a run that was killed) */
struct migrate_row {
    int version;
    struct str name, checksum, state;
};

enum status migrate_store_create(struct db *c, struct err *e); /* the two tables, if they are not there */
enum status migrate_store_exists(struct db *c, struct arena *a, bool *out, struct err *e);
/* Waits until nobody else migrates; held until the transaction of `c` ends. */
enum status migrate_store_lock(struct db *c, struct arena *a, struct err *e);
enum status migrate_store_rows(struct db *c, struct arena *a, struct migrate_row **out, size_t *n, struct err *e);
enum status migrate_store_mark(struct db *c, const struct migrate_row *row, int64_t now_ms, struct err *e);
/* Highest version applied and how many rows are not `applied`. */
enum status migrate_store_state(struct db *c, struct arena *a, int *version, int *unfinished, struct err *e);

#endif
