/* end.c: ends everything for a workspace that is deleted: open checkouts, then usage that has not been sent, then
 * every subscription. Each step may be repeated, so a run that was interrupted is simply run again.
 *
 * The order keeps money right: an open checkout could be paid after the end, and usage that arrives after the last
 * invoice is on none. */
#include "base/clock.h"
#include "billing/checkout/change_internal.h"

#include "base/banned.h"

struct ending {
    struct operation *op;
    struct subscription *subs;
    size_t sub_n;
    struct plan_change row;
};

static enum status ending_read(struct ending *g, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(g->op->p, &c, e);
    if (st == OK)
        st = subscription_list(c, g->op->tenant, g->op->a, &g->subs, &g->sub_n, e);
    db_put(c);
    return st;
}

/* ---- one subscription ---- */

static enum status ending_write_row(const struct ending *g, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(g->op->p, &c, e);
    if (st == OK)
        st = change_store_add(c, g->op->tenant, &g->row, clock_now_ms(), e);
    db_put(c);
    return st;
}

static enum status ending_finish_tx(struct db *c, void *ctx, struct err *e)
{
    const struct ending *g = ctx;
    char id[ID_TEXT_MAX];
    struct json *detail = json_new_object(g->op->a);
    if (!detail || json_set_str(detail, "subscription", g->row.subscription) != 0)
        return err_nomem(e);
    enum status st = change_store_finish(c, g->op->tenant, g->row.id, OUTCOME_DONE, clock_now_ms(), e);
    return st == OK
               ? account_audit(c, g->op->who, "billing.ended", str_from(id_text(ID_CHANGE, g->row.id, id)), detail, e)
               : st;
}

/* Stripe refuses to change the end of a subscription that a schedule manages, so the schedule goes first. */
static enum status ending_release(struct ending *g, struct str schedule, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct operation *op = g->op;
    struct json *out;
    const char *key = operation_text(op, "release:%s", id_text(ID_CHANGE, g->row.id, id));
    return operation_post(op, stripe_path(op->a, "/v1/subscription_schedules/%/release", schedule.p, (char *)NULL),
                          NULL, key, &out, e);
}

/* The paid month is not refunded; usage beyond the plan is billed with the last invoice. That needs invoice_now:
 * without it Stripe drops metered usage that no invoice has yet. A DELETE has no idempotency key, so every try has a
 * row of its own, and the row of a try that failed stays without an outcome. */
static enum status ending_end_one(struct ending *g, const struct subscription *sub, struct err *e)
{
    struct operation *op = g->op;
    struct stripe_form f;
    struct json *out;
    struct err why = ERR_INIT;
    g->row = (struct plan_change){
        .id = id_new(), .subscription = sub->id, .kind = CHANGE_END, .from = sub->terms, .to = ID_NONE};
    enum status st = ending_write_row(g, e);
    if (st == OK && sub->schedule.n)
        st = ending_release(g, sub->schedule, e);
    if (st != OK)
        return st;
    stripe_form_init(&f);
    stripe_param_bool(&f, "invoice_now", true);
    stripe_param_bool(&f, "prorate", false);
    st = stripe_form_ok(&f)
             ? stripe_delete(op->stripe, op->a, stripe_path(op->a, "/v1/subscriptions/%", sub->id.p, (char *)NULL), &f,
                             STRIPE_WORK_MS, &out, &why)
             : err_nomem(&why);
    stripe_form_release(&f);
    if (st != OK && st != ERR_NOT_FOUND) { /* not found: an earlier try ended it, or its customer was deleted */
        *e = why;
        return st;
    }
    operation_refresh(op, STRIPE_OBJECT_SUBSCRIPTION, sub->id);
    return held_transaction(op->p, ending_finish_tx, g, e);
}

/* The subscriptions are read after the checkouts were ended, because one that was just paid has added another. All of
 * them end, not only the one that operations choose. */
static enum status ending_run(struct ending *g, struct err *e)
{
    struct operation *op = g->op;
    struct err why = ERR_INIT;
    enum status st = attempts_end(op, &why);
    if (st != OK && !err_is(&why, E_subscribed)) { /* what was just bought ends with the others */
        *e = why;
        return st;
    }
    st = operation_flush_usage(op, e);
    if (st == OK)
        st = ending_read(g, e);
    for (size_t i = 0; st == OK && i < g->sub_n; i++) {
        const struct subscription *sub = &g->subs[i];
        if (sub->livemode == op->stripe->livemode && sub->status != STRIPE_CANCELED &&
            sub->status != STRIPE_INCOMPLETE_EXPIRED)
            st = ending_end_one(g, sub, e);
    }
    return st;
}

enum status cancel_now(const struct billing_context *x, struct err *e)
{
    struct operation op = operation_open(x, x->who->tenant);
    struct ending g = {.op = &op};
    struct err why = ERR_INIT;
    enum status st = operation_begin(&op, &why);
    if (st == OK)
        st = ending_run(&g, &why);
    st = operation_close(&op, st, "end of a subscription", &why);
    if (st != OK && e)
        *e = why;
    return st;
}
