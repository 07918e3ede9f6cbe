/* seat_internal.h: requests of a FastCGI program between the threads: those that are parked, those that are ready to
 * continue, and the memory for new ones. Private to src/web. Thread safe.
 *
 * A seat is the place of one request. Its memory is used again, but the seat itself is never freed, so a waker may be
 * called however late it is, also after seats_close: the generation tells it that its request has ended. */
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
    bool woken;      /* while it ran */
    bool watched;    /* the watcher's epoll has fd */
    int64_t look_us; /* when the watcher looks at it */
    size_t heap_at;  /* its place in the watcher's heap + 1; 0 = not in it */
    struct seat *next;
    struct seat *older; /* all seats that were ever made */
};

/* `make` allocates a seat of whatever size the server needs, or gives NULL; `kept` says how many bytes it keeps for the
 * next request; `trim` gives them back. */
struct seat_kind {
    struct seat *(*make)(void *ctx);
    size_t (*kept)(const struct seat *s);
    void (*trim)(struct seat *s);
    void *ctx;
};
/* Once in a process. Starts the watcher. NULL when there is no descriptor or thread. */
struct seats *seats_open(const struct seat_kind *kind);
/* Ends the watcher and gives back the memory of all seats. No request may be in one. NULL is allowed. */
void seats_close(struct seats *all);

/* A seat for a new request, with x.im.waker set, or NULL. seats_end gives it back when the request has ended. */
struct seat *seats_begin(struct seats *all);
void seats_end(struct seat *s);
/* The request is parked as s->x.im.park says. The seat may be taken up by another thread before this returns. */
void seats_park(struct seat *s);
/* The request that has been ready longest, or NULL. */
struct seat *seats_ready(struct seats *all);
/* Readable when a sleeping thread should ask seats_ready. */
int seats_ready_fd(const struct seats *all);
/* A thread is about to sleep. False: it must not, because a request is ready. seats_wake_up follows when it returned
 * true, with whether the descriptor was readable. */
bool seats_may_sleep(struct seats *all);
void seats_wake_up(struct seats *all, bool readable);
/* Wakes one thread that sleeps, if there is one: there is work that is not in a seat. */
void seats_wake_thread(struct seats *all);
/* Wakes every request, parked or about to park: the program is to stop. */
void seats_wake_all(struct seats *all);
/* How many requests there are, running, ready or parked. */
int seats_taken(struct seats *all);
/* Gives back the memory that free seats keep for the next requests. */
void seats_trim(struct seats *all);
/* This thread runs requests: what it makes ready it will find itself, so no other thread is woken for the first. */
void seats_pool_thread(void);

#endif
