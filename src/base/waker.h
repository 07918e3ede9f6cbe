/* waker.h: how work that waits is told to continue.
 *
 * Work that may have to wait is a struct with a step function. A step does what it can on the calling thread and
 * returns "done" or "waits". Before it returns "waits" it hands a waker to whatever will have the result: the journal,
 * the lock of a conversation, a call to another server. That one calls waker_wake(), and the step is called again.
 * Whether that happens on a thread of the server's pool or on a thread that blocks is the business of the code that
 * made the waker. Thread safe. */
#ifndef PARLEY_BASE_WAKER_H
#define PARLEY_BASE_WAKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A value that may be copied and kept. {0} wakes nothing. `wake` never blocks for long, may be called on any thread,
 * and ignores a generation that has ended, so a wake that comes too late does no harm. */
struct waker {
    void (*wake)(void *ctx, uint64_t generation);
    void *ctx;
    uint64_t generation;
};

static inline void waker_wake(const struct waker *w)
{
    if (w->wake)
        w->wake(w->ctx, w->generation);
}

/* The blocking side: one thread that waits between the steps. The memory is the caller's, and every begin needs its
 * end. */
struct waker_wait {
    uint64_t generation;
    bool woken;
    pthread_cond_t changed;
    struct waker_wait *next;
};
void waker_wait_begin(struct waker_wait *w, struct waker *out);
/* True when the waker was woken since the last call, false after `ms` milliseconds (less than 0: never). Several wakes
 * count as one. */
bool waker_wait_for(struct waker_wait *w, int64_t ms);
void waker_wait_end(struct waker_wait *w);

#endif
