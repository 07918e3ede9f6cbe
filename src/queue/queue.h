/* queue.h: jobs in the database: enqueue inside a transaction, claim with a lease, retry with backoff, dead letter.
 *
 * States: ready, running, done, dead. A claim is FOR UPDATE SKIP LOCKED on (state, due_at); a worker that dies loses its lease and
 * the job runs again: handlers must be able to run twice. */
#ifndef PARLEY_QUEUE_QUEUE_H
#define PARLEY_QUEUE_QUEUE_H

#include "base/json.h"
#include "db/db.h"

struct job {
    struct id id, tenant; /* tenant ID_NONE: a job of the install */
    char kind[48];
    int attempt; /* 1 = first */
    struct json *payload, *progress, *result;
    char state[12]; /* ready running done dead */
    char error[512];
    int64_t due_ms, created_ms, finished_ms;
};

struct job_new {
    const char *kind;
    struct id tenant;
    const struct json *payload;
    int64_t due_ms;
    int max_attempts;
    struct str file;
};
/* With the caller's transaction. `file` (may be empty, at most MAX_CSV) is kept beside the job until it is done. due_ms 0 = now,
 * max_attempts 0 = 5, payload NULL = an empty object. */
enum status queue_add(struct db *c, const struct job_new *n, struct id *out, struct err *e);
/* A job of the install that runs once in each period, however many workers ask for it: `period_ms` names the period. */
enum status queue_add_periodic(struct db *c, const char *kind, int64_t period_ms, struct err *e);
/* The job that is due longest, for `worker` until the lease ends. One whose worker died is taken over, or buried when it was
 * its last attempt. */
enum status queue_claim(struct db *c, struct arena *a, const char *worker, int64_t lease_ms, struct job *out,
                        bool *found, struct err *e);
enum status queue_file(struct db *c, struct arena *a, struct id job, struct str *out,
                       struct err *e); /* "" if it has none */
/* extend, done and fail: ERR_CONFLICT code lease_lost when the job is no longer this worker's; `progress` NULL keeps the last. */
enum status queue_extend(struct db *c, struct id job, const char *worker, int64_t lease_ms, const struct json *progress,
                         struct err *e);
enum status queue_done(struct db *c, struct id job, const char *worker, const struct json *result, struct err *e);
/* Retry after backoff (10 s, 1 min, 10 min, 1 h, 6 h), or dead after max_attempts or when `final`: then its file goes, as a replay
 * would only fail again. */
enum status queue_fail(struct db *c, struct id job, const char *worker, const char *error, bool final, struct err *e);
enum status queue_get(struct db *c, const struct id *tenant, struct arena *a, struct id job, struct job *out,
                      struct err *e);
/* How many jobs of this workspace and kind wait or run. */
enum status queue_waiting(struct db *c, struct id tenant, const char *kind, int64_t *n, struct err *e);
enum status queue_list(struct db *c, struct arena *a, const char *state, int limit, struct job **out, size_t *n,
                       struct err *e); /* newest first, all tenants */
enum status queue_replay(struct db *c, struct id job,
                         struct err *e); /* a dead one becomes ready; ERR_NOT_FOUND if it is not dead */
/* `dead`: those that a replay may mend. One of a workspace that never can succeed (a file that is no CSV) is that workspace's to mend. */
struct queue_depth {
    int64_t ready, running, dead, oldest_ready_ms;
}; /* oldest_ready_ms: how long the first due one has waited */
enum status queue_depth(struct db *c, struct queue_depth *out, struct err *e);
/* Forget at most `limit` jobs in this state that ended before; *n = how many it were. */
enum status queue_forget(struct db *c, const char *state, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
