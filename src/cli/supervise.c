/* supervise.c: keeps programs running: starts them, restarts those that die, passes signals on, and stops all of them.
 *
 * Signals are blocked and taken with sigtimedwait, so there is no handler and no race between a check and a wait. A
 * program that dies at once backs off (100 ms doubling to 10 s), so that a broken install does not fill the log; one
 * that ran for 10 s starts again immediately. Each child asks the kernel for SIGTERM when this process dies, so none
 * is left over. */
#include "cli/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#include "base/banned.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 10000
#define STEADY_US ((int64_t)10 * 1000000) /* a program that ran this long restarts without delay */
#define WAIT_MAX_US ((int64_t)60 * 1000000)
#define MAX_ARGUMENTS 8

/* execv takes pointers that are not const, but does not change what they point to. */
static char *exec_argument(const char *z)
{
    return (char *)(uintptr_t)z;
}

/* In the child: sets up signals and standard input, and asks to be stopped when the parent dies. The parent may have
 * died before that call, hence the comparison of its pid. */
static void supervise_become(const struct supervised *p, const char *const *arguments, pid_t parent)
{
    char *argv[MAX_ARGUMENTS + 2] = {exec_argument(p->path)};
    sigset_t none;
    int in = p->listen_fd >= 0 ? p->listen_fd : open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < MAX_ARGUMENTS && arguments[i]; i++)
        argv[i + 1] = exec_argument(arguments[i]);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || in < 0 || dup2(in, STDIN_FILENO) < 0)
        _exit(126);
    /* The blocked signals are inherited through exec, and a program that never received SIGTERM could only be killed.
     * SIGPIPE goes back to its default for the same reason: an ignored signal stays ignored. */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    execv(p->path, argv);
    log_line(LOG_ERROR, "program_start_failed", LOG_S("name", p->name), LOG_S("path", p->path),
             LOG_S("error", strerror(errno)));
    _exit(127);
}

/* The delay that was computed last time applies now, and the next one is doubled: the first death restarts at once,
 * because most crashes are caused by one request and not by the install. */
static void supervise_back_off(struct supervised *p, int64_t now)
{
    if (p->started_us && now - p->started_us >= STEADY_US)
        p->backoff_ms = 0;
    p->due_us = now + p->backoff_ms * 1000;
    p->backoff_ms = p->backoff_ms ? p->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (p->backoff_ms > BACKOFF_MAX_MS)
        p->backoff_ms = BACKOFF_MAX_MS;
}

/* A failed fork (no memory, too many processes) is treated like a program that died: it is tried again with the same
 * backoff, and the other programs keep running. */
static void supervise_start(struct supervised *p, const char *const *arguments)
{
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        supervise_become(p, arguments, parent);
    p->started_us = clock_mono_us();
    p->due_us = 0;
    if (pid < 0) {
        log_line(LOG_ERROR, "program_start_failed", LOG_S("name", p->name), LOG_S("error", strerror(errno)));
        supervise_back_off(p, p->started_us);
        return;
    }
    p->pid = pid;
    log_line(LOG_INFO, "program_started", LOG_S("name", p->name), LOG_I("pid", pid));
}

static void supervise_log_end(const struct supervised *p, int how, bool stopping)
{
    int64_t ms = (clock_mono_us() - p->started_us) / 1000;
    if (stopping && WIFEXITED(how) && WEXITSTATUS(how) == 0)
        log_line(LOG_INFO, "program_stopped", LOG_S("name", p->name), LOG_I("pid", p->pid), LOG_I("ran_ms", ms));
    else if (WIFSIGNALED(how))
        log_line(LOG_ERROR, "program_died", LOG_S("name", p->name), LOG_I("pid", p->pid),
                 LOG_I("signal", WTERMSIG(how)), LOG_S("signal_name", strsignal(WTERMSIG(how))),
                 LOG_I("core", WCOREDUMP(how) != 0), LOG_I("ran_ms", ms));
    else
        log_line(LOG_ERROR, "program_died", LOG_S("name", p->name), LOG_I("pid", p->pid),
                 LOG_I("exit", WEXITSTATUS(how)), LOG_I("ran_ms", ms));
}

/* Signals of several children merge into one SIGCHLD, so all children that ended are collected. A pid that is not in
 * the table is an orphan that this process adopted as pid 1 of a container; it is reaped and ignored. */
static void supervise_reap(struct supervised *programs, int count, bool stopping)
{
    int how;
    pid_t pid;
    while ((pid = waitpid(-1, &how, WNOHANG)) > 0)
        for (int i = 0; i < count; i++) {
            struct supervised *p = &programs[i];
            if (p->pid != pid)
                continue;
            supervise_log_end(p, how, stopping);
            p->pid = 0;
            if (!stopping) {
                supervise_back_off(p, clock_mono_us());
                log_line(LOG_INFO, "program_restart", LOG_S("name", p->name),
                         LOG_I("in_ms", (p->due_us - clock_mono_us()) / 1000));
            }
        }
}

static int supervise_running(const struct supervised *programs, int count)
{
    int n = 0;
    for (int i = 0; i < count; i++)
        n += programs[i].pid != 0;
    return n;
}

static int supervise_signal_all(const struct supervised *programs, int count, int sig)
{
    for (int i = 0; i < count; i++)
        if (programs[i].pid)
            kill(programs[i].pid, sig);
    return supervise_running(programs, count);
}

/* The next signal, or 0 when the time is up. */
static int supervise_next_signal(int64_t until_us)
{
    int64_t left = until_us - clock_mono_us();
    sigset_t set;
    left = left < 0 ? 0 : left > WAIT_MAX_US ? WAIT_MAX_US : left;
    struct timespec t = (struct timespec){.tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000};
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    int got = sigtimedwait(&set, NULL, &t);
    return got > 0 ? got : 0;
}

/* Returns the time of the next start, until which the caller may sleep. The wait is limited to a minute, so that a
 * mistake here would delay a restart and not prevent it. */
static int64_t supervise_start_due(struct supervised *programs, int count, const char *const *arguments)
{
    int64_t next = clock_mono_us() + WAIT_MAX_US;
    for (int i = 0; i < count; i++) {
        struct supervised *p = &programs[i];
        if (!p->pid && p->due_us <= clock_mono_us())
            supervise_start(p, arguments);
        if (!p->pid && p->due_us < next)
            next = p->due_us;
    }
    return next;
}

/* Programs finish their requests first. After the deadline, or at a second signal from an impatient operator, they are
 * killed. `killed` also makes sure that SIGKILL is sent once; after it the loop only waits for the kernel to report the
 * deaths. */
static int supervise_stop_all(struct supervised *programs, int count, int64_t stop_ms)
{
    int64_t until = clock_mono_us() + stop_ms * 1000;
    int killed = 0;
    supervise_signal_all(programs, count, SIGTERM);
    while (supervise_running(programs, count)) {
        int sig = supervise_next_signal(until);
        supervise_reap(programs, count, true);
        if (killed || (sig != SIGTERM && sig != SIGINT && clock_mono_us() < until))
            continue;
        killed = supervise_signal_all(programs, count, SIGKILL);
        if (killed)
            log_line(LOG_WARN, "programs_killed", LOG_I("count", killed));
        until = clock_mono_us() + WAIT_MAX_US;
    }
    return killed;
}

/* Children are reaped after every wake-up and not only after SIGCHLD: a signal of another kind may have arrived first,
 * and a pending SIGCHLD says nothing about how many died. The log is reopened before SIGHUP is passed on, so that the
 * reload itself is in the new file. */
int supervise(struct supervised *programs, int count, const char *const *arguments, int64_t stop_ms)
{
    for (;;) {
        int sig = supervise_next_signal(supervise_start_due(programs, count, arguments));
        if (sig == SIGHUP) {
            log_reopen();
            log_line(LOG_INFO, "reload");
            supervise_signal_all(programs, count, SIGHUP);
        }
        if (sig == SIGTERM || sig == SIGINT) {
            log_line(LOG_INFO, "stopping", LOG_I("programs", supervise_running(programs, count)));
            return supervise_stop_all(programs, count, stop_ms);
        }
        supervise_reap(programs, count, false);
    }
}
