/* reconcile_hourly, reconcile_nightly: the books here and at Stripe are compared. Between its looks the job lets events be
 * served. A night whose run failed is made up for within the hour. */
#include "billing/reconcile.h"
#include "worker/worker.h"

#include "base/banned.h"

job_fn j_reconcile_hourly, j_reconcile_nightly;

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

static enum status each_hour(struct stripe *st, struct db_pool *p, struct reconcile_report *r, struct err *e)
{
    bool missed = false;
    enum status s = reconcile_hourly(st, p, r, e);

    if (s == OK)
        s = reconcile_missed(st, p, &missed, e);
    return s == OK && missed ? reconcile_nightly(st, p, r, e) : s;
}

static enum status reconcile(struct work *w,
                             enum status (*fn)(struct stripe *, struct db_pool *, struct reconcile_report *,
                                               struct err *),
                             struct json **result, struct err *e)
{
    struct reconcile_report r = {.alive = alive, .ctx = w};
    struct stripe st;
    bool on;
    enum status s = worker_stripe(w->worker, &st, &on, e);

    if (!on)
        return s;
    worker_away(w);
    s = fn(&st, w->worker->pool, &r, e);
    stripe_close(&st);
    if (s == OK && !(*result = report_json(w->arena, &r)))
        s = err_nomem(e);
    return s;
}

enum status j_reconcile_hourly(struct work *w, struct json **result, struct err *e)
{
    return reconcile(w, each_hour, result, e);
}

enum status j_reconcile_nightly(struct work *w, struct json **result, struct err *e)
{
    return reconcile(w, reconcile_nightly, result, e);
}
