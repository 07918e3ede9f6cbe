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

struct job_new { const char *kind; struct id tenant; const struct json *payload; int64_t due_ms; int max_attempts; struct str file; };
/* With the caller's transaction. `file` (may be empty, at most MAX_CSV) is kept beside the job until it is done. */
enum status queue_add(struct db *c, const struct job_new *n, struct id *out, struct err *e);
enum status queue_claim(struct db *c, struct arena *a, const char *worker, int64_t lease_ms, struct job *out, bool *found, struct err *e);
enum status queue_file(struct db *c, struct arena *a, struct id job, struct str *out, struct err *e);
enum status queue_extend(struct db *c, struct id job, const char *worker, int64_t lease_ms, const struct json *progress, struct err *e);
enum status queue_done(struct db *c, struct id job, const char *worker, const struct json *result, struct err *e);
/* Retry after backoff (10 s, 1 min, 10 min, 1 h, 6 h), or dead after max_attempts or when `final`. */
enum status queue_fail(struct db *c, struct id job, const char *worker, const char *error, bool final, struct err *e);
enum status queue_get(struct db *c, const struct id *tenant, struct arena *a, struct id job, struct job *out, struct err *e);
enum status queue_replay(struct db *c, struct id job, struct err *e); /* a dead one becomes ready */
struct queue_depth { int64_t ready, running, dead, oldest_ready_ms; };
enum status queue_depth(struct db *c, struct queue_depth *out, struct err *e);

#endif
