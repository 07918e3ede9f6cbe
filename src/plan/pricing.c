/* pricing.c: estimates from terms. They use the arithmetic of money.c, so that a page never shows another amount
 * than the invoice will. */
#include "plan/pricing.h"

#include "plan/money.h"

#include "base/banned.h"

/* A product that overflows is shown as the largest amount and not as a small one. */
int64_t pricing_overage(const struct plan_terms *t, int64_t conversations)
{
    int64_t cost = 0;
    if (t->overage <= 0 || t->conversations == UNLIMITED || conversations <= t->conversations)
        return 0;
    struct decimal one = decimal_of_pico(t->overage);
    return money_times(one, conversations - t->conversations, &cost) ? cost : INT64_MAX;
}

bool pricing_total(const struct plan_terms *t, int64_t conversations, int64_t *out)
{
    if (t->overage < 0 && t->conversations != UNLIMITED && conversations > t->conversations)
        return false;
    return !__builtin_add_overflow(t->price, pricing_overage(t, conversations), out);
}

/* Of two plans that cost the same the larger one is recommended; the list is ordered by size. */
const struct plan *pricing_fit(const struct plans *p, int64_t conversations)
{
    const struct plan *best = NULL;
    int64_t least = 0, total = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct plan *one = &p->list[i];
        bool fits = one->is_public && one->terms && pricing_total(one->terms, conversations, &total);
        if (fits && (!best || total <= least)) {
            best = one;
            least = total;
        }
    }
    return best;
}

static bool pricing_pays(enum billing_state s)
{
    return s == BILLING_TRIAL || s == BILLING_LIVE || s == BILLING_ENDING || s == BILLING_GRACE ||
           s == BILLING_READ_ONLY;
}

/* The next invoice is for two periods: the base price of the coming month on its terms, and the usage of the month that
 * ends on the terms that it was used on. */
struct pricing_next pricing_next(const struct plans *p, const struct entitlements *x, int64_t used)
{
    const struct subscription *s = x->subscription;
    struct pricing_next n = {0};
    if (!s || !pricing_pays(x->state))
        return n;
    bool ends = x->state == BILLING_ENDING || s->cancel_at_period_end;
    n.any = true;
    n.at_ms = x->state == BILLING_TRIAL && s->trial_end_ms ? s->trial_end_ms : x->period.end_ms;
    n.terms = ends ? NULL : x->terms;
    if (!ends && !id_is_none(s->next_terms) && s->next_ms && s->next_ms <= n.at_ms)
        n.terms = plans_terms(p, s->next_terms);
    n.base = n.terms ? n.terms->price : 0;
    n.overage = x->terms && x->period.billable ? pricing_overage(x->terms, used) : 0;
    return n;
}
