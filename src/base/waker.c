/* waker.c: threads that block until they are woken.
 *
 * The waiting threads are in one list, and a wake looks for its generation there. So a wake that comes after the
 * thread has left finds nothing, instead of memory that is gone: the caller of waker_wake never has to know whether
 * the other side is still there. The list is short, since only plain CGI, the command line and tests block. */
#include "base/waker.h"

#include <errno.h>
#include <time.h>

#include "base/banned.h"

static pthread_mutex_t waker_lock = PTHREAD_MUTEX_INITIALIZER;
static struct waker_wait *waker_waits;
static uint64_t waker_generation;

static void waker_wake_thread(void *ctx, uint64_t generation)
{
    (void)ctx;
    pthread_mutex_lock(&waker_lock);
    struct waker_wait *w = waker_waits;
    while (w && w->generation != generation)
        w = w->next;
    if (w) {
        w->woken = true;
        pthread_cond_signal(&w->changed);
    }
    pthread_mutex_unlock(&waker_lock);
}

/* The monotonic clock, so that a wait does not grow or end when the wall clock is set. */
void waker_wait_begin(struct waker_wait *w, struct waker *out)
{
    pthread_condattr_t attr;
    *w = (struct waker_wait){0};
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_lock(&waker_lock);
    w->generation = ++waker_generation;
    w->next = waker_waits;
    waker_waits = w;
    pthread_mutex_unlock(&waker_lock);
    *out = (struct waker){.wake = waker_wake_thread, .generation = w->generation};
}

bool waker_wait_for(struct waker_wait *w, int64_t ms)
{
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&waker_lock);
    while (!w->woken && rc != ETIMEDOUT)
        rc = ms < 0 ? pthread_cond_wait(&w->changed, &waker_lock)
                    : pthread_cond_timedwait(&w->changed, &waker_lock, &until);
    bool woken = w->woken;
    w->woken = false;
    pthread_mutex_unlock(&waker_lock);
    return woken;
}

void waker_wait_end(struct waker_wait *w)
{
    pthread_mutex_lock(&waker_lock);
    struct waker_wait **at = &waker_waits;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    pthread_mutex_unlock(&waker_lock);
    pthread_cond_destroy(&w->changed);
}
