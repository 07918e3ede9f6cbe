#include "db/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/num.h"
#include "db/internal.h"
#include "db/migrate_store.h"
#include "db/schema_version.h"

#include <mysqld_error.h>

#include "base/banned.h"

#define MAX_FILE (1 * MB)
#define MAX_VERSION 9999
#define DUPLICATE_FOREIGN_KEY 1826 /* ER_DUP_CONSTRAINT_NAME */
#define LOCK_WAIT_US ((int64_t)600 * 1000000)

struct step {
    int version;
    struct str name, sql, checksum;
};
struct run {
    struct arena arena;
    struct db_pool *pool;
    struct db *work, *lock;
    struct step *steps; /* in order, version i + 1 at i */
    size_t n;
    struct migrate_row *rows;
    size_t rows_n;
    void (*progress)(void *ctx, int version, const char *name);
    void *ctx;
};

/* "0007_messages.sql": its number, or 0 when the file is none of ours. */
static int version_of(struct str name)
{
    uint64_t v;

    if (name.n < 10 || name.p[4] != '_' || !str_ends(name, STR(".sql")))
        return 0;
    return num_u64(str_sub(name, 0, 4), MAX_VERSION, &v) ? (int)v : 0;
}

static enum status read_sql(struct arena *a, int dir, const char *name, struct str *out, struct err *e)
{
    struct stat st;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    enum status s = OK;

    if (fd < 0 || fstat(fd, &st) != 0) {
        s = err_set(e, ERR_INVALID, "migration_file", "%s cannot be read: %s", name, strerror(errno));
    } else if (st.st_size <= 0 || (uint64_t)st.st_size > MAX_FILE) {
        s = err_set(e, ERR_INVALID, "migration_file", "%s is empty or too large", name);
    } else {
        size_t n = (size_t)st.st_size;
        char *p = arena_alloc(a, n + 1);
        if (!p)
            s = err_nomem(e);
        else if (read(fd, p, n) != (ssize_t)n)
            s = err_set(e, ERR_INVALID, "migration_file", "%s cannot be read", name);
        else
            *out = str_n(p, n);
    }
    if (fd >= 0)
        close(fd);
    return s;
}

static struct str checksum(struct arena *a, struct str text)
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

static enum status add_file(struct run *r, int dir, const char *file, struct err *e)
{
    int version = version_of(str_from(file));
    char *name = arena_strdup(&r->arena, str_from(file));
    struct step *st;

    if (!name)
        return err_nomem(e);
    st = &r->steps[version - 1];
    if (st->version)
        return err_set(e, ERR_INVALID, "migration_twice", "There are two migrations %04d: %s and %s", version,
                       st->name.p, name);
    st->version = version;
    st->name = str_from(name);
    enum status s = read_sql(&r->arena, dir, name, &st->sql, e);
    if (s != OK)
        return s;
    st->checksum = checksum(&r->arena, st->sql);
    r->n = (size_t)version > r->n ? (size_t)version : r->n;
    return st->checksum.n ? OK : err_nomem(e);
}

static enum status read_dir(struct run *r, const char *path, struct err *e)
{
    DIR *d = opendir(path);
    struct dirent *entry;
    enum status s = OK;

    if (!d)
        return err_set(e, ERR_INVALID, "migration_dir", "The migrations in %s cannot be read: %s", path,
                       strerror(errno));
    if (!(r->steps = arena_array(&r->arena, MAX_VERSION, sizeof(*r->steps))))
        s = err_nomem(e);
    while (s == OK && (entry = readdir(d)))
        if (version_of(str_from(entry->d_name)))
            s = add_file(r, dirfd(d), entry->d_name, e);
    closedir(d);
    for (size_t i = 0; s == OK && i < r->n; i++)
        if (!r->steps[i].version)
            s = err_set(e, ERR_INVALID, "migration_gap", "Migration %04zu is missing in %s", i + 1, path);
    if (s == OK && r->n == 0)
        s = err_set(e, ERR_INVALID, "migration_dir", "There are no migrations in %s", path);
    return s;
}

static const struct migrate_row *row_of(const struct run *r, int version)
{
    for (size_t i = 0; i < r->rows_n; i++)
        if (r->rows[i].version == version)
            return &r->rows[i];
    return NULL;
}

static bool is_applied(const struct run *r, int version)
{
    const struct migrate_row *row = row_of(r, version);

    return row && str_eqz(row->state, "applied");
}

/* What was applied must be what stands in the files, without a hole. */
static enum status compare(const struct run *r, struct migrate_report *out, struct err *e)
{
    int top = 0;

    for (size_t i = 0; i < r->rows_n; i++) {
        const struct migrate_row *row = &r->rows[i];
        if (row->version > (int)r->n)
            return err_set(
                e, ERR_CONFLICT, "schema_new",
                "The database has migration %04d (%.*s), this release ends at %04zu: install the newer release.",
                row->version, STR_F(row->name), r->n);
        if (!str_eqz(row->state, "applied"))
            continue;
        if (!str_eq(row->checksum, r->steps[row->version - 1].checksum))
            return err_set(e, ERR_CONFLICT, "migration_changed",
                           "%.*s was changed after it was applied: restore it and add a new migration instead.",
                           STR_F(row->name));
        top = row->version;
    }
    for (int v = 1; v <= top; v++)
        if (!is_applied(r, v))
            return err_set(e, ERR_CONFLICT, "migration_gap", "The database has migration %04d but not %04d.", top, v);
    out->version = top;
    out->pending = (int)r->n - top;
    return OK;
}

static enum status mark(struct run *r, const struct step *st, const char *state, struct err *e)
{
    struct migrate_row row = {st->version, st->name, st->checksum, str_from(state)};

    return migrate_store_mark(r->work, &row, clock_now_ms(), e);
}

/* A run that was killed may have left its one DDL statement done but not noted. */
static bool was_done(unsigned no)
{
    return no == ER_TABLE_EXISTS_ERROR || no == ER_DUP_FIELDNAME || no == ER_DUP_KEYNAME ||
           no == ER_CANT_DROP_FIELD_OR_KEY || no == ER_BAD_TABLE_ERROR || no == DUPLICATE_FOREIGN_KEY;
}

struct apply {
    struct run *r;
    const struct step *st;
    bool killed_before;
};

/* DML commits together with its note; DDL commits by itself, the note right after it. */
static enum status apply_step(struct db *c, void *ctx, struct err *e)
{
    struct apply *a = ctx;
    unsigned no = db_raw(c, a->st->sql.p, a->st->sql.n);

    if (no && !(a->killed_before && was_done(no))) {
        char why[300];
        snprintf(why, sizeof(why), "%s", mysql_error(c->my));
        db_fail(c, a->st->name.p, no, why, e);
        if (db_fate(no) != FATE_LOST && db_fate(no) != FATE_RETRY)
            err_set(e, ERR_INTERNAL, "migration_failed", "Migration %s failed: %s (%u)", a->st->name.p, why, no);
        return e->status;
    }
    return mark(a->r, a->st, "applied", e);
}

static enum status run_step(struct run *r, const struct step *st, struct err *e)
{
    const struct migrate_row *before = row_of(r, st->version);
    struct apply a = {r, st, before && str_eqz(before->state, "running")};
    struct err mine = ERR_INIT;

    if (r->progress)
        r->progress(r->ctx, st->version, st->name.p);
    enum status s = mark(r, st, "running", e);
    if (s != OK)
        return s;
    s = db_transaction(r->work, apply_step, &a, &mine);
    if (s == OK)
        return OK;
    if (strcmp(mine.code, "migration_failed") == 0)
        mark(r, st, "failed", NULL);
    if (e)
        *e = mine;
    return s;
}

static enum status work_off(struct run *r, struct migrate_report *out, struct err *e)
{
    enum status s = migrate_store_rows(r->work, &r->arena, &r->rows, &r->rows_n, e);

    if (s == OK)
        s = compare(r, out, e);
    while (s == OK && out->pending > 0 && (s = run_step(r, &r->steps[out->version], e)) == OK) {
        out->version++;
        out->applied++;
        out->pending--;
    }
    return s;
}

struct locked {
    struct run *r;
    struct migrate_report *out;
    bool held;
};

/* The row lock lives as long as this transaction, on a connection of its own: DDL on the other one commits only there. */
static enum status with_lock(struct db *c, void *ctx, struct err *e)
{
    struct locked *l = ctx;
    enum status s = migrate_store_lock(c, &l->r->arena, e);

    if (s != OK)
        return s;
    l->held = true;
    return work_off(l->r, l->out, e);
}

static enum status apply(struct run *r, struct migrate_report *out, struct err *e)
{
    struct locked l = {r, out, false};
    int64_t until = clock_mono_us() + LOCK_WAIT_US;
    struct err mine;
    enum status s = migrate_store_create(r->work, e);

    if (s != OK || (s = db_get(r->pool, &r->lock, e)) != OK)
        return s;
    do { /* somebody else is at it: each try waits for a lock timeout of the server */
        mine = (struct err)ERR_INIT;
        s = db_transaction(r->lock, with_lock, &l, &mine);
    } while (s != OK && !l.held && strcmp(mine.code, "retry") == 0 && clock_mono_us() < until);
    if (s != OK && e)
        *e = mine;
    return s;
}

static enum status look(struct run *r, struct migrate_report *out, struct err *e)
{
    bool there;
    enum status s = migrate_store_exists(r->work, &r->arena, &there, e);

    if (s == OK && there)
        s = migrate_store_rows(r->work, &r->arena, &r->rows, &r->rows_n, e);
    if (s == OK)
        s = compare(r, out, e);
    for (size_t v = (size_t)out->version; s == OK && r->progress && v < r->n; v++)
        r->progress(r->ctx, r->steps[v].version, r->steps[v].name.p);
    return s;
}

static enum status open_run(struct run *r, const struct config *c, const char *sql_dir, struct err *e)
{
    arena_init(&r->arena, 64 * MB);
    enum status s = read_dir(r, sql_dir, e);
    if (s == OK && (s = db_pool_open(c, 2, &r->pool, e)) == OK) {
        r->pool->io_s = 0; /* a change of a large table takes as long as it takes */
        s = db_get(r->pool, &r->work, e);
    }
    return s;
}

static void close_run(struct run *r)
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
    struct run r = {.progress = progress, .ctx = ctx};

    *out = (struct migrate_report){0};
    enum status s = open_run(&r, c, sql_dir, e);
    if (s == OK)
        s = mode == MIGRATE_DRY_RUN ? look(&r, out, e) : apply(&r, out, e);
    else if (r.pool && s == ERR_UNAVAILABLE) {
        char why[256];
        db_pool_trouble(r.pool, why, sizeof(why));
        err_set(e, s, "database_unavailable", "The database cannot be reached: %s", why);
    }
    close_run(&r);
    return s;
}

static enum status judge(int version, int unfinished, struct err *e)
{
    if (version > SCHEMA_VERSION)
        return err_set(e, ERR_CONFLICT, "schema_new",
                       "The database's schema is %d, newer than this release (%d): install the newer release.", version,
                       SCHEMA_VERSION);
    if (unfinished)
        return err_set(e, ERR_CONFLICT, "schema_unfinished", "A migration did not finish: run parley migrate.");
    if (version < SCHEMA_VERSION)
        return err_set(e, ERR_CONFLICT, "schema_old",
                       "The database's schema is %d, this release needs %d: run parley migrate.", version,
                       SCHEMA_VERSION);
    return OK;
}

enum status migrate_check(struct db *c, struct err *e)
{
    struct arena a;
    bool there;
    int version = 0, unfinished = 0;

    arena_init(&a, 64 * KB);
    enum status s = migrate_store_exists(c, &a, &there, e);
    if (s == OK && there)
        s = migrate_store_state(c, &a, &version, &unfinished, e);
    if (s == OK)
        s = judge(version, unfinished, e);
    arena_release(&a);
    return s;
}
