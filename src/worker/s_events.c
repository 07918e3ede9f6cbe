/* events: one event of Stripe at a time; without a key they wait. */
#include "billing/sync.h"
#include "worker/worker.h"

#include "base/banned.h"

step_fn s_events;

enum status s_events(struct worker *w, bool *found, struct err *e)
{
    struct stripe st;
    bool on;
    enum status s = worker_stripe(w, &st, &on, e);

    if (on) {
        s = sync_step(&st, w->pool, found, e);
        stripe_close(&st);
    }
    return s;
}
