/* billing.c: what the billing pages share: the data they all begin with, and what they say when Stripe refuses
 * something. What a workspace has is always read from the mirror and the plan rows, never from what Stripe has just
 * answered to this request: so all pages agree. */
#include "portal/billing/billing.h"

#include <string.h>

#include "base/clock.h"
#include "billing/checkout/checkout.h"
#include "stripe/failure.h"

#include "base/banned.h"

/* Finds the live subscription even if the plan does not come from it. Without a usable key the page shows no
 * subscription. */
static enum status billing_find_bought(struct page *pg, struct billing *b)
{
    struct subscription *list;
    struct stripe *stripe;
    size_t n, live;
    if (page_stripe(pg, &stripe) != OK) {
        pg->e = ERR_INIT;
        return OK;
    }
    enum status st = subscription_list(pg->db, pg->who.tenant, pg->rq->arena, &list, &n, &pg->e);
    if (st != OK)
        return st;
    const struct subscription *one = subscription_choose_live(list, n, stripe->livemode, &live);
    b->had = subscription_had_any(list, n, stripe->livemode);
    if (one && one->status != STRIPE_INCOMPLETE && !billing_subscribed(&b->now))
        b->beside = one;
    return OK;
}

/* Everything that billing pages show is read with one connection, before the page is filled. "Write" needs the right of
 * the user and a key of the install; without either the pages show no buttons. */
bool billing_begin(struct request *rq, struct page *pg, const char *tab, struct billing *b)
{
    int64_t now = clock_now_ms();
    if (!page_begin(rq, pg))
        return false;
    *b = (struct billing){.on = stripe_enabled(rq->config), .write = rq->who.perms & BILLING_WRITE};
    enum status st = plans_read(pg->db, rq->arena, &b->plans, &pg->e);
    if (st == OK)
        st = entitlement_load(pg->db, pg->who.tenant, now, rq->arena, &b->now, &pg->e);
    if (st == OK)
        st = usage_in(pg->db, pg->who.tenant, &b->now.period, &b->used, &pg->e);
    if (st == OK && b->on)
        st = billing_find_bought(pg, b);
    if (st != OK) {
        page_fail(pg);
        return false;
    }
    view_text(pg->v, "Page.Nav", "billing");
    view_text(pg->v, "Page.Tab", tab);
    view_bool(pg->v, "Billing.On", b->on);
    view_bool(pg->v, "Billing.Write", b->write && b->on);
    return true;
}

/* The error is kept in a variable, because billing_begin resets the page. A failure while reading again is the one that
 * is shown: the first is then the smaller problem. */
void billing_show_again(struct request *rq, struct page *pg, const char *tab,
                        void (*show)(struct page *pg, const struct billing *b, int status))
{
    struct err failed = pg->e;
    struct billing b;
    page_release(pg);
    if (!billing_begin(rq, pg, tab, &b))
        return;
    pg->e = failed;
    if (!billing_refused(pg)) {
        page_fail(pg);
        return;
    }
    pg->e = ERR_INIT;
    show(pg, &b, 422);
}

/* A subscription may be in the mirror without deciding the plan: after its end, or beside a larger plan that was
 * assigned. */
bool billing_subscribed(const struct entitlements *x)
{
    return x->subscription && x->state != BILLING_FREE && x->state != BILLING_ASSIGNED;
}

void billing_fill_planned(struct page *pg, const struct billing *b)
{
    const struct subscription *s = b->now.subscription;
    if (!s)
        return;
    const struct plan_terms *next = id_is_none(s->next_terms) ? NULL : plans_terms(&b->plans, s->next_terms);
    const struct plan *to = next ? plans_find(&b->plans, next->plan) : NULL;
    if (b->now.state == BILLING_ENDING)
        view_str(pg->v, "Planned.Words",
                 view_fill(pg->v, "Billing.Index.PlannedEnd", {"date", view_day(pg->v, b->now.until_ms)},
                           {"free", plans_free(&b->plans)->name}));
    else if (to)
        view_str(pg->v, "Planned.Words",
                 view_fill(pg->v, "Billing.Index.PlannedPlan", {"date", view_day(pg->v, s->next_ms)},
                           {"plan", to->name}, {"price", words_money_short(pg, next->price, next->currency)}));
}

bool billing_owes(const struct entitlements *x)
{
    return x->state == BILLING_GRACE || x->state == BILLING_READ_ONLY || x->state == BILLING_SUSPENDED ||
           x->state == BILLING_PAUSED;
}

/* A card error is meant for the payer. Anything else that Stripe says is for the operator, who finds it in the log; the
 * payer learns whether anything can have happened. */
static void billing_soften(struct page *pg)
{
    enum stripe_failure f = stripe_failure_of(&pg->e);
    if (f == STRIPE_FAILURE_NONE || f == STRIPE_FAILURE_OFF || f == STRIPE_FAILURE_CARD)
        return;
    request_failed(pg->rq, &pg->e);
    if (stripe_failure_did_nothing(f))
        (void)err_raise(&pg->e, E_payment_unavailable);
    else
        (void)err_raise(&pg->e, E_payment_unknown);
}

/* Errors at Stripe are shown on the page, because trying again may help and nothing that was typed is lost.
 * Before that, billing_soften replaces words that were not meant for a payer. */
bool billing_refused(struct page *pg)
{
    enum status st = pg->e.status;
    /* Something named in the form is gone: the customer at Stripe, or a bot that was deleted meanwhile. */
    bool gone = st == ERR_NOT_FOUND && !err_is(&pg->e, E_not_found);
    if (!page_is_form_error(pg) && !gone && st != ERR_UNAVAILABLE && st != ERR_RATE && st != ERR_TIMEOUT)
        return false;
    billing_soften(pg);
    page_form_error(pg);
    return true;
}

/* A failure leaves its error in pg->e, as the operations of checkout.h do. */
enum status billing_open(struct page *pg, struct billing_context *out)
{
    *out = (struct billing_context){.p = pg->app->guard.pool, .a = pg->rq->arena, .who = &pg->who};
    return page_stripe(pg, &out->stripe);
}
