/* call_server.h: a server in a process of its own that can misbehave, and names that resolve as a test wants.
 *
 * The server is another process, so that the memory and the threads of the test are those of its calls. What it has
 * seen is in shared memory. Include this in the one .c file of a test program. */
#ifndef PARLEY_TESTS_NET_CALL_SERVER_H
#define PARLEY_TESTS_NET_CALL_SERVER_H

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct server_seen {
    atomic_int connections, open, requests;
    atomic_bool failing; /* "/flaky" answers 503 */
};
static struct server_seen *seen;
static int server_port, full_port, closed_port; /* full: a listener whose queue is full, so connecting never ends */
static pid_t server_pid;

/* ---- the server ---- */

static void server_say_n(int fd, const char *text, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        text += sent;
        n -= (size_t)sent;
    }
}

static void server_say(int fd, const char *text)
{
    server_say_n(fd, text, strlen(text));
}

static void server_wait_for_leaving(int fd)
{
    char c[100];
    while (recv(fd, c, sizeof(c), 0) > 0)
        ;
}

static void server_repeat(int fd, const char *text, useconds_t pause)
{
    while (send(fd, text, strlen(text), MSG_NOSIGNAL) > 0)
        if (pause)
            usleep(pause);
}

static void server_reset(int fd)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* 20,000 times "a". */
static const char server_gzip[] =
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 55\r\n\r\n"
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xac\xeb\x5f\xc2\x1a\x1e\x40"
    "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x60\x31\x87\xbd\xca\x20"
    "\x4e\x00\x00";

#define SERVER_STREAM "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

/* True if the connection stays open for another request. `nth`: of this connection, from 1. */
static bool server_answer(int fd, const char *path, int nth)
{
    if (!strncmp(path, "/once", 5) && nth > 1)
        return false;
    if (!strncmp(path, "/ok", 3) || !strncmp(path, "/once", 5)) {
        server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        return strncmp(path, "/ok-and-close", 13) != 0;
    }
    if (!strncmp(path, "/flaky", 6)) {
        server_say(fd, seen->failing ? "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
                                     : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        return true;
    }
    if (!strncmp(path, "/slow", 5)) {
        usleep(300000);
        server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        return true;
    }
    if (!strncmp(path, "/silent", 7))
        server_wait_for_leaving(fd);
    else if (!strncmp(path, "/head", 5)) {
        server_say(fd, SERVER_STREAM);
        server_wait_for_leaving(fd);
    } else if (!strncmp(path, "/comments", 9)) {
        server_say(fd, SERVER_STREAM "data: 1\n\n");
        server_repeat(fd, ":\n\n", 20000);
    } else if (!strncmp(path, "/content", 8)) {
        server_say(fd, SERVER_STREAM);
        for (int i = 0; i < 20; i++, usleep(30000))
            server_say(fd, "data: 1\n\n");
    } else if (!strncmp(path, "/reset-before", 13))
        server_reset(fd);
    else if (!strncmp(path, "/reset-after", 12)) {
        server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
        usleep(100000);
        server_reset(fd);
    } else if (!strncmp(path, "/gzip", 5))
        server_say_n(fd, server_gzip, sizeof(server_gzip) - 1);
    else if (!strncmp(path, "/huge", 5)) {
        static const char block[65536];
        server_say(fd, "HTTP/1.1 200 OK\r\n\r\n");
        while (send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0)
            ;
    }
    return false;
}

static void *server_connection(void *ctx)
{
    int fd = (int)(intptr_t)ctx;
    char request[8192];
    bool more = true;
    for (int nth = 1; more; nth++) {
        size_t n = 0;
        request[0] = '\0';
        while (!strstr(request, "\r\n\r\n")) {
            ssize_t got = recv(fd, request + n, sizeof(request) - 1 - n, 0);
            if (got <= 0)
                goto out;
            n += (size_t)got;
            request[n] = '\0';
        }
        char *path = strchr(request, ' ');
        seen->requests++;
        more = path && server_answer(fd, path + 1, nth);
    }
out:
    close(fd);
    seen->open--;
    return NULL;
}

static void server_run(int listener)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 << 10);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (;;) {
        pthread_t t;
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        seen->connections++;
        seen->open++;
        if (pthread_create(&t, &attr, server_connection, (void *)(intptr_t)fd) != 0)
            close(fd);
    }
}

static int server_listen(int backlog, int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&a, n) != 0 || listen(fd, backlog) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        abort();
    *port = ntohs(a.sin_port);
    return fd;
}

/* Before any other thread runs. The kernel completes one connection more than the backlog on its own. */
static void server_start(void)
{
    signal(SIGPIPE, SIG_IGN);
    seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int listener = server_listen(4096, &server_port);
    server_pid = fork();
    if (server_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        server_run(listener);
    }
    close(listener);
    close(server_listen(1, &closed_port));
    server_listen(0, &full_port);
    struct sockaddr_in full = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)full_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < 3; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(fd, (struct sockaddr *)&full, sizeof(full));
    }
}

static void server_stop(void)
{
    kill(server_pid, SIGKILL);
    waitpid(server_pid, NULL, 0);
}

/* ---- names ---- */

static atomic_int lookups, lookups_waiting;
static atomic_bool names_answer = true; /* lookups of names that begin with "silent" wait for it */

/* "both.test" has a private address, and then this one, where the server of the test is reached. */
#define SERVER_PUBLIC "1.2.3.4"

static atomic_int server_public_fd = -1; /* the last socket that is connected to it, as its owner believes */

/* libcurl's lookups and connections come here: the functions of the program replace those of the C library. */
int connect(int fd, const struct sockaddr *a, socklen_t n)
{
    int (*real)(int, const struct sockaddr *, socklen_t);
    struct sockaddr_in to;
    *(void **)&real = dlsym(RTLD_NEXT, "connect");
    if (a->sa_family != AF_INET)
        return real(fd, a, n);
    memcpy(&to, a, sizeof(to));
    if (to.sin_addr.s_addr == inet_addr(SERVER_PUBLIC)) {
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        server_public_fd = fd;
    }
    return real(fd, (struct sockaddr *)&to, sizeof(to));
}

int getpeername(int fd, struct sockaddr *a, socklen_t *n)
{
    int (*real)(int, struct sockaddr *, socklen_t *);
    *(void **)&real = dlsym(RTLD_NEXT, "getpeername");
    int rc = real(fd, a, n);
    if (rc == 0 && fd == server_public_fd)
        ((struct sockaddr_in *)(void *)a)->sin_addr.s_addr = inet_addr(SERVER_PUBLIC);
    return rc;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    static const struct {
        const char *name, *address;
    } names[] = {{"loop.test", "127.0.0.1"},  {"meta.test", "169.254.169.254"},       {"six.test", "::1"},
                 {"slow.test", "127.0.0.1"},  {"mapped.test", "::ffff:127.0.0.1"},    {"silent.test", "127.0.0.1"},
                 {"loop.test.", "127.0.0.1"}, {"metamapped.test", "::ffff:a9fe:a9fe"}};
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    struct addrinfo numeric = hints ? *hints : (struct addrinfo){0};
    lookups++;
    bool silent = name && !strncmp(name, "silent", 6);
    lookups_waiting += silent;
    while (silent && !names_answer)
        usleep(10000);
    lookups_waiting -= silent;
    for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(name, names[i].name)) {
            if (!strcmp(name, "slow.test"))
                usleep(200000);
            numeric.ai_family = AF_UNSPEC;
            numeric.ai_flags = AI_NUMERICHOST;
            return real(names[i].address, service, &numeric, out);
        }
    if (name && !strcmp(name, "both.test")) {
        numeric.ai_family = AF_INET;
        numeric.ai_flags = AI_NUMERICHOST;
        int rc = real("10.0.0.1", service, &numeric, out);
        return rc ? rc : real(SERVER_PUBLIC, service, &numeric, &(*out)->ai_next);
    }
    return real(name, service, hints, out);
}

#endif
