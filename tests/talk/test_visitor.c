/* Visitors whom a tenant names, against a real MariaDB: each name of each bot of each workspace has a conversation of
 * its own. */
#include "base/limits.h"
#include "dbtest.h"
#include "lib/test.h"
#include "okay.h"
#include "talk/visitor.h"

#include "base/banned.h"

#define DB "parley_visitor"

static struct db *c;

static struct id conversation_of(struct id tenant, struct id bot, const char *name)
{
    struct id found = id_new();
    const struct visitor_of_tenant v = {tenant, bot, str_from(name)};
    OKAY(visitor_conversation_find(c, &v, &found, &fail));
    return found;
}

static void keep(struct id tenant, struct id bot, const char *name, struct id conversation)
{
    const struct visitor_of_tenant v = {tenant, bot, str_from(name)};
    OKAY(visitor_conversation_keep(c, &v, conversation, &fail));
}

static void a_name_leads_to_the_newest_conversation(void **state)
{
    struct id tenant = id_new(), bot = id_new(), first = id_new(), second = id_new();
    (void)state;
    assert_true(id_is_none(conversation_of(tenant, bot, "Ada")));
    keep(tenant, bot, "Ada", first);
    assert_true(id_eq(conversation_of(tenant, bot, "Ada"), first));
    keep(tenant, bot, "Ada", second);
    assert_true(id_eq(conversation_of(tenant, bot, "Ada"), second));
}

static void names_bots_and_workspaces_are_kept_apart(void **state)
{
    struct id tenant = id_new(), bot = id_new(), ada = id_new(), bob = id_new(), other = id_new();
    (void)state;
    keep(tenant, bot, "Ada", ada);
    keep(tenant, bot, "Bob", bob);
    keep(tenant, other, "Ada", other);
    assert_true(id_eq(conversation_of(tenant, bot, "Ada"), ada));
    assert_true(id_eq(conversation_of(tenant, bot, "Bob"), bob));
    assert_true(id_eq(conversation_of(tenant, other, "Ada"), other));
    assert_true(id_is_none(conversation_of(tenant, bot, "ada")));
    assert_true(id_is_none(conversation_of(other, bot, "Ada")));
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM visitor_conversation WHERE visitor_hash LIKE '%Ada%'"), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(a_name_leads_to_the_newest_conversation),
                                       TEST(names_bots_and_workspaces_are_kept_apart)};
    struct arena a;
    dbtest_begin(argc, argv);
    const struct config *config = dbtest_config(DB);
    dbtest_migrate(config);
    struct db_pool *pool = dbtest_pool(config, 1);
    c = dbtest_get(pool);
    arena_init(&a, 1 * MB);
    int failed = RUN(tests);
    dbtest_close(config, pool, c, &a);
    db_library_end();
    return failed;
}
