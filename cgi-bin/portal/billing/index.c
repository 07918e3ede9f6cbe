/* index.c: /app/billing: the overview: plan and state, usage and forecast, the next invoice, planned changes, the
 * choice at the limit.
 *
 * All numbers come from the mirror and the usage counters. The page never calls Stripe, so it works during an
 * outage. */
#include <stdio.h>

#include "base/clock.h"
#include "plan/money.h"
#include "portal/billing/billing.h"

#include "base/banned.h"

#define OVERVIEW_INVOICES_SHOWN 3

/* ---- plan and state ---- */

static void overview_fill_now(struct page *pg, const struct billing *b)
{
    const struct entitlements *x = &b->now;
    char key[80];
    const struct plan_terms *t = x->terms ? x->terms : x->plan->terms;
    int64_t has[ENTITLEMENT_COUNT];
    /* The values that apply now: overrides are included, and the limit is lower while a payment is missing. */
    memcpy(has, x->value, sizeof(has));
    has[ENTITLEMENT_conversations] = x->period.included < x->period.limit ? x->period.included : x->period.limit;
    page_fill_plan(pg, "Plan", x->plan, x->terms);
    page_fill_entitlements(pg, "Now", has);
    page_fill_state(pg, "Billing", x->state);
    view_bool(pg->v, "Billing.Two", x->two_live);
    view_bool(pg->v, "Billing.Subscribed", billing_subscribed(x));
    view_bool(pg->v, "Billing.Priced", billing_subscribed(x) && x->state != BILLING_SUSPENDED);
    view_bool(pg->v, "Billing.Owes", billing_owes(x));
    view_bool(pg->v, "Billing.Running", billing_subscribed(x) && x->state != BILLING_ENDING);
    snprintf(key, sizeof(key), "Billing.Index.Now.%s", billing_state_name(x->state));
    view_str(pg->v, "Billing.Words",
             view_fill(pg->v, key, {"plan", x->plan->name}, {"free", plans_free(&b->plans)->name},
                       {"date", view_day(pg->v, x->until_ms ? x->until_ms : x->period.end_ms)},
                       {"price", t ? words_money_short(pg, t->price, t->currency) : STR_EMPTY}));
}

/* An upgrade that waits for its payment, with a link to the invoice. */
static enum status overview_fill_pending(struct page *pg, const struct subscription *s)
{
    struct invoice in;
    view_str(pg->v, "Pending.Words",
             view_fill(pg->v, "Billing.Index.Pending", {"date", view_day(pg->v, s->pending_update_expires_ms)}));
    enum status st = invoice_waited_for(pg->db, pg->who.tenant, pg->rq->arena, s, &in, &pg->e);
    if (st == OK)
        page_fill_link(pg, "Pending.Url", in.hosted_url);
    if (st == ERR_NOT_FOUND) { /* the invoice is not mirrored yet */
        pg->e = ERR_INIT;
        st = OK;
    }
    return st;
}

static enum status overview_fill_planned(struct page *pg, const struct billing *b)
{
    const struct subscription *s = b->now.subscription;
    if (!s)
        return OK;
    billing_fill_planned(pg, b);
    return s->pending_update_expires_ms ? overview_fill_pending(pg, s) : OK;
}

/* A subscription that is charged although the plan comes from elsewhere: the operator has assigned a larger plan, or
 * the price belongs to no plan of this install. */
static void overview_fill_beside(struct page *pg, const struct subscription *s)
{
    if (!s)
        return;
    bool ends = s->cancel_at_period_end || s->cancel_at_ms;
    view_bool(pg->v, "Beside.Ends", ends);
    view_str(pg->v, "Beside.Words",
             view_fill(pg->v, ends ? "Billing.Index.BesideEnds" : "Billing.Index.Beside",
                       {"date", view_day(pg->v, s->cancel_at_ms ? s->cancel_at_ms : s->period_end_ms)}));
}

/* ---- use and money ---- */

static enum status overview_fill_forecast(struct page *pg, const struct billing *b)
{
    struct usage_day *days = NULL;
    size_t n = 0;
    int64_t now = clock_now_ms();
    const struct plan_terms *t = b->now.terms ? b->now.terms : b->now.plan->terms;
    enum status st = usage_days(pg->db, pg->who.tenant, pg->rq->arena, b->used.period_start_ms, now, &days, &n, &pg->e);
    if (st != OK || !t || !b->used.used || b->used.used >= b->used.limit)
        return st; /* no forecast at the limit, where counting has stopped */
    struct usage_forecast f = usage_forecast(&b->used, t, days, n, now);
    view_str(pg->v, "Forecast.Words",
             view_fill(pg->v, "Billing.Index.Forecast", {"n", words_number(pg, f.used_at_end)},
                       {"date", view_day(pg->v, b->used.period_end_ms - 1)}));
    if (f.full_at_ms)
        view_str(pg->v, "Forecast.Full",
                 view_fill(pg->v, "Billing.Index.ForecastFull", {"date", view_day(pg->v, f.full_at_ms)}));
    if (f.overage > 0)
        view_str(pg->v, "Forecast.Over",
                 view_fill(pg->v, "Billing.Index.ForecastOver", {"sum", words_money(pg, f.overage, t->currency)}));
    return OK;
}

/* The estimate is what the mirror knows: base price of the next period and overage of this one. Taxes and discounts are
 * Stripe's and are left out, as the page says. */
static void overview_fill_next(struct page *pg, const struct billing *b)
{
    struct pricing_next n = pricing_next(&b->plans, &b->now, b->used.used);
    const char *currency = n.terms ? n.terms->currency : b->now.terms ? b->now.terms->currency : "USD";
    if (!n.any)
        return;
    bool more = b->now.bill_overage && b->now.terms && b->now.terms->overage >= 0;
    view_bool(pg->v, "Next.More", more);
    view_bool(pg->v, "Next.Any", true);
    if (!n.terms && !n.overage && !more)
        return; /* the subscription ends, and no more can be charged */
    page_fill_money(pg, "Next.Sum", n.base + n.overage, currency);
    page_fill_money(pg, "Next.Base", n.base, currency);
    view_date(pg->v, "Next.Date", n.at_ms);
    if (n.overage > 0)
        page_fill_money(pg, "Next.Overage", n.overage, currency);
    const struct plan *p = n.terms ? plans_find(&b->plans, n.terms->plan) : NULL;
    if (p)
        view_str(pg->v, "Next.Plan", p->name);
}

/* The choice to stop or to continue at the limit exists only if the terms have a price for overage. */
static void overview_fill_overage(struct page *pg, const struct billing *b)
{
    const struct plan_terms *t = b->now.terms;
    if (!t || t->overage < 0 || t->conversations == UNLIMITED || !billing_subscribed(&b->now) ||
        b->now.state == BILLING_SUSPENDED)
        return;
    int64_t cap = b->now.overage_cap;
    view_bool(pg->v, "Overage.Show", true);
    view_bool(pg->v, "Overage.Bill", b->now.bill_overage);
    view_str(pg->v, "Overage.Cap", cap > 0 ? words_money_typed(pg, cap, t->currency) : STR_EMPTY);
    view_text(pg->v, "Overage.Currency", t->currency);
    page_fill_money(pg, "Overage.CapText", cap, t->currency);
    page_fill_money(pg, "Overage.SoFar", pricing_overage(t, b->used.used), t->currency);
}

static enum status overview_fill_invoices(struct page *pg, const struct subscription *s)
{
    struct invoice *in = NULL;
    size_t n = 0;
    enum status st = invoice_list(pg->db, pg->who.tenant, pg->rq->arena, 0, OVERVIEW_INVOICES_SHOWN, &in, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++)
        page_fill_invoice(pg, "Invoices", i, &in[i]);
    for (size_t i = n; st == OK && i-- > 0;) {                              /* from the oldest: it must be paid first */
        bool waits = s && s->pending_update_expires_ms && in[i].for_change; /* Pending.* has it */
        if (!waits && in[i].status == INVOICE_OPEN && in[i].amount_remaining > 0 && in[i].attempt_count > 0) {
            page_fill_link(pg, "Owed.Url", in[i].hosted_url);
            page_fill_money(pg, "Owed.Sum", in[i].amount_remaining, in[i].currency);
            break;
        }
    }
    return st;
}

/* What can fail is read first; the fills that follow only write into the view. */
void billing_index_show(struct page *pg, const struct billing *b, int status)
{
    enum status st = overview_fill_planned(pg, b);
    if (st == OK)
        st = overview_fill_forecast(pg, b);
    if (st == OK)
        st = overview_fill_invoices(pg, b->now.subscription);
    if (st != OK) {
        page_fail(pg);
        return;
    }
    overview_fill_now(pg, b);
    overview_fill_beside(pg, b->beside);
    page_fill_usage(pg, "Usage", &b->used);
    overview_fill_next(pg, b);
    overview_fill_overage(pg, b);
    page_allow_stripe(pg);
    page_send_status(pg, status, "portal/billing/index.cs", "Billing.Index.Title");
}

void billing_index_get(struct request *rq)
{
    struct page pg;
    struct billing b;
    if (billing_begin(rq, &pg, "overview", &b))
        billing_index_show(&pg, &b, 200);
}

void billing_index_again(struct request *rq, struct page *pg)
{
    billing_show_again(rq, pg, "overview", billing_index_show);
}
