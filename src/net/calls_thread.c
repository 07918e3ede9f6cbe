/* calls_thread.c: the loop that runs all calls.
 *
 * libcurl's socket interface is used on an epoll of our own: with thousands of waiting calls a wake-up costs what
 * happened, and not a walk over all of them as curl_multi_poll() would. Each round takes what other threads posted,
 * fires timers, lets waiting calls begin, and sleeps until a socket, a timer or another thread has something.
 *
 * Nothing here waits for the network or a name server: names are looked up in threads of libcurl, and
 * CURLOPT_QUICK_EXIT keeps it from waiting for them. `done` is called from this loop only, never from inside libcurl,
 * so it may do anything. */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/calls_internal.h"
#include "net/net_internal.h"

#include "base/banned.h"

#define LOOP_EVENTS 128
/* Connections that one pool keeps open without use. */
#define POOL_IDLE_MAX 8
#define SWEEP_US 10000000

/* What other threads have for the calls thread. */
static struct {
    pthread_mutex_t lock; /* for all of this, and for `over` and `cancel_posted` of every call */
    struct call *starts, **starts_end, *cancels;
    bool running, stopping;
} posted = {.lock = PTHREAD_MUTEX_INITIALIZER, .starts_end = &posted.starts};

/* Of the calls thread alone, once it runs. */
static struct {
    pthread_t thread;
    CURLM *multi;
    int epoll, wake; /* an eventfd */
    int64_t curl_due, sweep_due;
    struct call *live;
} loop = {.epoll = -1, .wake = -1};
static _Thread_local bool loop_is_here;

/* With the lock held, under which the eventfd is closed: its number must not be another file's by then. A full counter
 * wakes as well, so the result does not matter. */
static void loop_wake(void)
{
    uint64_t one = 1;
    if (posted.running && !loop_is_here) {
        ssize_t n = write(loop.wake, &one, sizeof(one));
        (void)n;
    }
}

void calls_thread_wake(void)
{
    pthread_mutex_lock(&posted.lock);
    loop_wake();
    pthread_mutex_unlock(&posted.lock);
}

/* ---- libcurl's side of the loop ---- */

/* libcurl removes a socket before it closes it, but a socket of a pool that is closed with its pool is only closed. The
 * kernel forgets it then, and the same number may be added again: hence both ways. */
static int loop_on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct epoll_event ev = {.data.fd = fd};
    (void)easy;
    (void)ctx;
    (void)socket_ctx;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(loop.epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    ev.events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) | (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
    if (epoll_ctl(loop.epoll, EPOLL_CTL_ADD, fd, &ev) == 0)
        return 0;
    return errno == EEXIST && epoll_ctl(loop.epoll, EPOLL_CTL_MOD, fd, &ev) == 0 ? 0 : -1;
}

static int loop_on_timer(CURLM *multi, long ms, void *ctx)
{
    (void)multi;
    (void)ctx;
    loop.curl_due = ms < 0 ? INT64_MAX : clock_mono_us() + (int64_t)ms * 1000;
    return 0;
}

/* ---- the calls ---- */

/* The transfer and its connection are given up first, so that the other side learns of a cancelled call even if `done`
 * takes a moment, and the place is free for a call that `done` starts. */
static void loop_end_call(struct call *c, enum call_class class, const char *why)
{
    timer_unset(&c->deadline);
    call_fill_result(c, class, why);
    if (c->in_multi)
        curl_multi_remove_handle(loop.multi, c->easy);
    curl_easy_cleanup(c->easy);
    c->easy = NULL;
    int retry_after_s = share_leave(c, class, clock_mono_us());
    if (class == CALL_HOST_DOWN)
        c->result.err.retry_after_s = retry_after_s;
    pthread_mutex_lock(&posted.lock);
    c->over = true;
    pthread_mutex_unlock(&posted.lock);
    if (c->prev_live)
        c->prev_live->next_live = c->next_live;
    else
        loop.live = c->next_live;
    if (c->next_live)
        c->next_live->prev_live = c->prev_live;
    c->on.done(c->on.ctx, &c->result);
    call_unref(c);
}

/* The timer is lazy: content only moves the deadline, and the timer looks here whether it has come. */
static void loop_on_deadline(void *ctx)
{
    struct call *c = ctx;
    enum call_class class;
    if (call_due(c, &class) <= clock_mono_us())
        loop_end_call(c, class, NULL);
    else
        call_arm(c);
}

static void loop_begin_call(struct call *c)
{
    c->launched_at = clock_mono_us();
    c->phase = CALL_CONNECTING;
    CURLSH *pool = c->pooled ? share_pool(c) : NULL;
    bool ok = !c->pooled || (pool && curl_easy_setopt(c->easy, CURLOPT_SHARE, pool) == CURLE_OK);
    ok = ok && curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c) == CURLE_OK;
    c->in_multi = ok && curl_multi_add_handle(loop.multi, c->easy) == CURLM_OK;
    if (c->in_multi)
        call_arm(c);
    else
        loop_end_call(c, CALL_NO_MEMORY, NULL);
}

static void loop_enter_call(struct call *c)
{
    c->next_live = loop.live;
    if (loop.live)
        loop.live->prev_live = c;
    loop.live = c;
    c->deadline.fire = loop_on_deadline;
    c->deadline.ctx = c;
    if (loop.sweep_due == INT64_MAX)
        loop.sweep_due = clock_mono_us() + SWEEP_US;
    enum call_class class = share_enter(c, clock_mono_us());
    if (class == CALL_REPLIED)
        call_arm(c);
    else
        loop_end_call(c, class, NULL);
}

/* Returns false when the thread has to end. */
static bool loop_take_posted(void)
{
    pthread_mutex_lock(&posted.lock);
    struct call *starts = posted.starts, *cancels = posted.cancels;
    posted.starts = posted.cancels = NULL;
    posted.starts_end = &posted.starts;
    bool stopping = posted.stopping;
    pthread_mutex_unlock(&posted.lock);
    while (starts) {
        struct call *c = starts;
        starts = c->next_posted;
        loop_enter_call(c);
    }
    while (cancels) {
        struct call *c = cancels;
        cancels = c->next_cancel;
        if (!c->over) /* written by this thread only */
            loop_end_call(c, CALL_CANCELLED, NULL);
        call_unref(c);
    }
    return !stopping;
}

static void loop_begin_waiting(void)
{
    for (;;) {
        enum call_class class = CALL_REPLIED;
        struct call *c = share_next(clock_mono_us(), &class);
        if (!c)
            return;
        if (class == CALL_REPLIED)
            loop_begin_call(c);
        else
            loop_end_call(c, class, NULL);
    }
}

static void loop_end_finished(void)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(loop.multi, &left))) {
        struct call *c = NULL;
        if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c) != CURLE_OK)
            continue;
        CURLcode rc = m->data.result; /* the message dies with the handle */
        loop_end_call(c, call_classify(c, rc), c->trouble[0] ? c->trouble : curl_easy_strerror(rc));
    }
}

/* Rounded up: a timer that is due within the millisecond would make the loop spin. */
static int loop_sleep_ms(int64_t due)
{
    int64_t us = due - clock_mono_us();
    if (due == INT64_MAX)
        return -1;
    return us <= 0 ? 0 : us > 3600 * INT64_C(1000000) ? 3600 * 1000 : (int)((us + 999) / 1000);
}

static void loop_wait(int64_t due)
{
    struct epoll_event events[LOOP_EVENTS];
    int running;
    int n = epoll_wait(loop.epoll, events, LOOP_EVENTS, loop_sleep_ms(due < loop.curl_due ? due : loop.curl_due));
    for (int i = 0; i < n; i++) {
        uint64_t count;
        if (events[i].data.fd == loop.wake) {
            ssize_t got = read(loop.wake, &count, sizeof(count));
            (void)got;
            continue;
        }
        int mask = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(loop.multi, events[i].data.fd, mask, &running);
    }
    if (loop.curl_due <= clock_mono_us()) {
        loop.curl_due = INT64_MAX;
        curl_multi_socket_action(loop.multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

/* A call that another call's `done` starts while this one is taken from the inbox is posted as well; it is found in the
 * next round, which must not sleep first. */
static bool loop_has_posted(void)
{
    pthread_mutex_lock(&posted.lock);
    bool any = posted.starts || posted.cancels;
    pthread_mutex_unlock(&posted.lock);
    return any;
}

/* libcurl encodes the letters of a host name beyond ASCII (IDNA) as the locale says they are written, and knows nothing
 * but ASCII in the "C" locale of our programs. Without the locale such a name fails, as a name that is not valid. */
static locale_t loop_use_utf8(void)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (utf8)
        uselocale(utf8);
    return utf8;
}

static void *loop_main(void *ctx)
{
    (void)ctx;
    loop_is_here = true;
    locale_t utf8 = loop_use_utf8();
    while (loop_take_posted()) {
        int64_t now = clock_mono_us();
        if (loop.sweep_due <= now)
            loop.sweep_due = share_sweep(now, false) ? now + SWEEP_US : INT64_MAX;
        loop_end_finished();
        loop_begin_waiting();
        int64_t due = timers_run(clock_mono_us());
        loop_begin_waiting();
        if (loop_has_posted())
            due = 0;
        loop_wait(due < loop.sweep_due ? due : loop.sweep_due);
        loop_end_finished();
    }
    do {
        while (loop.live)
            loop_end_call(loop.live, CALL_CANCELLED, NULL);
        (void)loop_take_posted();
    } while (loop.live);
    (void)share_sweep(0, true);
    uselocale(LC_GLOBAL_LOCALE);
    if (utf8)
        freelocale(utf8);
    return NULL;
}

/* ---- begin and end ---- */

/* The thread takes no signal: those are for the thread that waits for them. */
static bool loop_start_thread(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&loop.thread, NULL, loop_main, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0;
}

static void loop_close(void)
{
    curl_multi_cleanup(loop.multi);
    if (loop.epoll >= 0)
        close(loop.epoll);
    if (loop.wake >= 0)
        close(loop.wake);
    loop.multi = NULL;
    loop.epoll = loop.wake = -1;
}

/* With the lock held. */
static enum status loop_start(struct err *e)
{
    struct epoll_event ev = {.events = EPOLLIN};
    if (posted.stopping)
        return err_set(e, E_unavailable, "Outside calls are being stopped.");
    if (posted.running)
        return OK;
    loop.curl_due = INT64_MAX;
    loop.sweep_due = clock_mono_us() + SWEEP_US;
    loop.live = NULL;
    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    ev.data.fd = loop.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop.multi = curl_multi_init();
    bool ok = loop.epoll >= 0 && loop.wake >= 0 && epoll_ctl(loop.epoll, EPOLL_CTL_ADD, loop.wake, &ev) == 0 &&
              loop.multi && curl_multi_setopt(loop.multi, CURLMOPT_SOCKETFUNCTION, loop_on_socket) == CURLM_OK &&
              curl_multi_setopt(loop.multi, CURLMOPT_TIMERFUNCTION, loop_on_timer) == CURLM_OK &&
              curl_multi_setopt(loop.multi, CURLMOPT_MAXCONNECTS, (long)POOL_IDLE_MAX) == CURLM_OK &&
              loop_start_thread();
    if (!ok) {
        loop_close();
        return err_set(e, E_unavailable, "The thread for outside calls cannot be started.");
    }
    posted.running = true;
    return OK;
}

enum status calls_thread_begin(struct err *e)
{
    net_library_begin();
    pthread_mutex_lock(&posted.lock);
    enum status st = loop_start(e);
    pthread_mutex_unlock(&posted.lock);
    return st;
}

enum status calls_thread_post(struct call *c, struct err *e)
{
    pthread_mutex_lock(&posted.lock);
    enum status st = loop_start(e);
    if (st == OK) {
        *posted.starts_end = c;
        posted.starts_end = &c->next_posted;
        loop_wake();
    }
    pthread_mutex_unlock(&posted.lock);
    return st;
}

void calls_thread_cancel(struct call *c)
{
    pthread_mutex_lock(&posted.lock);
    if (!c->over && !c->cancel_posted) {
        c->cancel_posted = true;
        atomic_fetch_add(&c->refs, 1);
        c->next_cancel = posted.cancels;
        posted.cancels = c;
        loop_wake();
    }
    pthread_mutex_unlock(&posted.lock);
}

void calls_thread_end(void)
{
    pthread_mutex_lock(&posted.lock);
    bool running = posted.running && !posted.stopping;
    if (running) {
        posted.stopping = true;
        loop_wake();
    }
    pthread_mutex_unlock(&posted.lock);
    if (!running)
        return;
    pthread_join(loop.thread, NULL);
    pthread_mutex_lock(&posted.lock);
    loop_close();
    posted.running = posted.stopping = false;
    pthread_mutex_unlock(&posted.lock);
}
