/* job_reconcile.c: reconcile_hourly and reconcile_nightly: compare the books here with those at Stripe. Between two
 * calls of Stripe the job serves events (worker_progress). If a nightly run failed, the next hourly run repeats it. */
#include "billing/reconcile/reconcile.h"
#include "worker/worker_internal.h"

#include "base/banned.h"

static void reconcile_alive(void *ctx)
{
    worker_progress(ctx, NULL);
}

static struct json *reconcile_report_json(struct arena *a, const struct reconcile_report *r)
{
    struct json *j = json_new_object(a);
    if (!j || json_set_int(j, "looked", r->looked) || json_set_int(j, "drifted", r->drifted) ||
        json_set_int(j, "mended", r->mended) || json_set_int(j, "reads", r->reads) ||
        json_set_bool(j, "cut_short", r->cut_short))
        return NULL;
    return j;
}

/* The hourly run comes first: it is short and finds what a customer is waiting for, while a repeated nightly run may
 * take long. */
static enum status reconcile_each_hour(struct stripe *stripe, struct db_pool *p, struct reconcile_report *r,
                                       struct err *e)
{
    bool missed = false;
    enum status st = reconcile_hourly(stripe, p, r, e);
    if (st == OK)
        st = reconcile_missed(stripe, p, &missed, e);
    return st == OK && missed ? reconcile_nightly(stripe, p, r, e) : st;
}

/* Both kinds give back the connection first, because they call Stripe for minutes and take connections from the pool
 * for each piece. Without a key there is nothing to compare, and the job succeeds. */
static enum status reconcile_run(struct worker_job *w,
                                 enum status (*fn)(struct stripe *, struct db_pool *, struct reconcile_report *,
                                                   struct err *),
                                 struct json **result, struct err *e)
{
    struct reconcile_report r = {.alive = reconcile_alive, .ctx = w};
    struct stripe stripe;
    bool on;
    enum status st = worker_stripe(w->worker, &stripe, &on, e);
    if (!on)
        return st;
    worker_away(w);
    st = fn(&stripe, w->worker->pool, &r, e);
    stripe_close(&stripe);
    if (st == OK && !(*result = reconcile_report_json(w->arena, &r)))
        st = err_nomem(e);
    return st;
}

enum status job_reconcile_hourly(struct worker_job *w, struct json **result, struct err *e)
{
    return reconcile_run(w, reconcile_each_hour, result, e);
}

enum status job_reconcile_nightly(struct worker_job *w, struct json **result, struct err *e)
{
    return reconcile_run(w, reconcile_nightly, result, e);
}
