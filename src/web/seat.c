/* seat.c: parked requests, and how they come back to a thread.
 *
 * One lock guards the list of requests that are ready, in order, and a heap of those that are parked, by the time at
 * which the watcher looks at them. A wake moves a request from the second to the first and, if a thread sleeps, writes
 * to an eventfd that all sleeping threads watch. The watcher is a small thread that does what no wake does: it ends the
 * wait of a request whose time is over or whose visitor has left. Most requests are parked for a few milliseconds, so
 * it looks only at those that have been for longer, and costs them no system call.
 *
 * Invariants: a request is ready or in the heap or neither, and taken up by one thread. A wake that comes while the
 * request runs is remembered and makes it ready as soon as it is parked, so none is lost. */
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
/* Free seats that keep their memory for the next request, and how much. */
#define WARM_SEATS 64
#define WARM_BYTES (16 * KB)

struct seats {
    struct seat_kind kind;
    pthread_mutex_t lock;
    struct seat *warm, *cold; /* free seats that keep their memory, and the others */
    struct seat *ready_first, *ready_last, *newest;
    struct seat **heap; /* has room for all seats */
    size_t heap_n, heap_cap;
    atomic_size_t ready_n; /* written under the lock */
    int made, taken, idle, warm_n;
    int ready_fd;
    /* The watcher. */
    pthread_t watcher;
    int epoll_fd, watch_fd;
    int64_t look_us; /* when it looks next; INT64_MAX: not before it is told */
    atomic_bool stop;
};

/* A process has one server. Late wakers may look at its lock and its seats until the process ends. */
static struct seats seats_only = {.lock = PTHREAD_MUTEX_INITIALIZER};
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

/* ---- the heap: the parked requests, those that are looked at next first; called with the lock held ---- */

static void seat_heap_set(struct seats *all, size_t i, struct seat *s)
{
    all->heap[i] = s;
    s->heap_at = i + 1;
}

static void seat_heap_up(struct seats *all, size_t i, struct seat *s)
{
    for (; i > 0 && all->heap[(i - 1) / 2]->look_us > s->look_us; i = (i - 1) / 2)
        seat_heap_set(all, i, all->heap[(i - 1) / 2]);
    seat_heap_set(all, i, s);
}

static void seat_heap_down(struct seats *all, size_t i, struct seat *s)
{
    for (size_t child; (child = 2 * i + 1) < all->heap_n; i = child) {
        if (child + 1 < all->heap_n && all->heap[child + 1]->look_us < all->heap[child]->look_us)
            child++;
        if (s->look_us <= all->heap[child]->look_us)
            break;
        seat_heap_set(all, i, all->heap[child]);
    }
    seat_heap_set(all, i, s);
}

/* The last one fills the gap, and may have to move in either direction. */
static void seat_leave_parked(struct seats *all, struct seat *s)
{
    size_t i = s->heap_at - 1;
    struct seat *last = all->heap[--all->heap_n];
    s->heap_at = 0;
    if (last == s)
        return;
    seat_heap_down(all, i, last);
    seat_heap_up(all, last->heap_at - 1, last);
}

/* When the watcher has to look at a parked request: at its deadline, and before that once to watch its connection. */
static void seat_enter_parked(struct seats *all, struct seat *s, int64_t watch_us)
{
    int64_t until = s->x.im.park.until_us;
    s->look_us = until ? until : INT64_MAX;
    if (!s->watched && watch_us < s->look_us)
        s->look_us = watch_us;
    seat_heap_up(all, all->heap_n++, s);
}

/* ---- the list of those that are ready; called with the lock held ---- */

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
    size_t n = atomic_fetch_add_explicit(&all->ready_n, 1, memory_order_relaxed) + 1;
    return all->idle > 0 && (!seat_pool_thread || n > 1);
}

/* Called with the lock held. Returns like seat_make_ready. */
static bool seat_wake_locked(struct seats *all, struct seat *s)
{
    if (s->state == SEAT_RUNS)
        s->woken = true;
    if (s->state != SEAT_PARKED)
        return false;
    seat_leave_parked(all, s);
    return seat_make_ready(all, s);
}

static void seat_wake(void *ctx, uint64_t generation)
{
    struct seat *s = ctx;
    struct seats *all = s->all;
    pthread_mutex_lock(&all->lock);
    bool tell = s->generation == generation && seat_wake_locked(all, s);
    pthread_mutex_unlock(&all->lock);
    if (tell)
        seat_signal(all->ready_fd);
}

/* ---- requests ---- */

/* Room in the heap is made with the seat, so a park cannot fail. */
static bool seat_add(struct seats *all, struct seat *s)
{
    pthread_mutex_lock(&all->lock);
    size_t cap = all->made < (int)all->heap_cap ? all->heap_cap : all->heap_cap * 2 + 64;
    struct seat **heap = cap > all->heap_cap ? realloc(all->heap, cap * sizeof(struct seat *)) : all->heap;
    if (heap) {
        all->heap = heap;
        all->heap_cap = cap;
        all->made++;
        s->older = all->newest;
        all->newest = s;
    }
    pthread_mutex_unlock(&all->lock);
    return heap;
}

static struct seat *seat_new(struct seats *all)
{
    struct seat *s = all->kind.make(all->kind.ctx);
    if (!s)
        return NULL;
    s->all = all;
    s->fd = -1;
    if (seat_add(all, s))
        return s;
    all->kind.trim(s);
    free(s);
    return NULL;
}

/* Called with the lock held. */
static void seat_begin(struct seats *all, struct seat *s)
{
    s->state = SEAT_RUNS;
    s->woken = s->watched = false;
    s->generation++;
    s->x.im.waker = (struct waker){.wake = seat_wake, .ctx = s, .generation = s->generation};
    all->taken++;
}

/* Called with the lock held. NULL: none is free. */
static struct seat *seat_take_free(struct seats *all)
{
    struct seat **list = all->warm ? &all->warm : &all->cold, *s = *list;
    if (s) {
        *list = s->next;
        all->warm_n -= list == &all->warm;
    }
    return s;
}

struct seat *seats_begin(struct seats *all)
{
    pthread_mutex_lock(&all->lock);
    struct seat *s = seat_take_free(all);
    if (s)
        seat_begin(all, s);
    pthread_mutex_unlock(&all->lock);
    if (s || !(s = seat_new(all)))
        return s;
    pthread_mutex_lock(&all->lock);
    seat_begin(all, s);
    pthread_mutex_unlock(&all->lock);
    return s;
}

/* Without the lock: a seat that is not free yet gives its memory back. */
static void seat_cool(struct seats *all, struct seat *s)
{
    all->kind.trim(s);
    pthread_mutex_lock(&all->lock);
    s->next = all->cold;
    all->cold = s;
    pthread_mutex_unlock(&all->lock);
}

/* The last one used is the first one used again: its memory is in the processor's cache. Some keep their memory, so
 * that a steady flow allocates little. If all did, a burst would cost memory for ever. */
void seats_end(struct seat *s)
{
    struct seats *all = s->all;
    bool small = all->kind.kept(s) <= WARM_BYTES;
    pthread_mutex_lock(&all->lock);
    s->state = SEAT_FREE;
    s->generation++;
    bool warm = small && all->warm_n < WARM_SEATS;
    if (warm) {
        all->warm_n++;
        s->next = all->warm;
        all->warm = s;
    }
    all->taken--;
    pthread_mutex_unlock(&all->lock);
    if (!warm)
        seat_cool(all, s);
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
        seat_enter_parked(all, s, now + WATCH_AFTER_US);
        look = all->look_us > s->look_us;
        if (look)
            all->look_us = s->look_us;
    }
    pthread_mutex_unlock(&all->lock);
    if (tell)
        seat_signal(all->ready_fd);
    if (look)
        seat_signal(all->watch_fd);
}

/* Threads that sleep are woken one at a time: the one that takes a request up wakes the next while more are ready. The
 * number is asked without the lock first, because mostly it is 0; a thread that then wants to sleep asks again under
 * the lock. */
struct seat *seats_ready(struct seats *all)
{
    bool tell = false;
    if (atomic_load_explicit(&all->ready_n, memory_order_relaxed) == 0)
        return NULL;
    pthread_mutex_lock(&all->lock);
    struct seat *s = all->ready_first;
    if (s) {
        all->ready_first = s->next;
        if (!all->ready_first)
            all->ready_last = NULL;
        s->state = SEAT_RUNS;
        tell = atomic_fetch_sub_explicit(&all->ready_n, 1, memory_order_relaxed) > 1 && all->idle > 0;
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

/* Whoever empties the descriptor looks at the list afterwards, so a thread that finds it empty has missed nothing. */
void seats_wake_up(struct seats *all, bool readable)
{
    pthread_mutex_lock(&all->lock);
    all->idle--;
    pthread_mutex_unlock(&all->lock);
    if (readable)
        seat_drain(all->ready_fd);
}

void seats_wake_thread(struct seats *all)
{
    pthread_mutex_lock(&all->lock);
    bool tell = all->idle > 0;
    pthread_mutex_unlock(&all->lock);
    if (tell)
        seat_signal(all->ready_fd);
}

void seats_wake_all(struct seats *all)
{
    pthread_mutex_lock(&all->lock);
    for (struct seat *s = all->newest; s; s = s->older)
        (void)seat_wake_locked(all, s);
    pthread_mutex_unlock(&all->lock);
    seat_signal(all->ready_fd);
}

int seats_taken(struct seats *all)
{
    pthread_mutex_lock(&all->lock);
    int n = all->taken;
    pthread_mutex_unlock(&all->lock);
    return n;
}

/* The warm seats are in no list meanwhile, so that no request begins in one. */
void seats_trim(struct seats *all)
{
    pthread_mutex_lock(&all->lock);
    struct seat *s = all->warm;
    all->warm = NULL;
    all->warm_n = 0;
    pthread_mutex_unlock(&all->lock);
    while (s) {
        struct seat *next = s->next;
        seat_cool(all, s);
        s = next;
    }
}

/* ---- the watcher ---- */

/* Called with the lock held. A connection stays in the epoll until it is closed, because a request that waited for long
 * once often waits again. Only a hang-up is asked for: data after the request would be a fault of the web server. */
static void seat_watch(struct seats *all, struct seat *s)
{
    struct epoll_event ev = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.ptr = s};
    s->watched = true; /* also when it fails: then a write will find out */
    if (s->fd >= 0)
        (void)epoll_ctl(all->epoll_fd, EPOLL_CTL_ADD, s->fd, &ev);
}

static int seat_sleep_ms(int64_t look_us)
{
    int64_t left = look_us == INT64_MAX ? -1 : (look_us - clock_mono_us()) / 1000 + 1;
    return look_us == INT64_MAX ? -1 : left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* One parked request that has to be looked at: its time is over, or its connection is to be watched from now on. The
 * lock is taken for each, because every request needs it. False: there is none, and *ms is how long to sleep. */
static bool seat_look(struct seats *all, int64_t now, int *ms)
{
    bool tell = false;
    pthread_mutex_lock(&all->lock);
    struct seat *s = all->heap_n ? all->heap[0] : NULL;
    bool due = s && s->look_us <= now;
    if (due) {
        int64_t until = s->x.im.park.until_us;
        seat_leave_parked(all, s);
        if (until && until <= now) {
            tell = seat_make_ready(all, s);
        } else {
            seat_watch(all, s);
            seat_enter_parked(all, s, INT64_MAX);
        }
    } else {
        all->look_us = s ? s->look_us : INT64_MAX;
        *ms = seat_sleep_ms(all->look_us);
    }
    pthread_mutex_unlock(&all->lock);
    if (tell)
        seat_signal(all->ready_fd);
    return due;
}

/* The seat of an event may serve another request by now. That one is then resumed for no reason, which is allowed. */
static void seat_hung_up(struct seats *all, struct seat *s)
{
    pthread_mutex_lock(&all->lock);
    bool tell = seat_wake_locked(all, s);
    pthread_mutex_unlock(&all->lock);
    if (tell)
        seat_signal(all->ready_fd);
}

static void *seat_watcher(void *arg)
{
    struct seats *all = arg;
    struct epoll_event events[WATCH_EVENTS];
    while (!atomic_load(&all->stop)) {
        int64_t now = clock_mono_us();
        int ms = -1;
        while (seat_look(all, now, &ms))
            ;
        int n = epoll_wait(all->epoll_fd, events, WATCH_EVENTS, ms);
        for (int i = 0; i < n; i++)
            if (events[i].data.ptr)
                seat_hung_up(all, events[i].data.ptr);
            else
                seat_drain(all->watch_fd);
    }
    return NULL;
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

/* Only threads that run requests write to these, and there are none any more. */
static void seats_end_watching(struct seats *all)
{
    if (all->watch_fd >= 0)
        close(all->watch_fd);
    if (all->epoll_fd >= 0)
        close(all->epoll_fd);
}

struct seats *seats_open(const struct seat_kind *kind)
{
    struct seats *all = &seats_only;
    all->kind = *kind;
    all->look_us = INT64_MAX;
    all->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    all->watch_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    all->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (all->ready_fd >= 0 && all->watch_fd >= 0 && seat_start_watcher(all))
        return all;
    seats_end_watching(all);
    if (all->ready_fd >= 0)
        close(all->ready_fd);
    return NULL;
}

/* ready_fd stays open: a late waker may be about to write to it, and its number must not become another file's. */
void seats_close(struct seats *all)
{
    if (!all)
        return;
    atomic_store(&all->stop, true);
    seat_signal(all->watch_fd);
    pthread_join(all->watcher, NULL);
    seats_end_watching(all);
    seats_trim(all);
}
