/* notice_rules.c: which notices apply at a moment. Pure functions, so that a test can walk through months in a
 * second. */
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "billing/notice/notice.h"

#include "base/banned.h"

__extension__ typedef __int128 wide;
#define NOTICE_AHEAD_MS (3 * DAY_MS) /* this long before the event */

static const char *const kind_names[] = {
    [NOTICE_UNKNOWN] = "unknown",
    [NOTICE_USAGE_75] = "usage_75",
    [NOTICE_USAGE_90] = "usage_90",
    [NOTICE_USAGE_100] = "usage_100",
    [NOTICE_USAGE_CAP] = "usage_cap",
    [NOTICE_PAYMENT_FAILED] = "payment_failed",
    [NOTICE_READ_ONLY_SOON] = "read_only_soon",
    [NOTICE_READ_ONLY] = "read_only",
    [NOTICE_FREE_SOON] = "free_soon",
    [NOTICE_SUSPENDED] = "suspended",
    [NOTICE_RECOVERED] = "recovered",
    [NOTICE_TRIAL_ENDING] = "trial_ending",
    [NOTICE_PLAN_ENDING] = "plan_ending",
    [NOTICE_NEXT] = "next",
    [NOTICE_ENDED] = "ended",
};

const char *notice_kind_name(enum notice_kind kind)
{
    CHECK((size_t)kind < COUNT_OF(kind_names));
    return kind_names[kind];
}

/* The part after the name, without its "_"; false if the key has another name. */
static bool rules_key_rest(struct str key, enum notice_kind kind, struct str *rest)
{
    struct str name = str_from(kind_names[kind]);
    *rest = str_sub(key, name.n + 1, key.n);
    return str_starts(key, name) && key.n > name.n && key.p[name.n] == '_';
}

/* A key of usage without its number, or of a change without a plan, was never written; it is read as far as it goes. */
enum notice_kind notice_key_parse(struct str key, int64_t *of)
{
    struct str rest;
    *of = 0;
    for (enum notice_kind k = NOTICE_USAGE_75; k <= NOTICE_USAGE_CAP; k++)
        if (rules_key_rest(key, k, &rest) && num_i64(rest, 0, INT64_MAX, of))
            return k;
    if (rules_key_rest(key, NOTICE_NEXT, &rest) && rest.n)
        return NOTICE_NEXT;
    return (enum notice_kind)str_among_or(key, kind_names, COUNT_OF(kind_names), NOTICE_UNKNOWN);
}

struct notice notice_of(enum notice_kind kind, const char *mail, int64_t about_ms)
{
    struct notice n = {.mail = mail, .about_ms = about_ms};
    snprintf(n.key, sizeof(n.key), "%s", notice_kind_name(kind));
    return n;
}

static int rules_add(struct notice out[NOTICES_MAX], int n, enum notice_kind kind, const char *mail, int64_t about_ms,
                     int64_t until_ms)
{
    out[n] = notice_of(kind, mail, about_ms);
    out[n].until_ms = until_ms;
    return n + 1;
}

/* The key contains the number, so that a larger plan or a higher limit is reported again. */
static int rules_add_at(struct notice out[NOTICES_MAX], int n, enum notice_kind kind, const char *mail,
                        const struct quota_period *p, int64_t of)
{
    int next = rules_add(out, n, kind, mail, p->start_ms, p->end_ms);
    snprintf(out[n].key, sizeof(out[n].key), "%s_%lld", notice_kind_name(kind), (long long)of);
    return next;
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
        n = rules_add_at(out, n, NOTICE_USAGE_75, "usage_75", p, base);
    if (rules_reached(used, base, 90))
        n = rules_add_at(out, n, NOTICE_USAGE_90, has_overage ? "usage_90_overage" : "usage_90", p, base);
    if (used >= base)
        n = rules_add_at(out, n, NOTICE_USAGE_100, has_overage ? "usage_100_overage" : "usage_100", p, base);
    if (has_overage && used >= p->limit)
        n = rules_add_at(out, n, NOTICE_USAGE_CAP, "usage_cap", p, p->limit);
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
        enum notice_kind kind;
        enum billing_state from;
        int64_t after_ms, until_ms;
    } steps[] = {
        {NOTICE_PAYMENT_FAILED, BILLING_GRACE, 0, BILLING_GRACE_MS},
        {NOTICE_READ_ONLY_SOON, BILLING_GRACE, BILLING_GRACE_MS - NOTICE_AHEAD_MS, BILLING_GRACE_MS},
        {NOTICE_READ_ONLY, BILLING_READ_ONLY, 0, BILLING_READ_ONLY_MS},
        {NOTICE_FREE_SOON, BILLING_READ_ONLY, BILLING_READ_ONLY_MS - NOTICE_AHEAD_MS, BILLING_READ_ONLY_MS},
        {NOTICE_SUSPENDED, BILLING_SUSPENDED, 0, 0},
    };
    int n = 0;

    if (!x->subscription || x->state < BILLING_GRACE || x->state > BILLING_SUSPENDED)
        return 0;
    int64_t since = rules_failed_since(x->subscription);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        bool passed = steps[i].from < x->state || (steps[i].from == x->state && now_ms - since >= steps[i].after_ms);
        if (passed)
            n = rules_add(out, n, steps[i].kind, notice_kind_name(steps[i].kind), since,
                          steps[i].until_ms ? since + steps[i].until_ms : 0);
    }
    for (int i = 0; i + 1 < n; i++)
        out[i].mail = NULL;
    return n;
}

/* ---- upcoming events ---- */

/* The key contains the plan, so that a change to yet another plan is announced too. An end outranks a change: nothing
 * changes any more after it. */
int notice_coming(const struct entitlements *x, int64_t now_ms, struct str next_plan, struct notice out[NOTICES_MAX])
{
    const struct subscription *s = x->subscription;
    int n = 0;
    if (!s)
        return 0;
    if (x->state == BILLING_TRIAL && s->trial_end_ms > now_ms && s->trial_end_ms - now_ms <= NOTICE_AHEAD_MS)
        n = rules_add(out, n, NOTICE_TRIAL_ENDING, "trial_ending", s->trial_end_ms, s->trial_end_ms);
    if (x->state == BILLING_ENDING && x->until_ms > now_ms)
        n = rules_add(out, n, NOTICE_PLAN_ENDING, "plan_ending", x->until_ms, x->until_ms);
    if (x->state != BILLING_ENDING && next_plan.n && s->next_ms > now_ms) {
        n = rules_add(out, n, NOTICE_NEXT, "plan_changing", s->next_ms, s->next_ms);
        snprintf(out[n - 1].key, sizeof(out[n - 1].key), "%s_%.*s", notice_kind_name(NOTICE_NEXT), STR_F(next_plan));
    }
    return n;
}
