/* migrate_store.c: the rows of schema_migration, and the lock that lets one migration run at a time.
 *
 * The lock is a row (schema_lock), not GET_LOCK, which a Galera cluster does not have. */
#include "db/migrate_store.h"

#include "base/banned.h"

/* These tables are made here and not by a migration, because the first migration has to be recorded already. Their
 * shape therefore never changes. */
DB_STMT(create_rows, GLOBAL, /* GLOBAL: the schema is the install's */
        "CREATE TABLE IF NOT EXISTS schema_migration ("
        " version INT NOT NULL,"
        " name VARCHAR(120) NOT NULL,"
        " checksum CHAR(64) CHARACTER SET ascii NOT NULL,"
        " state ENUM('running','applied','failed') NOT NULL,"
        " at DATETIME(3) NOT NULL,"
        " PRIMARY KEY (version)"
        ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
        "", "");
DB_STMT(create_lock, GLOBAL,
        "CREATE TABLE IF NOT EXISTS schema_lock (id TINYINT NOT NULL, PRIMARY KEY (id)) ENGINE=InnoDB", "", "");
DB_STMT(fill_lock, GLOBAL, "INSERT IGNORE INTO schema_lock (id) VALUES (1)", "", "");
DB_STMT(take_lock, GLOBAL, "SELECT id FROM schema_lock WHERE id = 1 FOR UPDATE", "", "i");
DB_STMT(find_table, GLOBAL,
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = "
        "'schema_migration'",
        "", "i");
DB_STMT(all_rows, GLOBAL, "SELECT version, name, checksum, state FROM schema_migration ORDER BY version", "", "isss");
DB_STMT(
    mark_row, GLOBAL,
    "INSERT INTO schema_migration (version, name, checksum, state, at) VALUES (?, ?, ?, ?, ?)"
    " ON DUPLICATE KEY UPDATE name = VALUES(name), checksum = VALUES(checksum), state = VALUES(state), at = VALUES(at)",
    "issst", "");
DB_STMT(state, GLOBAL, "SELECT COALESCE(MAX(version), 0), COALESCE(SUM(state <> 'applied'), 0) FROM schema_migration",
        "", "ii");

/* All three may run in several processes at the same time: each is a no-op where it was done before. */
enum status migrate_store_create(struct db *c, struct err *e)
{
    enum status st = db_exec(c, &create_rows, DB_GLOBAL, DB_NONE, NULL, e);
    if (st == OK)
        st = db_exec(c, &create_lock, DB_GLOBAL, DB_NONE, NULL, e);
    return st == OK ? db_exec(c, &fill_lock, DB_GLOBAL, DB_NONE, NULL, e) : st;
}

/* This asks the information schema, because selecting from a missing table would be logged as an error. */
enum status migrate_store_exists(struct db *c, struct arena *a, bool *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &find_table, DB_GLOBAL, DB_NONE, a, &r, e);
    *out = st == OK && db_row_int(r, 0) > 0;
    return st;
}

/* Waits until innodb_lock_wait_timeout; the caller repeats. A process that dies loses the lock with its connection. */
enum status migrate_store_lock(struct db *c, struct arena *a, struct err *e)
{
    struct db_row r;
    return db_query_one(c, &take_lock, DB_GLOBAL, DB_NONE, a, &r, e);
}

static const char *const state_names[] = {
    [MIGRATE_RUNNING] = "running", [MIGRATE_APPLIED] = "applied", [MIGRATE_FAILED] = "failed"};

static enum status migrate_row_read(struct db_row r, struct migrate_row *out, struct err *e)
{
    size_t i = str_among(db_row_str(r, 3), state_names, COUNT_OF(state_names));
    if (i == COUNT_OF(state_names))
        return db_row_unknown("schema_migration.state", db_row_str(r, 3), e);
    *out = (struct migrate_row){(int)db_row_int(r, 0), db_row_str(r, 1), db_row_str(r, 2), (enum migrate_state)i};
    return OK;
}

enum status migrate_store_rows(struct db *c, struct arena *a, struct migrate_row **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &all_rows, DB_GLOBAL, DB_NONE, a, &rows, e);
    *n = 0;
    if (st != OK)
        return st;
    *out = arena_array(a, rows.n + 1, sizeof(**out));
    if (!*out)
        return err_nomem(e);
    for (; st == OK && *n < rows.n; (*n)++)
        st = migrate_row_read(rows.rows[*n], &(*out)[*n], e);
    return st;
}

enum status migrate_store_mark(struct db *c, const struct migrate_row *row, int64_t now_ms, struct err *e)
{
    return db_exec(c, &mark_row, DB_GLOBAL,
                   DB_ARGS(db_int(row->version), db_str(row->name), db_str(row->checksum),
                           db_text(state_names[row->state]), db_time(now_ms)),
                   NULL, e);
}

enum status migrate_store_state(struct db *c, struct arena *a, int *version, int *unfinished, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &state, DB_GLOBAL, DB_NONE, a, &r, e);
    if (st == OK) {
        *version = (int)db_row_int(r, 0);
        *unfinished = (int)db_row_int(r, 1);
    }
    return st;
}
