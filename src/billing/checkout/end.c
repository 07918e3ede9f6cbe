/* end.c: everything ends now: open checkouts, what was counted and not yet told, every subscription. */
#include "base/clock.h"
#include "base/shared.h"
#include "billing/checkout/change_internal.h"

#include "base/banned.h"

struct ending {
    struct desk *d;
    struct subscription *subs;
    size_t sub_n;
    struct plan_change row;
};

static enum status read_ending(struct db *c, void *ctx, struct err *e)
{
    struct ending *g = ctx;
    return subscription_list(c, g->d->tenant, g->d->a, &g->subs, &g->sub_n, e);
}

/* ---- one subscription ---- */

static enum status write_begun(struct db *c, void *ctx, struct err *e)
{
    const struct ending *g = ctx;
    return change_store_add(c, g->d->tenant, &g->row, clock_now_ms(), e);
}

static enum status write_ended(struct db *c, void *ctx, struct err *e)
{
    const struct ending *g = ctx;
    char id[ID_TEXT_MAX];
    struct json *detail = json_new_object(g->d->a);
    if (!detail || json_set_str(detail, "subscription", g->row.subscription) != 0)
        return err_nomem(e);
    enum status st = change_store_finish(c, g->d->tenant, g->row.id, "done", clock_now_ms(), e);
    return st == OK
               ? account_audit(c, g->d->who, "billing.ended", str_from(id_text(ID_CHANGE, g->row.id, id)), detail, e)
               : st;
}

static enum status release(struct ending *g, struct str schedule, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct desk *d = g->d;
    struct json *out;
    const char *key = desk_text(d, "release:%s", id_text(ID_CHANGE, g->row.id, id));
    return desk_post(d, stripe_path(d->a, "/v1/subscription_schedules/%/release", schedule.p, (char *)NULL), NULL, key,
                     &out, e);
}

/* The month is paid and stays paid; what was used beyond it is billed with the last invoice. */
static enum status end_one(struct ending *g, const struct subscription *sub, struct err *e)
{
    struct desk *d = g->d;
    struct stripe_form f;
    struct json *out;
    struct err why = ERR_INIT;
    g->row = (struct plan_change){
        .id = id_new(), .subscription = sub->id, .kind = "end", .from = sub->terms, .to = ID_NONE};
    enum status st = held_db(d->p, write_begun, g, e);
    if (st == OK && sub->schedule.n)
        st = release(g, sub->schedule, e);
    if (st != OK)
        return st;
    stripe_form_init(&f);
    stripe_param_bool(&f, "invoice_now", true);
    stripe_param_bool(&f, "prorate", false);
    st = stripe_form_ok(&f)
             ? stripe_delete(d->stripe, d->a, stripe_path(d->a, "/v1/subscriptions/%", sub->id.p, (char *)NULL), &f,
                             STRIPE_WORK_MS, &out, &why)
             : err_nomem(&why);
    stripe_form_release(&f);
    if (st != OK && st != ERR_NOT_FOUND) { /* not there any more: ended by a try before, or with its customer */
        if (e)
            *e = why;
        return st;
    }
    desk_look(d, "subscription", sub->id);
    return held_transaction(d->p, write_ended, g, e);
}

static enum status end_all(struct ending *g, struct err *e)
{
    struct desk *d = g->d;
    struct err why = ERR_INIT;
    enum status st = attempts_end(d, &why);
    if (st == ERR_CONFLICT && err_is(&why, E_subscribed)) /* what was bought a moment ago ends with the others */
        st = OK;
    else if (st != OK && e)
        *e = why;
    if (st == OK)
        st = desk_flush(d, e);
    if (st == OK)
        st = held_db(d->p, read_ending, g, e);
    for (size_t i = 0; st == OK && i < g->sub_n; i++) {
        const struct subscription *sub = &g->subs[i];
        if (sub->livemode == d->stripe->livemode && sub->status != STRIPE_CANCELED &&
            sub->status != STRIPE_INCOMPLETE_EXPIRED)
            st = end_one(g, sub, e);
    }
    return st;
}

enum status cancel_now(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                       struct err *e)
{
    struct desk d = desk_open(stripe, p, a, who, who->tenant);
    struct ending g = {.d = &d};
    struct err why = ERR_INIT;
    enum status st = desk_begin(&d, &why);
    if (st == OK)
        st = end_all(&g, &why);
    shared_bump("plan", who->tenant);
    st = desk_close(&d, st, "end of a subscription", &why);
    if (st != OK && e)
        *e = why;
    return st;
}
