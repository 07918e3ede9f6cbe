/* program.c: the start of a FastCGI program: arguments, settings, logs, and how it was called: FastCGI or plain CGI.
 *
 * The order matters. Signals are blocked before the first thread. The socket is bound before the database is opened, so
 * that the web server can queue requests while the program starts. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/build.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/num.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/signals.h"
#include "web/web_internal.h"

#include "base/banned.h"

#define LISTEN_FD_FIRST 3 /* sd_listen_fds(3) */

struct web_start {
    const struct web_program *program;
    const char *config_path, *socket_path;
    struct stat socket_made; /* of the socket made here: it is removed at the end if it is still this one */
    void *app;
};

/* ---- arguments ---- */

static void program_usage(FILE *to, const char *self)
{
    fprintf(to,
            "usage: %s [--config FILE] [--socket PATH]\n"
            "FastCGI on descriptor 0, on a socket of the service manager, or on PATH (mode 0660);\n"
            "plain CGI when the web server's environment says so.\n",
            self);
}

/* Returns -1 to continue, or the exit code. */
static int read_arguments(int argc, char **argv, struct web_start *p)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"socket", required_argument, NULL, 's'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int o;
    while ((o = getopt_long(argc, argv, "c:s:vh", options, NULL)) != -1) {
        switch (o) {
        case 'c':
            p->config_path = optarg;
            break;
        case 's':
            p->socket_path = optarg;
            break;
        case 'v':
            printf("%s.fcgi %s\n", p->program->name, build_version());
            return 0;
        case 'h':
            program_usage(stdout, argv[0]);
            return 0;
        default:
            program_usage(stderr, argv[0]);
            return 2;
        }
    }
    return -1;
}

/* ---- how it was called ---- */

static bool is_listening(int fd)
{
    int on = 0;
    socklen_t n = sizeof(on);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on;
}

/* The protocol of sd_listen_fds(3): the sockets are meant for the process that LISTEN_PID names. */
static bool from_service_manager(void)
{
    uint64_t pid, fds;
    return num_u64(str_from(getenv("LISTEN_PID")), UINT64_MAX, &pid) && pid == (uint64_t)getpid() &&
           num_u64(str_from(getenv("LISTEN_FDS")), 64, &fds) && fds > 0 && is_listening(LISTEN_FD_FIRST);
}

/* A socket file that no program answers on is left over from a crash and is replaced. One that answers belongs to
 * another program. */
static bool in_use(const struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0;
    if (fd >= 0)
        close(fd);
    return yes;
}

/* The umask gives the socket its mode at creation: a chmod afterwards would leave a moment in which anyone may
 * connect. */
static enum status bind_socket(struct web_start *p, int *out, struct err *e)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t n = strlen(p->socket_path);
    if (n >= sizeof(addr.sun_path))
        return err_set(e, E_socket_path, "The socket's path is too long: %s", p->socket_path);
    memcpy(addr.sun_path, p->socket_path, n + 1);
    if (in_use(&addr))
        return err_set(e, E_socket_in_use, "Another program answers on %s.", p->socket_path);
    unlink(p->socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t before = umask(0117); /* the socket has mode 0660 from its first moment */
    bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(fd, MAX_BACKLOG) == 0 &&
              stat(p->socket_path, &p->socket_made) == 0;
    int why = errno;
    umask(before);
    if (!ok) {
        if (fd >= 0)
            close(fd);
        return err_set(e, E_socket_failed, "Cannot listen on %s: %s.", p->socket_path, strerror(why));
    }
    *out = fd;
    return OK;
}

/* From the explicit to the implicit: a socket that was named on the command line wins over what the environment
 * offers. */
static enum status find_socket(struct web_start *p, int *out, struct err *e)
{
    if (p->socket_path)
        return bind_socket(p, out, e);
    if (is_listening(STDIN_FILENO))
        *out = STDIN_FILENO;
    else if (from_service_manager())
        *out = LISTEN_FD_FIRST;
    else
        return err_raise(e, E_no_socket);
    return OK;
}

/* Only if it is still the one that was made here: a successor may already have bound the same path. */
static void remove_socket(const struct web_start *p)
{
    struct stat now;
    if (p->socket_made.st_ino != 0 && stat(p->socket_path, &now) == 0 && now.st_ino == p->socket_made.st_ino &&
        now.st_dev == p->socket_made.st_dev)
        unlink(p->socket_path);
}

/* A web server that starts FastCGI programs itself may leave GATEWAY_INTERFACE in the environment, so a listening
 * descriptor 0 counts more. */
static bool called_as_cgi(const struct web_start *p)
{
    return !p->socket_path && getenv("GATEWAY_INTERFACE") && !is_listening(STDIN_FILENO);
}

/* At SIGHUP. Bad settings are logged and the old ones stay in force. */
static void program_reload(void *ctx)
{
    struct web_start *p = ctx;
    const struct config *c = settings_reload(p->program->name, p->config_path);
    if (!c)
        return;
    if (p->program->reload)
        p->program->reload(p->app, c);
    config_drop(c);
    log_line(LOG_INFO, "reloaded");
}

/* ---- the two ways of serving ---- */

static int serve_fastcgi(struct web_start *p, const struct config *c, const struct router *router, int listen_fd)
{
    struct fastcgi f = {.program = p->program,
                        .app = p->app,
                        .router = router,
                        .listen_fd = listen_fd,
                        .threads = (int)config_int(c, p->program->threads),
                        .request_timeout_ms = config_int(c, CONFIG_request_timeout),
                        .stop_timeout_ms = config_int(c, CONFIG_stop_timeout),
                        .reload = program_reload,
                        .reload_ctx = p};
    return fastcgi_serve(&f);
}

static int serve_cgi(struct web_start *p, const struct router *router)
{
    struct exchange x;
    struct crash_slot slot = {0};
    struct err e = ERR_INIT;
    if (p->program->thread_begin && p->program->thread_begin(p->app, &e) != OK) {
        log_line(LOG_ERROR, "thread_failed", LOG_S("error", e.message));
        return 1;
    }
    crash_slots(&slot, 1);
    crash_thread_begin(&slot);
    exchange_init(&x, p->program, p->app, router);
    x.slot = &slot;
    int code = cgi_serve(&x);
    exchange_release(&x);
    crash_thread_end();
    crash_slots(NULL, 0);
    if (p->program->thread_end)
        p->program->thread_end(p->app);
    return code;
}

/* The socket exists before the program opens its database, so requests queue up instead of failing while it starts. */
static int program_serve(struct web_start *p, const struct config *c, bool cgi, struct err *e)
{
    struct router *router = NULL;
    int listen_fd = -1, code = 1;
    if (router_compile(p->program->routes, p->program->route_count, &router, e) != OK)
        return code;
    if ((cgi || find_socket(p, &listen_fd, e) == OK) && p->program->open(c, cgi, &p->app, e) == OK) {
        code = cgi ? serve_cgi(p, router) : serve_fastcgi(p, c, router, listen_fd);
        if (p->program->close)
            p->program->close(p->app);
    }
    remove_socket(p);
    router_free(router);
    return code;
}

/* Two malloc arenas, because 48 threads must not keep 48 heaps. Fixed thresholds, because glibc would raise them after
 * one large reply and never lower them again. */
static void tame_malloc(void)
{
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
}

static void say_failure(const struct web_start *p, bool cgi, const struct err *e)
{
    if (e->message[0] == '\0')
        return;
    fprintf(stderr, "%s.fcgi: %s\n", p->program->name, e->message);
    if (cgi)
        fputs("Status: 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: "
              "no-store\r\n\r\n"
              "This service is not ready. Its log says why.\n",
              stdout);
}

/* Each step needs the ones before it: signals before threads, crash reports before anything that can crash, settings
 * before the program is opened. */
int server_main(int argc, char **argv, const struct web_program *program)
{
    struct web_start p = {.program = program};
    const struct config *c = NULL;
    struct err e = ERR_INIT;
    int code = read_arguments(argc, argv, &p);
    if (code >= 0)
        return code;
    code = 1;
    bool cgi = called_as_cgi(&p);
    tame_malloc();
    signal(SIGPIPE, SIG_IGN);
    if (!cgi)
        signals_block();
    crash_init(program->name);
    if (crypto_init(&e) == OK && config_load(p.config_path, &c, &e) == OK &&
        settings_apply(program->name, c, &e) == OK) {
        config_set_current(config_retain(c));
        settings_share(c, LOG_WARN);
        code = program_serve(&p, c, cgi, &e);
        shared_close();
        config_set_current(NULL);
    }
    say_failure(&p, cgi, &e);
    config_drop(c);
    return code;
}
