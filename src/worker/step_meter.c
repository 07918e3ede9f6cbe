/* meter rows reach Stripe, one a step. */
#include "billing/meter/meter.h"
#include "worker/worker.h"

#include "base/banned.h"

step_fn step_meter;

enum status step_meter(struct worker *w, bool *found, struct err *e)
{
    struct stripe stripe;
    bool on;
    enum status st = worker_stripe(w, &stripe, &on, e);
    if (on) {
        st = meter_step(&stripe, w->pool, found, e);
        stripe_close(&stripe);
    }
    return st;
}
