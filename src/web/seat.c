/* seat.c: parked requests, and how they come back to a thread.
 *
 * One lock guards two lists: the requests that are ready, in order, and those that are parked. A wake moves a request
 * from the second to the first and, if a thread sleeps, writes to an eventfd that all sleeping threads watch. The
 * watcher is a small thread that does what no wake does: it ends the wait of a request whose time is over or whose
 * visitor has left. Most requests are parked for a few milliseconds, so it looks only at those that have been for
 * longer, and costs them nothing.
 *
 * Invariants: a request is in at most one list, and taken up by one thread. A wake that comes while the request runs is
 * remembered and makes it ready as soon as it is parked, so none is lost. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "web/seat_internal.h"

#include "base/banned.h"

/* A request that has been parked for this long is worth two system calls, to notice that its visitor has left. */
#define WATCH_AFTER_US 20000
#define WATCHER_STACK (64 * KB)
#define WATCH_EVENTS 64

struct seats {
    struct seat_kind kind;
    pthread_mutex_t lock;
    struct seat *free, *ready_first, *ready_last, *parked, *newest;
    size_t ready_n;
    int taken, idle;
    int ready_fd;
    /* The watcher. */
    pthread_t watcher;
    int epoll_fd, watch_fd;
    int64_t look_us; /* when it looks next; INT64_MAX: not before it is told */
    bool stop;
};

static _Thread_local bool seat_pool_thread;

void seats_pool_thread(void)
{
    seat_pool_thread = true;
}

static void seat_signal(int fd)
{
    uint64_t one = 1;
    /* It fails only when the counter is full, and then the other side is woken anyway. */
    (void)!write(fd, &one, sizeof(one));
}

static void seat_drain(int fd)
{
    uint64_t n;
    (void)!read(fd, &n, sizeof(n));
}

/* ---- lists; called with the lock held ---- */

static void seat_leave_parked(struct seats *all, struct seat *s)
{
    if (s->previous)
        s->previous->next = s->next;
    else
        all->parked = s->next;
    if (s->next)
        s->next->previous = s->previous;
}

/* True: a sleeping thread has to be woken. A pool thread finds the first request that it makes ready itself, when its
 * own handler has returned. */
static bool seat_make_ready(struct seats *all, struct seat *s)
{
    s->state = SEAT_READY;
    s->next = NULL;
    if (all->ready_last)
        all->ready_last->next = s;
    else
        all->ready_first = s;
    all->ready_last = s;
    all->ready_n++;
    return all->idle > 0 && (!seat_pool_thread || all->ready_n > 1);
}

static void seat_wake(void *ctx, uint64_t generation)
{
    struct seat *s = ctx;
    struct seats *all = s->all;
    bool tell = false;
    pthread_mutex_lock(&all->lock);
    if (s->generation == generation && s->state == SEAT_PARKED) {
        seat_leave_parked(all, s);
        tell = seat_make_ready(all, s);
    } else if (s->generation == generation && s->state == SEAT_RUNS) {
        s->woken = true;
    }
    pthread_mutex_unlock(&all->lock);
    if (tell)
        seat_signal(all->ready_fd);
}

/* ---- requests ---- */

static struct seat *seat_new(struct seats *all)
{
    struct seat *s = all->kind.make(all->kind.ctx);
    if (s) {
        s->all = all;
        s->fd = -1;
        pthread_mutex_lock(&all->lock);
        s->older = all->newest;
        all->newest = s;
        pthread_mutex_unlock(&all->lock);
    }
    return s;
}

struct seat *seats_begin(struct seats *all)
{
    pthread_mutex_lock(&all->lock);
    struct seat *s = all->free;
    if (s)
        all->free = s->next;
    pthread_mutex_unlock(&all->lock);
    if (!s && !(s = seat_new(all)))
        return NULL;
    pthread_mutex_lock(&all->lock);
    s->state = SEAT_RUNS;
    s->woken = s->watched = false;
    s->generation++;
    s->x.waker = (struct waker){.wake = seat_wake, .ctx = s, .generation = s->generation};
    all->taken++;
    pthread_mutex_unlock(&all->lock);
    return s;
}

/* The last one used is the first one used again: its memory is in the processor's cache. */
void seats_end(struct seat *s)
{
    struct seats *all = s->all;
    pthread_mutex_lock(&all->lock);
    s->state = SEAT_FREE;
    s->generation++;
    s->next = all->free;
    all->free = s;
    all->taken--;
    pthread_mutex_unlock(&all->lock);
}

/* The watcher looks WATCH_AFTER_US from now at the latest; it is told only if it would sleep longer. */
void seats_park(struct seat *s)
{
    struct seats *all = s->all;
    int64_t now = clock_mono_us();
    bool tell = false, look = false;
    pthread_mutex_lock(&all->lock);
    if (s->woken) {
        s->woken = false;
        tell = seat_make_ready(all, s);
    } else {
        s->state = SEAT_PARKED;
        s->parked_us = now;
        s->previous = NULL;
        s->next = all->parked;
        if (all->parked)
            all->parked->previous = s;
        all->parked = s;
        look = all->look_us > now + WATCH_AFTER_US;
        if (look)
            all->look_us = now + WATCH_AFTER_US;
    }
    pthread_mutex_unlock(&all->lock);
    if (tell)
        seat_signal(all->ready_fd);
    if (look)
        seat_signal(all->watch_fd);
}

/* Threads that sleep are woken one at a time: the one that takes a request up wakes the next while more are ready. */
struct seat *seats_ready(struct seats *all)
{
    bool tell = false;
    pthread_mutex_lock(&all->lock);
    struct seat *s = all->ready_first;
    if (s) {
        all->ready_first = s->next;
        if (!all->ready_first)
            all->ready_last = NULL;
        all->ready_n--;
        s->state = SEAT_RUNS;
        tell = all->ready_n > 0 && all->idle > 0;
    }
    pthread_mutex_unlock(&all->lock);
    if (tell)
        seat_signal(all->ready_fd);
    return s;
}

int seats_ready_fd(const struct seats *all)
{
    return all->ready_fd;
}

bool seats_may_sleep(struct seats *all)
{
    pthread_mutex_lock(&all->lock);
    bool sleep = !all->ready_first;
    all->idle += sleep;
    pthread_mutex_unlock(&all->lock);
    return sleep;
}

void seats_wake_up(struct seats *all)
{
    pthread_mutex_lock(&all->lock);
    all->idle--;
    pthread_mutex_unlock(&all->lock);
    seat_drain(all->ready_fd);
}

int seats_taken(struct seats *all)
{
    pthread_mutex_lock(&all->lock);
    int n = all->taken;
    pthread_mutex_unlock(&all->lock);
    return n;
}

/* The free seats are taken out of the list meanwhile, so that no request begins in one. */
void seats_trim(struct seats *all)
{
    pthread_mutex_lock(&all->lock);
    struct seat *s = all->free;
    all->free = NULL;
    pthread_mutex_unlock(&all->lock);
    while (s) {
        struct seat *next = s->next;
        all->kind.trim(s);
        pthread_mutex_lock(&all->lock);
        s->next = all->free;
        all->free = s;
        pthread_mutex_unlock(&all->lock);
        s = next;
    }
}

/* ---- the watcher ---- */

/* Called with the lock held. A connection stays in the epoll until it is closed, because a request that waited for long
 * once often waits again. Only a hang-up is asked for: data after the request would be a fault of the web server. */
static void seat_watch(struct seats *all, struct seat *s)
{
    struct epoll_event ev = {.events = EPOLLONESHOT, .data.ptr = s};
    s->watched = true; /* also when it fails: then a write will find out */
    if (s->fd >= 0)
        (void)epoll_ctl(all->epoll_fd, EPOLL_CTL_ADD, s->fd, &ev);
}

/* Called with the lock held: those whose time is over become ready. Returns whether a thread has to be woken. */
static bool seat_look(struct seats *all, int64_t now)
{
    bool tell = false;
    all->look_us = INT64_MAX;
    for (struct seat *s = all->parked, *next; s; s = next) {
        int64_t until = s->x.im.park.until_us, look = until ? until : INT64_MAX;
        next = s->next;
        if (look <= now) {
            seat_leave_parked(all, s);
            tell = seat_make_ready(all, s) || tell;
            continue;
        }
        if (!s->watched && s->parked_us + WATCH_AFTER_US <= now)
            seat_watch(all, s);
        if (!s->watched && s->parked_us + WATCH_AFTER_US < look)
            look = s->parked_us + WATCH_AFTER_US;
        if (look < all->look_us)
            all->look_us = look;
    }
    return tell;
}

/* The seat of an event may serve another request by now. That one then looks around for no reason, which is allowed. */
static void seat_hung_up(struct seats *all, struct seat *s)
{
    bool tell = false;
    pthread_mutex_lock(&all->lock);
    if (s->state == SEAT_PARKED) {
        seat_leave_parked(all, s);
        tell = seat_make_ready(all, s);
    } else if (s->state == SEAT_RUNS) {
        s->woken = true;
    }
    pthread_mutex_unlock(&all->lock);
    if (tell)
        seat_signal(all->ready_fd);
}

static int seat_sleep_ms(int64_t look_us)
{
    int64_t left = look_us == INT64_MAX ? -1 : (look_us - clock_mono_us()) / 1000 + 1;
    return look_us == INT64_MAX ? -1 : left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static void *seat_watcher(void *arg)
{
    struct seats *all = arg;
    struct epoll_event events[WATCH_EVENTS];
    for (;;) {
        pthread_mutex_lock(&all->lock);
        bool stop = all->stop, tell = seat_look(all, clock_mono_us());
        int ms = seat_sleep_ms(all->look_us);
        pthread_mutex_unlock(&all->lock);
        if (tell)
            seat_signal(all->ready_fd);
        if (stop)
            return NULL;
        int n = epoll_wait(all->epoll_fd, events, WATCH_EVENTS, ms);
        for (int i = 0; i < n; i++)
            if (events[i].data.ptr)
                seat_hung_up(all, events[i].data.ptr);
            else
                seat_drain(all->watch_fd);
    }
}

static bool seat_start_watcher(struct seats *all)
{
    struct epoll_event ev = {.events = EPOLLIN};
    pthread_attr_t attr;
    if (all->epoll_fd < 0 || epoll_ctl(all->epoll_fd, EPOLL_CTL_ADD, all->watch_fd, &ev) != 0)
        return false;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, WATCHER_STACK);
    bool ok = pthread_create(&all->watcher, &attr, seat_watcher, all) == 0;
    pthread_attr_destroy(&attr);
    return ok;
}

static void seats_free(struct seats *all)
{
    for (struct seat *s = all->newest, *older; s; s = older) {
        older = s->older;
        all->kind.unmake(s);
    }
    if (all->ready_fd >= 0)
        close(all->ready_fd);
    if (all->watch_fd >= 0)
        close(all->watch_fd);
    if (all->epoll_fd >= 0)
        close(all->epoll_fd);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

struct seats *seats_open(const struct seat_kind *kind)
{
    struct seats *all = calloc(1, sizeof(*all));
    if (!all)
        return NULL;
    all->kind = *kind;
    pthread_mutex_init(&all->lock, NULL);
    all->look_us = INT64_MAX;
    all->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    all->watch_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    all->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (all->ready_fd >= 0 && all->watch_fd >= 0 && seat_start_watcher(all))
        return all;
    seats_free(all);
    return NULL;
}

void seats_close(struct seats *all)
{
    if (!all)
        return;
    pthread_mutex_lock(&all->lock);
    all->stop = true;
    pthread_mutex_unlock(&all->lock);
    seat_signal(all->watch_fd);
    pthread_join(all->watcher, NULL);
    seats_free(all);
}
