#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
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

#include "base/banned.h"

#define LEASE_MS MINUTE_MS
#define POLL_US 1000000
#define LOOK_US 100000 /* how often the shared file is asked whether something came */
#define PROGRESS_US 1000000
#define AWAY_US 2000000
#define REST_US 10000000
#define JOB_ARENA (512 * MB)

#define JOB(kind, fn) job_fn fn;
#define PERIODIC(kind, fn, period_ms) job_fn fn;
#include "worker/jobs.def"
#undef JOB
#undef PERIODIC
static const struct kind {
    const char *name;
    job_fn *fn;
    int64_t period_ms;
} jobs[] = {
#define JOB(kind, fn) {kind, fn, 0},
#define PERIODIC(kind, fn, period_ms) {kind, fn, period_ms},
#include "worker/jobs.def"
#undef JOB
#undef PERIODIC
};
#define KINDS COUNT_OF(jobs)
_Static_assert(COUNT_OF(jobs) <= WORKER_KINDS, "WORKER_KINDS is too small");

#define STEP(name, fn, meanwhile) step_fn fn;
#include "worker/steps.def"
#undef STEP
static const struct step {
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

static const struct kind *find_kind(const char *kind)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(jobs[i].name, kind) == 0)
            return &jobs[i];
    return NULL;
}

void worker_heartbeat_path(const struct config *c, char *out, size_t n)
{
    snprintf(out, n, "%s/worker.alive", config_string(c, CONFIG_run_dir));
}

enum status worker_open(struct worker *w, const struct config *c, struct err *e)
{
    char host[40] = "host", id[ID_TEXT_MAX];
    *w = (struct worker){.config = config_retain((struct config *)c)};
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

enum status worker_view(struct worker *w, struct err *e)
{
    struct view_config vc = {.template_dir = config_string(w->config, CONFIG_template_dir)};
    if (w->view_open)
        return OK;
    enum status st = view_library_open(&vc, e);
    w->view_open = st == OK;
    return st;
}

static void read_again(struct worker *w)
{
    struct err e = ERR_INIT;
    if (w->view_open && view_library_reload(&e) != OK)
        log_line(LOG_WARN, "texts_kept", LOG_S("error", e.message));
}

static void beat(struct worker *w)
{
    int64_t now = clock_mono_us();
    if (w->beat_us && now - w->beat_us < (int64_t)WORKER_BEAT_S * 500000)
        return;
    w->beat_us = now;
    int fd = open(w->heartbeat, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || futimens(fd, NULL) != 0)
        log_line(LOG_WARN, "heartbeat_failed", LOG_S("path", w->heartbeat), LOG_S("error", strerror(errno)));
    if (fd >= 0)
        close(fd);
}

/* What somebody waits for (a payment that has come in) does not wait for a long job: the steps marked so have their turn in it. */
static void serve_meanwhile(struct worker *k)
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

void worker_progress(struct work *w, const struct json *progress)
{
    struct worker *k = w->worker;
    struct err e = ERR_INIT;
    struct db *c;
    beat(k);
    if (clock_mono_us() - k->lease_us < PROGRESS_US)
        return;
    k->lease_us = clock_mono_us();
    enum status st = db_get(k->pool, &c, &e);
    if (st == OK)
        st = queue_extend(c, w->job->id, k->name, LEASE_MS, progress, &e);
    db_put(c);
    if (st != OK)
        log_line(LOG_WARN, "lease_not_extended", LOG_S("kind", w->job->kind), LOG_S("error", e.message));
    serve_meanwhile(k);
}

void worker_away(struct work *w)
{
    db_put(w->db);
    w->db = NULL;
}

enum status worker_back(struct work *w, struct err *e)
{
    return w->db ? OK : db_get(w->worker->pool, &w->db, e);
}

static bool is_final(enum status st)
{
    return st == ERR_INVALID || st == ERR_NOT_FOUND || st == ERR_PLAN || st == ERR_DENIED || st == ERR_TOO_LARGE ||
           st == ERR_CONFLICT;
}

/* What came of it goes into the row; a row that is no longer ours is somebody else's to end. */
static enum status record(struct work *w, enum status how, const struct json *result, const struct err *why,
                          struct err *e)
{
    const char *name = w->worker->name;
    enum status st = worker_back(w, e);
    if (st != OK)
        return st;
    st = how == OK ? queue_done(w->db, w->job->id, name, result, e)
                   : queue_fail(w->db, w->job->id, name, why->message, is_final(how), e);

    if (st == ERR_TOO_LARGE || st == ERR_INTERNAL) /* a result the database does not take must not come back for ever */
        st = queue_fail(w->db, w->job->id, name, "The result could not be stored.", true, e);
    if (st == ERR_CONFLICT) {
        log_line(LOG_WARN, "job_lease_lost", LOG_S("kind", w->job->kind));
        return OK;
    }
    return st;
}

static enum status run_job(struct work *w, struct err *e)
{
    char id[ID_TEXT_MAX];
    int64_t start = clock_mono_us();
    struct json *result = NULL;
    struct err why = ERR_INIT;
    const struct kind *kind = find_kind(w->job->kind);
    id_text(ID_JOB, w->job->id, id);
    log_set_request(id);
    crash_busy(&w->worker->slot, id);
    crash_route(&w->worker->slot, kind ? kind->name : NULL);
    w->worker->lease_us = start;
    enum status how = kind ? kind->fn(w, &result, &why)
                           : err_set(&why, E_invalid, "This release knows no job of this kind.");
    enum status st = record(w, how, result, &why, e);
    log_line(how == OK ? LOG_INFO : LOG_WARN, how == OK ? "job_done" : "job_failed", LOG_S("kind", w->job->kind),
             LOG_I("attempt", w->job->attempt), LOG_I("ms", (clock_mono_us() - start) / 1000),
             LOG_S("error", why.message));
    crash_idle(&w->worker->slot);
    log_set_request(NULL);
    return st;
}

/* Each periodic kind is asked for once in its period by each worker; the queue makes one job of it. */
static enum status ask_periodic(struct worker *w, struct db *c, struct err *e)
{
    enum status st = OK;
    for (size_t i = 0; st == OK && i < KINDS; i++) {
        int64_t period = jobs[i].period_ms ? clock_now_ms() / jobs[i].period_ms : 0;
        if (period == w->periods[i])
            continue;
        st = queue_add_periodic(c, jobs[i].name, jobs[i].period_ms, e);
        if (st == OK)
            w->periods[i] = period;
    }
    return st;
}

/* A step's failure holds up nobody: it rests for a while. */
static void run_steps(struct worker *w, bool *found)
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
        beat(w);
    }
}

static enum status run_due_job(struct worker *w, bool *found, struct err *e)
{
    struct arena a;
    struct job job;
    struct work work = {.worker = w, .arena = &a, .job = &job};
    arena_init(&a, JOB_ARENA);
    enum status st = db_get(w->pool, &work.db, e);
    if (st == OK)
        st = ask_periodic(w, work.db, e);
    if (st == OK)
        st = queue_claim(work.db, &a, w->name, LEASE_MS, &job, found, e);
    if (st == OK && *found)
        st = run_job(&work, e);
    db_put(work.db);
    arena_release(&a);
    return st;
}

enum status worker_step(struct worker *w, bool *found, struct err *e)
{
    *found = false;
    enum status st = run_due_job(w, found, e);
    if (st == OK)
        run_steps(w, found);
    return st;
}

enum status worker_stripe(struct worker *w, struct stripe *stripe, bool *on, struct err *e)
{
    struct config *c = config_current();
    enum status st = OK;
    if (!c)
        c = config_retain(w->config);
    *on = stripe_enabled(c);
    if (*on)
        st = stripe_open(stripe, c, w->pool, e);
    *on = *on && st == OK;
    config_drop(c);
    return st;
}

/* The next signal, or 0 when the time is up. */
static int wait_signal(int64_t us)
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

/* The same; ends early when another program of this host says that there is work, which costs no query. */
static int wait_work(int64_t us, uint64_t seen)
{
    int sig = wait_signal(0);
    for (; us > 0 && !sig && shared_generation("work", ID_NONE) == seen; us -= LOOK_US)
        sig = wait_signal(us < LOOK_US ? us : LOOK_US);
    return sig;
}

static void tell_away(struct worker *w, bool away, const struct err *e)
{
    if (away && !w->database_away)
        log_line(LOG_WARN, "worker_waits", LOG_S("error", e->message));
    if (!away && w->database_away)
        log_line(LOG_INFO, "worker_goes_on");
    w->database_away = away;
}

/* A database that is away is waited for; a schema that does not fit is not. */
static enum status check_schema(struct worker *w, bool *ready, struct err *e)
{
    struct db *c;
    enum status st = db_get(w->pool, &c, e);
    if (st == OK)
        st = migrate_check(c, e);
    db_put(c);
    *ready = st == OK;
    return st == ERR_CONFLICT ? st : OK;
}

enum status worker_run(struct worker *w, void (*reload)(void *ctx), void *ctx, struct err *e)
{
    struct err mine = ERR_INIT;
    bool ready = false, found = false, away;
    uint64_t seen = 0;
    for (int64_t pause = 0;;) {
        int sig = wait_work(pause, seen);
        if (sig == SIGTERM || sig == SIGINT)
            return OK;
        if (sig == SIGHUP && reload)
            reload(ctx);
        if (sig == SIGHUP)
            read_again(w);
        beat(w);
        if (!ready && check_schema(w, &ready, &mine) != OK) {
            *e = mine;
            return mine.status;
        }
        seen = shared_generation("work", ID_NONE);
        away = !ready || worker_step(w, &found, &mine) != OK;
        tell_away(w, away, &mine);
        pause = away ? AWAY_US : found ? 0 : POLL_US;
    }
}
