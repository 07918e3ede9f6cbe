/* cmd_job.c: work, job list, job replay.
 *
 * `parley work` is the worker in this process. With --once it serves cron on hosts where no daemon may run: it takes
 * jobs from the same queue, so it may run beside a worker, and two that overlap never do the same job. */
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/signals.h"
#include "cli/cli.h"
#include "queue/queue.h"
#include "worker/worker.h"

#include "base/banned.h"

#define JOBS_LISTED 100

/* Signals are blocked, so a pending one is the request to stop. It is checked between jobs only: a job that is cut off
 * would be run again later, and a mail would be sent twice. */
static bool work_is_to_stop(void)
{
    sigset_t set;
    sigemptyset(&set);
    return sigpending(&set) == 0 && (sigismember(&set, SIGTERM) || sigismember(&set, SIGINT));
}

/* Runs everything that is due now. A job that fails is due again later, which the next run will see. */
static enum status work_until_empty(struct worker *w, struct err *e)
{
    bool found = true;
    enum status st = OK;
    while (st == OK && found && !work_is_to_stop())
        st = worker_step(w, &found, e);
    return st;
}

enum status cmd_work(struct cli *cl, struct err *e)
{
    bool once = false;
    struct db *c;
    struct worker w;
    enum status st = cli_options(cl, CLI_OPTIONS({"once", NULL, &once}), 0, 0, e);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK)
        return st;
    /* The shared file is optional: with plain CGI it may be missing, and then no cache has to be notified. */
    settings_share(cl->config, LOG_WARN);
    signals_block();
    if ((st = worker_open(&w, cl->config, e)) == OK)
        st = once ? work_until_empty(&w, e) : worker_run(&w, NULL, NULL, e);
    worker_close(&w);
    shared_close();
    return st;
}

/* The payload is left out: it may hold addresses and values of a tenant, and this output ends up in tickets. */
static struct json *job_json(struct cli *cl, const struct job *job)
{
    struct json *j = json_new_object(&cl->arena);
    bool owned = !id_is_none(job->tenant);
    if (!j || json_set_id(j, "id", ID_JOB, job->id) || json_set_str(j, "kind", str_from(job->kind_name)) ||
        json_set_str(j, "state", str_from(job_state_name(job->state))) || json_set_int(j, "attempts", job->attempt) ||
        json_set_time(j, "due", job->due_ms) || json_set_time(j, "created", job->created_ms) ||
        (owned ? json_set_id(j, "workspace", ID_TENANT, job->tenant) : json_set_null(j, "workspace")) ||
        json_set_str(j, "error", str_from(job->error)))
        return NULL;
    return j;
}

enum status cmd_job_list(struct cli *cl, struct err *e)
{
    const char *state_text = "dead";
    enum job_state state = JOB_DEAD;
    struct db *c;
    struct job *list;
    size_t n;
    enum status st = cli_options(cl, CLI_OPTIONS({"state", &state_text, NULL}), 0, 0, e);
    if (st == OK && !job_state_parse(str_from(state_text), &state))
        return cli_usage(e, "There is no state \"%s\".", state_text);
    if (st != OK || (st = cli_db(cl, &c, e)) != OK ||
        (st = queue_list(c, &cl->arena, state, JOBS_LISTED, &list, &n, e)) != OK)
        return st;
    struct json *out = json_new_array(&cl->arena);
    for (size_t i = 0; out && i < n; i++) {
        struct json *j = job_json(cl, &list[i]);
        if (!j || json_push_copy(out, j))
            out = NULL;
    }
    if (!out)
        return err_nomem(e);
    cli_out(cl, out);
    return OK;
}

enum status cmd_job_replay(struct cli *cl, struct err *e)
{
    struct db *c;
    struct id id;
    enum status st = cli_options(cl, NULL, 0, 1, 1, e);
    if (st == OK)
        st = cli_id_arg(cl->argv[0], ID_JOB, "job", &id, e);
    if (st == OK)
        st = cli_db(cl, &c, e);
    if (st == OK)
        st = queue_replay(c, id, e);
    if (st == OK)
        cli_id(cl, ID_JOB, id);
    return st;
}
