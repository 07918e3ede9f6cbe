/* queue.h: jobs in the database: enqueue inside a transaction, claim with a lease, retry with backoff, dead letter.
 *
 * A claim is FOR UPDATE SKIP LOCKED on (state, due_at). A worker that dies loses its lease and the job runs again,
 * so a handler must be able to run twice. Functions run on the caller's connection, in its transaction if it has
 * one; results lie in the arena. */
#ifndef PARLEY_QUEUE_QUEUE_H
#define PARLEY_QUEUE_QUEUE_H

#include "base/json.h"
#include "db/db.h"

enum job_state { JOB_READY, JOB_RUNNING, JOB_DONE, JOB_DEAD };
/* The state's name in the table, in JSON and on the command line: "ready". */
const char *job_state_name(enum job_state s);
/* False if there is no such state. */
bool job_state_parse(struct str name, enum job_state *out);

/* The kinds are the rows of job_kind.def. */
enum job_kind {
    JOB_KIND_NONE, /* in a job: a kind that this release does not know */
#define JOB_KIND(name, part) JOB_KIND_##name,
#include "queue/job_kind.def"
#undef JOB_KIND
};
/* The part of Parley that a kind of job belongs to. */
enum job_part { JOB_PART_GENERAL, JOB_PART_BILLING };
enum job_part job_kind_part(enum job_kind kind);

struct job {
    struct id id, tenant; /* tenant ID_NONE: a job of the install */
    enum job_kind kind;
    char kind_name[48]; /* as it is stored, also of one that is not known */
    int attempt;        /* 1 = first */
    struct json *payload, *progress, *result;
    enum job_state state;
    char error[512];
    int64_t due_ms, created_ms, finished_ms;
};

struct job_new {
    enum job_kind kind;
    struct id tenant;
    const struct json *payload;
    int64_t due_ms;
    int max_attempts;
    struct str file;
};
/* Adds the job in the caller's transaction. `file` (may be empty, at most MAX_CSV) is kept beside the job until it
 * is done. due_ms 0 means now, max_attempts 0 means 5, payload NULL an empty object. `out` may be NULL.
 * ERR_TOO_LARGE code file_too_large or job_too_large. */
enum status queue_add(struct db *c, const struct job_new *n, struct id *out, struct err *e);
/* Adds a job of the install that runs once in each period of period_ms, however many workers ask for it. */
enum status queue_add_periodic(struct db *c, enum job_kind kind, int64_t period_ms, struct err *e);
/* Takes the job that has been due longest for `worker`, until the lease ends; *found is false if none is due. A job
 * whose worker died is taken over, or becomes dead when that was its last attempt. */
enum status queue_claim(struct db *c, struct arena *a, const char *worker, int64_t lease_ms, struct job *out,
                        bool *found, struct err *e);
/* The file kept beside the job; "" if it has none. */
enum status queue_file(struct db *c, struct arena *a, struct id job, struct str *out, struct err *e);
/* queue_extend, queue_done and queue_fail return ERR_CONFLICT code lease_lost when another worker has the job.
 * `progress` NULL keeps the progress stored last. */
enum status queue_extend(struct db *c, struct id job, const char *worker, int64_t lease_ms, const struct json *progress,
                         struct err *e);
enum status queue_done(struct db *c, struct id job, const char *worker, const struct json *result, struct err *e);
/* The job is due again after a backoff (10 s, 1 min, 10 min, 1 h, then 6 h), or dead after max_attempts. When
 * `final`, it is dead at once and its file is deleted, because a replay would only fail again. */
enum status queue_fail(struct db *c, struct id job, const char *worker, const char *error, bool final, struct err *e);
/* `tenant` DB_GLOBAL finds a job of any tenant. ERR_NOT_FOUND. */
enum status queue_get(struct db *c, const struct id *tenant, struct arena *a, struct id job, struct job *out,
                      struct err *e);
/* How many jobs of this tenant and kind are waiting or running. */
enum status queue_waiting(struct db *c, struct id tenant, enum job_kind kind, int64_t *n, struct err *e);
/* Jobs of all tenants in this state, newest first. */
enum status queue_list(struct db *c, struct arena *a, enum job_state state, int limit, struct job **out, size_t *n,
                       struct err *e);
/* The last run of each periodic kind of the install that ended, in the order of the kinds' names. */
struct job_last {
    enum job_kind kind;
    struct str kind_name, error;
    enum job_state state; /* JOB_DONE or JOB_DEAD */
    int64_t finished_ms;
};
enum status queue_last_ended(struct db *c, struct arena *a, struct job_last **out, size_t *n, struct err *e);
/* Makes a dead job ready again. ERR_NOT_FOUND if it is not dead. */
enum status queue_replay(struct db *c, struct id job, struct err *e);
/* `dead` counts the jobs that a replay may repair. A tenant's job that failed for good (an upload that is not CSV)
 * is for the tenant to repair. oldest_ready_ms is how long the first due job has waited. */
struct queue_depth {
    int64_t ready, running, dead, oldest_ready_ms;
};
enum status queue_depth(struct db *c, struct queue_depth *out, struct err *e);
/* Deletes at most `limit` jobs in this state that ended before before_ms; *n is their number. */
enum status queue_forget(struct db *c, enum job_state state, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
