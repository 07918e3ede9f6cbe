/* turn_lock_internal.h: one turn at a time for each key (a conversation, or the client message id of a first
 * message), in order of arrival. Thread safe. */
#ifndef PARLEY_TALK_TURN_LOCK_INTERNAL_H
#define PARLEY_TALK_TURN_LOCK_INTERNAL_H

#include "base/err.h"
#include "base/waker.h"

struct turn_locks;
enum status turn_locks_new(struct turn_locks **out, struct err *e);
void turn_locks_free(struct turn_locks *l);

struct turn_lock; /* one key's */
/* A turn that has a lock or waits for one. It is the turn's memory: it must stay in its place from turn_lock_take to
 * turn_lock_give. The caller sets `waker` and `who`; the rest belongs to turn_lock.c. */
struct turn_lock_wait {
    struct waker waker; /* woken once, when the lock is granted later */
    /* The turn's own mark of 16 bytes (its idempotency key) or NULL: turns that wait for one with the same mark will
     * get its answer, so they do not count towards the few that may wait. */
    const uint8_t *who;
    struct turn_lock *lock, *queued; /* one of them at most: that it has, that it waits for */
    struct turn_lock_wait *next;
};
/* Takes the lock of `key`, or a place in its queue; turn_lock_granted says which. ERR_RATE code conversation_busy when
 * too many wait already. */
enum status turn_lock_take(struct turn_locks *l, const uint8_t key[16], struct turn_lock_wait *w, struct err *e);
bool turn_lock_granted(struct turn_locks *l, struct turn_lock_wait *w);
/* Gives the lock to the next in the queue, or leaves the queue. Needed after each turn_lock_take that returned OK; does
 * nothing when called again. */
void turn_lock_give(struct turn_locks *l, struct turn_lock_wait *w);

#endif
