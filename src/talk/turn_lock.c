/* turn_lock.c: one turn at a time for each key, in order of arrival. A turn that waits holds no thread.
 *
 * The table holds only keys that are in use; each has the list of the turns that wait for it. A lock that is given back
 * goes directly to the first in the list, so a newcomer cannot overtake it. Only that turn is woken: waking all of them
 * would wake up to 15 in vain each time. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "talk/turn_lock_internal.h"

#include "base/banned.h"

#define LOCK_BUCKETS 256
/* Four messages are what an impatient visitor sends while the bot thinks. Repeats of one message come from clients that
 * retry, and are cheap: they only read the answer. */
#define STRANGERS_MAX 4
#define WAITERS_MAX 16

struct turn_lock {
    uint8_t key[16], holder[16];
    bool marked; /* holder is set */
    struct turn_lock_wait *head, **tail;
    struct turn_lock *next;
};

struct turn_locks {
    pthread_mutex_t lock;
    struct turn_lock *buckets[LOCK_BUCKETS];
};

enum status turn_locks_new(struct turn_locks **out, struct err *e)
{
    struct turn_locks *l = calloc(1, sizeof(*l));
    if (!l)
        return err_nomem(e);
    pthread_mutex_init(&l->lock, NULL);
    *out = l;
    return OK;
}

void turn_locks_free(struct turn_locks *l)
{
    if (l) {
        pthread_mutex_destroy(&l->lock);
        free(l);
    }
}

static struct turn_lock **lock_bucket(struct turn_locks *l, const uint8_t key[16])
{
    uint32_t h;
    memcpy(&h, key + 12, sizeof(h)); /* the random end of an id, or of a hash */
    return &l->buckets[h % LOCK_BUCKETS];
}

static struct turn_lock *lock_find(struct turn_locks *l, const uint8_t key[16])
{
    struct turn_lock *k = *lock_bucket(l, key);
    while (k && memcmp(k->key, key, sizeof(k->key)) != 0)
        k = k->next;
    return k;
}

static void lock_mark(struct turn_lock *k, const uint8_t *who)
{
    k->marked = who;
    if (who)
        memcpy(k->holder, who, sizeof(k->holder));
}

static struct turn_lock *lock_add(struct turn_locks *l, const uint8_t key[16], const uint8_t *who)
{
    struct turn_lock **at = lock_bucket(l, key), *k = calloc(1, sizeof(*k));
    if (k) {
        memcpy(k->key, key, sizeof(k->key));
        k->tail = &k->head;
        lock_mark(k, who);
        k->next = *at;
        *at = k;
    }
    return k;
}

static void lock_drop(struct turn_locks *l, struct turn_lock *k)
{
    struct turn_lock **at = lock_bucket(l, k->key);
    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
    free(k);
}

/* Turns with the same mark as the holder, or as one that waits, will get its answer from the journal without
 * thinking. They may wait in greater number than others, whose waiting only makes a conversation slower. */
static bool lock_may_wait(const struct turn_lock *k, const uint8_t *who)
{
    bool same = who && k->marked && memcmp(who, k->holder, sizeof(k->holder)) == 0;
    int strangers = 0, all = 0;
    for (const struct turn_lock_wait *w = k->head; w; w = w->next, all++) {
        same = same || (who && w->who && memcmp(who, w->who, sizeof(k->holder)) == 0);
        strangers += !(w->who && k->marked && memcmp(w->who, k->holder, sizeof(k->holder)) == 0);
    }
    return all < WAITERS_MAX && (same || strangers < STRANGERS_MAX);
}

static void lock_leave(struct turn_lock *k, struct turn_lock_wait *w)
{
    struct turn_lock_wait **at = &k->head;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (!w->next)
        k->tail = at;
}

enum status turn_lock_take(struct turn_locks *l, const uint8_t key[16], struct turn_lock_wait *w, struct err *e)
{
    enum status st = OK;
    w->lock = NULL;
    w->queued = NULL;
    pthread_mutex_lock(&l->lock);
    struct turn_lock *k = lock_find(l, key);
    if (!k) {
        w->lock = lock_add(l, key, w->who);
        st = w->lock ? OK : err_nomem(e);
    } else if (lock_may_wait(k, w->who)) {
        w->queued = k;
        w->next = NULL;
        *k->tail = w;
        k->tail = &w->next;
    } else {
        st = err_raise(e, E_conversation_busy);
        if (e)
            e->retry_after_s = 1;
    }
    pthread_mutex_unlock(&l->lock);
    return st;
}

bool turn_lock_granted(struct turn_locks *l, struct turn_lock_wait *w)
{
    pthread_mutex_lock(&l->lock);
    bool granted = w->lock;
    pthread_mutex_unlock(&l->lock);
    return granted;
}

/* Called with the table's lock held. The waiter is the memory of a turn that may end as soon as it is granted and the
 * table's lock is free, so its waker is called before that. */
static void lock_hand_over(struct turn_locks *l, struct turn_lock *k)
{
    struct turn_lock_wait *next = k->head;
    if (next) {
        lock_leave(k, next);
        lock_mark(k, next->who);
        next->lock = k;
        next->queued = NULL;
        waker_wake(&next->waker);
    } else {
        lock_drop(l, k);
    }
}

/* Everything is done under the table's lock, so a key cannot be dropped between a newcomer's look-up and its place in
 * the list, and a turn that gives up in the moment in which it is granted the lock passes it on. */
void turn_lock_give(struct turn_locks *l, struct turn_lock_wait *w)
{
    pthread_mutex_lock(&l->lock);
    if (w->lock)
        lock_hand_over(l, w->lock);
    else if (w->queued)
        lock_leave(w->queued, w);
    w->lock = w->queued = NULL;
    pthread_mutex_unlock(&l->lock);
}
