/* The lock of a conversation: order of arrival, who may wait, and turns that give up. No thread waits for it, so most
 * of it is tested in one. */
#include <pthread.h>
#include <stdatomic.h>

#include "lib/test.h"
#include "talk/turn_lock_internal.h"

#include "base/banned.h"

static const uint8_t key_a[16] = "key a       tail", key_b[16] = "key b       tail", key_c[16] = "key c       tail";
static const uint8_t mark_a[16] = "message a", mark_b[16] = "message b", mark_c[16] = "message c";

static int woken[32], woken_n;

/* A test names each turn by a number, which its waker reports. */
static void note_wake(void *ctx, uint64_t number)
{
    (void)ctx;
    woken[woken_n++] = (int)number;
}

static enum status ask(struct turn_locks *l, const uint8_t *key, const uint8_t *who, int number,
                       struct turn_lock_wait *w)
{
    struct err e = ERR_INIT;
    *w = (struct turn_lock_wait){.waker = {note_wake, NULL, (uint64_t)number}, .who = who};
    enum status st = turn_lock_take(l, key, w, &e);
    if (st != OK) {
        assert_int_equal(st, ERR_RATE);
        assert_string_equal(err_code(&e), "conversation_busy");
        assert_int_equal(e.retry_after_s, 1);
        assert_false(turn_lock_granted(l, w));
    }
    return st;
}

static struct turn_locks *make_locks(void)
{
    struct turn_locks *l;
    struct err e = ERR_INIT;
    woken_n = 0;
    assert_ok(turn_locks_new(&l, &e), &e);
    return l;
}

static void first_come_first_served(void **state)
{
    struct turn_locks *l = make_locks();
    struct turn_lock_wait mine, w[4], fifth;
    (void)state;
    assert_int_equal(ask(l, key_a, NULL, 99, &mine), OK);
    assert_true(turn_lock_granted(l, &mine));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ask(l, key_a, NULL, i, &w[i]), OK);
        assert_false(turn_lock_granted(l, &w[i]));
    }
    assert_int_equal(ask(l, key_a, NULL, 4, &fifth), ERR_RATE);
    for (int i = 0; i < 4; i++) {
        turn_lock_give(l, i == 0 ? &mine : &w[i - 1]);
        assert_int_equal(woken_n, i + 1);
        assert_int_equal(woken[i], i);
        assert_true(turn_lock_granted(l, &w[i]));
        assert_false(i < 3 && turn_lock_granted(l, &w[i + 1]));
    }
    turn_lock_give(l, &w[3]);
    turn_lock_give(l, &w[3]); /* nothing to give */
    assert_int_equal(ask(l, key_a, NULL, 5, &mine), OK);
    assert_true(turn_lock_granted(l, &mine));
    turn_lock_give(l, &mine);
    assert_int_equal(woken_n, 4);
    turn_locks_free(l);
    turn_locks_free(NULL);
}

static void keys_that_end_alike_are_locked_apart(void **state)
{
    struct turn_locks *l = make_locks();
    struct turn_lock_wait a, b, c, next;
    (void)state;
    assert_int_equal(ask(l, key_a, NULL, 0, &a), OK);
    assert_int_equal(ask(l, key_b, NULL, 1, &b), OK);
    assert_int_equal(ask(l, key_c, NULL, 2, &c), OK);
    assert_true(turn_lock_granted(l, &a) && turn_lock_granted(l, &b) && turn_lock_granted(l, &c));
    turn_lock_give(l, &b);
    assert_int_equal(ask(l, key_a, NULL, 3, &next), OK);
    assert_false(turn_lock_granted(l, &next));
    turn_lock_give(l, &a);
    assert_true(turn_lock_granted(l, &next));
    turn_lock_give(l, &next);
    turn_lock_give(l, &c);
    turn_locks_free(l);
}

/* Repeats of the message that holds the lock do not take the strangers' places, nor those of a message that waits. */
static void strangers_and_repeats_are_counted_apart(void **state)
{
    struct turn_locks *l = make_locks();
    struct turn_lock_wait held, w[10], no;
    (void)state;
    assert_int_equal(ask(l, key_a, mark_a, 99, &held), OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask(l, key_a, mark_a, i, &w[i]), OK);
    for (int i = 4; i < 8; i++)
        assert_int_equal(ask(l, key_a, i == 4 ? mark_b : NULL, i, &w[i]), OK);
    assert_int_equal(ask(l, key_a, NULL, 98, &no), ERR_RATE);
    assert_int_equal(ask(l, key_a, mark_c, 97, &no), ERR_RATE);
    assert_int_equal(ask(l, key_a, mark_b, 8, &w[8]), OK);
    assert_int_equal(ask(l, key_a, mark_a, 9, &w[9]), OK);
    turn_lock_give(l, &held);
    for (int i = 0; i < 10; i++)
        turn_lock_give(l, &w[i]);
    assert_int_equal(woken_n, 10);
    turn_locks_free(l);
}

static void a_repeat_of_the_holder_may_wait_behind_strangers(void **state)
{
    struct turn_locks *l = make_locks();
    struct turn_lock_wait held, w[5], no;
    (void)state;
    assert_int_equal(ask(l, key_a, mark_a, 99, &held), OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask(l, key_a, NULL, i, &w[i]), OK);
    assert_int_equal(ask(l, key_a, mark_b, 98, &no), ERR_RATE);
    assert_int_equal(ask(l, key_a, mark_a, 4, &w[4]), OK);
    turn_lock_give(l, &held);
    for (int i = 0; i < 5; i++)
        turn_lock_give(l, &w[i]);
    assert_int_equal(woken_n, 5);
    turn_locks_free(l);
}

/* The mark of the lock is that of its present holder. */
static void who_gets_the_lock_leaves_its_mark(void **state)
{
    struct turn_locks *l = make_locks();
    struct turn_lock_wait first, w[6], no;
    (void)state;
    assert_int_equal(ask(l, key_a, mark_a, 99, &first), OK);
    assert_int_equal(ask(l, key_a, mark_b, 0, &w[0]), OK);
    turn_lock_give(l, &first);
    for (int i = 1; i < 5; i++)
        assert_int_equal(ask(l, key_a, NULL, i, &w[i]), OK);
    assert_int_equal(ask(l, key_a, mark_a, 98, &no), ERR_RATE);
    assert_int_equal(ask(l, key_a, mark_b, 5, &w[5]), OK);
    for (int i = 0; i < 6; i++)
        turn_lock_give(l, &w[i]);
    assert_int_equal(woken_n, 6);
    turn_locks_free(l);
}

static void at_most_sixteen_wait(void **state)
{
    struct turn_locks *l = make_locks();
    struct turn_lock_wait held, w[16], no;
    (void)state;
    assert_int_equal(ask(l, key_a, mark_a, 99, &held), OK);
    for (int i = 0; i < 16; i++)
        assert_int_equal(ask(l, key_a, mark_a, i, &w[i]), OK);
    assert_int_equal(ask(l, key_a, mark_a, 98, &no), ERR_RATE);
    turn_lock_give(l, &held);
    for (int i = 0; i < 16; i++)
        turn_lock_give(l, &w[i]);
    assert_int_equal(woken_n, 16);
    turn_locks_free(l);
}

/* A turn whose visitor has left gives up its place, wherever it is in the queue and also in the moment in which it was
 * granted the lock. */
static void a_turn_that_gives_up_lets_the_others_pass(void **state)
{
    struct turn_locks *l = make_locks();
    struct turn_lock_wait held, w[4];
    (void)state;
    assert_int_equal(ask(l, key_a, NULL, 99, &held), OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask(l, key_a, NULL, i, &w[i]), OK);
    turn_lock_give(l, &w[1]);
    turn_lock_give(l, &w[3]); /* the last: its place is free for a newcomer */
    assert_int_equal(ask(l, key_a, NULL, 4, &w[3]), OK);
    turn_lock_give(l, &held);
    turn_lock_give(l, &w[0]); /* granted, but never used */
    assert_true(turn_lock_granted(l, &w[2]));
    turn_lock_give(l, &w[2]);
    assert_true(turn_lock_granted(l, &w[3]));
    turn_lock_give(l, &w[3]);
    assert_int_equal(woken_n, 3);
    assert_int_equal(woken[2], 4);
    turn_locks_free(l);
}

/* ---- many threads ---- */

#define RUNNERS 4
#define ROUNDS 2000
static struct turn_locks *shared_locks;
static atomic_int inside;
static int protected_count; /* without the lock this would be a race */

static void *lock_and_count(void *arg)
{
    struct waker_wait wait;
    struct err e = ERR_INIT;
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct turn_lock_wait w = {0};
        waker_wait_begin(&wait, &w.waker);
        if (turn_lock_take(shared_locks, key_a, &w, &e) == OK) {
            while (!turn_lock_granted(shared_locks, &w))
                (void)waker_wait_for(&wait, -1);
            if (atomic_fetch_add(&inside, 1) == 0)
                protected_count++;
            atomic_fetch_sub(&inside, 1);
            turn_lock_give(shared_locks, &w);
        }
        waker_wait_end(&wait);
    }
    return NULL;
}

static void one_turn_at_a_time(void **state)
{
    pthread_t t[RUNNERS];
    (void)state;
    shared_locks = make_locks();
    for (int i = 0; i < RUNNERS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, lock_and_count, NULL), 0);
    for (int i = 0; i < RUNNERS; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(protected_count, RUNNERS * ROUNDS);
    turn_locks_free(shared_locks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_come_first_served),
        TEST(keys_that_end_alike_are_locked_apart),
        TEST(strangers_and_repeats_are_counted_apart),
        TEST(a_repeat_of_the_holder_may_wait_behind_strangers),
        TEST(who_gets_the_lock_leaves_its_mark),
        TEST(at_most_sixteen_wait),
        TEST(a_turn_that_gives_up_lets_the_others_pass),
        TEST(one_turn_at_a_time),
    };
    return RUN(tests);
}
