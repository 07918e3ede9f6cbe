/* worker.h: takes jobs from the queue and runs their handlers, one after the other. One thread.
 *
 * A kind of job is one row of jobs.def and one function in a job_*.c file. A handler may run twice for the same job (a worker
 * that died), so it leaves the same state behind. It returns OK with *result (or NULL); a temporary failure is tried again after a
 * backoff; ERR_INVALID, ERR_NOT_FOUND, ERR_PLAN, ERR_DENIED, ERR_TOO_LARGE and ERR_CONFLICT are final.
 *
 * A step is one row of steps.def and one function in an step_*.c file: work that stands in tables of its own and not in the queue
 * (events of Stripe, meter rows). Between two jobs each step has a turn; one that fails is logged, and rests for 10 s. */
#ifndef PARLEY_WORKER_WORKER_H
#define PARLEY_WORKER_WORKER_H

#include "base/crash.h"
#include "queue/queue.h"
#include "stripe/client.h"

/* room for the rows of jobs.def and steps.def */
#define WORKER_KINDS 32
#define WORKER_STEPS 8

struct worker {
    struct config *config;
    struct db_pool *pool; /* two connections: the handler's, and one for leases */
    char name[80];        /* unique among all workers of the install */
    char heartbeat[256];  /* path; touched while it lives */
    int64_t beat_us, lease_us;
    bool database_away;            /* said already */
    bool view_open;                /* templates and texts are loaded: with the first mail */
    int64_t periods[WORKER_KINDS]; /* the period that a periodic job was last queued for */
    int64_t rest_us[WORKER_STEPS]; /* a step that failed rests until then */
    struct crash_slot slot;        /* the job in hand, for a crash report */
};

struct work { /* one job being done */
    struct worker *worker;
    struct db *db; /* the handler's connection; NULL between worker_away and worker_back */
    struct arena *arena;
    const struct job *job;
};
typedef enum status job_fn(struct work *w, struct json **result, struct err *e);

/* One turn of a step: a piece of its work, or as many as a fraction of a second allows, without waiting for more; *found says that
 * there was one. Takes its connections from w->pool. */
typedef enum status step_fn(struct worker *w, bool *found, struct err *e);

enum status worker_open(struct worker *w, const struct config *c, struct err *e);
void worker_close(struct worker *w);
/* Run one job that is due, and a turn of each step; *found false when there was nothing. An error is the database's, not the job's. */
enum status worker_step(struct worker *w, bool *found, struct err *e);
/* Until SIGTERM or SIGINT, which the caller has blocked along with SIGHUP; on SIGHUP calls reload (may be NULL). A job in
 * hand is finished first. Ends with a status other than OK when the schema is not this release's. */
enum status worker_run(struct worker *w, void (*reload)(void *ctx), void *ctx, struct err *e);
/* Called by a handler now and then: keeps the lease and the heartbeat, stores the progress (may be NULL). Writes at most once a second. */
void worker_progress(struct work *w, const struct json *progress);
/* Before an outside call is waited for, and behind it: w->db is given back, and NULL until it is had again. A handler that ends
 * without worker_back is fine. */
void worker_away(struct work *w);
enum status worker_back(struct work *w, struct err *e);
/* The templates and texts, loaded when a handler first asks for them, read again on SIGHUP. */
enum status worker_view(struct worker *w, struct err *e);
/* Stripe with the settings as they are now; *on false (and nothing to close) while no key is set, or it is not one. */
enum status worker_stripe(struct worker *w, struct stripe *stripe, bool *on, struct err *e);
void worker_heartbeat_path(const struct config *c, char *out, size_t n);
#define WORKER_BEAT_S 10 /* the heartbeat is touched at least this often between jobs */

#endif
