/* The classification of Stripe's failures, code by code, and the two questions that every class answers. */
#include "lib/test.h"
#include "stripe/failure.h"

#include "base/banned.h"

static const struct {
    enum error_code code;
    enum stripe_failure failure;
    bool did_nothing, is_operators;
} rows[] = {
    {E_stripe_card, STRIPE_FAILURE_CARD, false, false},
    {E_stripe_refused, STRIPE_FAILURE_REFUSED, true, true},
    {E_stripe_path, STRIPE_FAILURE_REFUSED, true, true},
    {E_stripe_resource_missing, STRIPE_FAILURE_REFUSED, true, true},
    {E_stripe_key_reused, STRIPE_FAILURE_REFUSED, true, true},
    {E_stripe_answer_large, STRIPE_FAILURE_TOO_LARGE, false, false},
    {E_stripe_right_missing, STRIPE_FAILURE_RIGHT, true, true},
    {E_stripe_key_refused, STRIPE_FAILURE_KEY, true, true},
    {E_config_invalid, STRIPE_FAILURE_KEY, true, true},
    {E_stripe_off, STRIPE_FAILURE_OFF, true, false},
    {E_stripe_lock_timeout, STRIPE_FAILURE_BUSY, true, false},
    {E_stripe_key_in_use, STRIPE_FAILURE_IN_USE, false, false},
    {E_stripe_unreachable, STRIPE_FAILURE_AWAY, true, false},
    {E_stripe_rate_limited, STRIPE_FAILURE_AWAY, true, false},
    {E_stripe_no_answer, STRIPE_FAILURE_SILENT, false, false},
    {E_stripe_timeout, STRIPE_FAILURE_SILENT, false, false},
    {E_stripe_error, STRIPE_FAILURE_FAULT, false, false},
    {E_stripe_answer, STRIPE_FAILURE_FOREIGN, false, true},
    {E_stripe_unknown, STRIPE_FAILURE_UNKNOWN, false, true},
    {E_database_unavailable, STRIPE_FAILURE_NONE, false, false},
    {E_billing_busy, STRIPE_FAILURE_NONE, false, false},
    {E_lease_lost, STRIPE_FAILURE_NONE, false, false},
    {E_plan_limit, STRIPE_FAILURE_NONE, false, false},
    {E_internal, STRIPE_FAILURE_NONE, false, false},
    {E_out_of_memory, STRIPE_FAILURE_NONE, false, false},
};

static void every_code_has_its_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err e = ERR_INIT;
        (void)err_set(&e, rows[i].code, "why");
        enum stripe_failure f = stripe_failure_of(&e);
        if (f != rows[i].failure || stripe_failure_did_nothing(f) != rows[i].did_nothing ||
            stripe_failure_is_operators(f) != rows[i].is_operators)
            fail_msg("%s: class %d", err_code(&e), (int)f);
    }
}

static void a_specific_name_changes_nothing(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    (void)err_set(&e, E_stripe_card, "why");
    err_rename(&e, "stripe_%s", "lock_timeout");
    assert_int_equal(stripe_failure_of(&e), STRIPE_FAILURE_CARD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_code_has_its_class),
                                       cmocka_unit_test(a_specific_name_changes_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
