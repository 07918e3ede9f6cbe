/* entitlement.c: what a tenant may, as a pure function: no database, no clock, no state. Each moment at which the answer may change
 * by itself is handed to step(), which is all that valid_until_ms is. */
#include "plan/entitlement.h"

#include <stdio.h>

#include "base/clock.h"
#include "plan/money.h"

#include "base/banned.h"

#define RETENTION_KEPT_MS (30 * DAY_MS) /* after a subscription's end its longer history stays for a while */
#define LATEST_MS 253402300799999LL     /* the last moment of the year 9999, as DATETIME holds */
#define PICO 1000000000000LL            /* terms count overage in 10^-12 of the smallest unit */

const char *billing_state_name(enum billing_state s)
{
    static const char *const names[] = {"free",  "assigned",  "trial",     "live",  "ending",
                                        "grace", "read_only", "suspended", "paused"};
    return names[s];
}

/* ---- periods ---- */

/* The same day and time of day k months later; the last day of a month that is too short. Always from the anchor, so that
 * 31 January, 28 February, 31 March follow each other. */
static int64_t months_after(int64_t anchor_ms, int k)
{
    struct clock_date d = clock_split(anchor_ms);
    int64_t midnight = clock_date_ms(d.year, d.month, d.day);
    int months = d.year * 12 + d.month - 1 + k, day = d.day;
    while (clock_date_ms(months / 12, months % 12 + 1, day) == -1)
        day--;
    return clock_date_ms(months / 12, months % 12 + 1, day) + (anchor_ms - midnight);
}

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

static struct quota_period calendar_month(int64_t now_ms)
{
    int64_t start = clock_month_start(now_ms);
    return (struct quota_period){.start_ms = start, .end_ms = months_after(start, 1)};
}

static struct quota_period subscription_period(const struct subscription *s, int64_t now_ms)
{
    struct quota_period p = {.start_ms = s->period_start_ms, .end_ms = s->period_end_ms, .billable = true};
    int64_t anchor = s->anchor_ms > 0 ? s->anchor_ms : p.start_ms > 0 ? p.start_ms : s->created_ms;
    if (p.start_ms <= 0 || p.end_ms <= p.start_ms)
        p.start_ms = p.end_ms = 0;
    entitlement_roll(anchor, &p.start_ms, &p.end_ms, now_ms);
    return p;
}

/* ---- what one subscription stands for ---- */

struct standing {
    const struct subscription *sub;
    const struct plan *plan;
    const struct plan_terms *terms;
    enum billing_state state; /* BILLING_FREE: it gives nothing */
    int64_t until_ms;
    int64_t over_ms; /* since when it is over; 0: it is not, or never was paid for */
    bool paid_once;  /* so that its history is kept */
    bool charging;
};

struct answer {
    const struct entitlement_facts *f;
    int64_t now_ms;
    struct entitlements *x;
};

/* The answer may be another one from t on. */
static void step(const struct answer *a, int64_t t)
{
    if (t > a->now_ms && t < a->x->valid_until_ms)
        a->x->valid_until_ms = t;
}

static bool passed(const struct answer *a, int64_t t)
{
    step(a, t);
    return a->now_ms >= t;
}

static enum stripe_status status_of(const struct answer *a, const struct subscription *s)
{
    if (s->status != STRIPE_UNKNOWN)
        return s->status;
    a->x->unknown_status = true;
    if (s->known_ms <= 0 || passed(a, s->known_ms + BILLING_UNKNOWN_MS))
        return STRIPE_UNKNOWN;
    return s->known_status;
}

static int64_t earlier(int64_t a, int64_t b) /* 0 = never */
{
    return a <= 0 ? b : b <= 0 || a < b ? a : b;
}

static int64_t end_of(const struct subscription *s)
{
    return earlier(s->cancel_at_ms, earlier(s->cancel_at_period_end ? s->period_end_ms : 0, s->ended_ms));
}

static void dunning(const struct answer *a, struct standing *st)
{
    const struct subscription *s = st->sub;
    int64_t since = s->first_failed_ms > 0   ? s->first_failed_ms
                    : s->period_start_ms > 0 ? s->period_start_ms
                                             : s->created_ms;
    bool soft = passed(a, since + BILLING_GRACE_MS), hard = passed(a, since + BILLING_READ_ONLY_MS);
    st->state = hard ? BILLING_SUSPENDED : soft ? BILLING_READ_ONLY : BILLING_GRACE;
    st->until_ms = hard ? 0 : since + (soft ? BILLING_READ_ONLY_MS : BILLING_GRACE_MS);
}

static void stand_by_status(const struct answer *a, enum stripe_status status, struct standing *st)
{
    switch (status) {
    case STRIPE_TRIALING:
        st->state = BILLING_TRIAL;
        if (!passed(a, st->sub->trial_end_ms))
            st->until_ms = st->sub->trial_end_ms;
        break;
    case STRIPE_ACTIVE:
        st->state = BILLING_LIVE;
        break;
    case STRIPE_PAST_DUE:
        dunning(a, st);
        break;
    case STRIPE_UNPAID:
        st->state = BILLING_SUSPENDED;
        break;
    case STRIPE_PAUSED:
        st->state = BILLING_PAUSED;
        break;
    default:
        st->state = BILLING_FREE;
    }
    st->paid_once = status != STRIPE_INCOMPLETE && status != STRIPE_INCOMPLETE_EXPIRED;
    st->charging = status == STRIPE_TRIALING || status == STRIPE_ACTIVE || status == STRIPE_PAST_DUE;
}

/* It is to end, or did: not a moment earlier or later than Stripe said. */
static void stand_by_end(const struct answer *a, enum stripe_status status, struct standing *st)
{
    const struct subscription *s = st->sub;
    int64_t end = end_of(s);
    if (status == STRIPE_CANCELED)
        st->over_ms = end > 0 ? end : s->canceled_ms > 0 ? s->canceled_ms : s->fetched_ms;
    if (end <= 0 || st->state == BILLING_FREE)
        return;
    if (passed(a, end)) {
        st->state = BILLING_FREE;
        st->charging = false;
        st->over_ms = end;
        return;
    }
    if (st->state == BILLING_TRIAL || st->state == BILLING_LIVE)
        st->state = BILLING_ENDING;
    st->until_ms = st->state == BILLING_ENDING ? end : earlier(st->until_ms, end);
}

static struct standing stand(const struct answer *a, const struct subscription *s)
{
    struct standing st = {.sub = s};
    enum stripe_status status = status_of(a, s);
    stand_by_status(a, status, &st);
    stand_by_end(a, status, &st);
    st.terms = plans_terms(a->f->plans, s->terms);
    st.plan = st.terms ? plans_find(a->f->plans, st.terms->plan) : NULL;
    if (!st.plan) {
        a->x->unknown_price = a->x->unknown_price || st.state != BILLING_FREE;
        st.state = BILLING_FREE;
    }
    return st;
}

/* 3: the plan; 2: the plan to read; 1: nothing for now; 0: nothing */
static int gives(enum billing_state s)
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

static int sign(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Of two, the higher grants; what does not matter is decided all the same, so that the answer does not depend on the rows' order. */
static bool better(const struct standing *a, const struct standing *b)
{
    static const int pleasant[] = {
        [BILLING_LIVE] = 6,      [BILLING_ENDING] = 5,    [BILLING_TRIAL] = 4, [BILLING_GRACE] = 3,
        [BILLING_READ_ONLY] = 2, [BILLING_SUSPENDED] = 1, [BILLING_PAUSED] = 0};
    int d = sign(gives(a->state), gives(b->state));
    if (!d)
        d = sign(a->plan->position, b->plan->position);
    if (!d)
        d = sign(pleasant[a->state], pleasant[b->state]);
    if (!d)
        d = sign(a->terms->conversations, b->terms->conversations);
    if (!d)
        d = sign(a->sub->created_ms, b->sub->created_ms);
    return (d ? d : str_cmp(a->sub->id, b->sub->id)) > 0;
}

/* Dunning and a fresh end take no history away: that would be for good. */
static void keep_history(const struct answer *a, const struct standing *st, int64_t *days)
{
    if (!st->plan || !st->paid_once || (st->over_ms && passed(a, st->over_ms + RETENTION_KEPT_MS)))
        return;
    if (st->plan->value[ENTITLEMENT_retention_days] > *days)
        *days = st->plan->value[ENTITLEMENT_retention_days];
}

static struct standing choose(const struct answer *a, int64_t *history_days)
{
    struct standing best = {.state = BILLING_FREE};
    int charging = 0;
    for (size_t i = 0; i < a->f->subscription_n; i++) {
        if (a->f->subscriptions[i].livemode != a->f->livemode)
            continue;
        struct standing st = stand(a, &a->f->subscriptions[i]);
        charging += st.charging;
        keep_history(a, &st, history_days);
        if (st.state != BILLING_FREE && (best.state == BILLING_FREE || better(&st, &best)))
            best = st;
    }
    a->x->two_live = charging > 1;
    return best;
}

/* ---- the answer ---- */

/* `floor` is what the tenant has whatever becomes of its subscription: the assigned plan, else the free one. */
static void decide(const struct answer *a, const struct standing *best, const struct plan *floor)
{
    struct entitlements *x = a->x;
    int g = gives(best->state), above = g ? sign(best->plan->position, floor->position) : -1;
    bool pays = g >= 2 && (above > 0 || (above == 0 && g == 3));
    bool waits = g && !pays && floor == plans_free(a->f->plans);
    x->plan = pays ? best->plan : floor;
    x->state = pays || waits ? best->state : floor == plans_free(a->f->plans) ? BILLING_FREE : BILLING_ASSIGNED;
    x->subscription = pays || waits ? best->sub : NULL;
    x->terms = pays || waits ? best->terms : floor->terms;
    x->until_ms = pays || waits ? best->until_ms : 0;
    x->read_only = x->state == BILLING_READ_ONLY;
    x->period = pays ? subscription_period(best->sub, a->now_ms) : calendar_month(a->now_ms);
    memcpy(x->value, x->plan->value, sizeof(x->value));
    x->value[ENTITLEMENT_conversations] = pays ? best->terms->conversations : floor->terms->conversations;
}

static void override_values(const struct answer *a)
{
    for (size_t i = 0; i < a->f->override_n; i++) {
        const struct override *o = &a->f->overrides[i];
        if (o->expires_ms && passed(a, o->expires_ms))
            continue;
        a->x->value[o->entitlement] = o->value;
        a->x->overridden[o->entitlement] = true;
    }
}

static int64_t plus(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static bool in_trial(const struct subscription *s)
{
    return (s->status == STRIPE_UNKNOWN ? s->known_status : s->status) == STRIPE_TRIALING;
}

/* Beyond what is included: only where something is paid, and the tenant said how much more it may be. */
static int64_t overage_room(const struct entitlement_facts *f, const struct entitlements *x)
{
    bool paid = x->state == BILLING_LIVE || (x->state == BILLING_ENDING && !in_trial(x->subscription));
    if (!paid || !f->bill_overage || f->overage_cap <= 0 || x->terms->overage < 0)
        return 0;
    return money_qty_for(f->overage_cap, (struct decimal){x->terms->overage / PICO, x->terms->overage % PICO});
}

/* Stripe prices what is beyond the terms, not beyond an override: more than the terms by the operator's leave is therefore not metered,
 * and beyond any override it stops. */
static void set_quota(const struct answer *a, const struct plan *floor)
{
    struct entitlements *x = a->x;
    struct quota_period *p = &x->period;
    p->included = p->limit = x->value[ENTITLEMENT_conversations];
    if (x->overridden[ENTITLEMENT_conversations])
        p->billable = p->billable && p->included <= x->terms->conversations;
    else if (x->state == BILLING_READ_ONLY)
        p->limit = p->included < floor->terms->conversations ? p->included : floor->terms->conversations;
    else
        p->limit = plus(p->included, overage_room(a->f, x));
    if (!a->f->workspace_active) {
        x->read_only = true;
        p->limit = 0;
    }
    step(a, p->end_ms);
}

void entitlement_resolve(const struct entitlement_facts *f, int64_t now_ms, struct entitlements *out)
{
    struct answer a = {.f = f, .now_ms = now_ms < 0 ? 0 : now_ms > LATEST_MS ? LATEST_MS : now_ms, .x = out};
    int64_t history_days = 0;
    *out = (struct entitlements){
        .valid_until_ms = INT64_MAX, .bill_overage = f->bill_overage, .overage_cap = f->overage_cap};
    const struct plan *floor = plans_find(f->plans, f->assigned);
    struct standing best = choose(&a, &history_days);
    decide(&a, &best, floor ? floor : plans_free(f->plans));
    if (history_days > out->value[ENTITLEMENT_retention_days])
        out->value[ENTITLEMENT_retention_days] = history_days;
    override_values(&a);
    set_quota(&a, floor ? floor : plans_free(f->plans));
}

/* ---- asking it ---- */

static const char *thing(enum entitlement what, bool one)
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
    st = err_set(e, E_plan_limit, "The plan %.*s includes %lld %s: remove one or take a larger plan.",
                 STR_F(x->plan->name), (long long)limit, thing(what, limit == 1));
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
