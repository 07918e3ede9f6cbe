/* events: Stripe's events, one after the other for a moment, so that jobs wait no longer than that for their turn; without a key they
 * wait themselves. */
#include "base/clock.h"
#include "billing/sync/sync.h"
#include "worker/worker.h"

#include "base/banned.h"

#define TURN_US 200000

step_fn step_events;

static enum status serve(struct worker *w, struct stripe *stripe, bool *found, struct err *e)
{
    int64_t until = clock_mono_us() + TURN_US;
    bool more = true;
    enum status st = OK;
    while (st == OK && more && clock_mono_us() < until) {
        st = sync_step(stripe, w->pool, &more, e);
        *found = *found || more;
    }
    return st;
}

enum status step_events(struct worker *w, bool *found, struct err *e)
{
    struct stripe stripe;
    bool on;
    enum status st = worker_stripe(w, &stripe, &on, e);
    *found = false;
    if (on) {
        st = serve(w, &stripe, found, e);
        stripe_close(&stripe);
    }
    return st;
}
