/* worker_internal.h: what the handlers of jobs and the steps may call. Within src/worker only. */
#ifndef PARLEY_WORKER_WORKER_INTERNAL_H
#define PARLEY_WORKER_WORKER_INTERNAL_H

#include "queue/queue.h"
#include "stripe/client.h"
#include "worker/worker.h"

#define WORKER_LEASE_MS MINUTE_MS

/* The job that is running. */
struct worker_job {
    struct worker *worker;
    struct db *db; /* the handler's connection; NULL between worker_away and worker_back */
    struct arena *arena;
    const struct job *job;
};

/* A handler may run twice for the same job (when a worker died), so running it again must leave the same state
 * behind. It returns OK with *result (or NULL). ERR_INVALID, ERR_NOT_FOUND, ERR_PLAN, ERR_DENIED, ERR_TOO_LARGE and
 * ERR_CONFLICT are final; any other failure is retried after a backoff. */
typedef enum status job_fn(struct worker_job *w, struct json **result, struct err *e);
/* One turn of a step: a piece of its work, or as many as fit into a fraction of a second. It does not wait for more;
 * *found says whether there was any. It takes its connections from w->pool. */
typedef enum status step_fn(struct worker *w, bool *found, struct err *e);

#define JOB(kind, fn) job_fn fn;
#define PERIODIC(kind, fn, period_ms) job_fn fn;
#define STEP(name, fn, meanwhile) step_fn fn;
#include "worker/jobs.def"
#include "worker/steps.def"
#undef JOB
#undef PERIODIC
#undef STEP

/* A handler calls this now and then: it keeps the lease and the heartbeat, stores the progress (may be NULL), and
 * lets the steps marked "meanwhile" in steps.def have a turn. Does something at most once a second. */
void worker_progress(struct worker_job *w, const struct json *progress);
/* Touches the heartbeat file, at most twice in WORKER_BEAT_S. */
void worker_beat(struct worker *w);
/* worker_away gives w->db back before the handler waits for something outside; worker_back takes a connection again.
 * A handler may return without worker_back. */
void worker_away(struct worker_job *w);
enum status worker_back(struct worker_job *w, struct err *e);
/* Loads templates and texts when a handler first asks for them; they are read again on SIGHUP. */
enum status worker_view(struct worker *w, struct err *e);
/* Opens Stripe with the settings as they are now. *on is false, with nothing to close, while no key is set or
 * opening failed. */
enum status worker_stripe(struct worker *w, struct stripe *stripe, bool *on, struct err *e);

#endif
