/* calls_timers.c: the deadlines of all calls, and the timers of their owners.
 *
 * A pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986): setting a timer and finding the first one take constant
 * time, removing one takes logarithmic time on average, and nothing is allocated, so a deadline cannot fail for want of
 * memory. `prev` is the left neighbour, or the parent of a first child. Invariant: a timer is in the heap exactly while
 * its state is TIMER_SET. */
#include <stdlib.h>

#include "base/clock.h"
#include "net/calls_internal.h"

#include "base/banned.h"

static pthread_mutex_t timers_lock = PTHREAD_MUTEX_INITIALIZER;
static struct call_timer *timers_first;

/* Both are roots; the later one becomes the first child of the earlier one. */
static struct call_timer *timers_meld(struct call_timer *a, struct call_timer *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->due_us < a->due_us) {
        struct call_timer *earlier = b;
        b = a;
        a = earlier;
    }
    b->prev = a;
    b->next = a->child;
    if (b->next)
        b->next->prev = b;
    a->child = b;
    return a;
}

/* Meld neighbours in pairs from left to right, then the pairs from right to left: this order gives the heap its bounds.
 * The pairs are kept in a list through `next`, newest first. */
static struct call_timer *timers_meld_siblings(struct call_timer *first)
{
    struct call_timer *pairs = NULL, *root = NULL;
    while (first) {
        struct call_timer *a = first, *b = a->next;
        first = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b)
            b->next = b->prev = NULL;
        a = timers_meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct call_timer *a = pairs;
        pairs = a->next;
        a->next = NULL;
        root = timers_meld(root, a);
    }
    return root;
}

static void timers_take_out(struct call_timer *t)
{
    struct call_timer *rest = timers_meld_siblings(t->child);
    if (t == timers_first)
        timers_first = rest;
    else {
        if (t->prev->child == t)
            t->prev->child = t->next;
        else
            t->prev->next = t->next;
        if (t->next)
            t->next->prev = t->prev;
        timers_first = timers_meld(timers_first, rest);
    }
    t->child = t->next = t->prev = NULL;
    t->state = TIMER_OFF;
}

bool timer_set(struct call_timer *t, int64_t due_us)
{
    pthread_mutex_lock(&timers_lock);
    if (t->state == TIMER_SET)
        timers_take_out(t);
    t->due_us = due_us;
    t->state = TIMER_SET;
    timers_first = timers_meld(timers_first, t);
    bool first = timers_first == t;
    pthread_mutex_unlock(&timers_lock);
    return first;
}

void timer_unset(struct call_timer *t)
{
    pthread_mutex_lock(&timers_lock);
    if (t->state == TIMER_SET)
        timers_take_out(t);
    pthread_mutex_unlock(&timers_lock);
}

/* A deadline may free the call that it is a part of, so it is not touched again after it has fired. A timer of
 * call_timer() may be given back meanwhile, by its own function or by another thread; then it is freed here. */
static void timers_fire(struct call_timer *t)
{
    bool allocated = t->allocated;
    t->state = allocated ? TIMER_FIRING : TIMER_OFF;
    pthread_mutex_unlock(&timers_lock);
    t->fire(t->ctx);
    pthread_mutex_lock(&timers_lock);
    if (!allocated)
        return;
    if (t->state == TIMER_DROPPED)
        free(t);
    else
        t->state = TIMER_OFF;
}

int64_t timers_run(int64_t now_us)
{
    pthread_mutex_lock(&timers_lock);
    while (timers_first && timers_first->due_us <= now_us) {
        struct call_timer *t = timers_first;
        timers_take_out(t);
        timers_fire(t);
    }
    int64_t next = timers_first ? timers_first->due_us : INT64_MAX;
    pthread_mutex_unlock(&timers_lock);
    return next;
}

void timer_free(struct call_timer *t)
{
    pthread_mutex_lock(&timers_lock);
    if (t->state == TIMER_SET)
        timers_take_out(t);
    bool firing = t->state == TIMER_FIRING;
    if (firing)
        t->state = TIMER_DROPPED;
    pthread_mutex_unlock(&timers_lock);
    if (!firing)
        free(t);
}
