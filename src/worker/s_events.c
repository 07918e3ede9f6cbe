/* events: Stripe's events, one after the other for a moment, so that jobs wait no longer than that for their turn; without a key they
 * wait themselves. */
#include "base/clock.h"
#include "billing/sync.h"
#include "worker/worker.h"

#include "base/banned.h"

#define TURN_US 200000

step_fn s_events;

static enum status serve(struct worker *w, struct stripe *st, bool *found, struct err *e)
{
    int64_t until = clock_mono_us() + TURN_US;
    bool more = true;
    enum status s = OK;

    while (s == OK && more && clock_mono_us() < until) {
        s = sync_step(st, w->pool, &more, e);
        *found = *found || more;
    }
    return s;
}

enum status s_events(struct worker *w, bool *found, struct err *e)
{
    struct stripe st;
    bool on;
    enum status s = worker_stripe(w, &st, &on, e);

    *found = false;
    if (on) {
        s = serve(w, &st, found, e);
        stripe_close(&st);
    }
    return s;
}
