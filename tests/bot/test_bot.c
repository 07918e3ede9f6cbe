/* Bots against a real MariaDB: drafts, versions, the live cache, and that a workspace sees only its own. */
#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "bot/bot.h"
#include "dbtest.h"
#include "knowledge/answers.h"
#include "lib/test.h"
#include "okay.h"
#include "vault/vault.h"

#include "base/banned.h"

#define DB "parley_bot"

static const struct config *config;
static struct db_pool *pool;
static struct db *c;
static struct arena arena;

#define FLOW(text)                                                                                            \
    "{\"format\":1,\"languages\":[\"en\",\"es\"],\"start\":\"hello\",\"nodes\":{\"hello\":{\"type\":\"say\"," \
    "\"messages\":[{\"type\":\"text\","                                                                       \
    "\"text\":{\"en\":\"" text "\",\"es\":\"" text "\"}}],\"next\":\"bye\"},\"bye\":{\"type\":\"end\"}}"
static const char good_flow[] = FLOW("Hello") "}";
static const char other_flow[] = FLOW("Good day") "}";
static const char failing_test[] = FLOW(
    "Hello") ",\"tests\":[{\"name\":\"greets\",\"turns\":[{\"say\":\"hi\",\"expect\":[\"Never said\"]}]}]}";
static const char dead_end[] = "{\"format\":1,\"languages\":[\"en\"],\"start\":\"hello\",\"nodes\":{\"hello\":{"
                               "\"type\":\"say\",\"messages\":[{\"type\":"
                               "\"text\",\"text\":{\"en\":\"x\"}}],\"next\":\"nowhere\"}}}";

static struct json *parsed(const char *text)
{
    struct json *j;
    OKAY(json_parse(&arena, str_from(text), MAX_JSON_DEPTH, &j, &fail));
    return j;
}

static struct actor workspace(const char *plan)
{
    struct actor who = {.cli = true, .role = ROLE_OWNER};
    OKAY(account_tenant_create(c, STR("W"), str_from(plan), &who.tenant, &fail));
    return who;
}

static struct bot made(const struct actor *who)
{
    struct bot b;
    OKAY(bot_create(c, config, who, &(struct bot_wanted){STR("faq"), STR("My bot"), STR_EMPTY}, &arena, &b, &fail));
    return b;
}

static void save(const struct actor *who, struct id bot, const char *flow)
{
    struct bot b;
    OKAY(bot_get(c, who->tenant, bot, &arena, &b, &fail));
    OKAY(bot_draft_save(c, who, bot, parsed(flow), b.draft_revision, &fail));
}

static int published(const struct actor *who, struct id bot)
{
    int version = 0;
    OKAY(bot_publish(c, who, &(struct bot_publishing){.bot = bot, .note = STR("note")}, &arena, &version, &fail));
    return version;
}

static enum status gather(void *ctx, struct str part, struct err *e)
{
    (void)e;
    buf_str_add(ctx, part);
    return OK;
}

static struct json *exported(const struct actor *who, struct id bot)
{
    struct buf b;
    buf_init(&b, 64 * MB);
    OKAY(bot_export(c, who->tenant, bot, &(struct bot_file_sink){&b, gather}, &fail));
    struct json *file = parsed(b.p);
    buf_release(&b);
    return file;
}

static void fails(enum status got, enum status expected, const struct err *e, const char *code)
{
    if (got != expected)
        fail_msg("status %d (%s: %s), expected %d", (int)got, err_code(e), e->message, (int)expected);
    assert_string_equal(err_code(e), code);
}

static void templates_come_in_two_languages(void **state)
{
    struct bot_template *en, *es;
    size_t n, m;
    struct actor who = workspace("enterprise");
    (void)state;
    OKAY(bot_templates(config, &arena, STR("en"), &en, &n, &fail));
    OKAY(bot_templates(config, &arena, STR("es-MX"), &es, &m, &fail));
    assert_true(n >= 8 && n == m);
    for (size_t i = 0; i < n; i++) {
        static const char *const languages[] = {"en", "es"};
        assert_true(en[i].name.n && en[i].summary.n && es[i].name.n && !str_eq(en[i].summary, es[i].summary));
        for (size_t k = 0; k < 2; k++) {
            struct bot b;
            OKAY(bot_create(c, config, &who, &(struct bot_wanted){en[i].id, en[i].name, str_from(languages[k])}, &arena,
                            &b, &fail));
            assert_str(b.language, languages[k]);
            assert_int_equal(published(&who, b.id), 1);
        }
    }
    struct err e = ERR_INIT;
    struct bot b;
    fails(bot_create(c, config, &who, &(struct bot_wanted){STR("nothing"), STR("x"), STR_EMPTY}, &arena, &b, &e),
          ERR_NOT_FOUND, &e, "template_unknown");
    fails(bot_create(c, config, &who, &(struct bot_wanted){STR("faq"), STR("x"), STR("xx")}, &arena, &b, &e),
          ERR_INVALID, &e, "language_unknown");
    fails(bot_create(c, config, &who, &(struct bot_wanted){STR("faq"), STR(""), STR_EMPTY}, &arena, &b, &e),
          ERR_INVALID, &e, "name_invalid");
}

static void drafts_have_one_writer(void **state)
{
    struct actor who = workspace("enterprise");
    struct bot b = made(&who);
    struct json *flow;
    struct err e = ERR_INIT;
    int revision;
    (void)state;
    OKAY(bot_draft(c, who.tenant, b.id, &arena, &flow, &revision, &fail));
    assert_int_equal(revision, 1);
    OKAY(bot_draft_save(c, &who, b.id, parsed(good_flow), 1, &fail));
    fails(bot_draft_save(c, &who, b.id, parsed(other_flow), 1, &e), ERR_CONFLICT, &e, "draft_changed");
    OKAY(bot_draft(c, who.tenant, b.id, &arena, &flow, &revision, &fail));
    assert_int_equal(revision, 2);
    assert_true(json_equal(flow, parsed(good_flow)));
    assert_int_equal(bot_draft_save(c, &who, b.id, parsed("{\"format\":1}"), 2, &e), ERR_INVALID);
}

static void publishing_is_refused_with_the_place(void **state)
{
    struct actor who = workspace("enterprise");
    struct bot b = made(&who);
    struct err e = ERR_INIT;
    struct bot_live live;
    struct bot_version *all;
    size_t n;
    int version = 0;
    (void)state;
    save(&who, b.id, failing_test);
    fails(bot_publish(c, &who, &(struct bot_publishing){.bot = b.id}, &arena, &version, &e), ERR_INVALID, &e,
          "flow_test");
    assert_has(e.message, "greets");
    assert_has(e.message, "turn 1");
    save(&who, b.id, dead_end);
    fails(bot_publish(c, &who, &(struct bot_publishing){.bot = b.id}, &arena, &version, &e), ERR_INVALID, &e,
          "flow_lint");
    assert_has(e.message, "hello");
    fails(bot_live(pool, b.id, &live, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    OKAY(bot_versions(c, who.tenant, b.id, &arena, &all, &n, &fail));
    assert_int_equal(n, 0);
    save(&who, b.id, good_flow);
    assert_int_equal(published(&who, b.id), 1);
}

/* A user who confirms a page publishes the draft of that page, and not what another user has saved since. */
#define KEYED(name)                                                                                              \
    "{\"format\":1,\"languages\":[\"en\"],\"start\":\"call\",\"nodes\":{\"call\":{\"type\":\"http\",\"method\":" \
    "\"GET\",\"url\":\"https://example.com\",\"headers\":{\"X-Key\":\"{{secret." name                            \
    "}}\"},\"next\":\"bye\",\"error\":\"bye\"},\"bye\":{\"type\":\"end\"}}}"

static const char *publish_code(const struct actor *who, struct id bot, struct err *e)
{
    int version = 0;
    *e = ERR_INIT;
    return bot_publish(c, who, &(struct bot_publishing){.bot = bot}, &arena, &version, e) == OK ? "" : err_code(e);
}

/* A flow with a secret that the workspace does not have can be saved and not published; the secret of another
 * workspace does not count. */
static void a_flow_needs_its_secrets(void **state)
{
    (void)state;
    struct actor who = workspace("free"), other = workspace("free");
    struct bot b = made(&who);
    struct err e;
    save(&who, b.id, KEYED("crm"));
    OKAY(vault_set(c, config, &other, STR("crm"), STR("value"), NULL, &fail));
    assert_string_equal(publish_code(&who, b.id, &e), "flow_lint");
    assert_string_equal(e.pointer, "/nodes/call/headers/X-Key");
    assert_non_null(strstr(e.message, "The workspace has no secret \"crm\"."));
    OKAY(vault_set(c, config, &who, STR("crm"), STR("value"), NULL, &fail));
    assert_string_equal(publish_code(&who, b.id, &e), "");
}

static void a_secret_in_use_is_not_removed_by_accident(void **state)
{
    (void)state;
    struct actor who = workspace("professional");
    struct bot one = made(&who), two = made(&who);
    struct bot_secret_use *uses;
    struct err e = ERR_INIT;
    size_t n;
    OKAY(vault_set(c, config, &who, STR("crm"), STR("value"), NULL, &fail));
    OKAY(vault_set(c, config, &who, STR("next"), STR("value"), NULL, &fail));
    save(&who, one.id, KEYED("crm"));
    (void)published(&who, one.id);
    save(&who, one.id, KEYED("next"));
    save(&who, two.id, KEYED("crm"));
    OKAY(bot_secret_uses(c, who.tenant, &arena, &uses, &n, &fail));
    assert_int_equal(n, 3);
    assert_true(id_eq(uses[0].bot, one.id) && str_eqz(uses[0].secret, "crm") && uses[0].published);
    assert_true(id_eq(uses[1].bot, one.id) && str_eqz(uses[1].secret, "next") && !uses[1].published);
    assert_true(id_eq(uses[2].bot, two.id) && str_eqz(uses[2].secret, "crm") && !uses[2].published);
    /* A draft does not hold a secret. */
    OKAY(bot_secret_remove(c, &who, STR("next"), false, &arena, &fail));
    assert_int_equal(bot_secret_remove(c, &who, STR("crm"), false, &arena, &e), ERR_CONFLICT);
    assert_string_equal(err_code(&e), "secret_in_use");
    assert_non_null(strstr(e.message, "My bot"));
    OKAY(bot_secret_remove(c, &who, STR("crm"), true, &arena, &fail));
    assert_int_equal(bot_secret_remove(c, &who, STR("crm"), true, &arena, &e), ERR_NOT_FOUND);
}

static void only_the_draft_that_was_seen_is_published(void **state)
{
    struct actor who = workspace("enterprise");
    struct bot b = made(&who);
    struct bot_publishing seen = {.bot = b.id, .revision = b.draft_revision};
    struct err e = ERR_INIT;
    int version = 0;
    (void)state;
    save(&who, b.id, good_flow);
    fails(bot_publish(c, &who, &seen, &arena, &version, &e), ERR_CONFLICT, &e, "draft_changed");
    assert_int_equal(version, 0);
    seen.revision++;
    OKAY(bot_publish(c, &who, &seen, &arena, &version, &fail));
    assert_int_equal(version, 1);
}

static void an_unknown_bot_is_known_once_it_is_published(void **state)
{
    struct actor who = workspace("enterprise");
    struct bot b = made(&who), other = made(&who);
    struct err e = ERR_INIT;
    struct bot_live live;
    (void)state;
    fails(bot_live(pool, b.id, &live, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    fails(bot_live(pool, other.id, &live, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    published(&who, b.id);
    OKAY(bot_live(pool, b.id, &live, &fail)); /* immediately, although it was cached as unknown */
    bot_live_release(&live);
    /* Published by another host, which cannot notify this one: it may stay unknown for a moment, then it is known. */
    dbtest_sqlf(
        DB,
        "INSERT INTO bot_version SELECT tenant_id, 0x%s, version, flow, flow_hash, note, NULL, created_at FROM "
        "bot_version WHERE bot_id = 0x%s; UPDATE bot SET live_version = 1, last_version = 1 WHERE bot_id = 0x%s",
        dbtest_hex(other.id), dbtest_hex(b.id), dbtest_hex(other.id));
    int64_t until = clock_mono_us() + 5000000;
    enum status st = ERR_NOT_FOUND;
    while (st == ERR_NOT_FOUND && clock_mono_us() < until)
        st = bot_live(pool, other.id, &live, &e);
    assert_int_equal(st, OK);
    bot_live_release(&live);
}

static void versions_are_immutable(void **state)
{
    struct actor who = workspace("enterprise");
    struct bot b = made(&who);
    struct bot_version *all;
    struct bot_live first, live;
    struct json *flow;
    struct err e = ERR_INIT;
    size_t n;
    (void)state;
    save(&who, b.id, good_flow);
    assert_int_equal(published(&who, b.id), 1);
    assert_int_equal(published(&who, b.id), 1); /* the same draft: the same version */
    OKAY(bot_live(pool, b.id, &first, &fail));
    save(&who, b.id, other_flow);
    OKAY(bot_get(c, who.tenant, b.id, &arena, &b, &fail));
    assert_true(b.draft_differs);
    assert_int_equal(published(&who, b.id), 2);
    OKAY(bot_get(c, who.tenant, b.id, &arena, &b, &fail));
    assert_false(b.draft_differs);
    OKAY(bot_live(pool, b.id, &live, &fail));
    assert_int_equal(live.version, 2);
    assert_true(json_equal(flow_doc(live.flow), parsed(other_flow)));
    assert_true(json_equal(flow_doc(first.flow), parsed(good_flow))); /* a borrowed flow stays valid */
    bot_live_release(&first);
    bot_live_release(&live);
    OKAY(bot_live_version(pool, who.tenant, b.id, 1, &live, &fail)); /* a conversation keeps its version */
    assert_true(json_equal(flow_doc(live.flow), parsed(good_flow)));
    bot_live_release(&live);
    OKAY(bot_rollback(c, &who, b.id, 1, &fail));
    OKAY(bot_live(pool, b.id, &live, &fail));
    assert_int_equal(live.version, 1);
    bot_live_release(&live);
    OKAY(bot_draft(c, who.tenant, b.id, &arena, &flow, &(int){0}, &fail));
    assert_true(json_equal(flow, parsed(other_flow)));
    fails(bot_rollback(c, &who, b.id, 3, &e), ERR_NOT_FOUND, &e, "version_unknown");
    assert_int_equal(published(&who, b.id), 3); /* not a number twice */
    OKAY(bot_versions(c, who.tenant, b.id, &arena, &all, &n, &fail));
    assert_int_equal(n, 3);
    assert_true(all[0].version == 3 && all[0].live && !all[2].live);
    OKAY(bot_version_flow(c, who.tenant, b.id, 1, &arena, &flow, &fail));
    assert_true(json_equal(flow, parsed(good_flow)));
    OKAY(bot_live_version(pool, who.tenant, b.id, 0, &live, &fail)); /* the draft */
    bot_live_release(&live);
}

/* Almost 4 MB in memory, by patterns that compile to much. */
static const char *large_flow(void)
{
    struct buf b;
    buf_init(&b, MAX_FLOW);
    buf_puts(
        &b,
        "{\"format\":1,\"languages\":[\"en\"],\"start\":\"a\",\"nodes\":{\"z\":{\"type\":\"end\",\"text\":\"Bye\"}");
    for (int i = 0; i < 240; i++)
        buf_printf(&b,
                   ",\"a%.0d\":{\"type\":\"ask\",\"text\":\"?\",\"expect\":\"pattern\",\"pattern\":\"(?:[^a]b|[^c]d){"
                   "900}\",\"next\":\"%s%.0d\"}",
                   i, i < 239 ? "a" : "z", i < 239 ? i + 1 : 0);
    buf_puts(&b, "}}");
    assert_true(buf_ok(&b));
    const char *text = arena_strdup(&arena, buf_str(&b));
    buf_release(&b);
    return text;
}

/* Anybody may publish bots: what they take in memory does not grow with their number. */
static void the_memory_of_flows_is_bounded(void **state)
{
    struct actor who = workspace("enterprise");
    struct bot b[12];
    struct bot_live first, other;
    const char *flow = large_flow();
    (void)state;
    for (int i = 0; i < 12; i++) {
        b[i] = made(&who);
        save(&who, b[i].id, flow);
        published(&who, b[i].id);
    }
    OKAY(bot_live(pool, b[0].id, &first, &fail));
    assert_true(flow_bytes(first.flow) > 7 * MB / 2);
    OKAY(bot_live(pool, b[0].id, &other, &fail));
    assert_ptr_equal(first.flow, other.flow); /* the same copy */
    bot_live_release(&other);
    for (int i = 1; i < 12; i++) {
        OKAY(bot_live(pool, b[i].id, &other, &fail));
        bot_live_release(&other);
    }
    OKAY(bot_live(pool, b[0].id, &other, &fail));
    assert_ptr_not_equal(first.flow, other.flow); /* pushed out, for all but who still borrows it */
    assert_true(json_equal(flow_doc(first.flow), flow_doc(other.flow)));
    bot_live_release(&first);
    bot_live_release(&other);
}

static void a_deleted_bot_is_unknown(void **state)
{
    struct actor who = workspace("enterprise");
    struct bot b = made(&who), *all;
    struct bot_live live;
    struct err e = ERR_INIT;
    size_t n;
    (void)state;
    published(&who, b.id);
    OKAY(bot_live(pool, b.id, &live, &fail));
    OKAY(bot_rename(c, &who, b.id, STR("Another name"), &fail));
    OKAY(bot_rename(c, &who, b.id, STR("Another name"), &fail));
    bot_live_release(&live);
    OKAY(bot_live(pool, b.id, &live, &fail));
    assert_str(live.name, "Another name");
    OKAY(bot_delete(c, &who, b.id, &fail));
    assert_str(live.name, "Another name");
    bot_live_release(&live);
    fails(bot_live(pool, b.id, &live, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    fails(bot_live_version(pool, who.tenant, b.id, 1, &live, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    fails(bot_delete(c, &who, b.id, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    OKAY(bot_list(c, who.tenant, &arena, &all, &n, &fail));
    assert_int_equal(n, 0);
}

static void the_plan_limits_bots(void **state)
{
    struct actor who = workspace("free");
    struct bot b = made(&who), second;
    struct err e = ERR_INIT;
    (void)state;
    fails(bot_create(c, config, &who, &(struct bot_wanted){STR("faq"), STR("Two"), STR_EMPTY}, &arena, &second, &e),
          ERR_PLAN, &e, "plan_limit_bots");
    struct json *file = exported(&who, b.id);
    fails(bot_import(c, &who, &arena, file, STR_EMPTY, &second, &e), ERR_PLAN, &e, "plan_limit_bots");
    OKAY(bot_delete(c, &who, b.id, &fail));
    OKAY(bot_create(c, config, &who, &(struct bot_wanted){STR("faq"), STR("Two"), STR_EMPTY}, &arena, &second, &fail));
}

static void a_bot_is_exported_to_one_file_and_imported(void **state)
{
    struct actor from = workspace("enterprise"), to = workspace("enterprise");
    struct bot b = made(&from), copy;
    struct answer w = {
        .question = STR("Where?"), .answer = STR("Here."), .link = STR("https://example.com/"), .language = STR("en")};
    struct answers_page list;
    struct json *file, *again;
    struct err e = ERR_INIT;
    (void)state;
    OKAY(answers_save(c, from.tenant, b.id, &w, &fail));
    file = exported(&from, b.id);
    OKAY(bot_import(c, &to, &arena, file, STR("Copy"), &copy, &fail));
    assert_str(copy.name, "Copy");
    OKAY(answers_list(c, to.tenant, &(struct answers_filter){copy.id, STR_EMPTY, ID_NONE, 10}, &arena, &list, &fail));
    assert_int_equal(list.n, 1);
    assert_str(list.rows[0].answer, "Here.");
    again = exported(&to, copy.id);
    assert_true(json_equal(json_get(file, "flow"), json_get(again, "flow")));
    assert_true(json_equal(json_get(file, "answers"), json_get(again, "answers")));
    fails(bot_import(c, &to, &arena, parsed("{\"parley\":2}"), STR_EMPTY, &copy, &e), ERR_INVALID, &e, "file_version");
    fails(bot_import(c, &to, &arena, parsed("{}"), STR_EMPTY, &copy, &e), ERR_INVALID, &e, "file_invalid");
    OKAY(json_set_str(json_at(json_get(file, "answers"), 0), "link", STR("javascript:alert(1)")) == 0 ? OK : ERR_NOMEM);
    fails(bot_import(c, &to, &arena, file, STR_EMPTY, &copy, &e), ERR_INVALID, &e, "link_invalid");
    assert_string_equal(e.pointer, "/answers/0/link");
}

static void other_tenants_find_nothing(void **state)
{
    struct actor owner = workspace("enterprise"), stranger = workspace("enterprise");
    struct bot b = made(&owner), got;
    struct bot_version *versions;
    struct bot_live live;
    struct json *j;
    struct err e = ERR_INIT;
    size_t n;
    int i;
    (void)state;
    published(&owner, b.id);
    fails(bot_get(c, stranger.tenant, b.id, &arena, &got, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    fails(bot_draft(c, stranger.tenant, b.id, &arena, &j, &i, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    fails(bot_draft_save(c, &stranger, b.id, parsed(good_flow), 1, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    fails(bot_publish(c, &stranger, &(struct bot_publishing){.bot = b.id}, &arena, &i, &e), ERR_NOT_FOUND, &e,
          "bot_unknown");
    fails(bot_rollback(c, &stranger, b.id, 1, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    fails(bot_versions(c, stranger.tenant, b.id, &arena, &versions, &n, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    fails(bot_version_flow(c, stranger.tenant, b.id, 1, &arena, &j, &e), ERR_NOT_FOUND, &e, "version_unknown");
    fails(bot_rename(c, &stranger, b.id, STR("Mine"), &e), ERR_NOT_FOUND, &e, "bot_unknown");
    fails(bot_delete(c, &stranger, b.id, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    fails(bot_export(c, stranger.tenant, b.id, &(struct bot_file_sink){NULL, gather}, &e), ERR_NOT_FOUND, &e,
          "bot_unknown");
    fails(bot_live_version(pool, stranger.tenant, b.id, 1, &live, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    fails(bot_live_version(pool, stranger.tenant, b.id, 0, &live, &e), ERR_NOT_FOUND, &e, "bot_unknown");
    OKAY(bot_get(c, owner.tenant, b.id, &arena, &got, &fail));
    assert_str(got.name, "My bot");
}

static void other_hosts_are_noticed(void **state)
{
    struct actor who = workspace("enterprise");
    struct bot b = made(&who);
    struct bot_live live;
    char sql[300];
    (void)state;
    save(&who, b.id, good_flow);
    published(&who, b.id);
    save(&who, b.id, other_flow);
    published(&who, b.id);
    OKAY(bot_live(pool, b.id, &live, &fail));
    bot_live_release(&live);
    snprintf(
        sql, sizeof(sql),
        "UPDATE bot SET live_version = 1 WHERE last_version = 2 AND live_version = 2 ORDER BY bot_id DESC LIMIT 1");
    dbtest_sql(DB, sql); /* what another host does leaves our generation as it is */
    int64_t from = clock_mono_us();
    do {
        OKAY(bot_live(pool, b.id, &live, &fail));
        bot_live_release(&live);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    } while (live.version == 2 && clock_mono_us() - from < 30000000);
    assert_int_equal(live.version, 1);
    assert_true(clock_mono_us() - from < 20000000);
}

/* ---- concurrency ---- */

struct racer {
    struct actor who;
    struct id bot;
    int version;
    enum status status;
    char code[48];
};

static void *publish_thread(void *ctx)
{
    struct racer *r = ctx;
    struct err e = ERR_INIT;
    struct arena a;
    if (db_thread_begin(&e) != OK)
        return NULL;
    struct db *mine = dbtest_get(pool);
    arena_init(&a, 16 * MB);
    r->status = bot_publish(mine, &r->who, &(struct bot_publishing){.bot = r->bot, .note = STR("race")}, &a,
                            &r->version, &e);
    arena_release(&a);
    db_put(mine);
    db_thread_end();
    return NULL;
}

static void *create_thread(void *ctx)
{
    struct racer *r = ctx;
    struct err e = ERR_INIT;
    struct arena a;
    struct bot b;
    if (db_thread_begin(&e) != OK)
        return NULL;
    struct db *mine = dbtest_get(pool);
    arena_init(&a, 16 * MB);
    r->status = bot_create(mine, config, &r->who, &(struct bot_wanted){STR("faq"), STR("Race"), STR_EMPTY}, &a, &b, &e);
    snprintf(r->code, sizeof(r->code), "%s", err_code(&e));
    arena_release(&a);
    db_put(mine);
    db_thread_end();
    return NULL;
}

#define RACERS 6

static void race(void *(*fn)(void *), struct racer r[RACERS])
{
    pthread_t t[RACERS];
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, fn, &r[i]), 0);
    for (int i = 0; i < RACERS; i++)
        pthread_join(t[i], NULL);
}

static void concurrent_publishes_make_one_version(void **state)
{
    struct actor who = workspace("enterprise");
    struct bot b = made(&who);
    struct bot_version *all;
    struct racer r[RACERS];
    size_t n;
    (void)state;
    for (int i = 0; i < RACERS; i++)
        r[i] = (struct racer){.who = who, .bot = b.id};
    race(publish_thread, r);
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(r[i].status, OK);
        assert_int_equal(r[i].version, 1);
    }
    OKAY(bot_versions(c, who.tenant, b.id, &arena, &all, &n, &fail));
    assert_int_equal(n, 1);
}

static void the_bot_limit_holds_in_a_race(void **state)
{
    struct actor who = workspace("free");
    struct racer r[RACERS];
    struct bot *all;
    size_t n;
    int made_n = 0;
    (void)state;
    for (int i = 0; i < RACERS; i++)
        r[i] = (struct racer){.who = who};
    race(create_thread, r);
    for (int i = 0; i < RACERS; i++) {
        made_n += r[i].status == OK;
        if (r[i].status != OK)
            assert_string_equal(r[i].code, "plan_limit_bots");
    }
    assert_int_equal(made_n, 1);
    OKAY(bot_list(c, who.tenant, &arena, &all, &n, &fail));
    assert_int_equal(n, 1);
}

/* ---- fewer bots than there are ---- */

/* Which of the bots may begin a conversation: "yn" = the first, not the second. */
static void who_may(const struct bot *b, size_t n, const char *expected)
{
    char got[16] = "";
    struct err e = ERR_INIT;
    for (size_t i = 0; i < n; i++) {
        struct bot_live live;
        OKAY(bot_live(pool, b[i].id, &live, &fail));
        enum status st = bot_may_begin(pool, &live, clock_now_ms(), &e);
        if (st != OK)
            fails(st, ERR_PLAN, &e, "bot_inactive");
        got[i] = st == OK ? 'y' : 'n';
        bot_live_release(&live);
    }
    assert_string_equal(got, expected);
}

static void same_order(const struct actor *who, const struct bot *b, size_t n)
{
    struct bot *all, one;
    size_t all_n;
    OKAY(bot_list(c, who->tenant, &arena, &all, &all_n, &fail));
    for (size_t i = 0; i < all_n; i++) {
        OKAY(bot_get(c, who->tenant, all[i].id, &arena, &one, &fail));
        assert_int_equal(one.before, all[i].before);
        for (size_t k = 0; k < n; k++)
            if (id_eq(b[k].id, all[i].id))
                assert_true(all[i].before >= 0 && all[i].before < (int64_t)all_n);
    }
}

static void surplus_bots_are_inactive_and_come_back(void **state)
{
    struct actor who = workspace("starter");
    struct bot b[3];
    int64_t room;
    int version;
    (void)state;
    for (int i = 0; i < 3; i++) {
        b[i] = made(&who);
        OKAY(bot_publish(c, &who, &(struct bot_publishing){.bot = b[i].id}, &arena, &version, &fail));
    }
    who_may(b, 3, "yyy");
    OKAY(account_tenant_plan(c, who.tenant, STR("free"), &fail));
    who_may(b, 3, "ynn"); /* the oldest stays; nothing was written */
    OKAY(bot_room(c, who.tenant, &room, &fail));
    assert_int_equal(room, 1);
    same_order(&who, b, 3);
    struct err e = ERR_INIT;
    struct bot more;
    fails(bot_create(c, config, &who, &(struct bot_wanted){STR("faq"), STR("One more"), STR_EMPTY}, &arena, &more, &e),
          ERR_PLAN, &e, "plan_limit_bots");
    OKAY(account_tenant_plan(c, who.tenant, STR("starter"), &fail));
    who_may(b, 3, "yyy");

    char sql[200]; /* the owner chose the newest, then the one before */
    snprintf(sql, sizeof(sql), "UPDATE bot SET kept_at = '2026-11-02' WHERE bot_id = 0x%s", dbtest_hex(b[1].id));
    dbtest_sql(DB, sql);
    snprintf(sql, sizeof(sql), "UPDATE bot SET kept_at = '2026-11-01' WHERE bot_id = 0x%s", dbtest_hex(b[2].id));
    dbtest_sql(DB, sql);
    bot_live_forget();
    OKAY(account_tenant_plan(c, who.tenant, STR("free"), &fail));
    who_may(b, 3, "nny");
    same_order(&who, b, 3);
    OKAY(bot_delete(c, &who, b[2].id, &fail)); /* its place goes to the next */
    bot_live_forget();
    who_may(b, 2, "ny");
}

struct hammer {
    struct id bot;
    int64_t calls;
    bool bad;
};

static void *hammer_thread(void *ctx)
{
    struct hammer *h = ctx;
    struct err e = ERR_INIT;
    if (db_thread_begin(&e) != OK)
        return NULL;
    for (int64_t until = clock_mono_us() + 300000; clock_mono_us() < until; h->calls++) {
        struct bot_live live;
        if (bot_live(pool, h->bot, &live, &e) != OK || live.version < 1 || !flow_doc(live.flow))
            h->bad = true;
        else
            bot_live_release(&live);
    }
    db_thread_end();
    return NULL;
}

static void the_hot_path_is_quick_while_versions_change(void **state)
{
    struct actor who = workspace("enterprise");
    struct bot b = made(&who);
    struct hammer h[2] = {{.bot = b.id}, {.bot = b.id}};
    pthread_t t[2];
    struct bot_live live;
    (void)state;
    published(&who, b.id);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, hammer_thread, &h[i]), 0);
    for (int i = 0; i < 6; i++) {
        save(&who, b.id, i % 2 ? good_flow : other_flow);
        published(&who, b.id);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(t[i], NULL);
        assert_false(h[i].bad);
    }
    db_cost_reset();
    int64_t from = clock_mono_us();
    for (int i = 0; i < 10000; i++) {
        OKAY(bot_live(pool, b.id, &live, &fail));
        bot_live_release(&live);
    }
    printf("bot_live: %lld ns, and %lld calls in 0.3 s while versions change\n",
           (long long)((clock_mono_us() - from) / 10), (long long)(h[0].calls + h[1].calls));
    assert_true(db_cost().statements <= 3); /* at most one query every two seconds */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(templates_come_in_two_languages),
                                       TEST(drafts_have_one_writer),
                                       TEST(publishing_is_refused_with_the_place),
                                       TEST(a_flow_needs_its_secrets),
                                       TEST(a_secret_in_use_is_not_removed_by_accident),
                                       TEST(only_the_draft_that_was_seen_is_published),
                                       TEST(an_unknown_bot_is_known_once_it_is_published),
                                       TEST(versions_are_immutable),
                                       TEST(a_deleted_bot_is_unknown),
                                       TEST(the_memory_of_flows_is_bounded),
                                       TEST(the_plan_limits_bots),
                                       TEST(a_bot_is_exported_to_one_file_and_imported),
                                       TEST(other_tenants_find_nothing),
                                       TEST(other_hosts_are_noticed),
                                       TEST(concurrent_publishes_make_one_version),
                                       TEST(the_bot_limit_holds_in_a_race),
                                       TEST(surplus_bots_are_inactive_and_come_back),
                                       TEST(the_hot_path_is_quick_while_versions_change)};
    struct err e = ERR_INIT;
    dbtest_begin(argc, argv);
    if (config_load(dbtest_config_file(DB, "flow_template_dir = " TEST_SRCDIR "/flow-templates\n"), &config, &e) !=
        OK) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    dbtest_migrate(config);
    dbtest_shared();
    pool = dbtest_pool(config, 10);
    c = dbtest_get(pool);
    arena_init(&arena, 256 * MB);
    int failed = RUN(tests);
    bot_live_forget();
    dbtest_close(config, pool, c, &arena);
    shared_close();
    db_library_end();
    return failed;
}
