/* job_meter.c: meter: collects what was counted into rows that step_meter.c sends, and raises an alarm when rows are
 * not sent.
 *
 * Collecting is apart from sending, so that the rows exist durably before Stripe is called: a crash in between cannot
 * lose or double usage. */
#include "billing/meter/meter.h"
#include "stripe/client.h"
#include "worker/worker_internal.h"

#include "base/banned.h"

enum status job_meter(struct worker_job *w, struct json **result, struct err *e)
{
    const struct config *c = config_current();
    bool on = stripe_enabled(c ? c : w->worker->config);
    int64_t made = METER_COLLECT_MAX, sum = 0;
    enum status st = OK;
    config_drop(c);
    while (on && st == OK && made == METER_COLLECT_MAX) {
        st = meter_collect(w->db, &made, e);
        sum += st == OK ? made : 0;
        worker_progress(w, NULL);
    }
    if (on && st == OK)
        st = meter_watch(w->db, e);
    if (st == OK && (!(*result = json_new_object(w->arena)) || json_set_int(*result, "rows", sum)))
        st = err_nomem(e);
    return st;
}
