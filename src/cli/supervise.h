/* supervise.h: keeps programs running: starts them, restarts them when they die, passes signals on, stops them in
 * order.
 *
 * One thread; uses no memory but the table. The caller has blocked SIGCHLD, SIGTERM, SIGINT and SIGHUP. */
#ifndef PARLEY_CLI_SUPERVISE_H
#define PARLEY_CLI_SUPERVISE_H

#include <stdint.h>
#include <sys/types.h>

struct supervised {
    const char *name; /* in logs: "chat" */
    const char *path; /* of the executable */
    /* Becomes its standard input; -1 = /dev/null. Stays open here, so that connections waiting in it survive a
     * restart. */
    int listen_fd;
    pid_t pid;                  /* 0 = not running */
    int64_t started_us, due_us; /* due_us: when it is to be started next, 0 = not at all */
    int64_t backoff_ms;
};

/* Runs until SIGTERM or SIGINT, then gives the programs stop_ms to exit before it kills them; a second such signal
 * kills them at once. SIGHUP is passed on. `arguments` follow argv[0] and end with NULL. Returns how many programs had
 * to be killed. */
int supervise(struct supervised *programs, int count, const char *const *arguments, int64_t stop_ms);

#endif
