/* migrate.h: numbered migrations: sql/NNNN_name.sql, one DDL statement each (or a few DML statements, one per file too).
 *
 * schema_migration keeps version, name, checksum (BLAKE2b of the file) and time. Two that start together: one works, the
 * other waits (a row lock held on a connection of its own, no named lock), then finds nothing to do. A file that changed
 * after it was applied, a gap, or a schema newer than the files is refused in words. A migration that failed half-way
 * is recorded as `failed` and named; running again retries it. */
#ifndef PARLEY_DB_MIGRATE_H
#define PARLEY_DB_MIGRATE_H

#include "db/db.h"

enum migrate_mode { MIGRATE_APPLY, MIGRATE_DRY_RUN };
struct migrate_report {
    int applied, pending, version;
};
/* `progress` is told each step ("0007_messages.sql") before it runs; may be NULL. */
enum status migrate_run(const struct config *c, const char *sql_dir, enum migrate_mode mode,
                        void (*progress)(void *ctx, int version, const char *name), void *ctx,
                        struct migrate_report *out, struct err *e);
/* ERR_CONFLICT with words when the schema is older or newer than this build; every program asks at start. */
enum status migrate_check(struct db *c, struct err *e);

#endif
