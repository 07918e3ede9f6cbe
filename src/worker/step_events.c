/* step_events.c: processes events from Stripe for a fraction of a second, so that jobs do not wait longer than that for
 * their turn. While no key is set, the events wait. */
#include "base/clock.h"
#include "billing/sync/sync.h"
#include "worker/worker_internal.h"

#include "base/banned.h"

#define TURN_US 200000

/* Limited by time and not by number: an event that needs three calls to Stripe takes a hundred times as long as one
 * that is ignored. */
static enum status events_serve(struct worker *w, struct stripe *stripe, bool *found, struct err *e)
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
        st = events_serve(w, &stripe, found, e);
        stripe_close(&stripe);
    }
    return st;
}
