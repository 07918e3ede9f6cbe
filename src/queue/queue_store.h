/* queue_store.h: rows of job and job_file. Within src/queue only. The worker serves all tenants, so its statements
 * span them. */
#ifndef PARLEY_QUEUE_QUEUE_STORE_H
#define PARLEY_QUEUE_QUEUE_STORE_H

#include "queue/queue.h"

/* The name in the row; "" for JOB_KIND_NONE. */
const char *job_kind_name(enum job_kind kind);
struct job_insert {
    struct id id, tenant;
    enum job_kind kind;
    struct str payload;
    int64_t due_ms, now_ms;
    int max_attempts;
    bool once;
};
enum status job_store_insert(struct db *c, const struct job_insert *j, struct err *e);
enum status job_store_insert_file(struct db *c, struct id job, int64_t part, struct str data, struct err *e);
enum status job_store_delete_file(struct db *c, struct id job, struct err *e);
/* Locks the row for the transaction; *found is false if there is none. JOB_READY looks for due jobs, JOB_RUNNING for
 * leases that ended. */
enum status job_store_lock_due(struct db *c, struct arena *a, enum job_state state, int64_t now_ms, struct id *id,
                               int *attempts, int *max, bool *found, struct err *e);
enum status job_store_take(struct db *c, struct id id, const char *worker, int64_t until_ms, struct err *e);
/* Locks the row for the transaction. ERR_CONFLICT code lease_lost when another worker has the job. */
enum status job_store_lock_mine(struct db *c, struct arena *a, struct id id, const char *worker, int *attempts,
                                int *max, struct err *e);
enum status job_store_extend(struct db *c, struct id id, int64_t until_ms, struct db_val progress, struct err *e);
struct job_end {
    enum job_state state;
    int64_t due_ms;
    struct str error;
    struct db_val result;
    bool finished;
    int64_t now_ms;
};
enum status job_store_end(struct db *c, struct id id, const struct job_end *end, struct err *e);
enum status job_store_get(struct db *c, const struct id *tenant, struct arena *a, struct id id, struct job *out,
                          struct err *e);
enum status job_store_waiting(struct db *c, struct arena *a, struct id tenant, enum job_kind kind, int64_t *n,
                              struct err *e);
enum status job_store_list(struct db *c, struct arena *a, enum job_state state, int limit, struct job **out, size_t *n,
                           struct err *e);
enum status job_store_last_ended(struct db *c, struct arena *a, struct job_last **out, size_t *n, struct err *e);
enum status job_store_replay(struct db *c, struct id id, int64_t now_ms, int64_t *n, struct err *e);
enum status job_store_depth(struct db *c, struct arena *a, int64_t now_ms, struct queue_depth *out, struct err *e);
enum status job_store_forget(struct db *c, enum job_state state, int64_t before_ms, int limit, int64_t *n,
                             struct err *e);
enum status job_store_file_size(struct db *c, struct arena *a, struct id job, int64_t *bytes, struct err *e);
/* Hands the parts of the file to fn, in order. */
enum status job_store_file(struct db *c, struct id job, enum status (*fn)(void *ctx, struct db_row part, struct err *e),
                           void *ctx, struct err *e);

#endif
