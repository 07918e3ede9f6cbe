/* The FEATURE column: a route that names one is open where the plan has it, and says which plan has it where not. */
#include "base/limits.h"
#include "base/shared.h"
#include "dbtest.h"
#include "guard.h"
#include "lib/test.h"
#include "okay.h"
#include "plan/plan.h"
#include "web/request.h"

#include "base/banned.h"

#define DB "parley_guard"

static const struct config *config;
static struct guard guard;
static struct db *c;
static struct arena arena;
static const struct actor boss = {.cli = true};

static enum status ask(struct id tenant, int f, struct err *e)
{
    struct request rq = {.arena = &arena, .app = &guard, .who = {.tenant = tenant}};
    return guard_feature(&rq, f, e);
}

static void refused(struct id tenant, int f, const char *words)
{
    struct err e = ERR_INIT;
    assert_int_equal(ask(tenant, f, &e), ERR_PLAN);
    assert_string_equal(err_code(&e), "plan_feature");
    assert_string_equal(e.message, words);
}

static struct id tenant_on(const char *plan)
{
    struct id t;
    OKAY(account_tenant_create(c, STR("W"), str_from(plan), &t, &fail));
    return t;
}

static void each_plan_has_its_features(void **state)
{
    (void)state;
    static const char *const plans[] = {"free", "starter", "professional", "enterprise"};
    static const struct {
        int feature;
        const char *has; /* y or n for each plan */
    } rows[] = {{FEATURE_NONE, "yyyy"},         {FEATURE_knowledge, "nnyy"},
                {FEATURE_analytics, "nyyy"},    {FEATURE_analytics_advanced, "nnyy"},
                {FEATURE_integrations, "nyyy"}, {FEATURE_white_label, "nnny"}};
    for (int p = 0; p < 4; p++) {
        struct id tenant = tenant_on(plans[p]);
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            struct err e = ERR_INIT;
            enum status st = ask(tenant, rows[i].feature, &e);
            if ((st == OK) != (rows[i].has[p] == 'y') || (st != OK && st != ERR_PLAN))
                fail_msg("%s, feature %d: status %d", plans[p], rows[i].feature, (int)st);
        }
    }
}

static void the_refusal_names_the_plan_that_has_it(void **state)
{
    (void)state;
    struct id tenant = tenant_on("free");
    refused(tenant, FEATURE_knowledge, "The knowledge base: upgrade to the plan PROFESSIONAL to use this feature.");
    refused(tenant, FEATURE_analytics, "The analytics dashboard: upgrade to the plan STARTER to use this feature.");
    dbtest_sql(DB, "UPDATE plan SET public = 0 WHERE plan = 'enterprise'");
    refused(tenant, FEATURE_white_label, "Your own brand: no plan of this install includes this feature.");
    dbtest_sql(DB, "UPDATE plan SET public = 1 WHERE plan = 'enterprise'");
}

static void features_follow_the_entitlements(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct id tenant = tenant_on("free");
    struct override o = {
        .tenant = tenant, .entitlement = ENTITLEMENT_knowledge, .value = 1, .reason = STR("trial of it")};
    refused(tenant, FEATURE_knowledge, "The knowledge base: upgrade to the plan PROFESSIONAL to use this feature.");
    OKAY(override_set(c, &boss, &o, &fail));
    assert_int_equal(ask(tenant, FEATURE_knowledge, &e), OK);
    OKAY(override_end(c, &boss, tenant, ENTITLEMENT_knowledge, &fail));
    assert_int_equal(ask(tenant, FEATURE_knowledge, &e), ERR_PLAN);
    assert_int_equal(ask(ID_NONE, FEATURE_knowledge, &e), ERR_DENIED);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(each_plan_has_its_features), TEST(the_refusal_names_the_plan_that_has_it),
                                       TEST(features_follow_the_entitlements)};
    dbtest_begin(argc, argv);
    dbtest_shared();
    config = dbtest_config(DB);
    dbtest_migrate(config);
    guard.pool = dbtest_pool(config, 4);
    c = dbtest_get(guard.pool);
    arena_init(&arena, 8 * MB);
    int failed = RUN(tests);
    dbtest_close(config, guard.pool, c, &arena);
    shared_close();
    db_library_end();
    return failed;
}
