/* The words of Stripe's objects: each is read, and a new one never counts as one of the others. */
#include "base/limits.h"
#include "lib/test.h"
#include "stripe/object.h"

#include "base/banned.h"

static struct arena arena;

/* An object with these words in the fields "status" and "payment_status". */
static struct json *object(const char *status, const char *payment)
{
    struct json *j = json_new_object(&arena);
    assert_non_null(j);
    assert_int_equal(json_set_str(j, "status", str_from(status)), 0);
    assert_int_equal(json_set_str(j, "payment_status", str_from(payment)), 0);
    return j;
}

static void kinds_are_read_back(void **state)
{
    (void)state;
    for (int o = STRIPE_OBJECT_SUBSCRIPTION; o <= STRIPE_OBJECT_PRODUCT; o++)
        assert_int_equal(stripe_object_parse(str_from(stripe_object_name((enum stripe_object)o))), o);
    assert_int_equal(stripe_object_parse(STR("checkout.session")), STRIPE_OBJECT_SESSION);
    assert_int_equal(stripe_object_parse(STR("subscription_schedule")), STRIPE_OBJECT_SCHEDULE);
    assert_int_equal(stripe_object_parse(STR("balance")), STRIPE_OBJECT_UNKNOWN);
    assert_int_equal(stripe_object_parse(STR("")), STRIPE_OBJECT_UNKNOWN);
    assert_int_equal(stripe_object_parse(STR("unknown")), STRIPE_OBJECT_UNKNOWN);
}

static void a_session_has_a_state_and_a_payment(void **state)
{
    static const struct {
        const char *status, *payment;
        enum stripe_session is;
        enum stripe_payment paid;
    } rows[] = {{"open", "unpaid", STRIPE_SESSION_OPEN, STRIPE_PAYMENT_UNPAID},
                {"complete", "paid", STRIPE_SESSION_COMPLETE, STRIPE_PAYMENT_PAID},
                {"complete", "no_payment_required", STRIPE_SESSION_COMPLETE, STRIPE_PAYMENT_NOT_REQUIRED},
                {"expired", "", STRIPE_SESSION_EXPIRED, STRIPE_PAYMENT_UNKNOWN},
                {"parked", "partly", STRIPE_SESSION_UNKNOWN, STRIPE_PAYMENT_UNKNOWN},
                {"", "", STRIPE_SESSION_UNKNOWN, STRIPE_PAYMENT_UNKNOWN}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct json *j = object(rows[i].status, rows[i].payment);
        assert_int_equal(stripe_session_of(j), rows[i].is);
        assert_int_equal(stripe_payment_of(j), rows[i].paid);
    }
    assert_int_equal(stripe_session_of(NULL), STRIPE_SESSION_UNKNOWN);
}

static void schedules_disputes_and_switches(void **state)
{
    (void)state;
    assert_int_equal(stripe_schedule_of(object("not_started", "")), STRIPE_SCHEDULE_NOT_STARTED);
    assert_int_equal(stripe_schedule_of(object("active", "")), STRIPE_SCHEDULE_ACTIVE);
    assert_int_equal(stripe_schedule_of(object("released", "")), STRIPE_SCHEDULE_RELEASED);
    assert_int_equal(stripe_schedule_of(object("paused", "")), STRIPE_SCHEDULE_UNKNOWN);
    assert_int_equal(stripe_dispute_of(object("won", "")), STRIPE_DISPUTE_WON);
    assert_int_equal(stripe_dispute_of(object("lost", "")), STRIPE_DISPUTE_LOST);
    assert_int_equal(stripe_dispute_of(object("warning_closed", "")), STRIPE_DISPUTE_WARNING_CLOSED);
    assert_int_equal(stripe_dispute_of(object("under_review", "")), STRIPE_DISPUTE_OTHER);
    assert_int_equal(stripe_switch_of(object("enabled", "")), STRIPE_SWITCH_ON);
    assert_int_equal(stripe_switch_of(object("active", "")), STRIPE_SWITCH_ON);
    assert_int_equal(stripe_switch_of(object("disabled", "")), STRIPE_SWITCH_OFF);
    assert_int_equal(stripe_switch_of(object("inactive", "")), STRIPE_SWITCH_OFF);
    assert_int_equal(stripe_switch_of(object("new", "")), STRIPE_SWITCH_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(kinds_are_read_back), TEST(a_session_has_a_state_and_a_payment),
                                       TEST(schedules_disputes_and_switches)};
    arena_init(&arena, 1 * MB);
    int failed = RUN(tests);
    arena_release(&arena);
    return failed;
}
