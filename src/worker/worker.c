/* worker.c: the loop of the worker: a job, then a turn of each step, until a signal.
 *
 * An idle worker polls the queue once a second, and at once when another program of the host bumps the shared
 * generation "work". A failing step rests and a failing job backs off, so neither holds up anything else; a database
 * that is away is waited for. Invariant: a signal is taken only between two jobs, so no handler is interrupted by a
 * shutdown. */
#include "worker/worker.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/shared.h"
#include "billing/meter/meter.h"
#include "billing/notice/notice.h"
#include "db/migrate.h"
#include "knowledge/answers.h"
#include "queue/mail.h"
#include "view/view.h"
#include "worker/worker_internal.h"

#include "base/banned.h"

#define POLL_US 1000000
#define LOOK_US 100000   /* how often the shared file is read for new work */
#define AWAY_US 2000000  /* pause while the database is away */
#define REST_US 10000000 /* of a step that failed */
/* A limit and not an allocation: the largest job, an import with its whole CSV file, stays far below it. */
#define JOB_ARENA (512 * MB)

static const struct worker_kind {
    job_fn *fn; /* NULL: this release does not know the kind */
    int64_t period_ms;
} jobs[] = {
    [JOB_KIND_NONE] = {NULL, 0},
#define JOB(kind, fn) [JOB_KIND_##kind] = {fn, 0},
#define PERIODIC(kind, fn, period_ms) [JOB_KIND_##kind] = {fn, period_ms},
#include "worker/jobs.def"
#undef JOB
#undef PERIODIC
};
#define KINDS COUNT_OF(jobs)
_Static_assert(COUNT_OF(jobs) <= WORKER_KINDS, "WORKER_KINDS is too small");

static const struct worker_step_row {
    const char *name;
    step_fn *fn;
    bool meanwhile;
} steps[] = {
#define STEP(name, fn, meanwhile) {name, fn, meanwhile},
#include "worker/steps.def"
#undef STEP
    {NULL, NULL, false},
};
_Static_assert(COUNT_OF(steps) <= WORKER_STEPS, "WORKER_STEPS is too small");

/* A person may be waiting for the result of a step (a payment that has arrived), so the steps marked for it also have a
 * turn during a long job. */
static void worker_serve_meanwhile(struct worker *k)
{
    for (size_t i = 0; steps[i].name; i++) {
        struct err e = ERR_INIT;
        bool more = false;
        if (!steps[i].meanwhile || clock_mono_us() < k->rest_us[i])
            continue;
        if (steps[i].fn(k, &more, &e) != OK) {
            log_line(LOG_WARN, "step_failed", LOG_S("step", steps[i].name), LOG_S("error", e.message));
            k->rest_us[i] = clock_mono_us() + REST_US;
        }
    }
}

/* The name tells workers apart: host and process for people, and an id, because containers share both. */
enum status worker_open(struct worker *w, const struct config *c, struct err *e)
{
    char host[40] = "host", id[ID_TEXT_MAX];
    *w = (struct worker){.config = config_retain(c), .meanwhile = worker_serve_meanwhile};
    gethostname(host, sizeof(host) - 1);
    snprintf(w->name, sizeof(w->name), "%.30s:%d:%s", host, (int)getpid(), id_text(ID_JOB, id_new(), id) + 4);
    worker_heartbeat_path(c, w->heartbeat, sizeof(w->heartbeat));
    enum status st = db_pool_open(c, 2, &w->pool, e);
    if (st == OK) {
        crash_slots(&w->slot, 1);
        crash_thread_begin(&w->slot);
    }
    return st;
}

void worker_close(struct worker *w)
{
    crash_thread_begin(NULL);
    crash_slots(NULL, 0);
    if (w->view_open)
        view_library_close();
    w->view_open = false;
    db_pool_close(w->pool);
    config_drop(w->config);
}

static void worker_reload_view(struct worker *w)
{
    struct err e = ERR_INIT;
    if (w->view_open && view_library_reload(&e) != OK)
        log_line(LOG_WARN, "texts_kept", LOG_S("error", e.message));
}

/* These say that the job itself is wrong, and would be as wrong after the next attempt. Everything else (network,
 * memory, database) may be better later. */
static bool worker_is_final(enum status st)
{
    return st == ERR_INVALID || st == ERR_NOT_FOUND || st == ERR_PLAN || st == ERR_DENIED || st == ERR_TOO_LARGE ||
           st == ERR_CONFLICT;
}

/* Writes the outcome to the job's row. If the lease is lost, another worker has the job and writes its own outcome;
 * that is not an error of this worker, which must not stop because of it. */
static enum status worker_record(struct worker_job *w, enum status how, const struct json *result,
                                 const struct err *why, struct err *e)
{
    const char *name = w->worker->name;
    enum status st = worker_back(w, e);
    if (st != OK)
        return st;
    st = how == OK ? queue_done(w->db, w->job->id, name, result, e)
                   : queue_fail(w->db, w->job->id, name, why->message, worker_is_final(how), e);
    /* A result that the database refuses would be refused after each retry, so the job is dead at once. */
    if (st == ERR_TOO_LARGE || st == ERR_INTERNAL)
        st = queue_fail(w->db, w->job->id, name, "The result could not be stored.", true, e);
    if (st == ERR_CONFLICT) {
        log_line(LOG_WARN, "job_lease_lost", LOG_S("kind", w->job->kind_name));
        return OK;
    }
    return st;
}

/* The job's id becomes the request id of the log, so that one id leads from the page to everything that the job did. */
static enum status worker_run_job(struct worker_job *w, struct err *e)
{
    char id[ID_TEXT_MAX];
    int64_t start = clock_mono_us();
    struct json *result = NULL;
    struct err why = ERR_INIT;
    job_fn *fn = (size_t)w->job->kind < KINDS ? jobs[w->job->kind].fn : NULL;
    id_text(ID_JOB, w->job->id, id);
    log_set_request(id);
    crash_busy(&w->worker->slot, id);
    crash_route(&w->worker->slot, fn ? w->job->kind_name : NULL);
    w->worker->lease_us = start;
    enum status how = fn ? fn(w, &result, &why)
                         : err_set(&why, E_invalid, "This release does not know this kind of job.");
    enum status st = worker_record(w, how, result, &why, e);
    log_line(how == OK ? LOG_INFO : LOG_WARN, how == OK ? "job_done" : "job_failed", LOG_S("kind", w->job->kind_name),
             LOG_I("attempt", w->job->attempt), LOG_I("ms", (clock_mono_us() - start) / 1000),
             LOG_S("error", why.message));
    crash_idle(&w->worker->slot);
    log_set_request(NULL);
    return st;
}

/* Each worker asks for each periodic kind once in its period; the queue makes one job of all requests. The period is
 * remembered only after the row is written, so a failed attempt is repeated in the next round. */
static enum status worker_queue_periodic(struct worker *w, struct db *c, struct err *e)
{
    enum status st = OK;
    for (size_t i = 0; st == OK && i < KINDS; i++) {
        int64_t period = jobs[i].period_ms ? clock_now_ms() / jobs[i].period_ms : 0;
        if (period == w->periods[i])
            continue;
        st = queue_add_periodic(c, (enum job_kind)i, jobs[i].period_ms, e);
        if (st == OK)
            w->periods[i] = period;
    }
    return st;
}

/* A step that fails does not stop the others; it rests for REST_US. */
static void worker_run_steps(struct worker *w, bool *found)
{
    for (size_t i = 0; steps[i].name; i++) {
        struct err e = ERR_INIT;
        bool more = false;
        if (clock_mono_us() < w->rest_us[i])
            continue;
        crash_busy(&w->slot, steps[i].name);
        if (steps[i].fn(w, &more, &e) != OK) {
            log_line(LOG_WARN, "step_failed", LOG_S("step", steps[i].name), LOG_S("error", e.message));
            w->rest_us[i] = clock_mono_us() + REST_US;
        }
        crash_idle(&w->slot);
        *found = *found || more;
        worker_beat(w);
    }
}

/* All memory of a job is in one arena, which goes when the job ends. The handler may give the connection back and take
 * another, so `work` owns it. */
static enum status worker_run_due_job(struct worker *w, bool *found, struct err *e)
{
    struct arena a;
    struct job job;
    struct worker_job work = {.worker = w, .arena = &a, .job = &job};
    arena_init(&a, JOB_ARENA);
    enum status st = db_get(w->pool, &work.db, e);
    if (st == OK)
        st = worker_queue_periodic(w, work.db, e);
    if (st == OK)
        st = queue_claim(work.db, &a, w->name, WORKER_LEASE_MS, &job, found, e);
    if (st == OK && *found)
        st = worker_run_job(&work, e);
    db_put(work.db);
    arena_release(&a);
    return st;
}

enum status worker_step(struct worker *w, bool *found, struct err *e)
{
    *found = false;
    enum status st = worker_run_due_job(w, found, e);
    if (st == OK)
        worker_run_steps(w, found);
    return st;
}

/* The next signal, or 0 when the time is up. */
static int worker_wait_signal(int64_t us)
{
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    int got = sigtimedwait(&set, NULL, &t);
    return got > 0 ? got : 0;
}

/* Like worker_wait_signal, but ends early when another program of this host announces work. Looking costs no query. The
 * signal is taken first even without a pause, or a worker with a full queue would never stop. */
static int worker_wait_work(int64_t us, uint64_t seen)
{
    int sig = worker_wait_signal(0);
    for (; us > 0 && !sig && shared_generation("work", ID_NONE) == seen; us -= LOOK_US)
        sig = worker_wait_signal(us < LOOK_US ? us : LOOK_US);
    return sig;
}

/* Only the change is logged, or an outage would fill the log. */
static void worker_log_database(struct worker *w, bool away, const struct err *e)
{
    if (away && !w->database_away)
        log_line(LOG_WARN, "database_away", LOG_S("error", e->message));
    if (!away && w->database_away)
        log_line(LOG_INFO, "database_back");
    w->database_away = away;
}

/* Only a schema of another release is an error here: it needs the operator, and running on would damage rows. A
 * database that is away leaves *ready false, and the loop tries again. */
static enum status worker_check_schema(struct worker *w, bool *ready, struct err *e)
{
    struct db *c;
    enum status st = db_get(w->pool, &c, e);
    if (st == OK)
        st = migrate_check(c, e);
    db_put(c);
    *ready = st == OK;
    return st == ERR_CONFLICT ? st : OK;
}

/* After each job the next one is looked for without a pause; the worker sleeps only when nothing was found. */
enum status worker_run(struct worker *w, void (*reload)(void *ctx), void *ctx, struct err *e)
{
    struct err mine = ERR_INIT;
    bool ready = false, found = false, away;
    uint64_t seen = 0;
    for (int64_t pause = 0;;) {
        int sig = worker_wait_work(pause, seen);
        if (sig == SIGTERM || sig == SIGINT)
            return OK;
        if (sig == SIGHUP && reload)
            reload(ctx);
        if (sig == SIGHUP)
            worker_reload_view(w);
        worker_beat(w);
        if (!ready && worker_check_schema(w, &ready, &mine) != OK) {
            *e = mine;
            return mine.status;
        }
        /* Read before the queue is looked through: work that is announced after this ends the next pause at once, and
         * cannot be missed in between. */
        seen = shared_generation("work", ID_NONE);
        away = !ready || worker_step(w, &found, &mine) != OK;
        worker_log_database(w, away, &mine);
        pause = away ? AWAY_US : found ? 0 : POLL_US;
    }
}
