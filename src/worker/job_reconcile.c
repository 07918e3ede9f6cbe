/* reconcile_hourly, reconcile_nightly: the books here and at Stripe are compared. Between its looks the job lets events be
 * served. A night whose run failed is made up for within the hour. */
#include "billing/reconcile/reconcile.h"
#include "worker/worker.h"

#include "base/banned.h"

job_fn job_reconcile_hourly, job_reconcile_nightly;

static void alive(void *ctx)
{
    worker_progress(ctx, NULL);
}

static struct json *report_json(struct arena *a, const struct reconcile_report *r)
{
    struct json *j = json_new_object(a);
    if (!j || json_set_int(j, "looked", r->looked) || json_set_int(j, "drifted", r->drifted) ||
        json_set_int(j, "mended", r->mended) || json_set_int(j, "reads", r->reads) ||
        json_set_bool(j, "cut_short", r->cut_short))
        return NULL;
    return j;
}

static enum status each_hour(struct stripe *stripe, struct db_pool *p, struct reconcile_report *r, struct err *e)
{
    bool missed = false;
    enum status st = reconcile_hourly(stripe, p, r, e);
    if (st == OK)
        st = reconcile_missed(stripe, p, &missed, e);
    return st == OK && missed ? reconcile_nightly(stripe, p, r, e) : st;
}

static enum status reconcile(struct work *w,
                             enum status (*fn)(struct stripe *, struct db_pool *, struct reconcile_report *,
                                               struct err *),
                             struct json **result, struct err *e)
{
    struct reconcile_report r = {.alive = alive, .ctx = w};
    struct stripe stripe;
    bool on;
    enum status st = worker_stripe(w->worker, &stripe, &on, e);
    if (!on)
        return st;
    worker_away(w);
    st = fn(&stripe, w->worker->pool, &r, e);
    stripe_close(&stripe);
    if (st == OK && !(*result = report_json(w->arena, &r)))
        st = err_nomem(e);
    return st;
}

enum status job_reconcile_hourly(struct work *w, struct json **result, struct err *e)
{
    return reconcile(w, each_hour, result, e);
}

enum status job_reconcile_nightly(struct work *w, struct json **result, struct err *e)
{
    return reconcile(w, reconcile_nightly, result, e);
}
