/* worker_job.c: what a running handler needs from its worker: lease and heartbeat, a connection it can give back, the
 * view library and Stripe.
 *
 * Handlers depend on this file and on nothing else in the folder. worker.c hands in the steps to serve, so that no
 * handler depends on the table of all handlers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "view/view.h"
#include "worker/worker_internal.h"

#include "base/banned.h"

#define PROGRESS_US 1000000

void worker_heartbeat_path(const struct config *c, char *out, size_t n)
{
    snprintf(out, n, "%s/worker.alive", config_string(c, CONFIG_run_dir));
}

/* Half the interval, so that a beat which comes a little late still keeps it. Monitors read the time of the file and
 * not its content. */
void worker_beat(struct worker *w)
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

/* The lease is extended on the pool's other connection, because the handler may be inside a transaction that must
 * not commit yet. */
void worker_progress(struct worker_job *w, const struct json *progress)
{
    struct worker *k = w->worker;
    struct err e = ERR_INIT;
    struct db *c;
    worker_beat(k);
    if (clock_mono_us() - k->lease_us < PROGRESS_US)
        return;
    k->lease_us = clock_mono_us();
    enum status st = db_get(k->pool, &c, &e);
    if (st == OK)
        st = queue_extend(c, w->job->id, k->name, WORKER_LEASE_MS, progress, &e);
    db_put(c);
    if (st != OK)
        log_line(LOG_WARN, "lease_not_extended", LOG_S("kind", w->job->kind_name), LOG_S("error", e.message));
    k->meanwhile(k);
}

/* The pool has two connections, and what runs meanwhile (worker_progress, a step) needs them. A handler that waited for
 * a mail server while it held one could stop them all. */
void worker_away(struct worker_job *w)
{
    db_put(w->db);
    w->db = NULL;
}

enum status worker_back(struct worker_job *w, struct err *e)
{
    return w->db ? OK : db_get(w->worker->pool, &w->db, e);
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

/* The current settings and not those of the start: a key that is replaced and reloaded has to be used at once. */
enum status worker_stripe(struct worker *w, struct stripe *stripe, bool *on, struct err *e)
{
    const struct config *c = config_current();
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
