/* main.c: parley-worker, the program around worker_run.
 *
 * Signals are blocked before anything else, because worker_run takes them with sigtimedwait between two jobs, and
 * threads that libraries start inherit the mask. Libraries are opened once here and closed in reverse order. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include "base/crash.h"
#include "base/crypto.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/signals.h"
#include "worker/worker.h"

#include "base/banned.h"

static const char *path_given;

/* A configuration with a mistake is logged and the old one stays, so a reload never stops the worker. */
static void worker_reload(void *ctx)
{
    const struct config *c = settings_reload("worker", path_given);
    (void)ctx;
    if (c)
        log_line(LOG_INFO, "reloaded");
    config_drop(c);
}

/* Without the shared file jobs still run; other programs then notice changes only when they look again. */
static enum status worker_program(const struct config *c, struct err *e)
{
    struct worker w;
    enum status st = settings_apply("worker", c, e);
    if (st == OK)
        st = crypto_init(e);
    if (st != OK)
        return st;
    settings_share(c, LOG_WARN);
    db_library_begin();
    if ((st = worker_open(&w, c, e)) == OK) {
        log_line(LOG_INFO, "worker_started", LOG_S("name", w.name));
        st = worker_run(&w, worker_reload, NULL, e);
        worker_close(&w);
    }
    db_library_end();
    shared_close();
    return st;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const struct config *c = NULL;
    struct err e = ERR_INIT;
    for (int o; (o = getopt_long(argc, argv, "c:vh", options, NULL)) != -1;)
        if (o == 'c')
            path_given = optarg;
        else if (o == 'v')
            return puts("parley-worker " PARLEY_VERSION) == EOF;
        else
            return fputs("usage: parley-worker [--config FILE]\n", o == 'h' ? stdout : stderr), o == 'h' ? 0 : 2;
    crash_init("worker");
    signals_block();
    signal(SIGPIPE, SIG_IGN);
    enum status st = config_load(path_given, &c, &e);
    if (st == OK) {
        config_set_current(config_retain(c));
        st = worker_program(c, &e);
    }
    config_set_current(NULL);
    config_drop(c);
    if (st != OK)
        fprintf(stderr, "parley-worker: %s\n", e.message);
    return st != OK;
}
