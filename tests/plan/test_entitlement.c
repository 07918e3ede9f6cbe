/* May this tenant, now? Every state a subscription can be in, the periods, the overrides; and for random facts, that
 * the answer holds until the moment it names. */
#include "base/clock.h"
#include "lib/test.h"
#include "plan/entitlement.h"

#include "base/banned.h"

#define STARTER_T \
    {             \
        {         \
            2     \
        }         \
    }
#define PRO_T \
    {         \
        {     \
            3 \
        }     \
    }
#define ENT_T \
    {         \
        {     \
            4 \
        }     \
    }
#define OLD_STARTER_T \
    {                 \
        {             \
            5         \
        }             \
    } /* sold before: cheaper, and more conversations */

static struct plan_terms terms[5];
static struct plan list[4];
static struct plans plans = {.list = list, .n = 4, .terms = terms, .terms_n = 5};

static void plans_make(void)
{
    static const struct {
        const char *plan, *name;
        int64_t price, conversations, overage, bots, members, retention;
    } rows[4] = {{"free", "FREE", 0, 1000, -1, 1, 2, 90},
                 {"starter", "STARTER", 4900, 10000, 490000000000, 5, 5, 365},
                 {"professional", "PROFESSIONAL", 19900, 50000, 398000000000, UNLIMITED, 25, 730},
                 {"enterprise", "ENTERPRISE", 99900, UNLIMITED, -1, UNLIMITED, UNLIMITED, UNLIMITED}};
    for (int i = 0; i < 4; i++) {
        terms[i] = (struct plan_terms){.id = {{(uint8_t)(i + 1)}},
                                       .plan = str_from(rows[i].plan),
                                       .price = rows[i].price,
                                       .currency = "USD",
                                       .conversations = rows[i].conversations,
                                       .overage = rows[i].overage};
        list[i] = (struct plan){.plan = str_from(rows[i].plan),
                                .name = str_from(rows[i].name),
                                .position = i + 1,
                                .is_public = true,
                                .terms = &terms[i]};
        list[i].value[ENTITLEMENT_conversations] = rows[i].conversations;
        list[i].value[ENTITLEMENT_bots] = rows[i].bots;
        list[i].value[ENTITLEMENT_members] = rows[i].members;
        list[i].value[ENTITLEMENT_retention_days] = rows[i].retention;
        list[i].value[ENTITLEMENT_knowledge] = i >= 2;
        list[i].value[ENTITLEMENT_white_label] = i >= 3;
    }
    terms[4] = (struct plan_terms){.id = OLD_STARTER_T,
                                   .plan = STR("starter"),
                                   .price = 3900,
                                   .currency = "USD",
                                   .conversations = 15000,
                                   .overage = 260000000000};
}

/* ---- the table ---- */

#define T0 1794312000000LL  /* 2026-11-10 12:00 */
#define T1 1796904000000LL  /* 2026-12-10 12:00 */
#define T2 1799582400000LL  /* 2027-01-10 12:00 */
#define NOV 1793491200000LL /* 2026-11-01 */
#define DEC 1796083200000LL /* 2026-12-01 */
#define JAN 1798761600000LL /* 2027-01-01 */
#define FEB 1801440000000LL /* 2027-02-01 */

#define SUB(what, ...)                                                                                            \
    {                                                                                                             \
        .id = {"sub_1", 5}, .customer = {"cus_1", 5}, .livemode = true, .status = STRIPE_##what,                  \
        .known_status = STRIPE_##what, .known_ms = T0, .fetched_ms = T0, .created_ms = T0, .period_start_ms = T0, \
        .period_end_ms = T1, .anchor_ms = T0, __VA_ARGS__                                                         \
    }
#define STARTER .terms = STARTER_T
#define PRO .terms = PRO_T

struct row {
    const char *name;
    struct subscription s[2];
    struct override o[2];
    const char *assigned;
    bool suspended, test_mode;
    int64_t cap, now;
    /* the expected result */
    enum billing_state state;
    const char *plan;
    int64_t limit, included; /* included 0: as limit */
    bool billable;
    int64_t start, end;
    int64_t until;
    int64_t bots, retention; /* 0: the plan's */
    bool read_only, two_live, unknown_price, unknown_status;
    const char *sub; /* the one that decides; NULL: none */
};

#define MONTH_NOV .start = NOV, .end = DEC
#define PERIOD .start = T0, .end = T1, .billable = true, .sub = "sub_1"
#define FREE_NOV .state = BILLING_FREE, .plan = "free", .limit = 1000, MONTH_NOV

#pragma GCC diagnostic ignored "-Woverride-init" /* SUB's are defaults */
static const struct row table[] = {
    /* each status */
    {"no subscription", .now = T0, FREE_NOV},
    {"incomplete", .s = {SUB(INCOMPLETE, PRO)}, .now = T0 + DAY_MS, FREE_NOV},
    {"incomplete_expired", .s = {SUB(INCOMPLETE_EXPIRED, PRO)}, .now = T0 + DAY_MS, FREE_NOV},
    {"trialing", .s = {SUB(TRIALING, PRO, .trial_end_ms = T1)}, .now = T0 + DAY_MS, .state = BILLING_TRIAL,
     .plan = "professional", .limit = 50000, .until = T1, PERIOD},
    {"trialing: no overage, nothing is paid yet", .s = {SUB(TRIALING, PRO, .trial_end_ms = T1)}, .cap = 10000,
     .now = T0 + DAY_MS, .state = BILLING_TRIAL, .plan = "professional", .limit = 50000, .until = T1, PERIOD},
    {"a trial that is to end: no overage either",
     .s = {SUB(TRIALING, PRO, .trial_end_ms = T1, .cancel_at_period_end = true)}, .cap = 10000, .now = T0 + DAY_MS,
     .state = BILLING_ENDING, .plan = "professional", .limit = 50000, .until = T1, PERIOD},
    {"a trial over, Stripe has not said so", .s = {SUB(TRIALING, PRO, .trial_end_ms = T1, .anchor_ms = T1)},
     .now = T1 + DAY_MS, .state = BILLING_TRIAL, .plan = "professional", .limit = 50000, .billable = true, .start = T1,
     .end = T2, .sub = "sub_1"},
    {"active", .s = {SUB(ACTIVE, STARTER)}, .now = T0 + DAY_MS, .state = BILLING_LIVE, .plan = "starter",
     .limit = 10000, PERIOD},
    {"active on its first millisecond", .s = {SUB(ACTIVE, STARTER)}, .now = T0, .state = BILLING_LIVE,
     .plan = "starter", .limit = 10000, PERIOD},
    {"active, overage up to $10", .s = {SUB(ACTIVE, STARTER)}, .cap = 1000, .now = T0, .state = BILLING_LIVE,
     .plan = "starter", .limit = 12040, .included = 10000, PERIOD}, /* 1000 / 0.49 = 2040.8 */
    {"cancel_at_period_end", .s = {SUB(ACTIVE, STARTER, .cancel_at_period_end = true)}, .now = T1 - 1,
     .state = BILLING_ENDING, .plan = "starter", .limit = 10000, .until = T1, PERIOD},
    {"cancel_at_period_end, overage is paid", .s = {SUB(ACTIVE, STARTER, .cancel_at_period_end = true)}, .cap = 49,
     .now = T1 - 1, .state = BILLING_ENDING, .plan = "starter", .limit = 10100, .included = 10000, .until = T1, PERIOD},
    {"cancel_at_period_end, at the end: not a moment longer", .s = {SUB(ACTIVE, STARTER, .cancel_at_period_end = true)},
     .now = T1, .state = BILLING_FREE, .plan = "free", .limit = 1000, .start = DEC, .end = JAN, .retention = 365},
    {"cancel_at", .s = {SUB(ACTIVE, STARTER, .cancel_at_ms = T0 + 5 * DAY_MS)}, .now = T0 + 5 * DAY_MS - 1,
     .state = BILLING_ENDING, .plan = "starter", .limit = 10000, .until = T0 + 5 * DAY_MS, PERIOD},
    {"cancel_at in the past", .s = {SUB(ACTIVE, STARTER, .cancel_at_ms = T0 + 5 * DAY_MS)}, .now = T0 + 5 * DAY_MS,
     FREE_NOV, .retention = 365},
    {"cancel_at periods from now: renewed meanwhile", .s = {SUB(ACTIVE, STARTER, .cancel_at_ms = T2)},
     .now = T1 + DAY_MS, .state = BILLING_ENDING, .plan = "starter", .limit = 10000, .until = T2, .billable = true,
     .start = T1, .end = T2, .sub = "sub_1"},
    {"both, the earlier counts", .s = {SUB(ACTIVE, STARTER, .cancel_at_ms = T0 + DAY_MS, .cancel_at_period_end = true)},
     .now = T0, .state = BILLING_ENDING, .plan = "starter", .limit = 10000, .until = T0 + DAY_MS, PERIOD},
    {"past_due, day 0", .s = {SUB(PAST_DUE, PRO, .first_failed_ms = T0)}, .cap = 10000, .now = T0,
     .state = BILLING_GRACE, .plan = "professional", .limit = 50000, .until = T0 + 7 * DAY_MS, PERIOD},
    {"past_due, before day 7", .s = {SUB(PAST_DUE, PRO, .first_failed_ms = T0)}, .now = T0 + 7 * DAY_MS - 1,
     .state = BILLING_GRACE, .plan = "professional", .limit = 50000, .until = T0 + 7 * DAY_MS, PERIOD},
    {"past_due, day 7", .s = {SUB(PAST_DUE, PRO, .first_failed_ms = T0)}, .cap = 10000, .now = T0 + 7 * DAY_MS,
     .state = BILLING_READ_ONLY, .plan = "professional", .limit = 1000, .included = 50000, .until = T0 + 14 * DAY_MS,
     PERIOD, .read_only = true},
    {"past_due, before day 14", .s = {SUB(PAST_DUE, PRO, .first_failed_ms = T0)}, .now = T0 + 14 * DAY_MS - 1,
     .state = BILLING_READ_ONLY, .plan = "professional", .limit = 1000, .included = 50000, .until = T0 + 14 * DAY_MS,
     PERIOD, .read_only = true},
    {"past_due, day 14: data is kept", .s = {SUB(PAST_DUE, PRO, .first_failed_ms = T0)}, .now = T0 + 14 * DAY_MS,
     .state = BILLING_SUSPENDED, .plan = "free", .limit = 1000, MONTH_NOV, .retention = 730, .sub = "sub_1"},
    {"past_due that is to end", .s = {SUB(PAST_DUE, PRO, .first_failed_ms = T0, .cancel_at_ms = T0 + 3 * DAY_MS)},
     .now = T0, .state = BILLING_GRACE, .plan = "professional", .limit = 50000, .until = T0 + 3 * DAY_MS, PERIOD},
    {"past_due, since when nobody knows: since the period began", .s = {SUB(PAST_DUE, PRO)}, .now = T0 + 7 * DAY_MS,
     .state = BILLING_READ_ONLY, .plan = "professional", .limit = 1000, .included = 50000, .until = T0 + 14 * DAY_MS,
     PERIOD, .read_only = true},
    {"past_due and paid: active again", .s = {SUB(ACTIVE, PRO, .first_failed_ms = T0 - 20 * DAY_MS)}, .now = T0,
     .state = BILLING_LIVE, .plan = "professional", .limit = 50000, PERIOD},
    {"unpaid", .s = {SUB(UNPAID, STARTER, .first_failed_ms = T0)}, .cap = 1000, .now = T0 + DAY_MS,
     .state = BILLING_SUSPENDED, .plan = "free", .limit = 1000, MONTH_NOV, .retention = 365, .sub = "sub_1"},
    {"paused", .s = {SUB(PAUSED, PRO)}, .now = T0 + DAY_MS, .state = BILLING_PAUSED, .plan = "free", .limit = 1000,
     MONTH_NOV, .retention = 730, .sub = "sub_1"},
    {"pause_collection changes nothing", .s = {SUB(ACTIVE, STARTER, .collection_paused = true)}, .now = T0 + DAY_MS,
     .state = BILLING_LIVE, .plan = "starter", .limit = 10000, PERIOD},
    {"canceled", .s = {SUB(CANCELED, PRO, .ended_ms = T0 + DAY_MS)}, .now = T0 + 2 * DAY_MS, FREE_NOV,
     .retention = 730},
    {"canceled a month ago: the free history", .s = {SUB(CANCELED, PRO, .ended_ms = T0 - 40 * DAY_MS)}, .now = T0,
     FREE_NOV, .retention = 90},
    {"canceled, history on the last moment", .s = {SUB(CANCELED, PRO, .ended_ms = T0 - 30 * DAY_MS + 1)}, .now = T0,
     FREE_NOV, .retention = 730},
    {"unknown status, known as active for 24 h", .s = {SUB(UNKNOWN, STARTER, .known_status = STRIPE_ACTIVE)},
     .now = T0 + DAY_MS - 1, .state = BILLING_LIVE, .plan = "starter", .limit = 10000, PERIOD, .unknown_status = true},
    {"unknown status after 24 h", .s = {SUB(UNKNOWN, STARTER, .known_status = STRIPE_ACTIVE)}, .now = T0 + DAY_MS,
     FREE_NOV, .retention = 365, .unknown_status = true},
    {"unknown status from the start", .s = {SUB(UNKNOWN, STARTER, .known_ms = 0)}, .now = T0, FREE_NOV,
     .retention = 365, .unknown_status = true},
    {"unknown status never upgrades", .s = {SUB(UNKNOWN, STARTER, .known_status = STRIPE_UNPAID)}, .now = T0,
     .state = BILLING_SUSPENDED, .plan = "free", .limit = 1000, MONTH_NOV, .retention = 365, .unknown_status = true,
     .sub = "sub_1"},

    /* terms, prices, several subscriptions */
    {"price grandfathered: its own conversations, the plan's other rights", .s = {SUB(ACTIVE, .terms = OLD_STARTER_T)},
     .now = T0, .state = BILLING_LIVE, .plan = "starter", .limit = 15000, .bots = 5, PERIOD},
    {"unknown price", .s = {SUB(ACTIVE, .terms = {{9}})}, .now = T0, FREE_NOV, .unknown_price = true},
    {"unknown price of one that is over", .s = {SUB(CANCELED, .terms = {{9}})}, .now = T0, FREE_NOV},
    {"price of nobody", .s = {SUB(PAST_DUE)}, .now = T0, FREE_NOV, .unknown_price = true},
    {"items swapped, quantity missing: terms come from the base price", .s = {SUB(ACTIVE, STARTER, .items = 2)},
     .now = T0, .state = BILLING_LIVE, .plan = "starter", .limit = 10000, PERIOD},
    {"two live: the higher", .s = {SUB(ACTIVE, STARTER), SUB(ACTIVE, PRO, .id = {"sub_2", 5})}, .now = T0,
     .state = BILLING_LIVE, .plan = "professional", .limit = 50000, .start = T0, .end = T1, .billable = true,
     .sub = "sub_2", .two_live = true},
    {"two live, in any order", .s = {SUB(ACTIVE, PRO), SUB(ACTIVE, STARTER, .id = {"sub_2", 5})}, .now = T0,
     .state = BILLING_LIVE, .plan = "professional", .limit = 50000, PERIOD, .two_live = true},
    {"two live, same plan: the paid one",
     .s = {SUB(PAST_DUE, PRO, .first_failed_ms = T0), SUB(ACTIVE, PRO, .id = {"sub_2", 5})}, .now = T0,
     .state = BILLING_LIVE, .plan = "professional", .limit = 50000, .start = T0, .end = T1, .billable = true,
     .sub = "sub_2", .two_live = true},
    {"two live, one of an unknown price", .s = {SUB(ACTIVE, STARTER), SUB(ACTIVE, .terms = {{9}}, .id = {"sub_2", 5})},
     .now = T0, .state = BILLING_LIVE, .plan = "starter", .limit = 10000, PERIOD, .two_live = true,
     .unknown_price = true},
    {"an unpaid one and a new one", .s = {SUB(UNPAID, PRO), SUB(ACTIVE, STARTER, .id = {"sub_2", 5})}, .now = T0,
     .state = BILLING_LIVE, .plan = "starter", .limit = 10000, .start = T0, .end = T1, .billable = true, .sub = "sub_2",
     .retention = 730},
    {"an ended one and a new one", .s = {SUB(CANCELED, STARTER, .ended_ms = T0), SUB(ACTIVE, PRO, .id = {"sub_2", 5})},
     .now = T0, .state = BILLING_LIVE, .plan = "professional", .limit = 50000, .start = T0, .end = T1, .billable = true,
     .sub = "sub_2"},
    {"test mode rows under a live key", .s = {SUB(ACTIVE, PRO, .livemode = false)}, .now = T0, FREE_NOV},
    {"live rows under a test key", .s = {SUB(ACTIVE, PRO)}, .test_mode = true, .now = T0, FREE_NOV},
    {"unlimited plan", .s = {SUB(ACTIVE, .terms = ENT_T)}, .cap = 1000, .now = T0, .state = BILLING_LIVE,
     .plan = "enterprise", .limit = UNLIMITED, PERIOD},
    {"upgrade in the middle: the same period, more in it", .s = {SUB(ACTIVE, PRO)}, .now = T0 + 15 * DAY_MS,
     .state = BILLING_LIVE, .plan = "professional", .limit = 50000, PERIOD},

    /* assigned plans */
    {"assigned, no subscription", .assigned = "professional", .now = T0, .state = BILLING_ASSIGNED,
     .plan = "professional", .limit = 50000, MONTH_NOV},
    {"assigned: no overage, nobody pays it", .assigned = "starter", .cap = 1000, .now = T0, .state = BILLING_ASSIGNED,
     .plan = "starter", .limit = 10000, MONTH_NOV},
    {"assigned higher than the subscription", .s = {SUB(ACTIVE, STARTER)}, .assigned = "enterprise", .now = T0,
     .state = BILLING_ASSIGNED, .plan = "enterprise", .limit = UNLIMITED, MONTH_NOV},
    {"assigned lower than the subscription", .s = {SUB(ACTIVE, PRO)}, .assigned = "starter", .now = T0,
     .state = BILLING_LIVE, .plan = "professional", .limit = 50000, PERIOD},
    {"assigned the same: the subscription pays", .s = {SUB(ACTIVE, STARTER)}, .assigned = "starter", .now = T0,
     .state = BILLING_LIVE, .plan = "starter", .limit = 10000, PERIOD},
    {"assigned, and the subscription to read: limits of what is assigned",
     .s = {SUB(PAST_DUE, PRO, .first_failed_ms = T0 - 8 * DAY_MS)}, .assigned = "starter", .now = T0,
     .state = BILLING_READ_ONLY, .plan = "professional", .limit = 10000, .included = 50000, .until = T0 + 6 * DAY_MS,
     PERIOD, .read_only = true},
    {"assigned the same, and the subscription to read: what is assigned needs no payment",
     .s = {SUB(PAST_DUE, STARTER, .first_failed_ms = T0 - 8 * DAY_MS)}, .assigned = "starter", .now = T0,
     .state = BILLING_ASSIGNED, .plan = "starter", .limit = 10000, MONTH_NOV},
    {"assigned, and the subscription unpaid", .s = {SUB(UNPAID, PRO)}, .assigned = "starter", .now = T0,
     .state = BILLING_ASSIGNED, .plan = "starter", .limit = 10000, MONTH_NOV, .retention = 730},
    {"assigned to a plan that is gone", .assigned = "gold", .now = T0, FREE_NOV},
    {"suspended workspace", .s = {SUB(ACTIVE, STARTER)}, .suspended = true, .cap = 1000, .now = T0,
     .state = BILLING_LIVE, .plan = "starter", .limit = 0, .included = 10000, PERIOD, .read_only = true},

    /* periods */
    {"renewed, Stripe has not said so yet", .s = {SUB(ACTIVE, STARTER)}, .now = T1, .state = BILLING_LIVE,
     .plan = "starter", .limit = 10000, .billable = true, .start = T1, .end = T2, .sub = "sub_1"},
    {"a clock set back before the period", .s = {SUB(ACTIVE, STARTER)}, .now = T0 - 3 * DAY_MS, .state = BILLING_LIVE,
     .plan = "starter", .limit = 10000, PERIOD},
    {"a clock set back before the failure", .s = {SUB(PAST_DUE, STARTER, .first_failed_ms = T0)}, .now = T0 - DAY_MS,
     .state = BILLING_GRACE, .plan = "starter", .limit = 10000, .until = T0 + 7 * DAY_MS, PERIOD},
    {"no period: from the anchor", .s = {SUB(ACTIVE, STARTER, .period_start_ms = 0, .period_end_ms = 0)}, .now = T1 + 1,
     .state = BILLING_LIVE, .plan = "starter", .limit = 10000, .billable = true, .start = T1, .end = T2,
     .sub = "sub_1"},
    {"31 January: February ends on the 28th",
     .s = {SUB(ACTIVE, STARTER, .anchor_ms = FEB - DAY_MS, .period_start_ms = FEB - DAY_MS,
               .period_end_ms = FEB + 27 * DAY_MS)},
     .now = FEB + 26 * DAY_MS, .state = BILLING_LIVE, .plan = "starter", .limit = 10000, .billable = true,
     .start = FEB - DAY_MS, .end = FEB + 27 * DAY_MS, .sub = "sub_1"},
    {"31 January: from 28 February to 31 March, not 28",
     .s = {SUB(ACTIVE, STARTER, .anchor_ms = FEB - DAY_MS, .period_start_ms = FEB - DAY_MS,
               .period_end_ms = FEB + 27 * DAY_MS)},
     .now = FEB + 27 * DAY_MS, .state = BILLING_LIVE, .plan = "starter", .limit = 10000, .billable = true,
     .start = FEB + 27 * DAY_MS, .end = FEB + 58 * DAY_MS, .sub = "sub_1"},

    /* overrides */
    {"an override", .o = {{.entitlement = ENTITLEMENT_bots, .value = 7}}, .now = T0, FREE_NOV, .bots = 7},
    {"an override until tomorrow",
     .o = {{.entitlement = ENTITLEMENT_bots, .value = UNLIMITED, .expires_ms = T0 + DAY_MS}}, .now = T0 + DAY_MS - 1,
     FREE_NOV, .bots = UNLIMITED},
    {"an override that is over", .o = {{.entitlement = ENTITLEMENT_bots, .value = 7, .expires_ms = T0 + DAY_MS}},
     .now = T0 + DAY_MS, FREE_NOV, .bots = 1},
    {"more conversations by override: not metered, since Stripe would price them", .s = {SUB(ACTIVE, STARTER)},
     .o = {{.entitlement = ENTITLEMENT_conversations, .value = 20000}}, .cap = 1000, .now = T0, .state = BILLING_LIVE,
     .plan = "starter", .limit = 20000, .start = T0, .end = T1, .sub = "sub_1"},
    {"fewer conversations by override", .s = {SUB(ACTIVE, STARTER)},
     .o = {{.entitlement = ENTITLEMENT_conversations, .value = 500}}, .cap = 1000, .now = T0, .state = BILLING_LIVE,
     .plan = "starter", .limit = 500, PERIOD},
    {"overrides come last: also while a payment is missing", .s = {SUB(PAST_DUE, PRO, .first_failed_ms = T0)},
     .o = {{.entitlement = ENTITLEMENT_conversations, .value = 30000}, {.entitlement = ENTITLEMENT_bots, .value = 3}},
     .now = T0 + 8 * DAY_MS, .state = BILLING_READ_ONLY, .plan = "professional", .limit = 30000, .bots = 3,
     .until = T0 + 14 * DAY_MS, PERIOD, .read_only = true},
};

static struct entitlement_facts facts_of(const struct row *r)
{
    struct entitlement_facts f = {.plans = &plans,
                                  .assigned = str_from(r->assigned ? r->assigned : "free"),
                                  .workspace_active = !r->suspended,
                                  .livemode = !r->test_mode,
                                  .subscriptions = r->s,
                                  .overrides = r->o,
                                  .bill_overage = r->cap > 0,
                                  .overage_cap = r->cap};
    while (f.subscription_n < 2 && r->s[f.subscription_n].id.n)
        f.subscription_n++;
    while (f.override_n < 2 && r->o[f.override_n].value)
        f.override_n++;
    return f;
}

static void same_int(const struct row *r, const char *what, int64_t got, int64_t expected)
{
    if (got != expected)
        fail_msg("%s: %s is %lld, expected %lld", r->name, what, (long long)got, (long long)expected);
}

static void expect_state(const struct row *r, const struct entitlements *x)
{
    if (x->state != r->state)
        fail_msg("%s: %s, expected %s", r->name, billing_state_name(x->state), billing_state_name(r->state));
    if (!str_eqz(x->plan->plan, r->plan))
        fail_msg("%s: plan %.*s, expected %s", r->name, STR_F(x->plan->plan), r->plan);
    if (!x->subscription != !r->sub || (r->sub && !str_eqz(x->subscription->id, r->sub)))
        fail_msg("%s: the wrong subscription decides", r->name);
    same_int(r, "until", x->until_ms, r->until);
    same_int(r, "read_only", x->read_only, r->read_only);
    same_int(r, "two_live", x->two_live, r->two_live);
    same_int(r, "unknown_price", x->unknown_price, r->unknown_price);
    same_int(r, "unknown_status", x->unknown_status, r->unknown_status);
}

static void expect_values(const struct row *r, const struct entitlements *x)
{
    same_int(r, "limit", x->period.limit, r->limit);
    same_int(r, "included", x->period.included, r->included ? r->included : r->limit);
    same_int(r, "conversations", x->value[ENTITLEMENT_conversations], x->period.included);
    same_int(r, "billable", x->period.billable, r->billable);
    same_int(r, "start", x->period.start_ms, r->start);
    same_int(r, "end", x->period.end_ms, r->end);
    same_int(r, "bots", x->value[ENTITLEMENT_bots], r->bots ? r->bots : x->plan->value[ENTITLEMENT_bots]);
    same_int(r, "retention", x->value[ENTITLEMENT_retention_days],
             r->retention ? r->retention : x->plan->value[ENTITLEMENT_retention_days]);
    same_int(r, "knowledge", x->value[ENTITLEMENT_knowledge], x->plan->value[ENTITLEMENT_knowledge]);
}

static void answers_every_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct entitlement_facts f = facts_of(&table[i]);
        struct entitlements x;
        entitlement_resolve(&f, table[i].now, &x);
        expect_state(&table[i], &x);
        expect_values(&table[i], &x);
        if (x.valid_until_ms <= table[i].now)
            fail_msg("%s: valid until the past", table[i].name);
    }
}

/* ---- periods alone ---- */

static void rolls_by_the_anchor(void **state)
{
    (void)state;
    static const struct {
        const char *anchor_words;
        int ay, am, ad, ny, nm, nd, sy, sm, sd, ey, em, ed;
    } rows[] = {
        {"31 Jan, in March", 2026, 1, 31, 2026, 3, 15, 2026, 2, 28, 2026, 3, 31},
        {"31 Jan, on 31 March", 2026, 1, 31, 2026, 3, 31, 2026, 3, 31, 2026, 4, 30},
        {"31 Jan, in a leap year", 2028, 1, 31, 2028, 3, 1, 2028, 2, 29, 2028, 3, 31},
        {"leap day, a year on", 2028, 2, 29, 2029, 3, 1, 2029, 2, 28, 2029, 3, 29},
        {"leap day, four years on", 2028, 2, 29, 2032, 2, 29, 2032, 2, 29, 2032, 3, 29},
        {"over New Year", 2026, 12, 15, 2027, 1, 14, 2026, 12, 15, 2027, 1, 15},
        {"when clocks change somewhere: UTC knows nothing of it", 2027, 3, 28, 2027, 4, 27, 2027, 3, 28, 2027, 4, 28},
        {"an anchor that lies ahead", 2027, 6, 10, 2027, 3, 20, 2027, 3, 10, 2027, 4, 10},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t time = 12345678, start = 0, end = 0;
        entitlement_roll(clock_date_ms(rows[i].ay, rows[i].am, rows[i].ad) + time, &start, &end,
                         clock_date_ms(rows[i].ny, rows[i].nm, rows[i].nd) + time);
        if (start != clock_date_ms(rows[i].sy, rows[i].sm, rows[i].sd) + time ||
            end != clock_date_ms(rows[i].ey, rows[i].em, rows[i].ed) + time)
            fail_msg("%s: %lld to %lld", rows[i].anchor_words, (long long)start, (long long)end);
    }
}

static void rolls_only_what_is_over(void **state)
{
    (void)state;
    int64_t start = T0, end = T1;
    entitlement_roll(T0, &start, &end, T1 - 1);
    assert_true(start == T0 && end == T1);
    entitlement_roll(T0, &start, &end, 0);
    assert_true(start == T0 && end == T1);
    entitlement_roll(T0, &start, &end, T1);
    assert_true(start == T1 && end == T2);
    start = T0,
    end = T1 + DAY_MS; /* the anchor says the 10th, the period ended on the 11th: no moment is in two periods */
    entitlement_roll(T0, &start, &end, T1 + 2 * DAY_MS);
    assert_true(start == T1 + DAY_MS && end == T2);
}

/* Month after month for 40 years: each period begins where the one before ended. */
static void leaves_no_gap(void **state)
{
    (void)state;
    for (int day = 1; day <= 31; day++) {
        int64_t anchor = clock_date_ms(2024, 1, day) + 86399999, start = 0, end = 0;
        int64_t now = anchor;
        for (int month = 0; month < 480; month++) {
            int64_t before = end;
            entitlement_roll(anchor, &start, &end, now);
            assert_true(start <= now && now < end);
            assert_true(month == 0 || start == before);
            assert_true(end - start >= 28 * DAY_MS && end - start <= 31 * DAY_MS);
            now = end;
        }
    }
}

/* ---- property: the answer holds until valid_until ---- */

static uint64_t seed;
static int64_t pick(int64_t n) /* 0 .. n - 1 */
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((seed >> 33) % (uint64_t)n);
}
static int64_t near_time(void)
{
    return pick(4) ? T0 + (pick(80) - 40) * DAY_MS + (pick(3) - 1) : 0;
}

static struct subscription any_subscription(char name)
{
    static const char names[] = "abc";
    struct subscription s = SUB(ACTIVE, STARTER);
    s.id = str_n(&names[name - 'a'], 1);
    s.livemode = pick(8) != 0;
    s.status = (enum stripe_status)pick(STRIPE_PAUSED + 1);
    s.known_status = (enum stripe_status)pick(STRIPE_PAUSED + 1);
    s.known_ms = near_time();
    s.terms = (struct id){{(uint8_t)(1 + pick(6))}};
    s.period_start_ms = near_time();
    s.period_end_ms = pick(5) ? s.period_start_ms + 30 * DAY_MS : near_time();
    s.anchor_ms = pick(5) ? s.period_start_ms : near_time();
    s.cancel_at_ms = pick(3) ? 0 : near_time();
    s.cancel_at_period_end = pick(4) == 0;
    s.canceled_ms = pick(3) ? 0 : near_time();
    s.ended_ms = pick(4) ? 0 : near_time();
    s.trial_end_ms = pick(3) ? 0 : near_time();
    s.first_failed_ms = near_time();
    s.created_ms = near_time();
    return s;
}

struct any {
    struct subscription s[3];
    struct override o[3];
    struct entitlement_facts f;
};

static void any_facts(struct any *a)
{
    static const char *const assigned[] = {"free", "free", "starter", "professional", "enterprise", "none"};
    for (int i = 0; i < 3; i++) {
        a->s[i] = any_subscription((char)('a' + i));
        a->o[i] = (struct override){.entitlement = (enum entitlement)pick(4),
                                    .value = pick(4) ? pick(30000) : UNLIMITED,
                                    .expires_ms = near_time()};
    }
    a->f = (struct entitlement_facts){.plans = &plans,
                                      .assigned = str_from(assigned[pick(6)]),
                                      .workspace_active = pick(10) != 0,
                                      .livemode = true,
                                      .subscriptions = a->s,
                                      .subscription_n = (size_t)pick(4),
                                      .overrides = a->o,
                                      .override_n = (size_t)pick(4),
                                      .bill_overage = pick(2) != 0,
                                      .overage_cap = pick(100000)};
}

static bool same_answer(const struct entitlements *a, const struct entitlements *b)
{
    return a->state == b->state && a->plan == b->plan && a->terms == b->terms && a->subscription == b->subscription &&
           memcmp(a->value, b->value, sizeof(a->value)) == 0 &&
           memcmp(a->overridden, b->overridden, sizeof(a->overridden)) == 0 && a->read_only == b->read_only &&
           a->period.start_ms == b->period.start_ms && a->period.end_ms == b->period.end_ms &&
           a->period.included == b->period.included && a->period.limit == b->period.limit &&
           a->period.billable == b->period.billable && a->until_ms == b->until_ms && a->two_live == b->two_live &&
           a->unknown_price == b->unknown_price && a->unknown_status == b->unknown_status;
}

static void check_holds(const struct any *a, int64_t now, uint64_t of_seed)
{
    struct entitlements x, later;
    entitlement_resolve(&a->f, now, &x);
    if (x.valid_until_ms <= now || x.valid_until_ms > now + 200 * DAY_MS)
        fail_msg("seed %llu: valid until %lld at %lld", (unsigned long long)of_seed, (long long)x.valid_until_ms,
                 (long long)now);
    if (x.until_ms && x.until_ms <= now)
        fail_msg("seed %llu: a change in the past", (unsigned long long)of_seed);
    int64_t span = x.valid_until_ms - now;
    int64_t at[] = {now,
                    x.valid_until_ms - 1,
                    now + span / 2,
                    now + span / 3,
                    now + pick(span),
                    now + pick(span),
                    now + pick(span)};
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        entitlement_resolve(&a->f, at[i], &later);
        if (!same_answer(&x, &later))
            fail_msg("seed %llu: another answer %lld ms after %lld, valid until %lld", (unsigned long long)of_seed,
                     (long long)(at[i] - now), (long long)now, (long long)x.valid_until_ms);
    }
}

static void is_valid_until_its_time(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 60000; n++) {
        struct any a;
        seed = n;
        any_facts(&a);
        check_holds(&a, T0 + (pick(100) - 50) * DAY_MS + pick(3) - 1, n);
    }
}

/* Rows come in any order. */
static void order_does_not_matter(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 20000; n++) {
        struct any a;
        struct entitlements x, y;
        seed = n;
        any_facts(&a);
        entitlement_resolve(&a.f, T0, &x);
        char decides = x.subscription ? x.subscription->id.p[0] : '-';
        if (a.f.subscription_n < 2)
            continue;
        struct subscription first = a.s[0];
        a.s[0] = a.s[a.f.subscription_n - 1];
        a.s[a.f.subscription_n - 1] = first;
        entitlement_resolve(&a.f, T0, &y);
        assert_int_equal(decides, y.subscription ? y.subscription->id.p[0] : '-');
        x.subscription = y.subscription = NULL;
        if (!same_answer(&x, &y))
            fail_msg("seed %llu: the rows' order matters", (unsigned long long)n);
    }
}

static void any_clock_is_survived(void **state)
{
    (void)state;
    static const int64_t odd[] = {INT64_MIN, -1, 0, 1, INT64_MAX, INT64_MAX / 2, 253402300800000LL};
    for (size_t i = 0; i < COUNT_OF(odd); i++)
        for (uint64_t n = 1; n <= 500; n++) {
            struct any a;
            struct entitlements x;
            seed = n;
            any_facts(&a);
            entitlement_resolve(&a.f, odd[i], &x);
            assert_non_null(x.plan);
            assert_true(x.period.start_ms < x.period.end_ms);
        }
}

/* ---- limits and offers ---- */

static void counts_are_compared_with_limits(void **state)
{
    (void)state;
    struct row r = {.s = {SUB(ACTIVE, STARTER)}};
    struct entitlement_facts f = facts_of(&r);
    struct entitlements x;
    struct err e = ERR_INIT;
    entitlement_resolve(&f, T0, &x);
    assert_ok(entitlement_room(&x, ENTITLEMENT_bots, 4, &e), &e);
    assert_int_equal(entitlement_room(&x, ENTITLEMENT_bots, 5, &e), ERR_PLAN);
    assert_string_equal(err_code(&e), "plan_limit_bots");
    assert_string_equal(e.message, "The plan STARTER includes 5 bots. Remove one, or upgrade to a larger plan.");
    assert_int_equal(entitlement_room(&x, ENTITLEMENT_members, 6, &e), ERR_PLAN);
    assert_string_equal(err_code(&e), "plan_limit_members");
    r.s[0].terms = (struct id)PRO_T;
    entitlement_resolve(&f, T0, &x);
    assert_ok(entitlement_room(&x, ENTITLEMENT_bots, 1000000, &e), &e);
    r.s[0].status = STRIPE_PAST_DUE;
    r.s[0].first_failed_ms = T0;
    entitlement_resolve(&f, T0 + 8 * DAY_MS, &x);
    assert_int_equal(entitlement_room(&x, ENTITLEMENT_bots, 0, &e), ERR_PLAN);
    assert_string_equal(err_code(&e), "billing_read_only");
    f.workspace_active = false;
    r.s[0].status = STRIPE_ACTIVE;
    entitlement_resolve(&f, T0, &x);
    assert_int_equal(entitlement_room(&x, ENTITLEMENT_bots, 0, &e), ERR_DENIED);
}

static void offers_the_cheapest_plan_with_the_feature(void **state)
{
    (void)state;
    assert_str(entitlement_offer(&plans, ENTITLEMENT_knowledge, 1)->plan, "professional");
    assert_str(entitlement_offer(&plans, ENTITLEMENT_bots, 2)->plan, "starter");
    assert_str(entitlement_offer(&plans, ENTITLEMENT_bots, 6)->plan, "professional");
    assert_str(entitlement_offer(&plans, ENTITLEMENT_conversations, 50001)->plan, "enterprise");
    assert_null(entitlement_offer(&plans, ENTITLEMENT_sla, 1));
    list[3].is_public = false;
    assert_null(entitlement_offer(&plans, ENTITLEMENT_white_label, 1));
    list[3].is_public = true;
}

static void knows_entitlements_by_name(void **state)
{
    (void)state;
    enum entitlement x;
    assert_true(entitlement_parse(STR("retention_days"), &x));
    assert_int_equal(x, ENTITLEMENT_retention_days);
    assert_int_equal(entitlement_kind(x), LIMIT);
    assert_false(entitlement_parse(STR("retention"), &x));
    assert_false(entitlement_parse(STR_EMPTY, &x));
    for (int i = 0; i < ENTITLEMENT_COUNT; i++) {
        assert_true(entitlement_parse(str_from(entitlement_name((enum entitlement)i)), &x));
        assert_int_equal(x, i);
    }
}

static void knows_stripes_states_by_name(void **state)
{
    (void)state;
    for (int i = STRIPE_INCOMPLETE; i <= STRIPE_PAUSED; i++)
        assert_int_equal(stripe_status_parse(str_from(stripe_status_name((enum stripe_status)i))), i);
    assert_int_equal(stripe_status_parse(STR("unknown")), STRIPE_UNKNOWN);
    assert_int_equal(stripe_status_parse(STR_EMPTY), STRIPE_UNKNOWN);
    assert_string_equal(stripe_status_name(STRIPE_UNKNOWN), "unknown");
    assert_string_equal(stripe_status_name((enum stripe_status)(STRIPE_PAUSED + 1)), "unknown");
}

int main(void)
{
    plans_make();
    const struct CMUnitTest tests[] = {
        TEST(answers_every_state),
        TEST(rolls_by_the_anchor),
        TEST(rolls_only_what_is_over),
        TEST(leaves_no_gap),
        TEST(is_valid_until_its_time),
        TEST(order_does_not_matter),
        TEST(any_clock_is_survived),
        TEST(counts_are_compared_with_limits),
        TEST(offers_the_cheapest_plan_with_the_feature),
        TEST(knows_entitlements_by_name),
        TEST(knows_stripes_states_by_name),
    };
    return RUN(tests);
}
