/* What kind of change a plan is for a subscription, whether the change is allowed, and which subscription it applies
 * to. These decisions are pure, so each is checked here; change.test.mjs checks what is then sent to Stripe. */
#include "base/clock.h"
#include "base/limits.h"
#include "billing/checkout/change_internal.h"
#include "lib/test.h"

#include "base/banned.h"

/* ---- the kind of a change ---- */

enum { FREE, GIFT, STARTER, PRO, SECRET, EURO, PLANS, OLD_STARTER = PLANS, TERMS, NO_PLAN = -1 };

static struct plan_terms terms[TERMS];
static struct plan list[PLANS];

static void plans_make(void)
{
    static const struct {
        const char *plan, *currency;
        int64_t price;
        bool is_public;
    } rows[PLANS] = {{"free", "USD", 0, true},         {"gift", "USD", 0, true},        {"starter", "USD", 4900, true},
                     {"professional", "USD", 1, true}, {"secret", "USD", 29900, false}, {"euro", "EUR", 39900, true}};
    for (int i = 0; i < PLANS; i++) {
        terms[i] = (struct plan_terms){
            .id = {{(uint8_t)(i + 1)}}, .plan = str_from(rows[i].plan), .price = rows[i].price};
        memcpy(terms[i].currency, rows[i].currency, sizeof(terms[i].currency));
        list[i] = (struct plan){
            .plan = terms[i].plan, .position = i, .is_public = rows[i].is_public, .terms = &terms[i]};
    }
    terms[OLD_STARTER] = terms[STARTER];
    terms[OLD_STARTER].id = (struct id){{99}};
}

struct kind_row {
    const char *name;
    int has; /* the terms of the subscription; NO_PLAN: a price that Parley did not make */
    int to;
    bool no_subscription, no_base_item, no_usage_item, no_base, no_usage;
    /* what is expected */
    enum change_kind kind;
    const char *code, *pointer; /* NULL: allowed */
};

static const struct kind_row kinds[] = {
    {"an unknown plan", STARTER, NO_PLAN, .code = "plan_unknown", .pointer = "plan"},
    {"the free plan ends it", STARTER, FREE, .kind = CHANGE_CANCEL},
    {"the free plan ends one of an unknown price", NO_PLAN, FREE, .kind = CHANGE_CANCEL},
    {"another plan without a price", STARTER, GIFT, .code = "plan_not_sold", .pointer = "plan"},
    {"the same plan", STARTER, STARTER, .kind = CHANGE_NONE},
    {"the same plan, which is not set up", STARTER, STARTER, .no_base = true, .kind = CHANGE_NONE},
    {"older terms", OLD_STARTER, STARTER, .kind = CHANGE_MOVE},
    {"older terms, and the plan is not set up", OLD_STARTER, STARTER, .no_base = true, .code = "not_set_up"},
    {"older terms to a higher plan", OLD_STARTER, PRO, .kind = CHANGE_UPGRADE},
    {"a higher plan", STARTER, PRO, .kind = CHANGE_UPGRADE},
    {"a lower plan", PRO, STARTER, .kind = CHANGE_DOWNGRADE},
    {"a plan that is not public", STARTER, SECRET, .code = "plan_not_sold", .pointer = "plan"},
    {"from a plan that is not public", SECRET, PRO, .kind = CHANGE_DOWNGRADE},
    {"to stay on a plan that is not public", SECRET, SECRET, .kind = CHANGE_NONE},
    {"an unknown price", NO_PLAN, STARTER, .code = "unknown_price"},
    {"no base item", STARTER, PRO, .no_base_item = true, .code = "unknown_price"},
    {"no usage item", STARTER, PRO, .no_usage_item = true, .code = "unknown_price"},
    {"no base price", STARTER, PRO, .no_base = true, .code = "not_set_up"},
    {"no usage price", STARTER, PRO, .no_usage = true, .code = "not_set_up"},
    {"another currency", STARTER, EURO, .code = "currency_differs"},
    {"nothing to nothing", NO_PLAN, FREE, .no_subscription = true, .kind = CHANGE_NONE},
    {"a first plan", NO_PLAN, STARTER, .no_subscription = true, .kind = CHANGE_BUY},
    {"a first plan that is not set up", NO_PLAN, STARTER, .no_subscription = true, .no_base = true, .kind = CHANGE_BUY},
    {"a first plan that is not public", NO_PLAN, SECRET, .no_subscription = true, .code = "plan_not_sold",
     .pointer = "plan"},
};

static void each_plan_is_the_right_kind_of_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const struct kind_row *r = &kinds[i];
        struct err e = ERR_INIT;
        struct subscription sub = {.terms = r->has == NO_PLAN ? ID_NONE : terms[r->has].id,
                                   .base_item = r->no_base_item ? STR_EMPTY : STR("si_base"),
                                   .usage_item = r->no_usage_item ? STR_EMPTY : STR("si_usage")};
        struct change_facts x = {.plans = {.list = list, .n = PLANS, .terms = terms, .terms_n = TERMS},
                                 .from = r->no_subscription      ? &list[FREE]
                                         : r->has == NO_PLAN     ? NULL
                                         : r->has == OLD_STARTER ? &list[STARTER]
                                                                 : &list[r->has],
                                 .to = r->to == NO_PLAN ? NULL : &list[r->to],
                                 .sub = r->no_subscription ? NULL : &sub,
                                 .base = r->no_base ? STR_EMPTY : STR("price_base"),
                                 .usage = r->no_usage ? STR_EMPTY : STR("price_usage")};
        enum status st = change_judge(&x, &e);
        if (r->code ? st == OK || strcmp(err_code(&e), r->code) != 0 || strcmp(e.pointer, r->pointer ? r->pointer : "")
                    : st != OK || x.kind != r->kind)
            fail_msg("%s: status %d, kind %d, %s at \"%s\"", r->name, (int)st, (int)x.kind, err_code(&e), e.pointer);
    }
}

/* ---- whether it is allowed now ---- */

static const char *refusal(enum stripe_status status, size_t live, int64_t pending_ms)
{
    static struct err e;
    struct subscription sub = {.status = status, .pending_update_expires_ms = pending_ms};
    struct change_facts x = {.sub = &sub, .live = live};
    e = (struct err)ERR_INIT;
    return change_allowed(&x, &e) == OK ? "" : err_code(&e);
}

static void only_one_paid_subscription_is_changed(void **state)
{
    (void)state;
    assert_string_equal(refusal(STRIPE_ACTIVE, 1, 0), "");
    assert_string_equal(refusal(STRIPE_TRIALING, 1, 0), "");
    assert_string_equal(refusal(STRIPE_ACTIVE, 2, 0), "two_subscriptions");
    assert_string_equal(refusal(STRIPE_ACTIVE, 1, 1), "payment_needed");
    assert_string_equal(refusal(STRIPE_PAST_DUE, 1, 0), "payment_needed");
    assert_string_equal(refusal(STRIPE_UNPAID, 1, 0), "payment_needed");
    assert_string_equal(refusal(STRIPE_INCOMPLETE, 1, 0), "payment_needed");
    assert_string_equal(refusal(STRIPE_PAUSED, 1, 0), "subscription_paused");
    assert_string_equal(refusal(STRIPE_UNKNOWN, 1, 0), "subscription_paused");
}

static void the_proration_lies_inside_the_period(void **state)
{
    (void)state;
    struct subscription sub = {.period_start_ms = 1000000, .period_end_ms = 2000000};
    struct change_facts x = {.sub = &sub};
    assert_int_equal(change_proration_s(&x, 1500999), 1500);
    assert_int_equal(change_proration_s(&x, 1000000), 1000);
    assert_int_equal(change_proration_s(&x, 999999), 1000);
    assert_int_equal(change_proration_s(&x, 1999999), 1999);
    assert_int_equal(change_proration_s(&x, 2000000), 1999);
    assert_int_equal(change_proration_s(&x, 9000000), 1999);
    sub.period_end_ms = 0; /* not known: only its start limits the moment */
    assert_int_equal(change_proration_s(&x, 9000000), 9000);
    sub.period_end_ms = sub.period_start_ms;
    assert_int_equal(change_proration_s(&x, 1000000), 1000);
}

static void an_end_is_in_either_of_two_fields(void **state)
{
    (void)state;
    assert_true(subscription_is_ending(&(struct subscription){.cancel_at_period_end = true}));
    assert_true(subscription_is_ending(&(struct subscription){.cancel_at_ms = 1}));
    assert_false(subscription_is_ending(&(struct subscription){.period_end_ms = 1}));
}

/* ---- which subscription ---- */

#define OF(s, created)                                                  \
    {                                                                   \
        .status = STRIPE_##s, .livemode = true, .created_ms = (created) \
    }

static const struct live_row {
    const char *name;
    struct subscription list[3];
    size_t n;
    int chosen; /* -1: none */
    size_t live;
} lives[] = {
    {"none", {OF(ACTIVE, 1)}, 0, -1, 0},
    {"active", {OF(ACTIVE, 1)}, 1, 0, 1},
    {"all have ended", {OF(CANCELED, 1), OF(INCOMPLETE_EXPIRED, 2)}, 2, -1, 0},
    {"an ended one and a newer live one", {OF(CANCELED, 1), OF(TRIALING, 2)}, 2, 1, 1},
    {"of the other mode", {{.status = STRIPE_ACTIVE, .created_ms = 1}, OF(UNPAID, 1)}, 2, 1, 1},
    {"active before past_due", {OF(PAST_DUE, 2), OF(ACTIVE, 1)}, 2, 1, 2},
    {"trialing before past_due", {OF(TRIALING, 1), OF(PAST_DUE, 2)}, 2, 0, 2},
    {"past_due before unpaid", {OF(UNPAID, 2), OF(PAST_DUE, 1), OF(PAUSED, 3)}, 3, 1, 3},
    {"a status that is not known before incomplete", {OF(INCOMPLETE, 2), OF(UNKNOWN, 1)}, 2, 1, 2},
    {"incomplete", {OF(INCOMPLETE, 1)}, 1, 0, 1},
    {"of equals the newest", {OF(ACTIVE, 1), OF(TRIALING, 3), OF(ACTIVE, 2)}, 3, 1, 3},
    {"of equals of one moment the first", {OF(ACTIVE, 1), OF(ACTIVE, 1)}, 2, 0, 2},
    {"newer does not beat higher", {OF(ACTIVE, 1), OF(PAST_DUE, 2), OF(INCOMPLETE, 3)}, 3, 0, 3},
};

static void the_highest_then_the_newest_is_changed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lives); i++) {
        const struct live_row *r = &lives[i];
        size_t live = 9;
        const struct subscription *s = subscription_choose_live(r->list, r->n, true, &live);
        if (s != (r->chosen < 0 ? NULL : &r->list[r->chosen]) || live != r->live)
            fail_msg("%s: number %d of %zu", r->name, s ? (int)(s - r->list) : -1, live);
    }
}

static void a_trial_is_given_before_the_first_subscription_only(void **state)
{
    (void)state;
    const struct subscription never[] = {OF(INCOMPLETE_EXPIRED, 1), {.status = STRIPE_ACTIVE}},
                              once[] = {OF(INCOMPLETE_EXPIRED, 1), OF(CANCELED, 2)};
    assert_false(subscription_had_any(once, 0, true));
    assert_false(subscription_had_any(never, 2, true));
    assert_true(subscription_had_any(never, 2, false));
    assert_true(subscription_had_any(once, 2, true));
}

static bool is_missing(enum status st, enum error_code code)
{
    struct err e = ERR_INIT;
    assert_int_equal(err_at_as(&e, st, code, "customer", "No such customer."), st);
    assert_false(operation_is_missing(&e, "price"));
    return operation_is_missing(&e, "customer");
}

static void an_object_is_missing_only_when_stripe_says_so_of_it(void **state)
{
    (void)state;
    assert_true(is_missing(ERR_NOT_FOUND, E_stripe_resource_missing));
    assert_false(is_missing(ERR_INVALID, E_stripe_resource_missing));
    assert_false(is_missing(ERR_NOT_FOUND, E_plan_unknown));
}

/* There is no client to send with: a call that is not refused ends this program. */
static void nothing_is_sent_whose_text_does_not_fit_into_memory(void **state)
{
    static const char large[512 * KB];
    struct actor who = {.cli = true};
    struct arena a;
    struct operation op = {.a = &a, .who = &who}, whole = op;
    struct stripe_form f;
    struct json *out;
    struct err e = ERR_INIT;
    (void)state;
    arena_init(&a, 1 * KB);
    assert_string_equal(operation_text(&op, "%s", "fits"), "fits");
    assert_false(op.nomem);
    assert_string_equal(operation_text(&op, "%02000d", 1), "");
    assert_true(op.nomem);
    assert_int_equal(operation_post(&op, "/v1/customers", NULL, "key", &out, &e), ERR_NOMEM);
    assert_int_equal(operation_get(&op, "/v1/customers", NULL, &out, &e), ERR_NOMEM);
    assert_int_equal(operation_begin(&op, &e), ERR_NOMEM);

    assert_int_equal(operation_post(&whole, NULL, NULL, "key", &out, &e), ERR_NOMEM);
    assert_int_equal(operation_get(&whole, NULL, NULL, &out, &e), ERR_NOMEM);
    stripe_form_init(&f);
    stripe_param_str(&f, "email", str_n(large, sizeof(large)));
    assert_false(stripe_form_ok(&f));
    assert_int_equal(operation_get(&whole, NULL, &f, &out, &e), ERR_NOMEM);
    assert_int_equal(operation_get(&whole, "/v1/customers", &f, &out, &e), ERR_NOMEM);
    stripe_form_release(&f);
    arena_release(&a);
}

int main(void)
{
    plans_make();
    const struct CMUnitTest tests[] = {
        TEST(each_plan_is_the_right_kind_of_change),
        TEST(only_one_paid_subscription_is_changed),
        TEST(the_proration_lies_inside_the_period),
        TEST(an_end_is_in_either_of_two_fields),
        TEST(the_highest_then_the_newest_is_changed),
        TEST(a_trial_is_given_before_the_first_subscription_only),
        TEST(an_object_is_missing_only_when_stripe_says_so_of_it),
        TEST(nothing_is_sent_whose_text_does_not_fit_into_memory),
    };
    return RUN(tests);
}
