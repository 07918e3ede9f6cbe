/* Plans, overrides and quotas against a real MariaDB: what the operator changes and who may not, what a tenant is
 * then allowed, and that the counter's row, its period and its price follow. */
#include "account/operator_log.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "dbtest.h"
#include "lib/test.h"
#include "okay.h"
#include "plan/plan.h"
#include "plan/usage.h"

#include "base/banned.h"

#define DB "parley_plans"
#define T0 1794312000000LL  /* 2026-11-10 12:00 */
#define T1 1796904000000LL  /* 2026-12-10 12:00 */
#define NOV 1793491200000LL /* 2026-11-01 */
#define DEC 1796083200000LL /* 2026-12-01 */

static const struct config *config;
static struct db_pool *pool;
static struct db *c;
static struct arena arena;
static const struct actor boss = {.cli = true, .ip = "127.0.0.1"};

static void fails(enum status got, enum status expected, const struct err *e, const char *code, const char *pointer)
{
    if (got != expected)
        fail_msg("status %d (%s: %s), expected %d", (int)got, err_code(e), e->message, (int)expected);
    assert_string_equal(err_code(e), code);
    assert_string_equal(e->pointer, pointer);
}

static struct plans plans(void)
{
    struct plans p;
    OKAY(plans_read(c, &arena, &p, &fail));
    return p;
}

static struct id tenant_on(const char *plan)
{
    struct id t;
    OKAY(account_tenant_create(c, STR("W"), str_from(plan), &t, &fail));
    return t;
}

static void told(struct id tenant)
{
    shared_bump("plan", tenant);
}

/* The period begins at T0 and ends at T1. */
static void subscribe(struct id tenant, const char *id, const char *status, struct id terms, bool livemode)
{
    dbtest_sqlf(
        DB,
        "REPLACE INTO subscription_mirror (stripe_subscription_id, tenant_id, stripe_customer_id, livemode, status, "
        "known_status, known_at,"
        " plan_terms_id, period_start, period_end, anchor, created_at, fetched_at) VALUES ('%s', 0x%s, 'cus_%s', %d, "
        "'%s', '%s',"
        " '2026-11-10 12:00', 0x%s, '2026-11-10 12:00', '2026-12-10 12:00', '2026-11-10 12:00', '2026-11-10 12:00', "
        "'2026-11-10 12:00')",
        id, dbtest_hex(tenant), id, livemode, status, status, dbtest_hex(terms));
    told(tenant);
}

static struct entitlements loaded(struct id tenant, int64_t now)
{
    struct entitlements x;
    OKAY(entitlement_load(c, tenant, now, &arena, &x, &fail));
    return x;
}

/* ---- plans ---- */

static void plans_are_as_designed(void **state)
{
    (void)state;
    struct plans p = plans();
    assert_int_equal(p.n, 4);
    const struct plan *starter = plans_find(&p, STR("starter")), *pro = plans_find(&p, STR("professional"));
    assert_str(plans_free(&p)->name, "FREE");
    assert_int_equal(plans_free(&p)->terms->price, 0);
    assert_int_equal(plans_free(&p)->terms->overage, -1);
    assert_int_equal(starter->terms->price, 4900);
    assert_string_equal(starter->terms->currency, "USD");
    assert_int_equal(starter->terms->overage, 490000000000);
    assert_int_equal(pro->terms->overage, 398000000000);
    assert_int_equal(starter->value[ENTITLEMENT_conversations], 10000);
    assert_int_equal(starter->value[ENTITLEMENT_knowledge], 0);
    assert_int_equal(pro->value[ENTITLEMENT_knowledge], 1);
    assert_true(pro->value[ENTITLEMENT_bots] == UNLIMITED);
    assert_true(plans_find(&p, STR("enterprise"))->terms->conversations == UNLIMITED);
    assert_null(plans_find(&p, STR("gold")));
    assert_null(plans_terms(&p, id_new()));
}

static struct plan_edit edit_of(const char *plan)
{
    struct plans p = plans();
    const struct plan *old = plans_find(&p, str_from(plan));
    struct plan_edit in = {.plan = old->plan,
                           .name = old->name,
                           .is_public = old->is_public,
                           .revision = old->revision,
                           .price = old->terms->price,
                           .conversations = old->terms->conversations,
                           .bills_overage = old->terms->overage >= 0};
    memcpy(in.currency, old->terms->currency, sizeof(in.currency));
    memcpy(in.value, old->value, sizeof(in.value));
    return in;
}

static const struct operator_entry *newest_entry(const char *object)
{
    struct operator_entry *list;
    size_t n;
    OKAY(operator_log_list(c, &arena, str_from(object), ID_NONE, 10, &list, &n, &fail));
    return n ? &list[0] : NULL;
}

static void a_sold_plan_keeps_its_terms(void **state)
{
    (void)state;
    struct plans before = plans();
    const struct plan_terms *old = plans_find(&before, STR("starter"))->terms;
    struct id tenant = tenant_on("free");
    uint64_t generation = shared_generation("plans", ID_NONE);
    subscribe(tenant, "sub_old", "active", old->id, false);

    struct plan_edit in = edit_of("starter");
    OKAY(plan_save(c, &boss, &in, &fail)); /* nothing differs: nothing is written */
    assert_true(shared_generation("plans", ID_NONE) == generation);
    assert_null(newest_entry("starter"));

    in.name = STR("  Starter  ");
    in.value[ENTITLEMENT_bots] = 6;
    OKAY(plan_save(c, &boss, &in, &fail));
    struct plans now = plans();
    const struct plan *starter = plans_find(&now, STR("starter"));
    assert_str(starter->name, "Starter");
    assert_int_equal(starter->value[ENTITLEMENT_bots], 6);
    assert_true(id_eq(starter->terms->id, old->id)); /* neither price nor conversations: the same terms */
    assert_true(shared_generation("plans", ID_NONE) > generation);

    in = edit_of("starter");
    in.price = 5900;
    in.conversations = 12000;
    memcpy(in.currency, "eur", 4);
    OKAY(plan_save(c, &boss, &in, &fail));
    now = plans();
    starter = plans_find(&now, STR("starter"));
    assert_false(id_eq(starter->terms->id, old->id));
    assert_string_equal(starter->terms->currency, "EUR");
    assert_int_equal(starter->terms->overage, 491666666666);
    assert_int_equal(loaded(tenant, T0).terms->price, 4900);
    assert_int_equal(loaded(tenant, T0).period.included, 10000);
    assert_int_equal(loaded(tenant, T0).value[ENTITLEMENT_bots], 6); /* rights follow the plan, the price does not */

    const struct operator_entry *entry = newest_entry("starter");
    assert_str(entry->what, "plan.changed");
    assert_has(entry->detail.p, "\"before\":{\"price\":4900");
    assert_has(entry->detail.p, "\"after\":{\"price\":5900");
    assert_int_equal(dbtest_intf(DB, "SELECT COUNT(*) FROM operator_log WHERE object = 'starter' AND user_id IS NULL"),
                     2);
}

static void two_operators_do_not_overwrite_each_other(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct plan_edit mine = edit_of("professional"), yours = mine;
    mine.value[ENTITLEMENT_members] = 30;
    yours.price = 1;
    OKAY(plan_save(c, &boss, &mine, &fail));
    fails(plan_save(c, &boss, &yours, &e), ERR_CONFLICT, &e, "plan_changed", "");
    assert_int_equal(edit_of("professional").price, 19900);
    yours.plan = STR("gold");
    fails(plan_save(c, &boss, &yours, &e), ERR_NOT_FOUND, &e, "plan_unknown", "");
}

static void refuses(const char *plan, void (*spoil)(struct plan_edit *in), const char *code, const char *pointer)
{
    struct err e = ERR_INIT;
    struct plan_edit in = edit_of(plan);
    spoil(&in);
    fails(plan_save(c, &boss, &in, &e), ERR_INVALID, &e, code, pointer);
}
#define SPOIL(name, what)                  \
    static void name(struct plan_edit *in) \
    {                                      \
        what;                              \
    }
SPOIL(no_name, in->name = STR("  "))
SPOIL(long_name, in->name = STR("0123456789012345678901234567890123456789012345678901234567890"))
SPOIL(negative_price, in->price = -1)
SPOIL(huge_price, in->price = 100000000)
SPOIL(any_price, in->price = 1)
SPOIL(short_currency, memcpy(in->currency, "US", 3))
SPOIL(odd_currency, memcpy(in->currency, "U$D", 4))
SPOIL(no_conversations, in->conversations = 0)
SPOIL(endless_overage, in->conversations = UNLIMITED)
SPOIL(free_overage, in->price = 0)
SPOIL(dear_overage, (in->price = 99999999, in->conversations = 1))
SPOIL(negative_bots, in->value[ENTITLEMENT_bots] = -1)
SPOIL(half_a_switch, in->value[ENTITLEMENT_sla] = 2)
SPOIL(high_level, in->value[ENTITLEMENT_support] = 4)
SPOIL(endless_level, in->value[ENTITLEMENT_integrations] = UNLIMITED)

static void an_inconsistent_plan_is_refused(void **state)
{
    (void)state;
    refuses("starter", no_name, "name_invalid", "name");
    refuses("starter", long_name, "name_invalid", "name");
    refuses("starter", negative_price, "price_invalid", "price");
    refuses("starter", huge_price, "price_invalid", "price");
    refuses("free", any_price, "free_plan", "price");
    refuses("starter", short_currency, "currency_invalid", "currency");
    refuses("starter", odd_currency, "currency_invalid", "currency");
    refuses("starter", no_conversations, "conversations_invalid", "conversations");
    refuses("starter", endless_overage, "overage_invalid", "bills_overage");
    refuses("starter", free_overage, "overage_invalid", "bills_overage");
    refuses("starter", dear_overage, "overage_invalid", "bills_overage");
    refuses("starter", negative_bots, "value_invalid", "bots");
    refuses("starter", half_a_switch, "value_invalid", "sla");
    refuses("starter", high_level, "value_invalid", "support");
    refuses("starter", endless_level, "value_invalid", "integrations");
    assert_int_equal(dbtest_intf(DB, "SELECT COUNT(*) FROM plan_terms WHERE plan = 'starter'"), 2);
}

/* Several differences at once: each is stored, and each is in the log. */
static void an_edit_saves_every_difference(void **state)
{
    (void)state;
    const struct plan_edit before = edit_of("professional");
    struct plan_edit in = before;
    in.name = STR("Pro");
    in.is_public = false;
    in.value[ENTITLEMENT_bots] = 8;
    in.value[ENTITLEMENT_members] = UNLIMITED;
    in.value[ENTITLEMENT_retention_days] = 0;
    in.value[ENTITLEMENT_sla] = 1;
    in.value[ENTITLEMENT_support] = 3;
    OKAY(plan_save(c, &boss, &in, &fail));
    struct plan_edit now = edit_of("professional");
    assert_str(now.name, "Pro");
    assert_false(now.is_public);
    assert_memory_equal(now.value, in.value, sizeof(now.value));
    assert_int_equal(now.revision, before.revision + 1);
    const char *log = newest_entry("professional")->detail.p;
    assert_has(log, "\"public\":true,\"bots\":\"unlimited\",\"members\":30,");
    assert_has(log, "\"public\":false,\"bots\":8,\"members\":\"unlimited\",\"retention_days\":0,");
    assert_has(log, "{\"name\":\"PROFESSIONAL\",");
    assert_has(log, "{\"name\":\"Pro\",");

    in = before;
    in.revision = now.revision;
    OKAY(plan_save(c, &boss, &in, &fail));
    now = edit_of("professional");
    assert_true(now.is_public);
    assert_memory_equal(now.value, before.value, sizeof(now.value));
}

/* The largest and the smallest that an edit may say. */
static void the_bounds_of_an_edit_are_inside(void **state)
{
    (void)state;
    const struct plan_edit before = edit_of("enterprise");
    struct plan_edit in = before;
    in.name = STR("012345678901234567890123456789012345678901234567890123456789");
    in.price = 99999999;
    in.value[ENTITLEMENT_bots] = 0;
    in.value[ENTITLEMENT_sla] = 0;
    in.value[ENTITLEMENT_support] = 0;
    in.value[ENTITLEMENT_integrations] = 2;
    memcpy(in.currency, "AzZ", 4);
    OKAY(plan_save(c, &boss, &in, &fail));
    struct plan_edit now = edit_of("enterprise");
    assert_string_equal(now.currency, "AZZ");
    assert_int_equal(now.price, 99999999);
    in = before;
    in.revision = now.revision;
    in.price = 0; /* a plan that is not the free one may cost nothing, too */
    in.conversations = 1;
    in.value[ENTITLEMENT_integrations] = 0;
    OKAY(plan_save(c, &boss, &in, &fail));
    in = before;
    in.revision = now.revision + 1;
    OKAY(plan_save(c, &boss, &in, &fail));
}

/* ---- overrides, assigned plans, the tenant's choice ---- */

static void overrides_hold_until_they_end(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct id tenant = tenant_on("free"), other = tenant_on("free");
    struct override o = {.tenant = tenant,
                         .entitlement = ENTITLEMENT_bots,
                         .value = 3,
                         .reason = STR(" a fair "),
                         .expires_ms = T0 + DAY_MS};
    struct override *list;
    size_t n;
    clock_set_for_test(T0);
    OKAY(override_set(c, &boss, &o, &fail));
    o.entitlement = ENTITLEMENT_white_label;
    o.value = 1;
    o.expires_ms = 0;
    OKAY(override_set(c, &boss, &o, &fail));
    o.value = 0;
    OKAY(override_set(c, &boss, &o, &fail)); /* again: in its place */
    OKAY(override_list(c, tenant, &arena, &list, &n, &fail));
    assert_int_equal(n, 2);
    assert_str(list[0].reason, "a fair");
    assert_int_equal(list[0].expires_ms, T0 + DAY_MS);
    assert_int_equal(loaded(tenant, T0).value[ENTITLEMENT_bots], 3);
    assert_int_equal(loaded(tenant, T0 + DAY_MS).value[ENTITLEMENT_bots], 1);
    assert_int_equal(loaded(other, T0).value[ENTITLEMENT_bots], 1);

    fails(override_set(
              c, &boss,
              &(struct override){.tenant = tenant, .entitlement = ENTITLEMENT_bots, .value = 1, .reason = STR(" ")},
              &e),
          ERR_INVALID, &e, "reason_invalid", "reason");
    o.expires_ms = T0;
    fails(override_set(c, &boss, &o, &e), ERR_INVALID, &e, "expires_invalid", "expires");
    o.expires_ms = 0, o.value = 5;
    fails(override_set(c, &boss, &o, &e), ERR_INVALID, &e, "value_invalid", "white_label");
    o.value = 1, o.tenant = id_new();
    fails(override_set(c, &boss, &o, &e), ERR_NOT_FOUND, &e, "workspace_unknown", "");

    OKAY(override_end(c, &boss, tenant, ENTITLEMENT_bots, &fail));
    fails(override_end(c, &boss, tenant, ENTITLEMENT_bots, &e), ERR_NOT_FOUND, &e, "override_unknown", "");
    fails(override_end(c, &boss, other, ENTITLEMENT_white_label, &e), ERR_NOT_FOUND, &e, "override_unknown", "");
    assert_int_equal(loaded(tenant, T0).value[ENTITLEMENT_bots], 1);
    char id[ID_TEXT_MAX];
    assert_str(newest_entry(id_text(ID_TENANT, tenant, id))->what, "override.ended");
    assert_int_equal(dbtest_intf(DB, "SELECT COUNT(*) FROM operator_log WHERE object = '%s'", id), 4);
}

static void a_plan_is_assigned(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct id tenant = tenant_on("free");
    char id[ID_TEXT_MAX];
    OKAY(plan_assign(c, &boss, tenant, STR("enterprise"), &fail));
    assert_int_equal(loaded(tenant, T0).state, BILLING_ASSIGNED);
    assert_true(loaded(tenant, T0).period.limit == UNLIMITED);
    assert_has(newest_entry(id_text(ID_TENANT, tenant, id))->detail.p,
               "{\"before\":\"free\",\"after\":\"enterprise\"}");
    fails(plan_assign(c, &boss, tenant, STR("gold"), &e), ERR_INVALID, &e, "plan_unknown", "plan");
    assert_int_equal(plan_assign(c, &boss, id_new(), STR("free"), &e), ERR_NOT_FOUND);
    assert_int_equal(entitlement_load(c, id_new(), T0, &arena, &(struct entitlements){0}, &e), ERR_NOT_FOUND);
}

static void the_tenant_chooses_overage(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct plans p = plans();
    struct actor who = {.tenant = tenant_on("free"), .cli = true};
    subscribe(who.tenant, "sub_over", "active", plans_find(&p, STR("professional"))->terms->id, false);
    assert_int_equal(loaded(who.tenant, T0).period.limit, 50000);
    OKAY(overage_choose(c, &who, true, 398, &fail));
    assert_int_equal(loaded(who.tenant, T0).period.limit, 51000);
    assert_int_equal(loaded(who.tenant, T0).period.included, 50000);
    OKAY(overage_choose(c, &who, false, 398, &fail));
    assert_int_equal(loaded(who.tenant, T0).period.limit, 50000);
    fails(overage_choose(c, &who, true, -1, &e), ERR_INVALID, &e, "cap_invalid", "cap");
    fails(overage_choose(c, &who, true, 0, &e), ERR_INVALID, &e, "cap_missing", "cap");
    fails(overage_choose(c, &who, true, OVERAGE_CAP_MAX + 1, &e), ERR_INVALID, &e, "cap_invalid", "cap");
    assert_int_equal(dbtest_intf(DB, "SELECT COUNT(*) FROM audit WHERE tenant_id = 0x%s AND what = 'billing.overage'",
                                 dbtest_hex(who.tenant)),
                     2);
}

static void an_override_ends_with_its_day(void **state)
{
    (void)state;
    int64_t ends = -1;
    assert_true(override_until(STR_EMPTY, &ends));
    assert_int_equal(ends, 0);
    assert_true(override_until(STR("2026-11-30"), &ends));
    assert_int_equal(ends, DEC);
    assert_true(override_until(STR("9999-12-30"), &ends));
    assert_false(override_until(STR("9999-12-31"), &ends)); /* the day after it is not a DATETIME */
    assert_false(override_until(STR("2026-11-31"), &ends));
}

static void a_reason_is_short(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    static const char long_reason[] =
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789+";
    struct override o = {.tenant = tenant_on("free"), .entitlement = ENTITLEMENT_bots, .value = UNLIMITED};
    clock_set_for_test(T0);
    o.reason = str_n(long_reason, 200);
    o.expires_ms = T0 + 1;
    OKAY(override_set(c, &boss, &o, &fail));
    o.reason = str_n(long_reason, 201);
    fails(override_set(c, &boss, &o, &e), ERR_INVALID, &e, "reason_invalid", "reason");
    o.reason = STR("\xff");
    fails(override_set(c, &boss, &o, &e), ERR_INVALID, &e, "reason_invalid", "reason");
    char id[ID_TEXT_MAX];
    assert_has(newest_entry(id_text(ID_TENANT, o.tenant, id))->detail.p, "\"value\":\"unlimited\"");
}

/* The key's mode decides which subscriptions count; without a key none does, but none is forgotten either. */
static void the_key_decides_which_subscriptions_count(void **state)
{
    (void)state;
    struct plans p = plans();
    struct id tenant = tenant_on("free"), reversed = tenant_on("free");
    subscribe(reversed, "sub_live_pro", "active", plans_find(&p, STR("professional"))->terms->id, true);
    subscribe(reversed, "sub_test_starter", "active", plans_find(&p, STR("starter"))->terms->id, false);
    subscribe(tenant, "sub_live", "active", plans_find(&p, STR("starter"))->terms->id, true);
    subscribe(tenant, "sub_test", "active", plans_find(&p, STR("professional"))->terms->id, false);
    static const struct {
        const char *line, *plan;
    } rows[] = {{"stripe_secret_key = sk_test_2\n", "professional"},
                {"stripe_secret_key = rk_test_2\n", "professional"},
                {"stripe_secret_key = sk_live_2\n", "starter"},
                {"stripe_secret_key = rk_live_2\n", "starter"},
                {"", "free"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct config *other;
        struct entitlements x;
        int64_t days;
        OKAY(config_load(dbtest_config_file("parley_plans_key", rows[i].line), &other, &fail));
        config_set_current(other);
        OKAY(entitlement_load(c, tenant, T0, &arena, &x, &fail));
        OKAY(entitlement_history_days(c, tenant, T0, &days, &fail));
        assert_int_equal(days, 730); /* the longer of both modes */
        OKAY(entitlement_history_days(c, reversed, T0, &days, &fail));
        config_set_current(config_retain(config));
        assert_int_equal(days, 730);
        assert_str(x.plan->plan, rows[i].plan);
    }
}

static struct id person(const char *email)
{
    struct id user;
    OKAY(account_user_create(c, &boss, str_from(email), STR("P"), STR_EMPTY, &user, &fail));
    return user;
}

static void members_join_while_there_is_room(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct id tenant = tenant_on("free"), first = person("first@join.example"), third = person("third@join.example");
    OKAY(entitlement_member_add(c, &boss, tenant, first, ROLE_OWNER, &fail));
    OKAY(entitlement_member_add(c, &boss, tenant, person("second@join.example"), ROLE_VIEWER, &fail));
    fails(entitlement_member_add(c, &boss, tenant, third, ROLE_VIEWER, &e), ERR_PLAN, &e, "plan_limit_members", "");
    OKAY(entitlement_member_add(c, &boss, tenant, first, ROLE_ADMIN, &fail)); /* a new role needs no room */
    struct member *members;
    size_t n;
    OKAY(account_members_of_tenant(c, &arena, tenant, &members, &n, &fail));
    assert_int_equal(n, 2);
    char id[ID_TEXT_MAX];
    const struct operator_entry *entry = newest_entry(id_text(ID_TENANT, tenant, id));
    assert_int_equal(entry->action, OPERATOR_member_set);
    assert_true(str_has(entry->detail, str_from(id_text(ID_USER, first, id))));
    assert_true(str_has(entry->detail, STR("\"role\":\"admin\"")));
    fails(entitlement_member_add(c, &boss, id_new(), third, ROLE_VIEWER, &e), ERR_NOT_FOUND, &e, "workspace_unknown",
          "");
}

static void nothing_new_begins_while_a_payment_is_missing(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct plans p = plans();
    struct id tenant = tenant_on("free");
    subscribe(tenant, "sub_missing", "past_due", plans_find(&p, STR("starter"))->terms->id, false);
    clock_set_for_test(T0 + 7 * DAY_MS - 1);
    OKAY(entitlement_may_make(c, tenant, &fail));
    clock_set_for_test(T0 + 7 * DAY_MS);
    fails(entitlement_may_make(c, tenant, &e), ERR_PLAN, &e, "billing_read_only", "");
    clock_set_for_test(T0);
    fails(entitlement_may_make(c, id_new(), &e), ERR_NOT_FOUND, &e, "workspace_unknown", "");
    dbtest_sqlf(DB, "UPDATE tenant SET state = 'suspended' WHERE tenant_id = 0x%s", dbtest_hex(tenant));
    fails(entitlement_may_make(c, tenant, &e), ERR_DENIED, &e, "workspace_suspended", "");
}

/* ---- the cached entitlements ---- */

static struct entitled asked(struct id tenant, int64_t now)
{
    struct entitled x;
    OKAY(entitled_now(pool, tenant, now, &x, &fail));
    return x;
}

static void entitlements_are_cached_until_a_change(void **state)
{
    (void)state;
    struct id tenant = tenant_on("starter");
    assert_string_equal(asked(tenant, T0).plan, "starter");
    db_cost_reset();
    assert_int_equal(asked(tenant, T0 + 1000).value[ENTITLEMENT_bots], 6);
    assert_int_equal(db_cost().statements, 0);
    dbtest_sqlf(DB, "UPDATE tenant SET plan = 'professional' WHERE tenant_id = 0x%s", dbtest_hex(tenant));
    assert_string_equal(asked(tenant, T0).plan, "starter");
    told(tenant);
    assert_string_equal(asked(tenant, T0).plan, "professional");
    struct plan_edit in = edit_of("professional");
    in.value[ENTITLEMENT_members] = 44;
    OKAY(plan_save(c, &boss, &in, &fail)); /* a changed plan affects every workspace on it */
    assert_int_equal(asked(tenant, T0).value[ENTITLEMENT_members], 44);
    assert_true(asked(tenant, DEC - 1).period.start_ms == NOV);
    assert_true(asked(tenant, DEC).period.start_ms == DEC); /* the cached entitlements end with the period */
    assert_true(asked(tenant, T0).period.start_ms == NOV);  /* the clock was set back */
}

static void billing_state_follows_the_mirror(void **state)
{
    (void)state;
    struct plans p = plans();
    struct id tenant = tenant_on("free"), pro = plans_find(&p, STR("professional"))->terms->id;
    subscribe(tenant, "sub_mode", "active", pro, true); /* in live mode, while the key is a test key */
    assert_int_equal(asked(tenant, T0).state, BILLING_FREE);
    subscribe(tenant, "sub_state", "active", pro, false);
    assert_int_equal(asked(tenant, T0).state, BILLING_LIVE);
    subscribe(tenant, "sub_state", "past_due", pro, false);
    dbtest_sqlf(DB,
                "UPDATE subscription_mirror SET first_failed_at = '2026-11-10 12:00' WHERE stripe_subscription_id = "
                "'sub_state'");
    told(tenant);
    assert_int_equal(asked(tenant, T0).state, BILLING_GRACE);
    assert_int_equal(asked(tenant, T0 + 7 * DAY_MS).state, BILLING_READ_ONLY); /* by the clock alone */
    assert_true(asked(tenant, T0 + 7 * DAY_MS).read_only);
    assert_int_equal(asked(tenant, T0 + 14 * DAY_MS).state, BILLING_SUSPENDED);
    subscribe(tenant, "sub_state", "never_heard_of", pro, false);
    assert_int_equal(asked(tenant, T0).state, BILLING_FREE);
}

/* ---- quota and counter ---- */

static struct usage_quota quota(struct id tenant, int64_t now)
{
    struct usage_quota q;
    OKAY(usage_quota(pool, tenant, now, &q, &fail));
    return q;
}

struct counted {
    struct usage_count list[20];
    size_t n;
};
static enum status count_tx(struct db *db, void *ctx, struct err *e)
{
    const struct counted *k = ctx;
    return usage_record(db, k->list, k->n, e);
}
static enum status count(struct id tenant, int64_t now, size_t n, struct err *e)
{
    struct counted k = {.n = n};
    for (size_t i = 0; i < n; i++)
        k.list[i] = (struct usage_count){tenant, id_new(), now, quota(tenant, now)};
    return db_transaction(c, count_tx, &k, e);
}
#define COUNT(tenant, now, n) OKAY(count(tenant, now, n, &fail))

static int64_t used(struct id tenant, const char *period_start, int billable)
{
    int64_t counter = dbtest_intf(
        DB,
        "SELECT IFNULL(SUM(used), 0) FROM usage_counter WHERE tenant_id = 0x%s AND period_start = "
        "'%s' AND billable = %d",
        dbtest_hex(tenant), period_start, billable);
    assert_int_equal(
        counter,
        dbtest_intf(
            DB, "SELECT COUNT(*) FROM usage_ledger WHERE tenant_id = 0x%s AND period_start = '%s' AND billable = %d",
            dbtest_hex(tenant), period_start, billable));
    return counter;
}

static void a_new_period_gets_its_row(void **state)
{
    (void)state;
    struct plans p = plans();
    struct id tenant = tenant_on("free");
    assert_int_equal(quota(tenant, T0).limit, 1000);
    assert_false(quota(tenant, T0).billable);
    COUNT(tenant, T0, 3);
    assert_int_equal(used(tenant, "2026-11-01", 0), 3);
    assert_int_equal(
        dbtest_intf(DB,
                    "SELECT COUNT(*) FROM usage_counter WHERE tenant_id = 0x%s AND period_end = '2026-12-01' AND"
                    " stripe_subscription_id IS NULL",
                    dbtest_hex(tenant)),
        1);

    subscribe(tenant, "sub_paid", "active", plans_find(&p, STR("professional"))->terms->id, false);
    assert_true(quota(tenant, T0).billable);
    assert_int_equal(quota(tenant, T0).limit, 50000);
    COUNT(tenant, T0 + 1, 2);
    assert_int_equal(used(tenant, "2026-11-10 12:00", 1), 2);
    assert_int_equal(
        dbtest_intf(DB,
                    "SELECT COUNT(*) FROM usage_counter WHERE tenant_id = 0x%s AND period_end = '2026-12-10 12:00' AND"
                    " stripe_subscription_id = 'sub_paid' AND stripe_customer_id = 'cus_sub_paid'",
                    dbtest_hex(tenant)),
        1);

    COUNT(tenant, T1 - 1, 1); /* the last moment of the period, the first of the next */
    COUNT(tenant, T1, 1);
    assert_int_equal(used(tenant, "2026-11-10 12:00", 1), 3);
    assert_int_equal(used(tenant, "2026-12-10 12:00", 1), 1);

    struct usage u;
    OKAY(usage_now(c, tenant, T0 + 2, &u, &fail));
    assert_true(u.used == 3 && u.included == 50000 && u.limit == 50000 && u.billable && u.period_start_ms == T0 &&
                u.period_end_ms == T1);
}

static void the_last_conversations_are_granted_once(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct id tenant = tenant_on("free");
    struct override o = {
        .tenant = tenant, .entitlement = ENTITLEMENT_conversations, .value = 10, .reason = STR("test")};
    OKAY(override_set(c, &boss, &o, &fail));
    fails(count(tenant, T0, 11, &e), ERR_PLAN, &e, "plan_limit", ""); /* more than there is at all */
    COUNT(tenant, T0, 8);
    fails(count(tenant, T0, 3, &e), ERR_PLAN, &e, "plan_limit", "");
    assert_int_equal(used(tenant, "2026-11-01", 0), 8); /* all or none */
    COUNT(tenant, T0, 2);
    fails(count(tenant, T0, 1, &e), ERR_PLAN, &e, "plan_limit", "");
    struct usage_quota q = quota(tenant, T0);
    assert_false(q.full);
    usage_mark_full(tenant, &q);
    assert_true(quota(tenant, T0).full);
    assert_false(quota(tenant, DEC).full); /* of another period */
    usage_mark_full(tenant, &q);
    o.value = 11; /* a higher limit is known immediately */
    OKAY(override_set(c, &boss, &o, &fail));
    assert_false(quota(tenant, T0).full);
    COUNT(tenant, T0, 1);
    assert_int_equal(used(tenant, "2026-11-01", 0), 11);
}

static void an_assigned_plan_is_not_metered_and_counts_once(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct plans p = plans();
    struct id tenant = tenant_on("free");
    struct override o = {
        .tenant = tenant, .entitlement = ENTITLEMENT_conversations, .value = 12010, .reason = STR("an apology")};
    subscribe(tenant, "sub_gift", "active", plans_find(&p, STR("starter"))->terms->id, false); /* 12,000 included */
    COUNT(tenant, T0, 10);
    dbtest_sqlf(DB, "UPDATE usage_counter SET used = 12000 WHERE tenant_id = 0x%s AND billable = 1",
                dbtest_hex(tenant));
    fails(count(tenant, T0, 1, &e), ERR_PLAN, &e, "plan_limit", "");
    OKAY(override_set(c, &boss, &o, &fail));
    assert_false(quota(tenant, T0).billable);
    assert_int_equal(quota(tenant, T0).limit, 10); /* the rest of the override */
    COUNT(tenant, T0, 10);
    fails(count(tenant, T0, 1, &e), ERR_PLAN, &e, "plan_limit", "");
    assert_int_equal(used(tenant, "2026-11-10 12:00", 0), 10);
    struct usage u;
    OKAY(usage_now(c, tenant, T0, &u, &fail));
    assert_true(u.used == 12010 && u.limit == 12010);
    OKAY(override_end(c, &boss, tenant, ENTITLEMENT_conversations, &fail));
    assert_true(quota(tenant, T0).billable);
    fails(count(tenant, T0, 1, &e), ERR_PLAN, &e, "plan_limit", "");
}

/* A batch of the journal holds turns of many: each counter gets its own, in whatever order they come. */
static void a_batch_is_counted_by_tenant_period_and_price(void **state)
{
    (void)state;
    struct plans p = plans();
    struct id mine = tenant_on("free"), yours = tenant_on("free");
    subscribe(yours, "sub_batch", "active", plans_find(&p, STR("starter"))->terms->id, false);
    struct usage_quota free_now = quota(mine, T0), free_next = quota(mine, DEC), paid = quota(yours, T0), gift = paid;
    gift.billable = false;
    const struct usage_count batch[] = {{yours, id_new(), T0, paid},      {mine, id_new(), T0, free_now},
                                        {yours, id_new(), T0, gift},      {mine, id_new(), T0, free_now},
                                        {mine, id_new(), DEC, free_next}, {yours, id_new(), T0, paid},
                                        {yours, id_new(), T0, gift},      {mine, id_new(), T0, free_now},
                                        {yours, id_new(), T0, paid},      {yours, id_new(), T0, paid}};
    struct counted k = {.n = COUNT_OF(batch)};
    memcpy(k.list, batch, sizeof(batch));
    OKAY(db_transaction(c, count_tx, &k, &fail));
    assert_int_equal(used(mine, "2026-11-01", 0), 3);
    assert_int_equal(used(mine, "2026-12-01", 0), 1);
    assert_int_equal(used(yours, "2026-11-10 12:00", 1), 4);
    assert_int_equal(used(yours, "2026-11-10 12:00", 0), 2);
    k.n = 0; /* nothing to count is no failure */
    OKAY(db_transaction(c, count_tx, &k, &fail));
}

/* The row can be missing when a program dies between opening a period and counting in it. */
static void a_missing_row_is_made_when_something_is_counted(void **state)
{
    (void)state;
    struct id tenant = tenant_on("free");
    struct counted k = {.n = 1, .list = {{tenant, id_new(), T0, quota(tenant, T0)}}};
    dbtest_sqlf(DB, "DELETE FROM usage_counter WHERE tenant_id = 0x%s", dbtest_hex(tenant));
    OKAY(db_transaction(c, count_tx, &k, &fail));
    assert_int_equal(used(tenant, "2026-11-01", 0), 1);
}

static void a_choice_of_overage_counts_at_once(void **state)
{
    (void)state;
    struct plans p = plans();
    struct actor who = {.tenant = tenant_on("free"), .cli = true};
    subscribe(who.tenant, "sub_choice", "active", plans_find(&p, STR("professional"))->terms->id, false);
    assert_int_equal(asked(who.tenant, T0).period.limit, 50000);
    OKAY(overage_choose(c, &who, true, 398, &fail));
    assert_int_equal(asked(who.tenant, T0).period.limit, 51000);
}

/* What a turn pays: nothing to ask, two statements to record (ledger, counter). */
static void counting_costs_two_statements(void **state)
{
    (void)state;
    struct id tenant = tenant_on("enterprise");
    struct counted k = {.n = 20};
    for (size_t i = 0; i < k.n; i++)
        k.list[i] = (struct usage_count){tenant, id_new(), T0, quota(tenant, T0)};
    db_cost_reset();
    for (int i = 0; i < 100; i++)
        quota(tenant, T0);
    assert_int_equal(db_cost().statements, 0);
    OKAY(db_transaction(c, count_tx, &k, &fail));
    assert_int_equal(db_cost().statements, 2 + 2); /* with BEGIN and COMMIT */
    assert_int_equal(used(tenant, "2026-11-01", 0), 20);
    struct err e = ERR_INIT;
    assert_int_equal(db_transaction(c, count_tx, &k, &e), ERR_CONFLICT);
    assert_int_equal(used(tenant, "2026-11-01", 0), 20);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(plans_are_as_designed),
                                       TEST(a_sold_plan_keeps_its_terms),
                                       TEST(two_operators_do_not_overwrite_each_other),
                                       TEST(an_inconsistent_plan_is_refused),
                                       TEST(an_edit_saves_every_difference),
                                       TEST(the_bounds_of_an_edit_are_inside),
                                       TEST(overrides_hold_until_they_end),
                                       TEST(an_override_ends_with_its_day),
                                       TEST(a_reason_is_short),
                                       TEST(the_key_decides_which_subscriptions_count),
                                       TEST(members_join_while_there_is_room),
                                       TEST(nothing_new_begins_while_a_payment_is_missing),
                                       TEST(a_plan_is_assigned),
                                       TEST(the_tenant_chooses_overage),
                                       TEST(entitlements_are_cached_until_a_change),
                                       TEST(billing_state_follows_the_mirror),
                                       TEST(a_new_period_gets_its_row),
                                       TEST(the_last_conversations_are_granted_once),
                                       TEST(an_assigned_plan_is_not_metered_and_counts_once),
                                       TEST(a_batch_is_counted_by_tenant_period_and_price),
                                       TEST(a_missing_row_is_made_when_something_is_counted),
                                       TEST(a_choice_of_overage_counts_at_once),
                                       TEST(counting_costs_two_statements)};
    struct err e = ERR_INIT;
    dbtest_begin(argc, argv);
    dbtest_shared();
    if (config_load(dbtest_config_file(DB, "stripe_secret_key = sk_test_1\n"), &config, &e) != OK) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    config_set_current(config_retain(config));
    dbtest_migrate(config);
    pool = dbtest_pool(config, 4);
    c = dbtest_get(pool);
    arena_init(&arena, 8 * MB);
    int failed = RUN(tests);
    dbtest_close(config, pool, c, &arena);
    config_set_current(NULL);
    shared_close();
    db_library_end();
    return failed;
}
