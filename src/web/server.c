/* server.c: FastCGI: a few threads, an accept of our own, a graceful stop. The one file that knows libfcgi.
 *
 * FCGX_Accept_r's own accept is not used. Sockets that it accepts have no timeouts, so a half-sent request would hold
 * its thread for ever; all threads would wake up for one connection; and no thread could be asked to stop. So a thread
 * accepts a connection itself and hands the descriptor to the library, which is given no listening socket at all.
 *
 * A thread first continues requests that were parked (seat.c), then accepts new ones, then sleeps. Invariant: it is
 * either in a request with timeouts or asleep in its epoll, so it always notices a stop. */
#define _GNU_SOURCE /* accept4, pthread_timedjoin_np, POLLRDHUP */
#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/build.h"
#include "base/clock.h"
#include "base/log.h"
#include "web/fcgi_out_internal.h"
#include "web/seat_internal.h"

#include "base/banned.h"

/* Small, because there may be many threads; enough for the deepest JSON document and template, which are limited. */
#define THREAD_STACK (256 * KB)
#define IDLE_MS 10000
#define DESCRIPTORS 65536
#define DRAIN_MS 20 /* how often a thread looks whether all requests have ended, while the program stops */

/* Set once, when the program is to stop. Threads that sleep are woken by the eventfd. */
atomic_bool web_stopping;

struct thread {
    pthread_t id;
    const struct fastcgi *f;
    struct seats *seats;
    int stop_fd;
    struct crash_slot *slot;
};

/* ---- the library's streams as a web_io ---- */

struct fcgi_io {
    struct web_io io;
    FCGX_Request *r;
    struct fcgi_out out; /* once the request was parked, in place of r->out */
};

/* A request with the library's part of it. */
struct fcgi_seat {
    struct seat seat;
    FCGX_Request r;
    struct fcgi_io f;
};

static ptrdiff_t fcgi_read(struct web_io *io, char *buf, size_t n)
{
    struct fcgi_io *f = (struct fcgi_io *)io;
    return f->r->in ? FCGX_GetStr(buf, (int)n, f->r->in) : 0;
}

static int fcgi_write(struct web_io *io, const char *p, size_t n)
{
    struct fcgi_io *f = (struct fcgi_io *)io;
    if (!f->r->out)
        return fcgi_out_write(&f->out, p, n);
    return FCGX_PutStr(p, (int)n, f->r->out) == (int)n ? 0 : -1;
}

static int fcgi_flush(struct web_io *io)
{
    struct fcgi_io *f = (struct fcgi_io *)io;
    if (!f->r->out)
        return fcgi_out_flush(&f->out);
    return FCGX_FFlush(f->r->out) == 0 ? 0 : -1;
}

/* The library notices a closed connection only when a write fails, and a turn may think for long before it writes.
 * Asking the socket costs one system call and does not block. Over TCP a peer that has closed only shows as one that
 * will send no more. */
static bool fcgi_gone(struct web_io *io)
{
    struct fcgi_io *f = (struct fcgi_io *)io;
    struct pollfd p = {.fd = f->r->ipcFd, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* ---- a worker ---- */

/* Accepted sockets do not inherit these from the listening one, so each connection gets them. */
static void set_timeouts(int fd, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

/* True when the web server has sent the whole request. The body was read before, so at most its end is missing. */
static bool read_to_end(FCGX_Request *r)
{
    return !r->in || (FCGX_GetChar(r->in) < 0 && FCGX_GetError(r->in) == 0);
}

/* End a request. The library's own way to close waits until the web server has closed its side, because data that is
 * still on its way in would destroy what is on its way out. Where the request has been read to its end there is no such
 * data: close the streams, and the connection here. That saves three system calls and a wait. FCGX_Finish_r would not
 * write the end of a request whose streams were given back. */
static void server_finish(struct fcgi_seat *s)
{
    FCGX_Request *r = &s->r;
    if (!read_to_end(r)) {
        FCGX_Finish_r(r);
        if (r->ipcFd >= 0)
            FCGX_Free(r, 1); /* the web server asked to keep it open, which would pin this thread in a read */
        return;
    }
    if (r->out) {
        (void)FCGX_FClose(r->err);
        (void)FCGX_FClose(r->out);
    } else
        fcgi_out_end(&s->f.out);
    FCGX_Free(r, 0);
    close(r->ipcFd);
    r->ipcFd = -1;
}

/* The library's buffers are most of what a connection costs. What a stream has written goes out first. Nothing is ever
 * written to the stream of errors. */
static void server_free_streams(struct fcgi_seat *s)
{
    FCGX_Request *r = &s->r;
    if (!r->in || !read_to_end(r))
        return;
    fcgi_out_init(&s->f.out, r->ipcFd, r->requestId);
    s->f.out.failed = FCGX_FFlush(r->out) != 0;
    FCGX_FreeStream(&r->in);
    FCGX_FreeStream(&r->out);
    FCGX_FreeStream(&r->err);
}

/* A parked request keeps what it needs to reply and no more: thousands may be parked. Empty buffers may have grown in
 * an earlier request. */
static void server_thin(struct fcgi_seat *s)
{
    struct exchange *x = &s->seat.x;
    server_free_streams(s);
    buf_release(&x->head); /* built when it is sent */
    if (x->extra.n == 0)
        buf_release(&x->extra);
    if (x->body.n == 0)
        buf_release(&x->body);
    if (s->f.out.waiting.n == 0)
        buf_release(&s->f.out.waiting);
}

/* After a handler or a resume. A parked request is out of this thread's hands: another may have it already. */
static void server_after(struct fcgi_seat *s, bool done)
{
    if (!done) {
        server_thin(s);
        seats_park(&s->seat);
        return;
    }
    server_finish(s);
    seats_end(&s->seat);
}

static void serve_connection(const struct thread *t, int fd)
{
    struct fcgi_seat *s = (struct fcgi_seat *)seats_begin(t->seats);
    if (!s) {
        close(fd);
        log_line_limited(LOG_ERROR, "request_dropped", LOG_S("error", "out of memory"));
        return;
    }
    /* With a descriptor in place and the connection marked as kept, FCGX_Accept_r reads a request from it and
     * overwrites the mark with what the request says. On failure it closes the descriptor and finds no socket to accept
     * from. */
    s->r.ipcFd = fd;
    s->r.keepConnection = 1;
    if (FCGX_Accept_r(&s->r) < 0) {
        seats_end(&s->seat);
        return;
    }
    s->seat.fd = fd;
    s->seat.x.slot = t->slot;
    s->f = (struct fcgi_io){.io = {s->r.envp, fcgi_read, fcgi_write, fcgi_flush, fcgi_gone}, .r = &s->r};
    server_after(s, dispatch_request(&s->seat.x, &s->f.io));
}

static void server_continue(const struct thread *t, struct seat *seat)
{
    struct fcgi_seat *s = (struct fcgi_seat *)seat;
    seat->x.slot = t->slot;
    server_after(s, dispatch_resume(&seat->x));
}

static struct seat *fcgi_seat_make(void *ctx)
{
    const struct fastcgi *f = ctx;
    struct fcgi_seat *s = calloc(1, sizeof(*s));
    if (!s || FCGX_InitRequest(&s->r, -1, 0) != 0) {
        free(s);
        return NULL;
    }
    exchange_init(&s->seat.x, f->program, f->app, f->router);
    return &s->seat;
}

static size_t fcgi_seat_kept(const struct seat *seat)
{
    const struct exchange *x = &seat->x;
    return arena_kept(&x->arena) + x->head.cap + x->extra.cap + x->body.cap;
}

static void fcgi_seat_trim(struct seat *seat)
{
    exchange_release(&seat->x);
}

/* The listening socket does not block, so a thread that lost the race for a connection gets EAGAIN. That is the normal
 * case and not worth a line in the log. */
static void accept_failed(void)
{
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
        return;
    log_line(LOG_ERROR, "accept_failed", LOG_S("error", strerror(errno)));
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL); /* out of descriptors: do not spin */
}

/* Sleep until there is a connection or a request to continue, or the program is to stop. A thread that was idle for
 * IDLE_MS gives memory back first, so that a burst does not cost memory for ever. True: there is a connection. */
static bool wait_for_work(const struct thread *t, int epoll_fd)
{
    struct epoll_event ev[3];
    bool connection = false, ready = false;
    if (!seats_may_sleep(t->seats))
        return false;
    int n = epoll_wait(epoll_fd, ev, 3, IDLE_MS);
    if (n == 0) {
        seats_trim(t->seats);
        malloc_trim(0);
        n = epoll_wait(epoll_fd, ev, 3, -1);
    }
    for (int i = 0; i < n; i++) {
        connection = connection || ev[i].data.fd == t->f->listen_fd;
        ready = ready || ev[i].data.fd == seats_ready_fd(t->seats);
    }
    seats_wake_up(t->seats, ready);
    return connection;
}

/* A request that is ready goes before a new one: it was here first, and others may wait for it. A thread that was woken
 * for a connection and takes up such a request instead wakes another, because the socket wakes only one. */
static void serve_until_stopped(const struct thread *t, int epoll_fd)
{
    bool connection = false;
    while (!atomic_load_explicit(&web_stopping, memory_order_acquire)) {
        struct seat *ready = seats_ready(t->seats);
        if (ready) {
            if (connection)
                seats_wake_thread(t->seats);
            connection = false;
            server_continue(t, ready);
            continue;
        }
        /* Under load the next connection is already waiting: accept before sleeping. */
        int fd = accept4(t->f->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        connection = false;
        if (fd >= 0) {
            set_timeouts(fd, t->f->request_timeout_ms);
            serve_connection(t, fd);
            continue;
        }
        accept_failed();
        connection = wait_for_work(t, epoll_fd);
    }
}

/* Once the program is to stop: no new requests, but those that are parked have until the time limit of the stop. The
 * stop descriptor stays readable, so the epoll cannot be used any more. */
static void serve_the_rest(const struct thread *t)
{
    struct pollfd p = {.fd = seats_ready_fd(t->seats), .events = POLLIN};
    while (seats_taken(t->seats) > 0) {
        struct seat *ready = seats_ready(t->seats);
        if (ready)
            server_continue(t, ready);
        else if (seats_may_sleep(t->seats))
            seats_wake_up(t->seats, poll(&p, 1, DRAIN_MS) > 0);
    }
}

/* Each thread has an epoll of its own: EPOLLEXCLUSIVE then wakes one thread per connection, and always the same few
 * while they suffice, so that the stacks of the others stay untouched. */
static int make_epoll(const struct thread *t)
{
    struct epoll_event listening = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = t->f->listen_fd},
                       ready = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = seats_ready_fd(t->seats)},
                       stop = {.events = EPOLLIN, .data.fd = t->stop_fd};
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd >= 0 && (epoll_ctl(fd, EPOLL_CTL_ADD, t->f->listen_fd, &listening) != 0 ||
                    epoll_ctl(fd, EPOLL_CTL_ADD, seats_ready_fd(t->seats), &ready) != 0 ||
                    epoll_ctl(fd, EPOLL_CTL_ADD, t->stop_fd, &stop) != 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* A thread that cannot start makes the whole program stop: the supervisor starts it again, with its backoff. Serving on
 * with fewer threads would hide the fault. */
static void give_up(const char *what, const char *why)
{
    log_line(LOG_ERROR, "thread_failed", LOG_S("what", what), LOG_S("error", why));
    kill(getpid(), SIGTERM);
}

/* One thread. What it needs of the program (its database connection state) is begun before the first request and ended
 * last. */
static void *worker_main(void *arg)
{
    struct thread *t = arg;
    const struct web_program *program = t->f->program;
    struct err e = ERR_INIT;
    crash_thread_begin(t->slot);
    seats_pool_thread();
    int epoll_fd = make_epoll(t);
    if (epoll_fd < 0) {
        give_up("epoll", strerror(errno));
    } else if (program->thread_begin && program->thread_begin(t->f->app, &e) != OK) {
        give_up("thread_begin", e.message);
    } else {
        serve_until_stopped(t, epoll_fd);
        serve_the_rest(t);
        if (program->thread_end)
            program->thread_end(t->f->app);
    }
    if (epoll_fd >= 0)
        close(epoll_fd);
    crash_thread_end();
    return NULL;
}

/* ---- the main thread ---- */

/* The threads block all signals, because the library gives up a connection on EINTR. Their own faults still reach
 * them. */
static void worker_signals(sigset_t *set)
{
    sigfillset(set);
    sigdelset(set, SIGSEGV);
    sigdelset(set, SIGBUS);
    sigdelset(set, SIGFPE);
    sigdelset(set, SIGILL);
    sigdelset(set, SIGABRT);
}

/* The signal mask is set before the threads are made and restored afterwards: they inherit it at their creation. */
static int start_threads(const struct thread *like, struct thread *threads, struct crash_slot *slots)
{
    const struct fastcgi *f = like->f;
    pthread_attr_t attr;
    sigset_t none, before;
    int started = 0;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    worker_signals(&none);
    pthread_sigmask(SIG_SETMASK, &none, &before);
    for (; started < f->threads; started++) {
        threads[started] = *like;
        threads[started].slot = &slots[started];
        int rc = pthread_create(&threads[started].id, &attr, worker_main, &threads[started]);
        if (rc != 0) {
            log_line(LOG_ERROR, "thread_failed", LOG_S("what", "create"), LOG_S("error", strerror(rc)));
            break;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return started;
}

/* The main thread does nothing else, so a signal is handled in an ordinary context, where everything is allowed. */
static void wait_for_signals(const struct fastcgi *f)
{
    sigset_t set;
    int sig;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    for (;;) {
        if (sigwait(&set, &sig) != 0)
            continue;
        if (sig != SIGHUP)
            return;
        f->reload(f->reload_ctx);
    }
}

/* One deadline for all of them together, or a program with many threads could take many times its limit.
 * pthread_timedjoin_np knows only the wall clock. */
static bool join_threads(struct thread *threads, int n, int64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    bool all = true;
    for (int i = 0; i < n; i++)
        all = pthread_timedjoin_np(threads[i].id, NULL, &until) == 0 && all;
    return all;
}

/* Tell the threads to stop and wait for the requests in flight. Parked ones are woken once, so that a stream that waits
 * for long learns of it. */
static void server_stop(struct thread *threads, int n, struct seats *seats, int stop_fd)
{
    const struct fastcgi *f = threads[0].f;
    uint64_t one = 1;
    int64_t started_us = clock_mono_us();
    log_line(LOG_INFO, "stopping");
    atomic_store_explicit(&web_stopping, true, memory_order_release);
    if (write(stop_fd, &one, sizeof(one)) != sizeof(one))
        log_line(LOG_ERROR, "stop_failed", LOG_S("error", strerror(errno)));
    seats_wake_all(seats);
    if (!join_threads(threads, n, f->stop_timeout_ms)) {
        /* Threads still use the state of the program, so it must not be freed: exit without the usual cleanup. */
        log_line(LOG_WARN, "stop_timeout", LOG_I("ms", f->stop_timeout_ms));
        _exit(0);
    }
    log_line(LOG_INFO, "stopped", LOG_I("ms", (clock_mono_us() - started_us) / 1000));
}

/* A parked request holds a descriptor and nothing else that is scarce, so take as many as the system allows. Nothing
 * here uses select(2), which knows only 1,024. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int fastcgi_serve(const struct fastcgi *f)
{
    const struct seat_kind kind = {fcgi_seat_make, fcgi_seat_kept, fcgi_seat_trim, (void *)(uintptr_t)f};
    struct thread like = {.f = f, .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    int code = 1, started;
    struct thread *threads = calloc((size_t)f->threads, sizeof(*threads));
    struct crash_slot *slots = calloc((size_t)f->threads, sizeof(*slots));
    /* After a request the library waits for the web server to close. lighttpd does so at once; a slow peer must not
     * hold a thread. */
    setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "200", 0);
    if (like.stop_fd < 0 || !threads || !slots || FCGX_Init() != 0)
        goto out;
    if (fcntl(f->listen_fd, F_SETFL, fcntl(f->listen_fd, F_GETFL) | O_NONBLOCK) < 0)
        goto out;
    raise_descriptors();
    crash_slots(slots, (size_t)f->threads);
    /* Where another allocator takes the place of glibc's (a sanitizer's, a preloaded one), the first malloc_trim sets
     * glibc's up, which two idle threads must not do at once. */
    malloc_trim(0);
    like.seats = seats_open(&kind);
    started = like.seats ? start_threads(&like, threads, slots) : 0;
    if (started > 0) {
        log_line(LOG_INFO, "started", LOG_I("threads", started), LOG_S("build_id", build_id()));
        wait_for_signals(f);
        server_stop(threads, started, like.seats, like.stop_fd);
        code = 0;
    }
    crash_slots(NULL, 0);
out:
    seats_close(like.seats);
    if (like.stop_fd >= 0)
        close(like.stop_fd);
    free(slots);
    free(threads);
    return code;
}
