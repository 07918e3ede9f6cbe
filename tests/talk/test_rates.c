/* What many addresses together may do to one conversation, bot and workspace, against a real MariaDB. */
#include "base/limits.h"
#include "base/shared.h"
#include "bot/bot.h"
#include "dbtest.h"
#include "lib/test.h"
#include "lib/turn.h"
#include "okay.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

#define DB "parley_rates"

static const struct config *config;
static struct db_pool *pool;
static struct db *c;
static struct talk *talk;
static struct arena arena;

static struct id made(struct id *tenant)
{
    struct actor who = {.cli = true, .role = ROLE_OWNER};
    struct bot b;
    int version;
    OKAY(account_tenant_create(c, STR("W"), STR("enterprise"), &who.tenant, &fail));
    OKAY(bot_create(c, config, &who, &(struct bot_wanted){STR("faq"), STR("My bot"), STR_EMPTY}, &arena, &b, &fail));
    OKAY(bot_publish(c, &who, &(struct bot_publishing){.bot = b.id}, &arena, &version, &fail));
    *tenant = who.tenant;
    return b.id;
}

static enum status say(struct id bot, const struct talk_out *before, struct talk_out *out, struct err *e)
{
    struct talk_in in = {.bot = bot,
                         .text = STR("Hello"),
                         .choice = STR_EMPTY,
                         .client_id = STR_EMPTY,
                         .locale = STR_EMPTY,
                         .token = STR_EMPTY,
                         .visitor = STR("192.0.2.1"),
                         .channel = CHANNEL_api};
    if (before) {
        in.conversation = before->conversation;
        in.token = str_from(before->token);
    }
    return talk_turn(talk, &in, NULL, &arena, out, e);
}

/* Others use up what there is; a bucket that fills by one each few milliseconds may let one more through, but not a
 * hundred. */
static void refused_when_used_up(const char *name, struct id id, int per_minute, int burst, struct id bot,
                                 const struct talk_out *before)
{
    struct talk_out out;
    for (int tries = 0; tries < 100; tries++) {
        struct err e = ERR_INIT;
        while (shared_take(name, str_n((const char *)id.b, sizeof(id.b)), per_minute, burst, NULL))
            ;
        enum status st = say(bot, before, &out, &e);
        if (st == ERR_RATE) {
            assert_true(e.retry_after_s > 0);
            return;
        }
        assert_int_equal(st, OK);
    }
    fail_msg("the limit \"%s\" refused no request", name);
}

static void a_busy_bot_leaves_others_alone(void **state)
{
    struct id tenant, other_tenant, bot = made(&tenant), other = made(&other_tenant);
    struct talk_out out;
    (void)state;
    OKAY(say(bot, NULL, &out, &fail));
    refused_when_used_up("bot", bot, BOT_PER_MINUTE, BOT_BURST, bot, NULL);
    OKAY(say(other, NULL, &out, &fail));
}

static void a_busy_workspace_leaves_others_alone(void **state)
{
    struct id tenant, other_tenant, bot = made(&tenant), other = made(&other_tenant);
    struct talk_out out;
    (void)state;
    refused_when_used_up("tenant", tenant, TENANT_PER_MINUTE, TENANT_BURST, bot, NULL);
    OKAY(say(other, NULL, &out, &fail));
}

static void a_busy_conversation_leaves_others_alone(void **state)
{
    struct id tenant, bot = made(&tenant);
    struct talk_out first, out;
    (void)state;
    OKAY(say(bot, NULL, &first, &fail));
    OKAY(say(bot, &first, &out, &fail));
    refused_when_used_up("conversation", first.conversation, CONVERSATION_PER_MINUTE, CONVERSATION_BURST, bot, &first);
    OKAY(say(bot, NULL, &out, &fail));
    shared_limits_enable(false); /* rate_limits = off */
    OKAY(say(bot, &first, &out, &fail));
    shared_limits_enable(true);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(a_busy_bot_leaves_others_alone), TEST(a_busy_workspace_leaves_others_alone),
                                       TEST(a_busy_conversation_leaves_others_alone)};
    struct err e = ERR_INIT;
    dbtest_begin(argc, argv);
    if (config_load(dbtest_config_file(DB, "flow_template_dir = " TEST_SRCDIR "/flow-templates\n"), &config, &e) !=
        OK) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    config_set_current(config_retain(config));
    dbtest_migrate(config);
    pool = dbtest_pool(config, 4);
    c = dbtest_get(pool);
    arena_init(&arena, 256 * MB);
    dbtest_shared();
    if (talk_open(config, pool, &talk, &e) != OK) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    int failed = RUN(tests);
    talk_close(talk);
    bot_live_forget();
    config_set_current(NULL);
    dbtest_close(config, pool, c, &arena);
    shared_close();
    db_library_end();
    return failed;
}
