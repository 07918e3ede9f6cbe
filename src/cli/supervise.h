/* supervise.h: programs that are kept running: started, started anew when they die, told of signals, stopped in peace.
 *
 * One thread, no memory beside the table; the caller has blocked SIGCHLD, SIGTERM, SIGINT and SIGHUP in it. */
#ifndef PARLEY_CLI_SUPERVISE_H
#define PARLEY_CLI_SUPERVISE_H

#include <stdint.h>
#include <sys/types.h>

struct program {
    const char *name; /* in logs: "chat" */
    const char *path; /* of the executable */
    int listen_fd; /* becomes its standard input; -1 = /dev/null. Stays open here, so that who waits in it is not lost */
    pid_t pid;     /* 0 = not running */
    int64_t started_us, due_us; /* due: when it is to be started next, 0 = not */
    int64_t backoff_ms;
};

/* Runs until SIGTERM or SIGINT, then gives the programs stop_ms to end before they are killed; a second such signal kills at
 * once. SIGHUP is passed on. `arguments` follow argv[0] and end with NULL. Returns how many had to be killed. */
int supervise(struct program *programs, int count, char *const *arguments, int64_t stop_ms);

#endif
