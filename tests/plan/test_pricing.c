/* What plans come to: pure sums. */
#include "lib/test.h"
#include "plan/pricing.h"

#include "base/banned.h"

static struct plan_terms terms(int64_t price, int64_t conversations, int64_t overage)
{
    return (struct plan_terms){.price = price, .currency = "USD", .conversations = conversations, .overage = overage};
}

static int64_t total(const struct plan_terms *t, int64_t n)
{
    int64_t out = -1;
    return pricing_total(t, n, &out) ? out : -1;
}

static void a_month_costs_its_price_and_its_overage(void **state)
{
    (void)state;
    struct plan_terms starter = terms(4900, 10000, 490000000000), free_plan = terms(0, 1000, -1),
                      endless = terms(99900, UNLIMITED, -1);
    assert_int_equal(total(&starter, 0), 4900);
    assert_int_equal(total(&starter, 10000), 4900);
    assert_int_equal(total(&starter, 10001), 4900); /* 0.49 cents: less than half of one */
    assert_int_equal(total(&starter, 10002), 4901);
    assert_int_equal(total(&starter, 12000), 5880);
    assert_int_equal(total(&starter, 20000), 9800); /* twice as many cost twice as much */
    assert_int_equal(total(&free_plan, 1000), 0);
    assert_int_equal(total(&free_plan, 1001), -1);
    assert_int_equal(total(&endless, INT64_MAX - 1), 99900);
    assert_true(pricing_overage(&starter, INT64_MAX) == INT64_C(4519452298058835245)); /* exact, however many */
}

static void the_cheapest_plan_is_recommended(void **state)
{
    (void)state;
    struct plan_terms t[] = {terms(0, 1000, -1), terms(4900, 10000, 490000000000), terms(19900, 50000, 398000000000),
                             terms(99900, UNLIMITED, -1)};
    struct plan list[4];
    for (int i = 0; i < 4; i++)
        list[i] = (struct plan){.position = i, .is_public = true, .terms = &t[i]};
    struct plans p = {.list = list, .n = 4};
    static const struct {
        int64_t n;
        int plan;
    } rows[] = {{0, 0},     {1000, 0},   {1001, 1},   {10000, 1},        {40611, 1}, {40612, 2},
                {50000, 2}, {251003, 2}, {251005, 3}, {INT64_MAX - 1, 3}}; /* 40612, 251005: as much, the higher one */
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_ptr_equal(pricing_fit(&p, rows[i].n), &list[rows[i].plan]);
    list[3].is_public = false;
    list[2].terms = NULL;
    assert_ptr_equal(pricing_fit(&p, 500000), &list[1]);
    p.n = 1;
    assert_null(pricing_fit(&p, 1001)); /* none goes so far */
}

static void the_next_invoice_has_the_coming_base_price_and_past_overage(void **state)
{
    (void)state;
    struct plan_terms t[] = {terms(0, 1000, -1), terms(4900, 10000, 490000000000), terms(19900, 50000, 398000000000)};
    t[1].id = id_new();
    t[2].id = id_new();
    struct plans p = {.terms = t, .terms_n = 3};
    struct subscription s = {0};
    struct entitlements x = {
        .state = BILLING_LIVE, .terms = &t[2], .subscription = &s, .period = {.end_ms = 1000, .billable = true}};
    struct pricing_next n = pricing_next(&p, &x, 51000);
    assert_true(n.any && n.at_ms == 1000 && n.base == 19900 && n.overage == 398 && n.terms == &t[2]);
    s.next_terms = t[1].id; /* planned for the period's end */
    s.next_ms = 1000;
    n = pricing_next(&p, &x, 51000);
    assert_true(n.base == 4900 && n.overage == 398 && n.terms == &t[1]);
    s.next_ms = 2000; /* planned for later */
    assert_int_equal(pricing_next(&p, &x, 0).base, 19900);
    x.state = BILLING_ENDING;
    n = pricing_next(&p, &x, 51000);
    assert_true(n.any && n.base == 0 && n.overage == 398 && !n.terms);
    x.state = BILLING_TRIAL;
    s.trial_end_ms = 700;
    assert_int_equal(pricing_next(&p, &x, 0).at_ms, 700);
    x.state = BILLING_SUSPENDED;
    assert_false(pricing_next(&p, &x, 0).any);
    x.state = BILLING_LIVE;
    x.subscription = NULL;
    assert_false(pricing_next(&p, &x, 0).any);
}

/* Each row differs from a live subscription that is billed, of 4,900 for 10,000 and with a plan of 19,900 to come. */
static void only_a_paying_state_has_a_next_invoice(void **state)
{
    (void)state;
    struct plan_terms t[] = {terms(4900, 10000, 490000000000), terms(19900, 50000, 398000000000)};
    t[0].id = id_new();
    t[1].id = id_new();
    struct plans p = {.terms = t, .terms_n = 2};
    static const struct {
        const char *name;
        enum billing_state state;
        bool ends, not_billable;
        int64_t trial_end_ms, next_ms; /* next_ms 0: no change is planned */
        bool any;
        int64_t at_ms, base, overage;
    } rows[] = {
        {"live", .state = BILLING_LIVE, .any = true, .at_ms = 1000, .base = 4900, .overage = 980},
        {"live after its trial", .state = BILLING_LIVE, .trial_end_ms = 700, .any = true, .at_ms = 1000, .base = 4900,
         .overage = 980},
        {"trial", .state = BILLING_TRIAL, .trial_end_ms = 700, .any = true, .at_ms = 700, .base = 4900, .overage = 980},
        {"trial without an end", .state = BILLING_TRIAL, .any = true, .at_ms = 1000, .base = 4900, .overage = 980},
        {"a change planned for after the trial", .state = BILLING_TRIAL, .trial_end_ms = 700, .next_ms = 800,
         .any = true, .at_ms = 700, .base = 4900, .overage = 980},
        {"grace", .state = BILLING_GRACE, .any = true, .at_ms = 1000, .base = 4900, .overage = 980},
        {"grace of one that is to end", .state = BILLING_GRACE, .ends = true, .any = true, .at_ms = 1000,
         .overage = 980},
        {"read-only", .state = BILLING_READ_ONLY, .any = true, .at_ms = 1000, .base = 4900, .overage = 980},
        {"ending, whatever is planned", .state = BILLING_ENDING, .next_ms = 1000, .any = true, .at_ms = 1000,
         .overage = 980},
        {"planned, and not billable", .state = BILLING_LIVE, .not_billable = true, .next_ms = 1000, .any = true,
         .at_ms = 1000, .base = 19900},
        {"suspended", .state = BILLING_SUSPENDED},
        {"paused", .state = BILLING_PAUSED},
        {"assigned", .state = BILLING_ASSIGNED},
        {"free", .state = BILLING_FREE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct subscription s = {.cancel_at_period_end = rows[i].ends,
                                 .trial_end_ms = rows[i].trial_end_ms,
                                 .next_terms = rows[i].next_ms ? t[1].id : ID_NONE,
                                 .next_ms = rows[i].next_ms};
        struct entitlements x = {.state = rows[i].state,
                                 .terms = &t[0],
                                 .subscription = &s,
                                 .period = {.end_ms = 1000, .billable = !rows[i].not_billable}};
        struct pricing_next n = pricing_next(&p, &x, 12000);
        if (n.any != rows[i].any || n.at_ms != rows[i].at_ms || n.base != rows[i].base || n.overage != rows[i].overage)
            fail_msg("%s: any %d, at %lld, base %lld, overage %lld", rows[i].name, n.any, (long long)n.at_ms,
                     (long long)n.base, (long long)n.overage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_month_costs_its_price_and_its_overage),
        cmocka_unit_test(the_cheapest_plan_is_recommended),
        cmocka_unit_test(the_next_invoice_has_the_coming_base_price_and_past_overage),
        cmocka_unit_test(only_a_paying_state_has_a_next_invoice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
