/* queue_store.c: rows of job and job_file.
 *
 * Workers claim with FOR UPDATE SKIP LOCKED, so that they do not queue behind each other; due_at of a running job is
 * the end of its lease, which lets one index (state, due_at) serve both. States and kinds are enums and become
 * text here only. */
#include "queue/queue_store.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"

#include "base/banned.h"

static const char *const state_names[] = {
    [JOB_READY] = "ready", [JOB_RUNNING] = "running", [JOB_DONE] = "done", [JOB_DEAD] = "dead"};

const char *job_state_name(enum job_state s)
{
    CHECK((size_t)s < COUNT_OF(state_names));
    return state_names[s];
}

bool job_state_parse(struct str name, enum job_state *out)
{
    size_t i = str_among(name, state_names, COUNT_OF(state_names));
    if (i < COUNT_OF(state_names))
        *out = (enum job_state)i;
    return i < COUNT_OF(state_names);
}

static const char *const kind_names[] = {
    [JOB_KIND_NONE] = "",
#define JOB_KIND(name, part) [JOB_KIND_##name] = #name,
#include "queue/job_kind.def"
#undef JOB_KIND
};

const char *job_kind_name(enum job_kind kind)
{
    CHECK((size_t)kind < COUNT_OF(kind_names));
    return kind_names[kind];
}

static const enum job_part kind_parts[] = {
    [JOB_KIND_NONE] = JOB_PART_GENERAL,
#define JOB_KIND(name, part) [JOB_KIND_##name] = JOB_PART_##part,
#include "queue/job_kind.def"
#undef JOB_KIND
};

enum job_part job_kind_part(enum job_kind kind)
{
    CHECK((size_t)kind < COUNT_OF(kind_parts));
    return kind_parts[kind];
}

static enum job_kind job_kind_parse(struct str name)
{
    return (enum job_kind)str_among_or(name, kind_names, COUNT_OF(kind_names), JOB_KIND_NONE);
}

/* GLOBAL: a job may belong to the install; its tenant, if any, is a value of the row. */
DB_STMT(job_insert, GLOBAL,
        "INSERT INTO job (job_id, tenant_id, kind, state, due_at, max_attempts, payload, created_at) VALUES (?, ?, ?, "
        "'ready', ?, ?, ?, ?)",
        "uu?stist", "");
/* GLOBAL: as above; the first worker of a period inserts the row. */
DB_STMT(job_insert_once, GLOBAL,
        "INSERT IGNORE INTO job (job_id, tenant_id, kind, state, due_at, max_attempts, payload, created_at)"
        " VALUES (?, ?, ?, 'ready', ?, ?, ?, ?)",
        "uu?stist", "");
DB_STMT(file_insert, GLOBAL, "INSERT INTO job_file (job_id, part, data) VALUES (?, ?, ?)", "uix", "");
DB_STMT(file_delete, GLOBAL, "DELETE FROM job_file WHERE job_id = ?", "u", "");
DB_STMT(file_size, GLOBAL, "SELECT COALESCE(SUM(LENGTH(data)), 0) FROM job_file WHERE job_id = ?", "u", "i");
DB_STMT(file_parts, GLOBAL, "SELECT data FROM job_file WHERE job_id = ? ORDER BY part", "u", "x");
/* GLOBAL: the worker serves all tenants. */
DB_STMT(job_lock_due, GLOBAL,
        "SELECT job_id, attempts, max_attempts FROM job WHERE state = 'ready' AND due_at <= ?"
        " ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED",
        "t", "uii");
/* GLOBAL: the worker serves all tenants. */
DB_STMT(job_lock_expired, GLOBAL,
        "SELECT job_id, attempts, max_attempts FROM job WHERE state = 'running' AND due_at <= ?"
        " ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED",
        "t", "uii");
/* GLOBAL: the worker serves all tenants. */
DB_STMT(job_take, GLOBAL,
        "UPDATE job SET state = 'running', worker = ?, due_at = ?, attempts = attempts + 1 WHERE job_id = ?", "stu",
        "");
/* GLOBAL: the worker serves all tenants. */
DB_STMT(job_lock_mine, GLOBAL,
        "SELECT attempts, max_attempts FROM job WHERE job_id = ? AND worker = ? AND state = 'running' FOR UPDATE", "us",
        "ii");
/* GLOBAL: the worker serves all tenants. */
DB_STMT(job_extend, GLOBAL, "UPDATE job SET due_at = ?, progress = COALESCE(?, progress) WHERE job_id = ?", "ts?u", "");
/* GLOBAL: the worker serves all tenants. */
DB_STMT(job_end, GLOBAL,
        "UPDATE job SET state = ?, due_at = ?, error = ?, result = ?, finished_at = ?, worker = '' WHERE job_id = ?",
        "stss?t?u", "");
#define JOB_COLUMNS \
    "job_id, tenant_id, kind, state, due_at, attempts, payload, progress, result, error, created_at, finished_at"
#define JOB_TYPES "uu?sstiss?s?stt?"
DB_STMT(job_of_tenant, TENANT, "SELECT " JOB_COLUMNS " FROM job WHERE tenant_id = :tenant AND job_id = ?", "u",
        JOB_TYPES);
DB_STMT(job_waiting, TENANT, "SELECT COUNT(*) FROM job WHERE tenant_id = :tenant AND kind = ? AND finished_at IS NULL",
        "s", "i");
/* GLOBAL: for the worker and the operator. */
DB_STMT(job_any, GLOBAL, "SELECT " JOB_COLUMNS " FROM job WHERE job_id = ?", "u", JOB_TYPES);
/* GLOBAL: for the operator. */
DB_STMT(job_list, GLOBAL, "SELECT " JOB_COLUMNS " FROM job WHERE state = ? ORDER BY due_at DESC LIMIT ?", "si",
        JOB_TYPES);
/* GLOBAL: jobs of the install, which belong to no tenant. The ids of periodic jobs are digests, so the newest is
 * found by its time. */
DB_STMT(job_last_ended, GLOBAL,
        "SELECT kind, state, error, finished_at FROM (SELECT kind, state, error, finished_at, ROW_NUMBER() OVER "
        "(PARTITION BY kind ORDER BY created_at DESC, job_id) AS place FROM job WHERE tenant_id IS NULL AND state IN "
        "('done', 'dead')) j WHERE place = 1 ORDER BY kind",
        "", "ssst?");
/* GLOBAL: for the operator. */
DB_STMT(
    job_replay, GLOBAL,
    "UPDATE job SET state = 'ready', due_at = ?, attempts = 0, finished_at = NULL WHERE job_id = ? AND state = 'dead'",
    "tu", "");
/* GLOBAL: numbers of the install. */
DB_STMT(job_depth, GLOBAL,
        "SELECT (SELECT COUNT(*) FROM job WHERE state = 'ready' AND due_at <= ?), (SELECT COUNT(*) FROM job WHERE "
        "state = 'running'),"
        " (SELECT COUNT(*) FROM job WHERE state = 'dead' AND (tenant_id IS NULL OR attempts >= max_attempts)),"
        " (SELECT MIN(due_at) FROM job WHERE state = 'ready')",
        "t", "iiit?");
/* GLOBAL: retention of the install. */
DB_STMT(job_forget, GLOBAL, "DELETE FROM job WHERE state = ? AND due_at < ? ORDER BY due_at LIMIT ?", "sti", "");

enum status job_store_insert(struct db *c, const struct job_insert *j, struct err *e)
{
    CHECK(j->kind != JOB_KIND_NONE);
    return db_exec(c, j->once ? &job_insert_once : &job_insert, DB_GLOBAL,
                   DB_ARGS(db_id(j->id), db_opt(!id_is_none(j->tenant), db_id(j->tenant)),
                           db_text(job_kind_name(j->kind)), db_time(j->due_ms), db_int(j->max_attempts),
                           db_str(j->payload), db_time(j->now_ms)),
                   NULL, e);
}

enum status job_store_insert_file(struct db *c, struct id job, int64_t part, struct str data, struct err *e)
{
    return db_exec(c, &file_insert, DB_GLOBAL, DB_ARGS(db_id(job), db_int(part), db_bytes(data.p, data.n)), NULL, e);
}

enum status job_store_delete_file(struct db *c, struct id job, struct err *e)
{
    return db_exec(c, &file_delete, DB_GLOBAL, DB_ARGS(db_id(job)), NULL, e);
}

/* No row is not an error: all due jobs may be locked by other workers at this moment. */
enum status job_store_lock_due(struct db *c, struct arena *a, enum job_state state, int64_t now_ms, struct id *id,
                               int *attempts, int *max, bool *found, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, state == JOB_RUNNING ? &job_lock_expired : &job_lock_due, DB_GLOBAL,
                              DB_ARGS(db_time(now_ms)), a, &rows, e);
    *found = st == OK && rows.n > 0;
    if (*found) {
        *id = db_row_id(rows.rows[0], 0);
        *attempts = (int)db_row_int(rows.rows[0], 1);
        *max = (int)db_row_int(rows.rows[0], 2);
    }
    return st;
}

enum status job_store_take(struct db *c, struct id id, const char *worker, int64_t until_ms, struct err *e)
{
    return db_exec(c, &job_take, DB_GLOBAL, DB_ARGS(db_text(worker), db_time(until_ms), db_id(id)), NULL, e);
}

enum status job_store_lock_mine(struct db *c, struct arena *a, struct id id, const char *worker, int *attempts,
                                int *max, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &job_lock_mine, DB_GLOBAL, DB_ARGS(db_id(id), db_text(worker)), a, &r, e);
    if (st == ERR_NOT_FOUND)
        return err_set(e, E_lease_lost, "Another worker has taken over the job.");
    if (st == OK) {
        *attempts = (int)db_row_int(r, 0);
        *max = (int)db_row_int(r, 1);
    }
    return st;
}

enum status job_store_extend(struct db *c, struct id id, int64_t until_ms, struct db_val progress, struct err *e)
{
    return db_exec(c, &job_extend, DB_GLOBAL, DB_ARGS(db_time(until_ms), progress, db_id(id)), NULL, e);
}

enum status job_store_end(struct db *c, struct id id, const struct job_end *end, struct err *e)
{
    return db_exec(c, &job_end, DB_GLOBAL,
                   DB_ARGS(db_text(job_state_name(end->state)), db_time(end->due_ms), db_str(end->error), end->result,
                           db_opt(end->finished, db_time(end->now_ms)), db_id(id)),
                   NULL, e);
}

static enum status job_read_json(struct arena *a, struct str text, struct json **out, struct err *e)
{
    *out = NULL;
    return text.n ? json_parse(a, text, MAX_JSON_DEPTH, out, e) : OK;
}

static void job_copy_text(char *out, size_t n, struct str s)
{
    snprintf(out, n, "%.*s", STR_F(s));
}

static enum status job_read_row(struct db_row r, struct arena *a, struct job *out, struct err *e)
{
    *out = (struct job){.id = db_row_id(r, 0),
                        .tenant = db_row_id(r, 1),
                        .kind = job_kind_parse(db_row_str(r, 2)),
                        .due_ms = db_row_time(r, 4),
                        .attempt = (int)db_row_int(r, 5),
                        .created_ms = db_row_time(r, 10),
                        .finished_ms = db_row_time(r, 11)};
    job_copy_text(out->kind_name, sizeof(out->kind_name), db_row_str(r, 2));
    job_copy_text(out->error, sizeof(out->error), db_row_str(r, 9));
    if (!job_state_parse(db_row_str(r, 3), &out->state))
        return db_row_unknown("job.state", db_row_str(r, 3), e);
    enum status st = job_read_json(a, db_row_str(r, 6), &out->payload, e);
    if (st == OK)
        st = job_read_json(a, db_row_str(r, 7), &out->progress, e);
    return st == OK ? job_read_json(a, db_row_str(r, 8), &out->result, e) : st;
}

enum status job_store_get(struct db *c, const struct id *tenant, struct arena *a, struct id id, struct job *out,
                          struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, tenant ? &job_of_tenant : &job_any, tenant, DB_ARGS(db_id(id)), a, &r, e);
    return st == OK ? job_read_row(r, a, out, e) : st;
}

enum status job_store_list(struct db *c, struct arena *a, enum job_state state, int limit, struct job **out, size_t *n,
                           struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &job_list, DB_GLOBAL, DB_ARGS(db_text(job_state_name(state)), db_int(limit)), a, &rows,
                              e);
    *n = 0;
    if (st == OK && !(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        st = err_nomem(e);
    for (; st == OK && *n < rows.n; (*n)++)
        st = job_read_row(rows.rows[*n], a, &(*out)[*n], e);
    return st;
}

enum status job_store_last_ended(struct db *c, struct arena *a, struct job_last **out, size_t *n, struct err *e)
{
    struct db_rows rows;
    enum status st = db_query(c, &job_last_ended, DB_GLOBAL, DB_NONE, a, &rows, e);
    *n = 0;
    if (st == OK && !(*out = arena_array(a, rows.n + 1, sizeof(**out))))
        st = err_nomem(e);
    for (; st == OK && *n < rows.n; (*n)++) {
        struct db_row r = rows.rows[*n];
        struct job_last *j = &(*out)[*n];
        *j = (struct job_last){.kind = job_kind_parse(db_row_str(r, 0)),
                               .kind_name = db_row_str(r, 0),
                               .error = db_row_str(r, 2),
                               .finished_ms = db_row_time(r, 3)};
        if (!job_state_parse(db_row_str(r, 1), &j->state))
            st = db_row_unknown("job.state", db_row_str(r, 1), e);
    }
    return st;
}

enum status job_store_replay(struct db *c, struct id id, int64_t now_ms, int64_t *n, struct err *e)
{
    return db_exec(c, &job_replay, DB_GLOBAL, DB_ARGS(db_time(now_ms), db_id(id)), n, e);
}

enum status job_store_waiting(struct db *c, struct arena *a, struct id tenant, enum job_kind kind, int64_t *n,
                              struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &job_waiting, &tenant, DB_ARGS(db_text(job_kind_name(kind))), a, &r, e);
    *n = st == OK ? db_row_int(r, 0) : 0;
    return st;
}

/* One statement, so that the numbers belong together. Dead jobs of tenants that failed for good are left out: only the
 * tenant can repair those, and they would keep the operator's alarm on. */
enum status job_store_depth(struct db *c, struct arena *a, int64_t now_ms, struct queue_depth *out, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &job_depth, DB_GLOBAL, DB_ARGS(db_time(now_ms)), a, &r, e);
    if (st != OK)
        return st;
    int64_t oldest = db_row_time(r, 3);
    *out = (struct queue_depth){db_row_int(r, 0), db_row_int(r, 1), db_row_int(r, 2),
                                oldest && oldest < now_ms ? now_ms - oldest : 0};
    return OK;
}

enum status job_store_forget(struct db *c, enum job_state state, int64_t before_ms, int limit, int64_t *n,
                             struct err *e)
{
    return db_exec(c, &job_forget, DB_GLOBAL,
                   DB_ARGS(db_text(job_state_name(state)), db_time(before_ms), db_int(limit)), n, e);
}

enum status job_store_file_size(struct db *c, struct arena *a, struct id job, int64_t *bytes, struct err *e)
{
    struct db_row r;
    enum status st = db_query_one(c, &file_size, DB_GLOBAL, DB_ARGS(db_id(job)), a, &r, e);
    *bytes = st == OK ? db_row_int(r, 0) : 0;
    return st;
}

enum status job_store_file(struct db *c, struct id job, enum status (*fn)(void *ctx, struct db_row part, struct err *e),
                           void *ctx, struct err *e)
{
    return db_each(c, &file_parts, DB_GLOBAL, DB_ARGS(db_id(job)), fn, ctx, e);
}
