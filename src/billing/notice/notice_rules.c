/* notice_rules.c: which notices apply at a moment. Pure functions, so that a test can walk through months in a
 * second. */
#include <stdio.h>

#include "base/clock.h"
#include "billing/notice/notice.h"

#include "base/banned.h"

__extension__ typedef __int128 wide;
#define NOTICE_AHEAD_MS (3 * DAY_MS) /* this long before the event */

static int rules_add(struct notice out[NOTICES_MAX], int n, const char *mail, int64_t about_ms, int64_t until_ms,
                     const char *kind)
{
    out[n] = (struct notice){.mail = mail, .about_ms = about_ms, .until_ms = until_ms};
    snprintf(out[n].kind, sizeof(out[n].kind), "%s", kind);
    return n + 1;
}

/* The kind contains the number, so that a larger plan or a higher limit is reported again. */
static int rules_add_at(struct notice out[NOTICES_MAX], int n, const char *mail, const struct quota_period *p,
                        const char *name, int64_t of)
{
    char kind[41];
    snprintf(kind, sizeof(kind), "%s_%lld", name, (long long)of);
    return rules_add(out, n, mail, p->start_ms, p->end_ms, kind);
}

/* Multiplied instead of divided, so that 75 % of an odd number is not rounded; 128 bits, so that nothing overflows. */
static bool rules_reached(int64_t used, int64_t of, int percent)
{
    return (wide)used * 100 >= (wide)of * percent;
}

/* Every threshold that was passed is recorded, or it would be mailed later, when it is old news. */
int notice_usage(const struct entitlements *x, int64_t used, struct notice out[NOTICES_MAX])
{
    const struct quota_period *p = &x->period;
    int64_t base = p->limit < p->included ? p->limit : p->included; /* dunning may leave less than the plan includes */
    bool has_overage = p->limit > base;
    int n = 0;
    if (base == UNLIMITED || base <= 0)
        return 0;
    if (rules_reached(used, base, 75))
        n = rules_add_at(out, n, "usage_75", p, "usage_75", base);
    if (rules_reached(used, base, 90))
        n = rules_add_at(out, n, has_overage ? "usage_90_overage" : "usage_90", p, "usage_90", base);
    if (used >= base)
        n = rules_add_at(out, n, has_overage ? "usage_100_overage" : "usage_100", p, "usage_100", base);
    if (has_overage && used >= p->limit)
        n = rules_add_at(out, n, "usage_cap", p, "usage_cap", p->limit);
    for (int i = 0; i + 1 < n; i++)
        out[i].mail = NULL;
    return n;
}

/* ---- payments ---- */

/* The same moment as in grant_by_dunning of entitlement.c: the mails must announce the steps that really follow. */
static int64_t rules_failed_since(const struct subscription *s)
{
    return s->first_failed_ms > 0 ? s->first_failed_ms : s->period_start_ms > 0 ? s->period_start_ms : s->created_ms;
}

/* The worker may have been down for days. Steps that were missed are recorded without a mail, and the newest is
 * mailed. */
int notice_dunning(const struct entitlements *x, int64_t now_ms, struct notice out[NOTICES_MAX])
{
    static const struct {
        const char *name;
        enum billing_state from;
        int64_t after_ms, until_ms;
    } steps[] = {
        {"payment_failed", BILLING_GRACE, 0, BILLING_GRACE_MS},
        {"read_only_soon", BILLING_GRACE, BILLING_GRACE_MS - NOTICE_AHEAD_MS, BILLING_GRACE_MS},
        {"read_only", BILLING_READ_ONLY, 0, BILLING_READ_ONLY_MS},
        {"free_soon", BILLING_READ_ONLY, BILLING_READ_ONLY_MS - NOTICE_AHEAD_MS, BILLING_READ_ONLY_MS},
        {"suspended", BILLING_SUSPENDED, 0, 0},
    };
    int n = 0;

    if (!x->subscription || x->state < BILLING_GRACE || x->state > BILLING_SUSPENDED)
        return 0;
    int64_t since = rules_failed_since(x->subscription);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        bool passed = steps[i].from < x->state || (steps[i].from == x->state && now_ms - since >= steps[i].after_ms);
        if (passed)
            n = rules_add(out, n, steps[i].name, since, steps[i].until_ms ? since + steps[i].until_ms : 0,
                          steps[i].name);
    }
    for (int i = 0; i + 1 < n; i++)
        out[i].mail = NULL;
    return n;
}

/* ---- upcoming events ---- */

/* The kind contains the plan, so that a change to yet another plan is announced too. An end outranks a change: nothing
 * changes any more after it. */
int notice_coming(const struct entitlements *x, int64_t now_ms, struct str next_plan, struct notice out[NOTICES_MAX])
{
    const struct subscription *s = x->subscription;
    char kind[41];
    int n = 0;
    if (!s)
        return 0;
    if (x->state == BILLING_TRIAL && s->trial_end_ms > now_ms && s->trial_end_ms - now_ms <= NOTICE_AHEAD_MS)
        n = rules_add(out, n, "trial_ending", s->trial_end_ms, s->trial_end_ms, "trial_ending");
    if (x->state == BILLING_ENDING && x->until_ms > now_ms)
        n = rules_add(out, n, "plan_ending", x->until_ms, x->until_ms, "plan_ending");
    if (x->state != BILLING_ENDING && next_plan.n && s->next_ms > now_ms) {
        snprintf(kind, sizeof(kind), "next_%.*s", STR_F(next_plan));
        n = rules_add(out, n, "plan_changing", s->next_ms, s->next_ms, kind);
    }
    return n;
}
