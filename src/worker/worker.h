/* worker.h: the worker takes jobs from the queue and runs their handlers one after the other. One thread.
 *
 * A kind of job (queue/job_kind.def) has one row of jobs.def and one function in a job_*.c file. Between two jobs each
 * step has a turn: a step is one row of steps.def and one function in a step_*.c file, for work that has tables of its
 * own instead of jobs (events of Stripe, meter rows). A step that fails is logged and rests for 10 s. What handlers and
 * steps may call is in worker_internal.h. */
#ifndef PARLEY_WORKER_WORKER_H
#define PARLEY_WORKER_WORKER_H

#include "base/config.h"
#include "base/crash.h"
#include "db/db.h"

#define WORKER_BEAT_S 10 /* the heartbeat file is touched at least this often between jobs */
#define WORKER_KINDS 32  /* at most this many rows of jobs.def */
#define WORKER_STEPS 8   /* and of steps.def */

struct worker {
    const struct config *config;
    struct db_pool *pool; /* two connections: one for the handler, one to extend leases */
    char name[80];        /* unique among all workers of the install */
    char heartbeat[256];  /* path of a file that is touched while the worker lives */
    int64_t beat_us, lease_us;
    bool database_away;                  /* logged already */
    bool view_open;                      /* templates and texts are loaded, which happens with the first mail */
    int64_t periods[WORKER_KINDS];       /* the period for which a periodic job was last queued */
    int64_t rest_us[WORKER_STEPS];       /* a step that failed rests until then */
    struct crash_slot slot;              /* the current job, for a crash report */
    void (*meanwhile)(struct worker *w); /* gives a turn to the steps that do not wait for a long job */
};

/* Opens the pool and registers for crash reports. worker_close() is safe after a failure too. */
enum status worker_open(struct worker *w, const struct config *c, struct err *e);
void worker_close(struct worker *w);
/* Runs one job that is due, and one turn of each step; *found is false if there was nothing to do. An error comes
 * from the database, never from a job. */
enum status worker_step(struct worker *w, bool *found, struct err *e);
/* Runs until SIGTERM or SIGINT, which the caller has blocked together with SIGHUP. On SIGHUP it calls reload (may be
 * NULL). The current job is finished first. A database that is away is waited for; a schema that is not this
 * release's ends it with ERR_CONFLICT. */
enum status worker_run(struct worker *w, void (*reload)(void *ctx), void *ctx, struct err *e);
/* The heartbeat file of an install, for monitors. */
void worker_heartbeat_path(const struct config *c, char *out, size_t n);

#endif
