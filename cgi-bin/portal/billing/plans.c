/* plans.c: /app/billing/plans: the plans on offer, with what each one adds and takes away. */
#include <stdio.h>

#include "portal/billing/billing.h"

#include "base/banned.h"

/* ---- the choice ---- */

static const char *choice_action_subscribed(const struct billing *b, const struct plan *p, bool current)
{
    bool older = b->now.terms && p->terms && !id_eq(b->now.terms->id, p->terms->id);
    if (current)
        return older ? "current_old" : "current";
    if (billing_owes(&b->now) && p != plans_free(&b->plans))
        return "owed";
    return p->position > b->now.plan->position ? "upgrade" : "downgrade";
}

/* What the button of a plan does: nothing (the current plan, or less than the operator has assigned), buy, change, or
 * name the person to ask. A workspace with a live subscription never buys a second one, even if its plan comes from
 * elsewhere. */
static const char *choice_action(const struct billing *b, const struct plan *p)
{
    bool current = str_eq(p->plan, b->now.plan->plan);
    if (!current && (!b->on || !b->write))
        return "ask";
    if (billing_subscribed(&b->now))
        return choice_action_subscribed(b, p, current);
    if (current || p->position < b->now.plan->position || !p->terms || p->terms->price == 0)
        return current ? "current" : "none";
    return b->beside ? "upgrade" : "buy";
}

/* The current plan is listed even if it is no longer on offer, on the terms that were bought; the others on the terms
 * of today. */
static void choice_fill(struct page *pg, const struct billing *b, struct str wanted)
{
    char prefix[VIEW_KEY_MAX];
    size_t n = 0;
    for (size_t i = 0; i < b->plans.n; i++) {
        const struct plan *p = &b->plans.list[i];
        bool current = str_eq(p->plan, b->now.plan->plan);
        if (!p->terms || (!p->is_public && !current))
            continue;
        snprintf(prefix, sizeof(prefix), "Plans.%zu", n);
        page_fill_plan(pg, prefix, p, current ? b->now.terms : NULL);
        if (!current)
            page_fill_difference(pg, prefix, b->now.value, p);
        view_text(pg->v, view_at(pg->v, "Plans", n, "Action"), choice_action(b, p));
        view_bool(pg->v, view_at(pg->v, "Plans", n, "Current"), current);
        view_bool(pg->v, view_at(pg->v, "Plans", n, "Wanted"), !current && str_eq(p->plan, wanted));
        n++;
    }
}

static void choice_show(struct page *pg, const struct billing *b, int status)
{
    struct str wanted = pg->rq->method == POST ? request_form(pg->rq, "plan") : request_query(pg->rq, "plan");
    int64_t trial = config_int(pg->rq->config, CONFIG_stripe_trial_days);
    choice_fill(pg, b, wanted);
    page_fill_state(pg, "Billing", b->now.state);
    billing_fill_planned(pg, b);
    view_bool(pg->v, "Billing.Owes", billing_owes(&b->now));
    if (b->on && trial > 0 && b->now.state == BILLING_FREE && !b->had)
        view_count(pg->v, "Billing.Trial", "Billing.Plans.Trial", trial);
    /* Stripe sends the browser here when the payment page is left without paying. */
    view_bool(pg->v, "Billing.Canceled", request_query(pg->rq, "canceled").n > 0);
    page_allow_stripe(pg);
    page_send_status(pg, status, "portal/billing/plans.cs", "Billing.Plans.PageTitle");
}

void billing_plans_get(struct request *rq)
{
    struct page pg;
    struct billing b;
    if (billing_begin(rq, &pg, "plans", &b))
        choice_show(&pg, &b, 200);
}

void billing_plans_again(struct request *rq, struct page *pg)
{
    billing_show_again(rq, pg, "plans", choice_show);
}
