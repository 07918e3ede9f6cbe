/* turn.h: a whole turn for tests, on a thread that blocks while the turn waits. */
#ifndef PARLEY_TESTS_LIB_TURN_H
#define PARLEY_TESTS_LIB_TURN_H

#include "talk/talk.h"

static inline enum status talk_turn(struct talk *t, const struct talk_in *in, const struct talk_sink *sink,
                                    struct arena *a, struct talk_out *out, struct err *e)
{
    struct waker_wait wait;
    struct waker waker;
    struct turn *u;
    *out = (struct talk_out){.conversation = ID_NONE};
    waker_wait_begin(&wait, &waker);
    enum status st = talk_begin(t, in, sink, a, &waker, &u, e);
    if (st == OK) {
        while (!talk_step(u))
            (void)waker_wait_for(&wait, 250);
        st = talk_end(u, out, e);
    }
    waker_wait_end(&wait);
    return st;
}

static inline enum status talk_test(struct talk *t, const struct talk_trial *trial, struct arena *a,
                                    struct talk_out *out, struct json **next, struct err *e)
{
    struct waker_wait wait;
    struct waker waker;
    struct turn *u;
    *out = (struct talk_out){.conversation = ID_NONE};
    waker_wait_begin(&wait, &waker);
    enum status st = talk_test_begin(t, trial, a, &waker, &u, e);
    if (st == OK) {
        while (!talk_step(u))
            (void)waker_wait_for(&wait, 250);
        st = talk_test_end(u, out, next, e);
    }
    waker_wait_end(&wait);
    return st;
}

#endif
