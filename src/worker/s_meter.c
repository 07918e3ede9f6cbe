/* meter rows reach Stripe, one a step. */
#include "billing/meter.h"
#include "worker/worker.h"

#include "base/banned.h"

step_fn s_meter;

enum status s_meter(struct worker *w, bool *found, struct err *e)
{
    struct stripe st;
    bool on;
    enum status s = worker_stripe(w, &st, &on, e);

    if (on) {
        s = meter_step(&st, w->pool, found, e);
        stripe_close(&st);
    }
    return s;
}
