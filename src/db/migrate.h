/* migrate.h: numbered migrations: sql/NNNN_name.sql, each with one DDL statement, or with DML statements only.
 *
 * schema_migration records version, name, checksum (BLAKE2b of the file), state and time. If two processes migrate at
 * the same time, one waits for the other (a row lock on a separate connection, no named lock) and then finds nothing to
 * do. A file that was changed after it had been applied, a gap, or a schema newer than the files is an error. A
 * migration that failed half-way is recorded as "failed" and named; running again retries it. */
#ifndef PARLEY_DB_MIGRATE_H
#define PARLEY_DB_MIGRATE_H

#include "db/db.h"

enum migrate_mode { MIGRATE_APPLY, MIGRATE_DRY_RUN };
struct migrate_report {
    int applied, pending, version;
};
/* Apply what is pending, or with MIGRATE_DRY_RUN only report it. `progress` (may be NULL) is called with each migration
 * before it runs. ERR_INVALID, code migration_file, _dir, _gap or _twice; ERR_CONFLICT, code migration_changed or
 * schema_new; ERR_INTERNAL, code migration_failed; ERR_UNAVAILABLE. *out is filled in as far as it came. */
enum status migrate_run(const struct config *c, const char *sql_dir, enum migrate_mode mode,
                        void (*progress)(void *ctx, int version, const char *name), void *ctx,
                        struct migrate_report *out, struct err *e);
/* ERR_CONFLICT, code schema_old, schema_new or schema_unfinished, unless the schema fits this build. Every program
 * calls it at its start. */
enum status migrate_check(struct db *c, struct err *e);

#endif
