/* step_meter.c: sends one meter row to Stripe per turn. */
#include "billing/meter/meter.h"
#include "worker/worker_internal.h"

#include "base/banned.h"

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
