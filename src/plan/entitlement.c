/* entitlement.c: entitlements as a pure function: no database, no clock, no state.
 *
 * Every comparison with the clock goes through resolve_passed(), which records the moment. valid_until_ms is the
 * earliest of the recorded moments that lie ahead; a comparison that bypassed it would make a cached answer outlive
 * its truth. */
#include "plan/entitlement.h"

#include <stdio.h>

#include "base/clock.h"
#include "plan/money.h"

#include "base/banned.h"

#define RETENTION_KEPT_MS (30 * DAY_MS) /* how long the longer history is kept after a subscription's end */

const char *billing_state_name(enum billing_state s)
{
    static const char *const names[] = {"free",  "assigned",  "trial",     "live",  "ending",
                                        "grace", "read_only", "suspended", "paused"};
    return names[s];
}

/* ---- periods ---- */

/* The same day and time k months later, or the last day of a shorter month. Always counted from the anchor, so that
 * 31 January, 28 February and 31 March follow each other, as at Stripe. */
static int64_t months_after(int64_t anchor_ms, int k)
{
    struct clock_date d = clock_split(anchor_ms);
    int64_t midnight = clock_date_ms(d.year, d.month, d.day);
    int months = d.year * 12 + d.month - 1 + k, day = d.day;
    while (clock_date_ms(months / 12, months % 12 + 1, day) == -1)
        day--;
    return clock_date_ms(months / 12, months % 12 + 1, day) + (anchor_ms - midnight);
}

/* The estimate of k may be one too high, when the anchor's day of this month has not come yet. A period never begins
 * before the known one ended, so no moment belongs to two. */
void entitlement_roll(int64_t anchor_ms, int64_t *start_ms, int64_t *end_ms, int64_t now_ms)
{
    if (now_ms < *end_ms)
        return;
    struct clock_date a = clock_split(anchor_ms), n = clock_split(now_ms);
    int k = (n.year - a.year) * 12 + n.month - a.month;
    if (months_after(anchor_ms, k) > now_ms)
        k--;
    int64_t start = months_after(anchor_ms, k);
    *start_ms = start > *end_ms ? start : *end_ms;
    *end_ms = months_after(anchor_ms, k + 1);
}

static struct quota_period period_of_month(int64_t now_ms)
{
    int64_t start = clock_month_start(now_ms);
    return (struct quota_period){.start_ms = start, .end_ms = months_after(start, 1)};
}

/* Stripe's event of a renewal may be late by hours. Until it arrives the period is moved on here, so that a tenant who
 * used up the old month can begin the new one. Stripe's own figures replace this as soon as they are in the mirror. */
static struct quota_period period_of_subscription(const struct subscription *s, int64_t now_ms)
{
    struct quota_period p = {.start_ms = s->period_start_ms, .end_ms = s->period_end_ms, .billable = true};
    int64_t anchor = s->anchor_ms > 0 ? s->anchor_ms : p.start_ms > 0 ? p.start_ms : s->created_ms;
    if (p.start_ms <= 0 || p.end_ms <= p.start_ms)
        p.start_ms = p.end_ms = 0;
    entitlement_roll(anchor, &p.start_ms, &p.end_ms, now_ms);
    return p;
}

/* ---- what one subscription grants ---- */

struct grant {
    const struct subscription *sub;
    const struct plan *plan;
    const struct plan_terms *terms;
    enum billing_state state; /* BILLING_FREE: it grants nothing */
    int64_t until_ms;
    int64_t over_ms; /* since when it is over; 0: it is not, or it was never paid for */
    bool paid_once;  /* so that its history is kept */
    bool charging;
};

struct resolving {
    const struct entitlement_facts *f;
    int64_t now_ms;
    struct entitlements *x;
};

/* The answer may change at t. */
static void resolve_step(const struct resolving *a, int64_t t)
{
    if (t > a->now_ms && t < a->x->valid_until_ms)
        a->x->valid_until_ms = t;
}

static bool resolve_passed(const struct resolving *a, int64_t t)
{
    resolve_step(a, t);
    return a->now_ms >= t;
}

/* Stripe's list of states is open: a new one may appear without a new API version. It must neither cut a paying tenant
 * off at once nor grant anything for long, so the last known state counts for a day. */
static enum stripe_status resolve_status(const struct resolving *a, const struct subscription *s)
{
    if (s->status != STRIPE_UNKNOWN)
        return s->status;
    a->x->unknown_status = true;
    if (s->known_ms <= 0 || resolve_passed(a, s->known_ms + BILLING_UNKNOWN_MS))
        return STRIPE_UNKNOWN;
    return s->known_status;
}

static int64_t earlier_ms(int64_t a, int64_t b) /* 0 = never */
{
    return a <= 0 ? b : b <= 0 || a < b ? a : b;
}

static int64_t subscription_end_ms(const struct subscription *s)
{
    return earlier_ms(s->cancel_at_ms, earlier_ms(s->cancel_at_period_end ? s->period_end_ms : 0, s->ended_ms));
}

/* Counted from the first failure, which later failures do not move: otherwise each retry of Stripe would start the days
 * of grace again. */
static void grant_by_dunning(const struct resolving *a, struct grant *g)
{
    const struct subscription *s = g->sub;
    int64_t since = s->first_failed_ms > 0   ? s->first_failed_ms
                    : s->period_start_ms > 0 ? s->period_start_ms
                                             : s->created_ms;
    bool soft = resolve_passed(a, since + BILLING_GRACE_MS), hard = resolve_passed(a, since + BILLING_READ_ONLY_MS);
    g->state = hard ? BILLING_SUSPENDED : soft ? BILLING_READ_ONLY : BILLING_GRACE;
    g->until_ms = hard ? 0 : since + (soft ? BILLING_READ_ONLY_MS : BILLING_GRACE_MS);
}

static void grant_by_status(const struct resolving *a, enum stripe_status status, struct grant *g)
{
    switch (status) {
    case STRIPE_TRIALING:
        g->state = BILLING_TRIAL;
        if (!resolve_passed(a, g->sub->trial_end_ms))
            g->until_ms = g->sub->trial_end_ms;
        break;
    case STRIPE_ACTIVE:
        g->state = BILLING_LIVE;
        break;
    case STRIPE_PAST_DUE:
        grant_by_dunning(a, g);
        break;
    case STRIPE_UNPAID:
        g->state = BILLING_SUSPENDED;
        break;
    case STRIPE_PAUSED:
        g->state = BILLING_PAUSED;
        break;
    default:
        g->state = BILLING_FREE;
    }
    g->paid_once = status != STRIPE_INCOMPLETE && status != STRIPE_INCOMPLETE_EXPIRED;
    g->charging = status == STRIPE_TRIALING || status == STRIPE_ACTIVE || status == STRIPE_PAST_DUE;
}

/* The subscription ends exactly when Stripe says, whether or not the event of its end has arrived. */
static void grant_by_end(const struct resolving *a, enum stripe_status status, struct grant *g)
{
    const struct subscription *s = g->sub;
    int64_t end = subscription_end_ms(s);
    if (status == STRIPE_CANCELED)
        g->over_ms = end > 0 ? end : s->canceled_ms > 0 ? s->canceled_ms : s->fetched_ms;
    if (end <= 0 || g->state == BILLING_FREE)
        return;
    if (resolve_passed(a, end)) {
        g->state = BILLING_FREE;
        g->charging = false;
        g->over_ms = end;
        return;
    }
    if (g->state == BILLING_TRIAL || g->state == BILLING_LIVE)
        g->state = BILLING_ENDING;
    g->until_ms = g->state == BILLING_ENDING ? end : earlier_ms(g->until_ms, end);
}

/* A price that is not one of ours grants nothing, whatever it costs. It is reported, because the tenant may be
 * paying. */
static struct grant grant_of(const struct resolving *a, const struct subscription *s)
{
    struct grant g = {.sub = s};
    enum stripe_status status = resolve_status(a, s);
    grant_by_status(a, status, &g);
    grant_by_end(a, status, &g);
    g.terms = plans_terms(a->f->plans, s->terms);
    g.plan = g.terms ? plans_find(a->f->plans, g.terms->plan) : NULL;
    if (!g.plan) {
        a->x->unknown_price = a->x->unknown_price || g.state != BILLING_FREE;
        g.state = BILLING_FREE;
    }
    return g;
}

/* 3: the plan; 2: the plan, read-only; 1: nothing until it is paid; 0: nothing */
static int grant_level(enum billing_state s)
{
    switch (s) {
    case BILLING_TRIAL:
    case BILLING_LIVE:
    case BILLING_ENDING:
    case BILLING_GRACE:
        return 3;
    case BILLING_READ_ONLY:
        return 2;
    case BILLING_SUSPENDED:
    case BILLING_PAUSED:
        return 1;
    default:
        return 0;
    }
}

static int grant_compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Which of two subscriptions decides. Ties are broken to the last field, so that the answer does not depend on the
 * order of the rows. */
static bool grant_is_better(const struct grant *a, const struct grant *b)
{
    static const int pleasant[] = {
        [BILLING_LIVE] = 6,      [BILLING_ENDING] = 5,    [BILLING_TRIAL] = 4, [BILLING_GRACE] = 3,
        [BILLING_READ_ONLY] = 2, [BILLING_SUSPENDED] = 1, [BILLING_PAUSED] = 0};
    int d = grant_compare(grant_level(a->state), grant_level(b->state));
    if (!d)
        d = grant_compare(a->plan->position, b->plan->position);
    if (!d)
        d = grant_compare(pleasant[a->state], pleasant[b->state]);
    if (!d)
        d = grant_compare(a->terms->conversations, b->terms->conversations);
    if (!d)
        d = grant_compare(a->sub->created_ms, b->sub->created_ms);
    return (d ? d : str_cmp(a->sub->id, b->sub->id)) > 0;
}

/* Neither dunning nor a recent end shortens the history: deletion cannot be undone. */
static void grant_keep_history(const struct resolving *a, const struct grant *g, int64_t *days)
{
    if (!g->plan || !g->paid_once || (g->over_ms && resolve_passed(a, g->over_ms + RETENTION_KEPT_MS)))
        return;
    if (g->plan->value[ENTITLEMENT_retention_days] > *days)
        *days = g->plan->value[ENTITLEMENT_retention_days];
}

/* Rows of the other mode are skipped: a test subscription must not grant anything on an install that sells. */
static struct grant grant_choose(const struct resolving *a, int64_t *history_days)
{
    struct grant best = {.state = BILLING_FREE};
    int charging = 0;
    for (size_t i = 0; i < a->f->subscription_n; i++) {
        if (a->f->subscriptions[i].livemode != a->f->livemode)
            continue;
        struct grant g = grant_of(a, &a->f->subscriptions[i]);
        charging += g.charging;
        grant_keep_history(a, &g, history_days);
        if (g.state != BILLING_FREE && (best.state == BILLING_FREE || grant_is_better(&g, &best)))
            best = g;
    }
    a->x->two_live = charging > 1;
    return best;
}

/* ---- the answer ---- */

/* `fallback` is the plan that the tenant has without a subscription: the assigned one, else the free one. A
 * subscription that grants nothing for now (`waits`) still decides state and terms where only the free plan would
 * take its place. At the same position the subscription decides only while it grants the whole plan, because the
 * assigned plan is never read-only.
 *
 * The included conversations are those of the terms that were bought, not of the plan as it is sold today. */
static void resolve_plan(const struct resolving *a, const struct grant *best, const struct plan *fallback)
{
    struct entitlements *x = a->x;
    int level = grant_level(best->state), above = level ? grant_compare(best->plan->position, fallback->position) : -1;
    bool pays = level >= 2 && (above > 0 || (above == 0 && level == 3));
    bool is_free = fallback == plans_free(a->f->plans), waits = level && !pays && is_free;
    const struct grant none = {.state = is_free ? BILLING_FREE : BILLING_ASSIGNED, .terms = fallback->terms};
    const struct grant *shown = pays || waits ? best : &none;
    x->plan = pays ? best->plan : fallback;
    x->state = shown->state;
    x->subscription = shown->sub;
    x->terms = shown->terms;
    x->until_ms = shown->until_ms;
    x->read_only = x->state == BILLING_READ_ONLY;
    x->period = pays ? period_of_subscription(best->sub, a->now_ms) : period_of_month(a->now_ms);
    memcpy(x->value, x->plan->value, sizeof(x->value));
    x->value[ENTITLEMENT_conversations] = pays ? best->terms->conversations : fallback->terms->conversations;
}

/* Overrides come last, so that the operator's decision holds whatever the tenant buys. */
static void resolve_overrides(const struct resolving *a)
{
    for (size_t i = 0; i < a->f->override_n; i++) {
        const struct override *o = &a->f->overrides[i];
        if (o->expires_ms && resolve_passed(a, o->expires_ms))
            continue;
        a->x->value[o->entitlement] = o->value;
        a->x->overridden[o->entitlement] = true;
    }
}

/* INT64_MAX means unlimited, and included plus overage must not wrap below it. */
static int64_t saturating_add(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

/* A trial that is set to end is ENDING as well, so the state alone does not tell whether anything is paid for. */
static bool subscription_in_trial(const struct subscription *s)
{
    return (s->status == STRIPE_UNKNOWN ? s->known_status : s->status) == STRIPE_TRIALING;
}

/* Conversations beyond the included ones: only in a paid period, as many as the tenant's cap buys. Neither a trial nor
 * the days of grace allow any: it might never be paid for. */
static int64_t resolve_overage(const struct entitlement_facts *f, const struct entitlements *x)
{
    bool paid = x->state == BILLING_LIVE || (x->state == BILLING_ENDING && !subscription_in_trial(x->subscription));
    if (!paid || !f->bill_overage || f->overage_cap <= 0 || x->terms->overage < 0)
        return 0;
    return money_qty_for(f->overage_cap, decimal_of_pico(x->terms->overage));
}

/* Stripe charges for what exceeds the terms and knows nothing of overrides. Therefore usage is not metered where an
 * override includes more than the terms, and beyond an override it stops. A suspended workspace has no conversations at
 * all, whatever it pays. */
static void resolve_quota(const struct resolving *a, const struct plan *fallback)
{
    struct entitlements *x = a->x;
    struct quota_period *p = &x->period;
    p->included = p->limit = x->value[ENTITLEMENT_conversations];
    if (x->overridden[ENTITLEMENT_conversations])
        p->billable = p->billable && p->included <= x->terms->conversations;
    else if (x->state == BILLING_READ_ONLY)
        p->limit = p->included < fallback->terms->conversations ? p->included : fallback->terms->conversations;
    else
        p->limit = saturating_add(p->included, resolve_overage(a->f, x));
    if (!a->f->workspace_active) {
        x->read_only = true;
        p->limit = 0;
    }
    resolve_step(a, p->end_ms);
}

void entitlement_resolve(const struct entitlement_facts *f, int64_t now_ms, struct entitlements *out)
{
    struct resolving a = {.f = f, .now_ms = now_ms < 0 ? 0 : now_ms > CLOCK_MAX_MS ? CLOCK_MAX_MS : now_ms, .x = out};
    int64_t history_days = 0;
    *out = (struct entitlements){
        .valid_until_ms = INT64_MAX, .bill_overage = f->bill_overage, .overage_cap = f->overage_cap};
    const struct plan *fallback = plans_find(f->plans, f->assigned);
    struct grant best = grant_choose(&a, &history_days);
    resolve_plan(&a, &best, fallback ? fallback : plans_free(f->plans));
    if (history_days > out->value[ENTITLEMENT_retention_days])
        out->value[ENTITLEMENT_retention_days] = history_days;
    resolve_overrides(&a);
    resolve_quota(&a, fallback ? fallback : plans_free(f->plans));
}

/* ---- asking it ---- */

static const char *entitlement_noun(enum entitlement what, bool one)
{
    switch (what) {
    case ENTITLEMENT_bots:
        return one ? "bot" : "bots";
    case ENTITLEMENT_members:
        return one ? "member" : "members";
    default:
        return entitlement_name(what);
    }
}

/* A late payment is reported before a suspension, because the owner can do something about it. */
enum status entitlement_writable(const struct entitlements *x, struct err *e)
{
    if (x->state == BILLING_READ_ONLY)
        return err_raise(e, E_billing_read_only);
    return x->read_only ? err_set(e, E_workspace_suspended, "The workspace is suspended.") : OK;
}

enum status entitlement_room(const struct entitlements *x, enum entitlement what, int64_t have, struct err *e)
{
    int64_t limit = x->value[what];
    enum status st = entitlement_writable(x, e);
    if (st != OK)
        return st;
    if (limit == UNLIMITED || have < limit)
        return OK;
    st = err_set(e, E_plan_limit, "The plan %.*s includes %lld %s. Remove one, or upgrade to a larger plan.",
                 STR_F(x->plan->name), (long long)limit, entitlement_noun(what, limit == 1));
    err_rename(e, "plan_limit_%s", entitlement_name(what));
    return st;
}

const struct plan *entitlement_offer(const struct plans *p, enum entitlement what, int64_t need)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct plan *plan = &p->list[i];
        int64_t value = what == ENTITLEMENT_conversations ? plan->terms->conversations : plan->value[what];
        if (plan->is_public && value >= need)
            return plan;
    }
    return NULL;
}
