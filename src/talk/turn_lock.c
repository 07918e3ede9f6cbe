/* turn_lock.c: one turn at a time for each key, in order of arrival.
 *
 * The table holds only keys that are in use; each has the list of those that wait for it. Giving a lock back hands it
 * to the first in the list directly (`granted`), so a newcomer cannot overtake. A waiter has a waker of its
 * own, because waking all of them for each turn would wake 15 in vain. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/waker.h"
#include "talk/turn_lock_internal.h"

#include "base/banned.h"

#define LOCK_BUCKETS 256
/* Four messages are what an impatient visitor sends while the bot thinks. Repeats of one message come from clients that
 * retry, and are cheap: they only read the answer. */
#define STRANGERS_MAX 4
#define WAITERS_MAX 16
#define LOCK_WAIT_MS 30000

struct lock_waiter {
    struct waker waker;
    bool granted;
    const uint8_t *who;
    struct lock_waiter *next;
};

struct turn_lock {
    uint8_t key[16], holder[16];
    bool marked; /* holder is set */
    struct lock_waiter *head, **tail;
    struct turn_lock *next;
};

struct turn_locks {
    struct turn_places *places;
    pthread_mutex_t lock;
    struct turn_lock *buckets[LOCK_BUCKETS];
};

enum status turn_locks_new(struct turn_places *places, struct turn_locks **out, struct err *e)
{
    struct turn_locks *l = calloc(1, sizeof(*l));
    if (!l)
        return err_nomem(e);
    l->places = places;
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
    for (const struct lock_waiter *w = k->head; w; w = w->next, all++) {
        same = same || (who && w->who && memcmp(who, w->who, sizeof(k->holder)) == 0);
        strangers += !(w->who && k->marked && memcmp(w->who, k->holder, sizeof(k->holder)) == 0);
    }
    return all < WAITERS_MAX && (same || strangers < STRANGERS_MAX);
}

static void lock_leave(struct turn_lock *k, struct lock_waiter *w)
{
    struct lock_waiter **at = &k->head;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (!w->next)
        k->tail = at;
}

/* Called with the lock held, and gives it up while waiting. After a timeout the waiter may have been granted the lock
 * in the same moment: `granted` decides, not what the wait returned. */
static bool lock_wait(struct turn_locks *l, struct turn_lock *k, const uint8_t *who)
{
    struct waker_wait wait;
    struct lock_waiter w = {.who = who};
    waker_wait_begin(&wait, &w.waker);
    *k->tail = &w;
    k->tail = &w.next;
    pthread_mutex_unlock(&l->lock);
    (void)waker_wait_for(&wait, LOCK_WAIT_MS);
    pthread_mutex_lock(&l->lock);
    if (!w.granted)
        lock_leave(k, &w);
    waker_wait_end(&wait);
    return w.granted;
}

/* A waiting turn occupies one of the few threads, so it needs a place of its workspace. Otherwise one workspace with a
 * slow bot could block every thread of the program. The place is taken before the wait and given back after it: a turn
 * that thinks needs none. */
static bool lock_wait_in_place(struct turn_locks *l, struct turn_lock *k, const uint8_t *who, struct id tenant)
{
    if (!lock_may_wait(k, who) || !turn_place_take(l->places, tenant))
        return false;
    bool granted = lock_wait(l, k, who);
    turn_place_give(l->places, tenant);
    return granted;
}

enum status turn_lock_take(struct turn_locks *l, const uint8_t key[16], const uint8_t *who, struct id tenant,
                           struct turn_lock **out, struct err *e)
{
    enum status st = OK;
    pthread_mutex_lock(&l->lock);
    struct turn_lock *k = lock_find(l, key);
    if (!k) {
        k = lock_add(l, key, who);
        st = k ? OK : err_nomem(e);
    } else if (lock_wait_in_place(l, k, who, tenant)) {
        lock_mark(k, who);
    } else {
        st = err_raise(e, E_conversation_busy);
        if (e)
            e->retry_after_s = 1;
    }
    pthread_mutex_unlock(&l->lock);
    *out = st == OK ? k : NULL;
    return st;
}

/* Everything is done under the table's lock, so a key cannot be dropped between a newcomer's look-up and its place in
 * the list. The waiter is on another thread's stack and may be gone as soon as
 * that thread has the table's lock. */
void turn_lock_give(struct turn_locks *l, struct turn_lock *k)
{
    if (!k)
        return;
    pthread_mutex_lock(&l->lock);
    struct lock_waiter *w = k->head;
    if (w) {
        lock_leave(k, w);
        w->granted = true;
        waker_wake(&w->waker);
    } else {
        lock_drop(l, k);
    }
    pthread_mutex_unlock(&l->lock);
}
