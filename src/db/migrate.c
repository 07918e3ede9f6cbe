/* migrate.c: applying numbered migrations.
 *
 * MariaDB commits at each DDL statement, so a file has one of them, and its row says "running" before and "applied"
 * after. If the process is killed in between, the next run tries the statement again and accepts the error that it was
 * already done. Invariant: migrations are applied in order and without a gap, so one number describes the schema. */
#include "db/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "db/db_internal.h"
#include "db/migrate_store.h"
#include "db/schema_version.h"

#include "base/banned.h"

#define MAX_FILE (1 * MB)
#define MIGRATE_ARENA (64 * MB) /* the texts of all migrations */
#define MAX_VERSION 9999
#define DUPLICATE_FOREIGN_KEY 1826 /* ER_DUP_CONSTRAINT_NAME */
#define LOCK_WAIT_US ((int64_t)600 * 1000000)

struct migration {
    int version;
    struct str name, sql, checksum;
};
struct migration_run {
    struct arena arena;
    struct db_pool *pool;
    struct db *work, *lock;
    struct migration *steps; /* in order, version i + 1 at i */
    size_t n;
    struct migrate_row *rows;
    size_t rows_n;
    void (*progress)(void *ctx, int version, const char *name);
    void *ctx;
};

/* The number of "0007_messages.sql", or 0 if the file is not a migration. */
static int version_of(struct str name)
{
    uint64_t v;
    if (name.n < 10 || name.p[4] != '_' || !str_ends(name, STR(".sql")))
        return 0;
    return num_u64(str_sub(name, 0, 4), MAX_VERSION, &v) ? (int)v : 0;
}

static enum status read_sql(struct arena *a, int dir, const char *name, struct str *out, struct err *e)
{
    struct buf text;
    enum status st = OK;
    bool ok = true;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC), failed = errno;
    buf_init(&text, MAX_FILE);
    if (fd >= 0) {
        failed = file_read_fd(fd, &text);
        close(fd);
    }
    if (failed && (fd < 0 || failed != EFBIG))
        st = err_set(e, E_migration_file, "%s cannot be read: %s", name, strerror(failed));
    else if (failed || !text.n)
        st = err_set(e, E_migration_file, "%s is empty or too large", name);
    else if (*out = arena_str(a, buf_str(&text), &ok), !ok)
        st = err_nomem(e);
    buf_release(&text);
    return st;
}

/* A released migration must not change: an install that ran the old text would differ for ever from one that ran the
 * new. The checksum notices it at the next run. */
static struct str migrate_checksum(struct arena *a, struct str text)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t hash[CRYPTO_HASH];
    char *p = arena_alloc(a, 2 * sizeof(hash) + 1);
    if (!p)
        return STR_EMPTY;
    crypto_digest(text, hash);
    for (size_t i = 0; i < sizeof(hash); i++) {
        p[2 * i] = digits[hash[i] >> 4];
        p[2 * i + 1] = digits[hash[i] & 15];
    }
    return str_n(p, 2 * sizeof(hash));
}

static enum status add_file(struct migration_run *r, int dir, const char *file, struct err *e)
{
    int version = version_of(str_from(file));
    char *name = arena_strdup(&r->arena, str_from(file));
    if (!name)
        return err_nomem(e);
    struct migration *step = &r->steps[version - 1];
    if (step->version)
        return err_set(e, E_migration_twice, "There are two migrations %04d: %s and %s", version, step->name.p, name);
    step->version = version;
    step->name = str_from(name);
    enum status st = read_sql(&r->arena, dir, name, &step->sql, e);
    if (st != OK)
        return st;
    step->checksum = migrate_checksum(&r->arena, step->sql);
    r->n = (size_t)version > r->n ? (size_t)version : r->n;
    return step->checksum.n ? OK : err_nomem(e);
}

/* Files are placed by number, so their order in the folder does not matter, and a gap shows as an empty place. */
static enum status read_dir(struct migration_run *r, const char *path, struct err *e)
{
    DIR *d = opendir(path);
    struct dirent *entry;
    enum status st = OK;
    if (!d)
        return err_set(e, E_migration_dir, "The migrations in %s cannot be read: %s", path, strerror(errno));
    if (!(r->steps = arena_array(&r->arena, MAX_VERSION, sizeof(*r->steps))))
        st = err_nomem(e);
    while (st == OK && (entry = readdir(d)))
        if (version_of(str_from(entry->d_name)))
            st = add_file(r, dirfd(d), entry->d_name, e);
    closedir(d);
    for (size_t i = 0; st == OK && i < r->n; i++)
        if (!r->steps[i].version)
            st = err_set(e, E_migration_gap, "Migration %04zu is missing in %s", i + 1, path);
    if (st == OK && r->n == 0)
        st = err_set(e, E_migration_dir, "There are no migrations in %s", path);
    return st;
}

/* A linear search: there are less than a hundred rows, and it runs once for each migration. */
static const struct migrate_row *migrate_row_of(const struct migration_run *r, int version)
{
    for (size_t i = 0; i < r->rows_n; i++)
        if (r->rows[i].version == version)
            return &r->rows[i];
    return NULL;
}

/* A row alone is not enough: "running" and "failed" have one as well. */
static bool is_applied(const struct migration_run *r, int version)
{
    const struct migrate_row *row = migrate_row_of(r, version);
    return row && row->state == MIGRATE_APPLIED;
}

/* The migrations that were applied must be those in the files, without a gap. A file that was changed afterwards is
 * refused, because this database has what the old text made of it and no one can know the difference. A database ahead
 * of the files belongs to a newer release. */
static enum status migrate_compare(const struct migration_run *r, struct migrate_report *out, struct err *e)
{
    int top = 0;
    for (size_t i = 0; i < r->rows_n; i++) {
        const struct migrate_row *row = &r->rows[i];
        if (row->version > (int)r->n)
            return err_set(
                e, E_schema_new,
                "The database has migration %04d (%.*s), this release ends at %04zu. Install the newer release.",
                row->version, STR_F(row->name), r->n);
        if (row->state != MIGRATE_APPLIED)
            continue;
        if (!str_eq(row->checksum, r->steps[row->version - 1].checksum))
            return err_set(e, E_migration_changed,
                           "%.*s was changed after it was applied. Restore it and add a new migration instead.",
                           STR_F(row->name));
        top = row->version;
    }
    for (int v = 1; v <= top; v++)
        if (!is_applied(r, v))
            return err_set_as(e, ERR_CONFLICT, E_migration_gap, "The database has migration %04d but not %04d.", top,
                              v);
    out->version = top;
    out->pending = (int)r->n - top;
    return OK;
}

static enum status migrate_mark(struct migration_run *r, const struct migration *step, enum migrate_state state,
                                struct err *e)
{
    struct migrate_row row = {step->version, step->name, step->checksum, state};
    return migrate_store_mark(r->work, &row, clock_now_ms(), e);
}

/* A run that was killed may have executed its DDL statement without recording it. These errors then say that it is
 * done. */
static bool was_done(unsigned no)
{
    return no == ER_TABLE_EXISTS_ERROR || no == ER_DUP_FIELDNAME || no == ER_DUP_KEYNAME ||
           no == ER_CANT_DROP_FIELD_OR_KEY || no == ER_BAD_TABLE_ERROR || no == DUPLICATE_FOREIGN_KEY;
}

struct migration_attempt {
    struct migration_run *r;
    const struct migration *step;
    bool killed_before;
};

/* DML is committed together with its row. DDL commits on its own; the row follows at once. */
static enum status apply_step(struct db *c, void *ctx, struct err *e)
{
    struct migration_attempt *a = ctx;
    unsigned no = db_raw(c, a->step->sql.p, a->step->sql.n);
    if (no && !(a->killed_before && was_done(no))) {
        char why[300];
        snprintf(why, sizeof(why), "%s", mysql_error(c->my));
        (void)db_fail(c, a->step->name.p, no, why, e);
        if (db_fate(no) != FATE_LOST && db_fate(no) != FATE_RETRY)
            (void)err_set(e, E_migration_failed, "Migration %s failed: %s (%u)", a->step->name.p, why, no);
        return e->status;
    }
    return migrate_mark(a->r, a->step, MIGRATE_APPLIED, e);
}

/* The row says "running" before the statement is executed: only then may an error of the kind "already exists" be
 * accepted. A failure that was not ours (a lost connection) leaves it so, and the next run continues. */
static enum status run_step(struct migration_run *r, const struct migration *step, struct err *e)
{
    const struct migrate_row *before = migrate_row_of(r, step->version);
    struct migration_attempt a = {r, step, before && before->state == MIGRATE_RUNNING};
    struct err mine = ERR_INIT;
    if (r->progress)
        r->progress(r->ctx, step->version, step->name.p);
    enum status st = migrate_mark(r, step, MIGRATE_RUNNING, e);
    if (st != OK)
        return st;
    st = db_transaction(r->work, apply_step, &a, &mine);
    if (st == OK)
        return OK;
    if (err_is(&mine, E_migration_failed))
        (void)migrate_mark(r, step, MIGRATE_FAILED, NULL);
    if (e)
        *e = mine;
    return st;
}

/* The rows are read after the lock is held: another process may have applied some while this one waited. After a
 * failure the loop stops, since later migrations build on earlier ones. */
static enum status migrate_pending(struct migration_run *r, struct migrate_report *out, struct err *e)
{
    enum status st = migrate_store_rows(r->work, &r->arena, &r->rows, &r->rows_n, e);
    if (st == OK)
        st = migrate_compare(r, out, e);
    while (st == OK && out->pending > 0 && (st = run_step(r, &r->steps[out->version], e)) == OK) {
        out->version++;
        out->applied++;
        out->pending--;
    }
    return st;
}

struct migration_lock {
    struct migration_run *r;
    struct migrate_report *out;
    bool held;
};

/* The row lock is held as long as this transaction, on a separate connection: DDL on the other one cannot end it. */
static enum status with_lock(struct db *c, void *ctx, struct err *e)
{
    struct migration_lock *l = ctx;
    enum status st = migrate_store_lock(c, &l->r->arena, e);
    if (st != OK)
        return st;
    l->held = true;
    return migrate_pending(l->r, l->out, e);
}

/* Wait for the lock of another process for up to ten minutes. Once the lock was held, a failure is not a matter of
 * waiting. */
static enum status migrate_apply(struct migration_run *r, struct migrate_report *out, struct err *e)
{
    struct migration_lock l = {r, out, false};
    int64_t until = clock_mono_us() + LOCK_WAIT_US;
    struct err mine;
    enum status st = migrate_store_create(r->work, e);
    if (st != OK || (st = db_get(r->pool, &r->lock, e)) != OK)
        return st;
    do { /* while another process migrates, each try waits for the lock timeout of the server */
        mine = ERR_INIT;
        st = db_transaction(r->lock, with_lock, &l, &mine);
    } while (st != OK && !l.held && err_is(&mine, E_retry) && clock_mono_us() < until);
    if (st != OK && e)
        *e = mine;
    return st;
}

/* Takes no lock and changes nothing, not even the tables that migrations are recorded in. */
static enum status migrate_dry_run(struct migration_run *r, struct migrate_report *out, struct err *e)
{
    bool there;
    enum status st = migrate_store_exists(r->work, &r->arena, &there, e);
    if (st == OK && there)
        st = migrate_store_rows(r->work, &r->arena, &r->rows, &r->rows_n, e);
    if (st == OK)
        st = migrate_compare(r, out, e);
    for (size_t v = (size_t)out->version; st == OK && r->progress && v < r->n; v++)
        r->progress(r->ctx, r->steps[v].version, r->steps[v].name.p);
    return st;
}

/* Two connections are needed at the same time, one for the work and one that holds the lock. */
static enum status open_run(struct migration_run *r, const struct config *c, const char *sql_dir, struct err *e)
{
    arena_init(&r->arena, MIGRATE_ARENA);
    enum status st = read_dir(r, sql_dir, e);
    if (st == OK && (st = db_pool_open(c, 2, &r->pool, e)) == OK) {
        r->pool->io_s = 0; /* changing a large table may take hours */
        st = db_get(r->pool, &r->work, e);
    }
    return st;
}

static void close_run(struct migration_run *r)
{
    db_put(r->work);
    db_put(r->lock);
    db_pool_close(r->pool);
    arena_release(&r->arena);
}

enum status migrate_run(const struct config *c, const char *sql_dir, enum migrate_mode mode,
                        void (*progress)(void *ctx, int version, const char *name), void *ctx,
                        struct migrate_report *out, struct err *e)
{
    struct migration_run r = {.progress = progress, .ctx = ctx};
    *out = (struct migrate_report){0};
    enum status st = open_run(&r, c, sql_dir, e);
    if (st == OK)
        st = mode == MIGRATE_DRY_RUN ? migrate_dry_run(&r, out, e) : migrate_apply(&r, out, e);
    else if (r.pool && st == ERR_UNAVAILABLE) {
        char why[256];
        db_pool_trouble(r.pool, why, sizeof(why));
        (void)err_set_as(e, st, E_database_unavailable, "The database cannot be reached: %s", why);
    }
    close_run(&r);
    return st;
}

static enum status migrate_check_version(int version, int unfinished, struct err *e)
{
    if (version > SCHEMA_VERSION)
        return err_set(e, E_schema_new,
                       "The database's schema is %d, newer than this release (%d). Install the newer release.", version,
                       SCHEMA_VERSION);
    if (unfinished)
        return err_raise(e, E_schema_unfinished);
    if (version < SCHEMA_VERSION)
        return err_set(e, E_schema_old, "The database's schema is %d, this release needs %d. Run parley migrate.",
                       version, SCHEMA_VERSION);
    return OK;
}

/* A schema that is too new refuses a program as well as one that is too old: an older release writes rows that the
 * newer one would not understand. That is what protects a rollback of the programs alone. */
enum status migrate_check(struct db *c, struct err *e)
{
    struct arena a;
    bool there;
    int version = 0, unfinished = 0;
    arena_init(&a, ROW_ARENA);
    enum status st = migrate_store_exists(c, &a, &there, e);
    if (st == OK && there)
        st = migrate_store_state(c, &a, &version, &unfinished, e);
    if (st == OK)
        st = migrate_check_version(version, unfinished, e);
    arena_release(&a);
    return st;
}
