/* Accounts against a real MariaDB: uniqueness, secrets and membership. */
#include <pthread.h>

#include "account/account.h"
#include "account/rules.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "dbtest.h"
#include "lib/test.h"
#include "okay.h"

#include "base/banned.h"

#define DB "parley_account"
#define LIFETIME HOUR_MS
#define NOW 1800000000000

static const struct config *config;
static struct db_pool *pool;
static struct db *c;
static struct arena arena;
static const struct actor boss = {.cli = true}; /* the operator on the command line */

static struct member signed_up(const char *email, const char *workspace)
{
    struct member m;
    struct sign_up in = {.email = str_from(email),
                         .password = STR("correct horse"),
                         .name = STR("Ann"),
                         .workspace = str_from(workspace)};
    OKAY(account_sign_up(c, &arena, &in, &m, &fail));
    return m;
}

static void fails(enum status got, enum status expected, const struct err *e, const char *code)
{
    assert_int_equal(got, expected);
    assert_string_equal(err_code(e), code);
}

static void sign_up_makes_all_or_nothing(void **state)
{
    struct err e = ERR_INIT;
    struct member m = signed_up("  Ann@Example.com ", "Ann's shop"), again;
    struct sign_up in = {.email = STR("ANN@example.COM"), .password = STR("correct horse"), .workspace = STR("Other")};
    struct member *list;
    size_t n;
    (void)state;
    assert_str(m.user.email, "Ann@Example.com");
    assert_str(m.tenant.name, "Ann's shop");
    assert_str(m.tenant.plan, "free");
    assert_int_equal(m.role, ROLE_OWNER);
    OKAY(account_members_of_user(c, &arena, m.user.id, &list, &n, &fail));
    assert_int_equal(n, 1);
    assert_true(id_eq(list[0].tenant.id, m.tenant.id));
    fails(account_sign_up(c, &arena, &in, &again, &e), ERR_CONFLICT, &e, "email_taken");
    assert_string_equal(e.pointer, "email");
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM tenant WHERE name = 'Other'"), 0);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM audit WHERE what = 'workspace.created'"), 1);
}

static void bad_fields_are_named(void **state)
{
    static const struct {
        const char *email, *password, *workspace, *code, *pointer;
    } bad[] = {
        {"", "correct horse", "W", "email_invalid", "email"},
        {"nobody", "correct horse", "W", "email_invalid", "email"},
        {"a@b", "correct horse", "W", "email_invalid", "email"},
        {"a b@example.com", "correct horse", "W", "email_invalid", "email"},
        {"a@example..com", "correct horse", "W", "email_invalid", "email"},
        {"a@-example.com", "correct horse", "W", "email_invalid", "email"},
        {"x@example.com", "", "W", "password_short", "password"},
        {"x@example.com", "short", "W", "password_short", "password"},
        {"x@example.com", "Password123", "W", "password_known", "password"},
        {"x@example.com", "aaaaaaaaaaaa", "W", "password_known", "password"},
        {"x@example.com", "X@example.COM", "W", "password_known", "password"},
        {"x@example.com", "correct horse", " ", "name_invalid", "workspace"},
        {"x@example.com", "correct horse", "two\nlines", "name_invalid", "workspace"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err e = ERR_INIT;
        struct member m;
        struct sign_up in = {.email = str_from(bad[i].email),
                             .password = str_from(bad[i].password),
                             .workspace = str_from(bad[i].workspace)};
        fails(account_sign_up(c, &arena, &in, &m, &e), ERR_INVALID, &e, bad[i].code);
        assert_string_equal(e.pointer, bad[i].pointer);
    }
}

static void sign_in_reveals_no_account(void **state)
{
    struct member m = signed_up("sign@example.com", "S");
    struct user u;
    struct err wrong = ERR_INIT, unknown = ERR_INIT;
    int64_t t0, known_us = INT64_MAX, unknown_us;
    (void)state;
    OKAY(account_sign_in(c, &arena, STR(" SIGN@example.com"), STR("correct horse"), &u, &fail));
    assert_true(id_eq(u.id, m.user.id));
    for (int i = 0; i < 3; i++) { /* the quickest of three: the machine may be busy */
        t0 = clock_mono_us();
        fails(account_sign_in(c, &arena, STR("sign@example.com"), STR("wrong horse"), &u, &wrong), ERR_AUTH, &wrong,
              "sign_in_failed");
        if (clock_mono_us() - t0 < known_us)
            known_us = clock_mono_us() - t0;
    }
    t0 = clock_mono_us();
    fails(account_sign_in(c, &arena, STR("nobody@example.com"), STR("wrong horse"), &u, &unknown), ERR_AUTH, &unknown,
          "sign_in_failed");
    unknown_us = clock_mono_us() - t0;
    assert_string_equal(wrong.message, unknown.message);
    assert_true(unknown_us > known_us / 4); /* the same hash was worked out */
    dbtest_sql(DB, "UPDATE user SET state = 'suspended' WHERE email_key = 'sign@example.com'");
    fails(account_sign_in(c, &arena, STR("sign@example.com"), STR("correct horse"), &u, &wrong), ERR_AUTH, &wrong,
          "sign_in_failed");
    dbtest_sql(DB, "UPDATE user SET password_hash = '', state = 'active' WHERE email_key = 'sign@example.com'");
    fails(account_sign_in(c, &arena, STR("sign@example.com"), STR(""), &u, &wrong), ERR_AUTH, &wrong, "sign_in_failed");
}

static void sessions_live_and_end(void **state)
{
    struct member m = signed_up("session@example.com", "One");
    struct session s;
    struct err e = ERR_INIT;
    char token[SESSION_TOKEN_MAX], other[SESSION_TOKEN_MAX];
    uint8_t csrf[32];
    (void)state;
    clock_set_for_test(NOW);
    OKAY(account_session_start(c, m.user.id, m.tenant.id, STR("::1"), STR("Browser"), token, &fail));
    OKAY(account_session_start(c, m.user.id, m.tenant.id, STR("::1"), STR("Browser"), other, &fail));
    assert_string_not_equal(token, other);
    OKAY(account_session_load(c, &arena, str_from(token), LIFETIME, &s, &fail));
    assert_int_equal(s.role, ROLE_OWNER);
    assert_true(id_eq(s.tenant, m.tenant.id));
    memcpy(csrf, s.csrf_key, sizeof(csrf));
    OKAY(account_session_load(c, &arena, str_from(other), LIFETIME, &s, &fail));
    assert_memory_not_equal(csrf, s.csrf_key, sizeof(csrf));
    clock_set_for_test(NOW + LIFETIME - 1); /* use prolongs it */
    OKAY(account_session_load(c, &arena, str_from(token), LIFETIME, &s, &fail));
    clock_set_for_test(NOW + LIFETIME + LIFETIME / 2);
    OKAY(account_session_load(c, &arena, str_from(token), LIFETIME, &s, &fail));
    fails(account_session_load(c, &arena, str_from(other), LIFETIME, &s, &e), ERR_AUTH, &e, "session_ended");
    OKAY(account_session_end(c, str_from(token), &fail));
    fails(account_session_load(c, &arena, str_from(token), LIFETIME, &s, &e), ERR_AUTH, &e, "session_ended");
    fails(account_session_load(c, &arena, STR("not a token"), LIFETIME, &s, &e), ERR_AUTH, &e, "session_ended");
    clock_set_for_test(0);
}

static void tokens_are_not_in_the_database(void **state)
{
    struct member m = signed_up("secret@example.com", "Secret");
    char token[SESSION_TOKEN_MAX], key[API_KEY_MAX], sql[300];
    struct id id;
    (void)state;
    OKAY(account_session_start(c, m.user.id, m.tenant.id, STR("::1"), STR("x"), token, &fail));
    OKAY(account_key_create(c, m.tenant.id, STR("k"), SCOPE_READ, key, &id, &fail));
    snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM session WHERE session_hash LIKE CONCAT('%%', '%.20s', '%%')",
             token);
    assert_int_equal(dbtest_int(DB, sql), 0);
    snprintf(sql, sizeof(sql),
             "SELECT COUNT(*) FROM api_key WHERE key_hash LIKE CONCAT('%%', '%.20s', '%%') OR name LIKE '%%%.20s%%'",
             key + 4, key + 4);
    assert_int_equal(dbtest_int(DB, sql), 0);
    assert_int_equal(
        dbtest_int(DB, "SELECT COUNT(*) FROM user WHERE password_hash NOT LIKE '$argon2id$%' AND password_hash <> ''"),
        0);
}

static void a_removed_member_loses_access_immediately(void **state)
{
    struct member a = signed_up("a@example.com", "A"), b = signed_up("b@example.com", "B");
    struct session s;
    struct err e = ERR_INIT;
    char token[SESSION_TOKEN_MAX];
    (void)state;
    OKAY(account_session_start(c, a.user.id, a.tenant.id, STR("::1"), STR("x"), token, &fail));
    fails(account_session_switch(c, str_from(token), b.tenant.id, &e), ERR_NOT_FOUND, &e, "workspace_unknown");
    OKAY(account_member_add(c, b.tenant.id, a.user.id, ROLE_VIEWER, &fail));
    OKAY(account_session_switch(c, str_from(token), b.tenant.id, &fail));
    OKAY(account_session_switch(c, str_from(token), b.tenant.id, &fail));
    OKAY(account_session_load(c, &arena, str_from(token), LIFETIME, &s, &fail));
    assert_true(id_eq(s.tenant, b.tenant.id));
    assert_int_equal(s.role, ROLE_VIEWER);
    assert_int_equal(account_role_perms(s.role) & BOT_WRITE, 0);
    OKAY(account_member_add(c, b.tenant.id, a.user.id, ROLE_EDITOR, &fail));
    OKAY(account_session_load(c, &arena, str_from(token), LIFETIME, &s, &fail));
    assert_int_equal(s.role, ROLE_EDITOR);
    dbtest_sql(DB, "DELETE m FROM member m JOIN tenant t USING (tenant_id) JOIN user u USING (user_id) WHERE t.name = "
                   "'B' AND u.email = 'a@example.com'");
    OKAY(account_session_load(c, &arena, str_from(token), LIFETIME, &s, &fail));
    assert_int_equal(s.role, ROLE_NONE);
    assert_int_equal(account_role_perms(s.role), 0);
}

static void a_new_password_ends_all_sessions(void **state)
{
    struct member m = signed_up("pass@example.com", "P");
    struct session s;
    struct user u;
    struct err e = ERR_INIT;
    char token[SESSION_TOKEN_MAX];
    (void)state;
    OKAY(account_session_start(c, m.user.id, m.tenant.id, STR("::1"), STR("x"), token, &fail));
    fails(account_password_set(c, &boss, m.user.id, STR("short"), &e), ERR_INVALID, &e, "password_short");
    OKAY(account_session_load(c, &arena, str_from(token), LIFETIME, &s, &fail));
    OKAY(account_password_set(c, &boss, m.user.id, STR("another horse"), &fail));
    fails(account_session_load(c, &arena, str_from(token), LIFETIME, &s, &e), ERR_AUTH, &e, "session_ended");
    OKAY(account_sign_in(c, &arena, STR("pass@example.com"), STR("another horse"), &u, &fail));
    fails(account_password_set(c, &boss, id_new(), STR("another horse"), &e), ERR_NOT_FOUND, &e, "user_unknown");
}

static void a_mistyped_key_fails_its_checksum(void **state)
{
    struct member m = signed_up("key@example.com", "K");
    char key[API_KEY_MAX], typo[API_KEY_MAX];
    struct id id, tenant, got;
    uint32_t scopes;
    struct err e = ERR_INIT;
    (void)state;
    OKAY(account_key_create(c, m.tenant.id, STR("integration"), SCOPE_READ | SCOPE_CHAT, key, &id, &fail));
    assert_int_equal(strlen(key), 53);
    OKAY(account_key_load(c, &arena, str_from(key), &tenant, &got, &scopes, &fail));
    assert_true(id_eq(tenant, m.tenant.id) && id_eq(got, id));
    assert_int_equal(scopes, SCOPE_READ | SCOPE_CHAT);
    for (size_t i = 0; i < strlen(key); i++) {
        memcpy(typo, key, sizeof(typo));
        typo[i] = key[i] == 'a' ? 'b' : 'a';
        fails(account_key_load(c, &arena, str_from(typo), &tenant, &got, &scopes, &e), ERR_AUTH, &e, "key_malformed");
    }
    fails(account_key_load(c, &arena, str_n(key, 52), &tenant, &got, &scopes, &e), ERR_AUTH, &e, "key_malformed");
    fails(account_key_load(c, &arena, STR(""), &tenant, &got, &scopes, &e), ERR_AUTH, &e, "key_malformed");
    dbtest_sql(DB, "UPDATE api_key SET revoked_at = NOW(3) WHERE name = 'integration'");
    fails(account_key_load(c, &arena, str_from(key), &tenant, &got, &scopes, &e), ERR_AUTH, &e, "key_unknown");
    dbtest_sql(DB, "UPDATE api_key SET revoked_at = NULL WHERE name = 'integration'; UPDATE tenant SET state = "
                   "'suspended' WHERE name = 'K'");
    fails(account_key_load(c, &arena, str_from(key), &tenant, &got, &scopes, &e), ERR_DENIED, &e,
          "workspace_suspended");
    fails(account_key_create(c, m.tenant.id, STR(""), SCOPE_READ, key, &id, &e), ERR_INVALID, &e, "name_invalid");
    fails(account_key_create(c, m.tenant.id, STR("x"), 64, key, &id, &e), ERR_INVALID, &e, "scopes_invalid");
    fails(account_key_create(c, id_new(), STR("x"), SCOPE_READ, key, &id, &e), ERR_NOT_FOUND, &e, "workspace_unknown");
}

static void tenants_and_users(void **state)
{
    struct id t, u;
    struct tenant got;
    struct err e = ERR_INIT;
    (void)state;
    OKAY(account_tenant_create(c, STR(" Made by hand "), STR("starter"), &t, &fail));
    OKAY(account_tenant_get(c, &arena, t, &got, &fail));
    assert_str(got.name, "Made by hand");
    OKAY(account_tenant_plan(c, t, STR("enterprise"), &fail));
    OKAY(account_tenant_get(c, &arena, t, &got, &fail));
    assert_str(got.plan, "enterprise");
    fails(account_tenant_plan(c, t, STR("golden"), &e), ERR_INVALID, &e, "plan_unknown");
    fails(account_tenant_plan(c, id_new(), STR("free"), &e), ERR_NOT_FOUND, &e, "workspace_unknown");
    fails(account_tenant_create(c, STR("x"), STR("golden"), &t, &e), ERR_INVALID, &e, "plan_unknown");
    OKAY(account_user_create(c, &boss, STR("hand@example.com"), STR(""), STR_EMPTY, &u, &fail));
    fails(account_member_add(c, id_new(), u, ROLE_ADMIN, &e), ERR_NOT_FOUND, &e, "member_unknown");
    fails(account_member_add(c, t, u, ROLE_NONE, &e), ERR_INVALID, &e, "role_unknown");
    for (int r = ROLE_VIEWER; r <= ROLE_OWNER; r++)
        assert_int_equal(account_role_parse(str_from(account_role_name((enum role)r))), r);
    assert_int_equal(account_role_parse(STR("none")), ROLE_NONE);
}

/* ---- concurrency ---- */

static void *sign_up_thread(void *ctx)
{
    struct arena a;
    struct member m;
    struct err e = ERR_INIT;
    struct sign_up in = {.email = STR("race@example.com"), .password = STR("correct horse"), .workspace = STR("Race")};
    (void)ctx;
    if (db_thread_begin(&e) != OK)
        return NULL;
    struct db *mine = dbtest_get(pool);
    arena_init(&a, 1 * MB);
    enum status st = account_sign_up(mine, &a, &in, &m, &e);
    arena_release(&a);
    db_put(mine);
    db_thread_end();
    return st == OK ? (void *)1 : st == ERR_CONFLICT && err_is(&e, E_email_taken) ? (void *)2 : NULL;
}

static void two_sign_ups_with_one_address(void **state)
{
    pthread_t t[4];
    int made = 0, refused = 0;
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, sign_up_thread, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *got;
        pthread_join(t[i], &got);
        made += got == (void *)1;
        refused += got == (void *)2;
    }
    assert_int_equal(made, 1);
    assert_int_equal(refused, 3);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM tenant WHERE name = 'Race'"), 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(sign_up_makes_all_or_nothing),
                                       TEST(bad_fields_are_named),
                                       TEST(sign_in_reveals_no_account),
                                       TEST(sessions_live_and_end),
                                       TEST(tokens_are_not_in_the_database),
                                       TEST(a_removed_member_loses_access_immediately),
                                       TEST(a_new_password_ends_all_sessions),
                                       TEST(a_mistyped_key_fails_its_checksum),
                                       TEST(tenants_and_users),
                                       TEST(two_sign_ups_with_one_address)};
    dbtest_begin(argc, argv);
    config = dbtest_config(DB);
    dbtest_migrate(config);
    pool = dbtest_pool(config, 6);
    c = dbtest_get(pool);
    arena_init(&arena, 64 * MB);
    int failed = RUN(tests);
    dbtest_close(config, pool, c, &arena);
    db_library_end();
    return failed;
}
