/* seat_internal.h: requests of a FastCGI program between the threads: those that are parked, those that are ready to
 * continue, and the memory for new ones. Private to src/web. Thread safe.
 *
 * A seat is the place of one request. Its memory is used again, but never freed before seats_close, so a waker may be
 * called however late it is: the generation tells it that its request has ended. */
#ifndef PARLEY_WEB_SEAT_INTERNAL_H
#define PARLEY_WEB_SEAT_INTERNAL_H

#include "web/web_internal.h"

enum seat_state { SEAT_FREE, SEAT_RUNS, SEAT_PARKED, SEAT_READY };
struct seats;
struct seat {
    struct exchange x;
    int fd; /* the connection; watched while the request is parked */
    /* Private to seat.c, and read or written only under its lock. */
    struct seats *all;
    enum seat_state state;
    uint64_t generation;
    bool woken;   /* while it ran */
    bool watched; /* the watcher's epoll has fd */
    int64_t parked_us;
    struct seat *next, *previous;
    struct seat *older; /* all seats that were ever made */
};

/* `make` allocates a seat of whatever size the server needs, or gives NULL; `unmake` frees it; `trim` gives back the
 * memory that a free seat keeps. */
struct seat_kind {
    struct seat *(*make)(void *ctx);
    void (*unmake)(struct seat *s);
    void (*trim)(struct seat *s);
    void *ctx;
};
/* Starts the watcher. NULL when there is no memory, descriptor or thread. */
struct seats *seats_open(const struct seat_kind *kind);
/* Ends the watcher and frees all seats. No request may be in one. NULL is allowed. */
void seats_close(struct seats *all);

/* A seat for a new request, with x.waker set, or NULL. seats_end gives it back when the request has ended. */
struct seat *seats_begin(struct seats *all);
void seats_end(struct seat *s);
/* The request is parked as s->x.im.park says. The seat may be taken up by another thread before this returns. */
void seats_park(struct seat *s);
/* The request that has been ready longest, or NULL. */
struct seat *seats_ready(struct seats *all);
/* Readable when a sleeping thread should ask seats_ready. */
int seats_ready_fd(const struct seats *all);
/* A thread is about to sleep. False: it must not, because a request is ready. seats_wake_up follows when it returned
 * true. */
bool seats_may_sleep(struct seats *all);
void seats_wake_up(struct seats *all);
/* How many requests there are, running, ready or parked. */
int seats_taken(struct seats *all);
/* Gives back the memory that free seats keep for the next requests. */
void seats_trim(struct seats *all);
/* This thread runs requests: what it makes ready it will find itself, so no other thread is woken for the first. */
void seats_pool_thread(void);

#endif
