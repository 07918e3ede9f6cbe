/* cmd_serve.c: one process that binds the programs' sockets, hands each program its own, and keeps the programs
 * running.
 *
 * A connection that waits in a socket outlives the program that would have taken it, so a crash or restart loses no
 * request that was not yet accepted. This process stays small: it never connects to the database itself; a child
 * checks the schema. Invariant: from the lock on the pid file until it is released, no second `parley serve` touches
 * the sockets of this run_dir. */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/num.h"
#include "base/settings.h"
#include "base/signals.h"
#include "cli/cli.h"
#include "cli/supervise.h"

#include "base/banned.h"

#define DATABASE_WAIT_MS 1000
#define STOP_GRACE_MS 2000 /* beyond stop_timeout, which the programs keep themselves */

static const struct {
    const char *name, *file;
    bool listens;
} wanted[] = {
    {"portal", "portal.fcgi", true}, {"api", "api.fcgi", true},          {"chat", "chat.fcgi", true},
    {"hooks", "hooks.fcgi", true},   {"worker", "parley-worker", false},
};
#define PROGRAMS ((int)COUNT_OF(wanted))

struct serve {
    struct cli *cl;
    char *pid_path;
    int pid_fd;
    char *config_name_path; /* NULL until it is written */
    struct supervised programs[PROGRAMS];
    char *sockets[PROGRAMS]; /* paths bound here */
    bool stopped;            /* by a signal while it waited for the database */
};

static char *serve_path(struct cli *cl, const char *dir, const char *file, struct err *e)
{
    char *path = arena_printf(&cl->arena, "%s/%s", dir, file);
    if (!path)
        (void)err_nomem(e);
    return path;
}

/* ---- one at a time ---- */

/* The pid in the file is only for the message: the lock has already decided, and the text may be half written. */
static enum status serve_already_runs(int fd, struct err *e)
{
    char text[24] = "";
    uint64_t pid = 0;
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    if (n > 0 && num_u64(str_trim(str_n(text, (size_t)n)), INT32_MAX, &pid) && pid)
        return err_set(e, E_running, "Parley is already running here (process %d).", (int)pid);
    return err_set(e, E_running, "Parley is already running here.");
}

/* The lock decides and not the file, because a process that is killed leaves the file but loses the lock. Between open
 * and flock the owner may have removed the file; then the lock is on a file that no one else can find. Comparing inodes
 * notices that, and the loop tries again with the new file. */
static enum status serve_lock_pid_file(struct serve *sv, struct err *e)
{
    for (;;) {
        struct stat mine, there;
        int fd = open(sv->pid_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
            return err_set(e, E_pid_file, "%s cannot be written: %s", sv->pid_path, strerror(errno));
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            enum status st = serve_already_runs(fd, e);
            close(fd);
            return st;
        }
        if (fstat(fd, &mine) == 0 && stat(sv->pid_path, &there) == 0 && mine.st_ino == there.st_ino) {
            sv->pid_fd = fd;
            break;
        }
        close(fd); /* its owner removed it just now */
    }
    if (ftruncate(sv->pid_fd, 0) != 0 || dprintf(sv->pid_fd, "%d\n", (int)getpid()) < 0)
        return err_set(e, E_pid_file, "%s cannot be written: %s", sv->pid_path, strerror(errno));
    return OK;
}

/* For parley doctor, which may have been started with another configuration and the same run_dir. */
static enum status serve_write_config_name(struct serve *sv, struct err *e)
{
    char *path = serve_path(sv->cl, config_string(sv->cl->config, CONFIG_run_dir), "parley.config", e);
    if (!path)
        return ERR_NOMEM;
    char *name = realpath(config_path(sv->cl->config), NULL);
    FILE *f = fopen(path, "we");
    sv->config_name_path = path;
    bool ok = f && fprintf(f, "%s\n", name ? name : "") > 0;
    int why = errno;
    if (f && fclose(f) != 0 && ok) { /* the text is buffered, so a full disk shows here */
        ok = false;
        why = errno;
    }
    free(name);
    return ok ? OK : err_set(e, E_pid_file, "%s cannot be written: %s", path, strerror(why));
}

/* ---- what must be there ---- */

/* Only the last folder of run_dir is made: a missing parent means a typing error and not a first start. */
static enum status serve_check_dirs(struct serve *sv, struct err *e)
{
    const char *run = config_string(sv->cl->config, CONFIG_run_dir);
    if (mkdir(run, 0750) != 0 && errno != EEXIST)
        return err_set(e, E_run_dir, "run_dir %s cannot be created: %s", run, strerror(errno));
    if (access(run, W_OK | X_OK) != 0)
        return err_set(e, E_run_dir, "run_dir %s cannot be written: %s", run, strerror(errno));
    if (!config_string(sv->cl->config, CONFIG_secret_key)[0])
        return err_set(e, E_secret_key, "secret_key is not set. parley doctor says how to create one.");
    return OK;
}

/* Checked now and not at the first fork: a missing program would otherwise fail and back off for ever, and only the log
 * would say so. */
static enum status serve_find_programs(struct serve *sv, struct err *e)
{
    const char *dir = cli_dir(sv->cl, CONFIG_program_dir, PARLEY_LIBEXECDIR);
    for (int i = 0; i < PROGRAMS; i++) {
        char *path = serve_path(sv->cl, dir, wanted[i].file, e);
        if (!path)
            return ERR_NOMEM;
        if (access(path, X_OK) != 0)
            return err_set(e, E_program_missing, "%s cannot be started: %s. Check the setting program_dir.", path,
                           strerror(errno));
        sv->programs[i] = (struct supervised){.name = wanted[i].name, .path = path, .listen_fd = -1};
    }
    return OK;
}

/* In a child, because the client library's memory must not stay with a supervisor that runs for months. The child sends
 * its whole error through a pipe, which is less than PIPE_BUF and therefore arrives whole or not at all. Signals are
 * blocked, so neither read nor waitpid is interrupted. */
static enum status serve_check_schema(struct serve *sv, struct err *e)
{
    int how = 0, words[2];
    ssize_t n;
    struct db *c;
    if (pipe2(words, O_CLOEXEC) != 0)
        return err_set(e, E_pipe, "The schema cannot be checked: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct err mine = ERR_INIT;
        enum status st = cli_db(sv->cl, &c, &mine);
        db_put(sv->cl->db);
        db_pool_close(sv->cl->pool);
        n = st == OK ? 0 : write(words[1], &mine, sizeof(mine));
        _exit(st != OK || n < 0);
    }
    close(words[1]);
    struct err theirs = ERR_INIT;
    n = pid > 0 ? read(words[0], &theirs, sizeof(theirs)) : -1;
    close(words[0]);
    if (pid < 0 || waitpid(pid, &how, 0) != pid)
        return err_set(e, E_fork, "The schema cannot be checked: %s", strerror(errno));
    if (n == (ssize_t)sizeof(theirs)) {
        *e = theirs;
        return theirs.status;
    }
    return how == 0 ? OK : err_set(e, E_internal, "The check of the schema was interrupted.");
}

/* Signals are blocked, so a stop that arrives during the check of the schema is still pending here and is not lost. */
static int serve_signal_within_ms(int ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return sigtimedwait(&set, NULL, &t);
}

/* After a reboot the database may come later than we do, above all when it is on another machine. Giving up would leave
 * the install down until a person acts, so a server that does not answer is waited for. What waiting does not mend (a
 * refused password, a schema of another release) ends the start. */
static enum status serve_wait_for_schema(struct serve *sv, struct err *e)
{
    enum status st;
    for (bool logged = false; (st = serve_check_schema(sv, e)) == ERR_UNAVAILABLE; logged = true) {
        if (!logged)
            log_line(LOG_WARN, "waiting_for_database", LOG_S("error", e->message));
        if (serve_signal_within_ms(DATABASE_WAIT_MS) > 0) {
            sv->stopped = true;
            return OK;
        }
    }
    return st;
}

/* ---- sockets ---- */

/* A full queue (EAGAIN) counts as an answer: that program is busy and does not take connections now, but it holds the
 * socket. */
static bool serve_socket_answers(const struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool yes = fd >= 0 && (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN);
    if (fd >= 0)
        close(fd);
    return yes;
}

/* When parley serve is killed, the kernel sends its programs SIGTERM. They still hold their sockets while they finish
 * their requests. Unlinking a socket under them would leave two sets of programs running, so the start waits. There is
 * no event to wait for, hence the short sleeps. */
static bool serve_becomes_free(const struct sockaddr_un *addr, int64_t until_us)
{
    for (bool logged = false; serve_socket_answers(addr); logged = true) {
        if (clock_mono_us() > until_us)
            return false;
        if (!logged)
            log_line(LOG_INFO, "waiting", LOG_S("socket", addr->sun_path));
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return true;
}

/* The socket file of a killed process is removed only after no process answered on it. The umask gives mode 0660 from
 * the first moment on, because chmod after bind leaves a gap; the web server connects by its group. */
static enum status serve_listen_at(const char *path, int64_t until_us, int *out, struct err *e)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof(addr.sun_path))
        return err_set(e, E_socket_path, "%s is too long for a socket. Choose a shorter run_dir.", path);
    memcpy(addr.sun_path, path, n + 1);
    if (!serve_becomes_free(&addr, until_us))
        return err_set(e, E_socket_in_use, "Another program answers on %s.", path);
    unlink(path);
    mode_t before = umask(0117);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(fd, MAX_BACKLOG) == 0;
    int why = errno;
    umask(before);
    if (!ok && fd >= 0)
        close(fd);
    if (!ok)
        return err_set(e, E_socket_failed, "Cannot listen on %s: %s", path, strerror(why));
    *out = fd;
    return OK;
}

/* All sockets share one deadline: the programs of the process before stop at the same time, so waiting once is
 * enough. */
static enum status serve_bind_sockets(struct serve *sv, struct err *e)
{
    const char *run = config_string(sv->cl->config, CONFIG_run_dir);
    int64_t until = clock_mono_us() + (config_int(sv->cl->config, CONFIG_stop_timeout) + STOP_GRACE_MS) * 1000;
    for (int i = 0; i < PROGRAMS; i++) {
        if (!wanted[i].listens)
            continue;
        char *path = arena_printf(&sv->cl->arena, "%s/%s.sock", run, wanted[i].name);
        if (!path)
            return err_nomem(e);
        enum status st = serve_listen_at(path, until, &sv->programs[i].listen_fd, e);
        if (st != OK)
            return st;
        sv->sockets[i] = path;
    }
    return OK;
}

/* Sockets go before the lock: a process that gets the lock afterwards may bind at once. The pid file is unlinked while
 * it is still locked, or the file of a successor could be removed instead. */
static void serve_clean_up(struct serve *sv)
{
    for (int i = 0; i < PROGRAMS; i++) {
        if (sv->sockets[i])
            unlink(sv->sockets[i]);
        if (sv->sockets[i])
            close(sv->programs[i].listen_fd);
    }
    if (sv->config_name_path)
        unlink(sv->config_name_path);
    if (sv->pid_fd >= 0) {
        unlink(sv->pid_path);
        close(sv->pid_fd);
    }
}

/* ---- the command ---- */

/* The lock is taken before anything in run_dir is written, so that a second start changes nothing. The schema may take
 * long to answer and is checked late. Sockets come last: once they exist, the web server sends requests. */
static enum status serve_prepare(struct serve *sv, struct err *e)
{
    enum status st = serve_check_dirs(sv, e);
    if (st == OK)
        st = serve_lock_pid_file(sv, e);
    if (st == OK)
        st = serve_write_config_name(sv, e);
    if (st == OK)
        st = serve_find_programs(sv, e);
    if (st == OK)
        st = settings_apply("parley", sv->cl->config, e);
    if (st == OK)
        st = serve_wait_for_schema(sv, e);
    return st == OK && !sv->stopped ? serve_bind_sockets(sv, e) : st;
}

enum status cmd_serve(struct cli *cl, struct err *e)
{
    struct serve sv = {.cl = cl, .pid_fd = -1};
    const char *arguments[] = {"--config", config_path(cl->config), NULL};
    enum status st = cli_options(cl, NULL, 0, 0, 0, e);
    if (st != OK)
        return st;
    if (!(sv.pid_path = serve_path(cl, config_string(cl->config, CONFIG_run_dir), "parley.pid", e)))
        return ERR_NOMEM;
    signals_block();
    if ((st = serve_prepare(&sv, e)) == OK && !sv.stopped) {
        bool from_file = arguments[1][0] != '\0';
        int killed = supervise(sv.programs, PROGRAMS, from_file ? arguments : &arguments[2],
                               config_int(cl->config, CONFIG_stop_timeout) + STOP_GRACE_MS);
        log_line(LOG_INFO, "stopped", LOG_I("killed", killed));
    }
    serve_clean_up(&sv);
    return st;
}
