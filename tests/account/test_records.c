/* What account functions write and list, against a real MariaDB: a deleted workspace, the audit log, the operators'
 * log, times of last use, and the limits of what is stored. */
#include "account/account.h"
#include "account/operator_log.h"
#include "account/rules.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "dbtest.h"
#include "lib/test.h"
#include "okay.h"

#include "base/banned.h"

#define DB "parley_records"
#define NOW 1800000000000

static const struct config *config;
static struct db_pool *pool;
static struct db *c;
static struct arena arena;
static const struct actor boss = {.cli = true}; /* the operator on the command line */

static struct member workspace(const char *email, const char *name)
{
    struct member m;
    struct sign_up in = {.email = str_from(email), .password = STR("correct horse"), .workspace = str_from(name)};
    OKAY(account_sign_up(c, &arena, &in, &m, &fail));
    return m;
}

static void refused(enum status got, enum status expected, const struct err *e, const char *code)
{
    assert_int_equal(got, expected);
    assert_string_equal(err_code(e), code);
}

/* ---- users ---- */

static int64_t language_is(const char *email, const char *language)
{
    return dbtest_intf(DB, "SELECT COUNT(*) FROM user WHERE email_key = '%s' AND language = '%s'", email, language);
}

static void a_new_user_has_a_name_and_a_language(void **state)
{
    struct member m;
    struct sign_up in = {.email = STR("nameless@example.com"),
                         .password = STR("correct horse"),
                         .name = STR(" "),
                         .workspace = STR("Names"),
                         .language = STR("abcdefgh-abcdefgh-abcdefgh-abcdefgh")};
    struct err e = ERR_INIT;
    (void)state;
    OKAY(account_sign_up(c, &arena, &in, &m, &fail));
    assert_str(m.user.name, "nameless");
    assert_false(m.user.is_operator);
    assert_true(language_is("nameless@example.com", in.language.p)); /* 35 characters, the longest tag */
    in = (struct sign_up){.email = STR("long@example.com"),
                          .password = STR("correct horse"),
                          .name = STR("Ann"),
                          .workspace = STR("Names"),
                          .language = STR("abcdefgh-abcdefgh-abcdefgh-abcdefghi")};
    OKAY(account_sign_up(c, &arena, &in, &m, &fail));
    assert_str(m.user.name, "Ann");
    assert_true(language_is("long@example.com", "en"));
    in.email = STR("broken@example.com");
    in.language = STR("d\xff");
    OKAY(account_sign_up(c, &arena, &in, &m, &fail));
    assert_true(language_is("broken@example.com", "en"));
    in.email = STR("twolines@example.com");
    in.name = STR("Ann\nBob");
    refused(account_sign_up(c, &arena, &in, &m, &e), ERR_INVALID, &e, "name_invalid");
    assert_string_equal(e.pointer, "name");
}

static void a_user_is_found_by_address_and_listed_until_deleted(void **state)
{
    struct user u, *list;
    struct member *members;
    struct id id;
    struct err e = ERR_INIT;
    size_t before, n;
    (void)state;
    OKAY(account_users(c, &arena, &list, &before, &fail));
    OKAY(account_user_create(c, &boss, STR("Found@example.com"), STR("Fay"), STR_EMPTY, &id, &fail));
    OKAY(account_user_by_email(c, &arena, STR(" found@EXAMPLE.com"), &u, &fail));
    assert_true(id_eq(u.id, id));
    assert_str(u.name, "Fay");
    OKAY(account_users(c, &arena, &list, &n, &fail));
    assert_int_equal(n, before + 1);
    assert_true(id_eq(list[n - 1].id, id));
    assert_str(list[n - 1].email, "Found@example.com");
    OKAY(account_members_of_user(c, &arena, id, &members, &n, &fail));
    assert_int_equal(n, 0);
    dbtest_sql(DB, "UPDATE user SET state = 'deleted' WHERE email_key = 'found@example.com'");
    refused(account_user_by_email(c, &arena, STR("found@example.com"), &u, &e), ERR_NOT_FOUND, &e, "user_unknown");
    refused(account_user_by_email(c, &arena, STR("found"), &u, &e), ERR_INVALID, &e, "email_invalid");
    refused(account_user_operator(c, &boss, id, true, &e), ERR_NOT_FOUND, &e, "user_unknown");
    OKAY(account_users(c, &arena, &list, &n, &fail));
    assert_int_equal(n, before);
}

/* The newest entry about an account has this action, and names the address. */
static void logged(struct id user, enum operator_action action, const char *email)
{
    char id[ID_TEXT_MAX], detail[100];
    struct operator_entry *list;
    size_t n;
    OKAY(operator_log_list(c, &arena, str_from(id_text(ID_USER, user, id)), ID_NONE, 1, &list, &n, &fail));
    assert_int_equal(n, 1);
    assert_int_equal(list[0].action, action);
    snprintf(detail, sizeof(detail), "{\"email\":\"%s\"}", email);
    assert_str(list[0].detail, detail);
}

static void what_the_operator_does_to_accounts_is_in_the_log(void **state)
{
    struct id id;
    struct err e = ERR_INIT;
    int64_t before = dbtest_int(DB, "SELECT COUNT(*) FROM operator_log");
    (void)state;
    OKAY(account_user_create(c, &boss, STR("Noted@example.com"), STR("N"), STR_EMPTY, &id, &fail));
    logged(id, OPERATOR_user_created, "Noted@example.com");
    OKAY(account_password_set(c, &boss, id, STR("correct horse"), &fail));
    logged(id, OPERATOR_user_password_set, "Noted@example.com");
    OKAY(account_user_operator(c, &boss, id, true, &fail));
    logged(id, OPERATOR_operator_granted, "Noted@example.com");
    OKAY(account_user_operator(c, &boss, id, false, &fail));
    logged(id, OPERATOR_operator_revoked, "Noted@example.com");
    refused(account_user_create(c, &boss, STR("noted@example.com"), STR("N"), STR_EMPTY, &id, &e), ERR_CONFLICT, &e,
            "email_taken");
    refused(account_user_operator(c, &boss, id_new(), true, &e), ERR_NOT_FOUND, &e, "user_unknown");
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM operator_log"), before + 4); /* only what was done */
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM operator_log WHERE detail LIKE '%horse%'"), 0);
}

static void an_operator_is_made_and_unmade(void **state)
{
    struct member m = workspace("operator@example.com", "Operators");
    char token[SESSION_TOKEN_MAX];
    struct session s;
    struct user u;
    (void)state;
    OKAY(account_session_start(c, m.user.id, m.tenant.id, STR("::1"), STR("x"), token, &fail));
    OKAY(account_session_load(c, &arena, str_from(token), HOUR_MS, &s, &fail));
    assert_false(s.user.is_operator);
    OKAY(account_user_operator(c, &boss, m.user.id, true, &fail));
    OKAY(account_user_by_email(c, &arena, STR("operator@example.com"), &u, &fail));
    assert_true(u.is_operator);
    OKAY(account_session_load(c, &arena, str_from(token), HOUR_MS, &s, &fail));
    assert_true(s.user.is_operator); /* with the next request */
    OKAY(account_session_end(c, str_from(token), &fail));
    OKAY(account_user_operator(c, &boss, m.user.id, false, &fail));
    OKAY(account_user_by_email(c, &arena, STR("operator@example.com"), &u, &fail));
    assert_false(u.is_operator);
}

/* ---- signing in ---- */

static void a_password_past_the_limit_does_not_sign_in(void **state)
{
    char password[PASSWORD_MAX + 1];
    struct user u;
    struct id id;
    struct err e = ERR_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof(password); i++)
        password[i] = "adgjmpsv"[i % 8];
    OKAY(
        account_user_create(c, &boss, STR("longest@example.com"), STR("L"), str_n(password, PASSWORD_MAX), &id, &fail));
    OKAY(account_sign_in(c, &arena, STR("longest@example.com"), str_n(password, PASSWORD_MAX), &u, &fail));
    refused(account_sign_in(c, &arena, STR("longest@example.com"), str_n(password, PASSWORD_MAX + 1), &u, &e), ERR_AUTH,
            &e, "sign_in_failed");
    refused(account_sign_in(c, &arena, STR("no address"), str_n(password, PASSWORD_MAX), &u, &e), ERR_AUTH, &e,
            "sign_in_failed");
}

static void many_attempts_at_one_account_have_to_wait(void **state)
{
    struct user u;
    struct err e = ERR_INIT;
    int taken = 0;
    (void)state;
    (void)workspace("many@example.com", "Many");
    while (taken < 100 && shared_take("sign_in", STR("many@example.com"), 6, 20, NULL))
        taken++;
    assert_in_range(taken, 20, 21); /* one more when ten seconds have passed */
    refused(account_sign_in(c, &arena, STR("MANY@example.com"), STR("correct horse"), &u, &e), ERR_RATE, &e,
            "sign_in_rate");
    assert_in_range(e.retry_after_s, 1, 10);
    assert_int_equal(account_sign_in(c, &arena, STR("many@example.com"), STR("correct horse"), &u, NULL), ERR_RATE);
}

/* ---- sessions ---- */

static void a_session_keeps_what_fits_of_its_browser(void **state)
{
    struct member m = workspace("agent@example.com", "Agents");
    char token[SESSION_TOKEN_MAX], longest[301];
    struct err e = ERR_INIT;
    (void)state;
    memset(longest, 'x', sizeof(longest));
    memset(token, 'x', sizeof(token));
    clock_set_for_test(NOW);
    OKAY(account_session_start(c, m.user.id, m.tenant.id, str_n(longest, 60), str_n(longest, 300), token, &fail));
    assert_int_equal(strnlen(token, sizeof(token)), 43); /* 256 bits */
    assert_int_equal(dbtest_int(DB, "SELECT LENGTH(ip) FROM session"), 45);
    assert_int_equal(dbtest_int(DB, "SELECT LENGTH(agent) FROM session"), 255);
    OKAY(account_session_end(c, STR("not a token"), &fail));
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM session"), 1);
    refused(account_session_switch(c, STR("not a token"), m.tenant.id, &e), ERR_AUTH, &e, "session_ended");
    OKAY(account_session_end(c, str_from(token), &fail));
    OKAY(account_session_start(c, m.user.id, m.tenant.id, STR("::1"), STR("\xff"), token, &fail));
    assert_int_equal(dbtest_int(DB, "SELECT LENGTH(agent) FROM session"), 0);
    refused(account_session_start(c, m.user.id, id_new(), STR("::1"), STR("x"), token, &e), ERR_NOT_FOUND, &e,
            "member_unknown");
    dbtest_sql(DB, "DELETE FROM session");
    clock_set_for_test(0);
}

static void the_time_of_last_use_is_written_once_a_minute(void **state)
{
    struct member m = workspace("minute@example.com", "Minute");
    char token[SESSION_TOKEN_MAX], key[API_KEY_MAX];
    struct session s;
    struct id id, tenant, got;
    uint32_t scopes;
    (void)state;
    clock_set_for_test(NOW);
    OKAY(account_session_start(c, m.user.id, m.tenant.id, STR("::1"), STR("x"), token, &fail));
    OKAY(account_key_create(c, m.tenant.id, STR("k"), SCOPE_READ, key, &id, &fail));
    OKAY(account_key_load(c, &arena, str_from(key), &tenant, &got, &scopes, &fail));
    for (int i = 0; i < 3; i++) { /* at the start, a millisecond before the minute ends, and at its end */
        clock_set_for_test(NOW + (i == 0 ? 0 : MINUTE_MS) - (i == 1));
        OKAY(account_session_load(c, &arena, str_from(token), HOUR_MS, &s, &fail));
        OKAY(account_key_load(c, &arena, str_from(key), &tenant, &got, &scopes, &fail));
        int64_t expected = i < 2 ? NOW : NOW + MINUTE_MS;
        OKAY(account_session_load(c, &arena, str_from(token), HOUR_MS, &s, &fail));
        assert_int_equal(s.seen_ms, expected);
        assert_int_equal(s.created_ms, NOW);
        assert_int_equal(dbtest_int(DB, "SELECT ROUND(UNIX_TIMESTAMP(used_at) * 1000) FROM api_key WHERE name = 'k'"),
                         expected);
    }
    OKAY(account_session_end(c, str_from(token), &fail));
    clock_set_for_test(0);
}

static void old_sessions_are_forgotten_a_few_at_a_time(void **state)
{
    struct member m = workspace("forget@example.com", "Forget");
    char token[SESSION_TOKEN_MAX];
    struct session s;
    int64_t n = 0;
    (void)state;
    for (int i = 0; i < 4; i++) {
        clock_set_for_test(NOW + i);
        OKAY(account_session_start(c, m.user.id, m.tenant.id, STR("::1"), STR("x"), token, &fail));
    }
    OKAY(account_sessions_forget(c, NOW + 3, 2, &n, &fail));
    assert_int_equal(n, 2);
    OKAY(account_sessions_forget(c, NOW + 3, 2, &n, &fail));
    assert_int_equal(n, 1);
    OKAY(account_session_load(c, &arena, str_from(token), HOUR_MS, &s, &fail));
    OKAY(account_session_end(c, str_from(token), &fail));
    clock_set_for_test(0);
}

/* ---- keys ---- */

static void a_key_has_the_checksum_that_scanners_know(void **state)
{
    struct id tenant, id;
    uint32_t scopes;
    struct err e = ERR_INIT;
    (void)state; /* the checksums are from another implementation of CRC-32 */
    refused(account_key_load(c, &arena, STR("ply_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg4DxQrN"), &tenant, &id,
                             &scopes, &e),
            ERR_AUTH, &e, "key_unknown");
    refused(account_key_load(c, &arena, STR("ply_zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONMLKJ4Nk7OZ"), &tenant, &id,
                             &scopes, &e),
            ERR_AUTH, &e, "key_unknown");
}

static void a_key_has_a_name_scopes_and_a_hint(void **state)
{
    static const char *const odd[] = {"\xff", " ", "two\x01"};
    struct member m = workspace("hint@example.com", "Hints");
    char key[API_KEY_MAX], name[82], unused[API_KEY_MAX] = {0};
    struct id id;
    struct err e = ERR_INIT;
    (void)state;
    memset(name, 'n', sizeof(name));
    OKAY(account_key_create(c, m.tenant.id, str_n(name, 80), SCOPE_READ, key, &id, &fail));
    assert_int_equal(
        dbtest_intf(DB, "SELECT COUNT(*) FROM api_key WHERE hint = '%s' AND LENGTH(name) = 80", key + strlen(key) - 4),
        1);
    OKAY(account_key_create(c, m.tenant.id, STR(" all "), SCOPE_READ | SCOPE_WRITE | SCOPE_CHAT | SCOPE_ADMIN, key, &id,
                            &fail));
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM api_key WHERE name = 'all' AND LENGTH(name) = 3"), 1);
    refused(account_key_create(c, m.tenant.id, str_n(name, 81), SCOPE_READ, key, &id, &e), ERR_INVALID, &e,
            "name_invalid");
    for (size_t i = 0; i < COUNT_OF(odd); i++)
        refused(account_key_create(c, m.tenant.id, str_from(odd[i]), SCOPE_READ, key, &id, &e), ERR_INVALID, &e,
                "name_invalid");
    refused(account_key_create(c, m.tenant.id, STR("none"), 0, key, &id, &e), ERR_INVALID, &e, "scopes_invalid");
    refused(account_key_create(c, id_new(), STR("nowhere"), SCOPE_READ, key, &id, &e), ERR_NOT_FOUND, &e,
            "workspace_unknown");
    assert_memory_equal(key, unused, sizeof(key)); /* a key that was not stored is not handed out */
}

/* ---- workspaces ---- */

static void a_plan_is_written_as_its_row_has_it(void **state)
{
    struct id id;
    struct tenant t;
    (void)state;
    OKAY(account_tenant_create(c, STR("Case"), STR("STARTER"), &id, &fail));
    OKAY(account_tenant_get(c, &arena, id, &t, &fail));
    assert_str(t.plan, "starter");
    assert_string_equal(account_state_name(t.state), "active");
    uint64_t seen = shared_generation("plan", id);
    OKAY(account_tenant_plan(c, id, STR("Enterprise"), &fail));
    OKAY(account_tenant_get(c, &arena, id, &t, &fail));
    assert_str(t.plan, "enterprise");
    assert_true(shared_generation("plan", id) > seen);
    seen = shared_generation("plan", id);
    assert_int_equal(account_tenant_plan(c, id, STR("golden"), NULL), ERR_INVALID);
    assert_int_equal(shared_generation("plan", id), seen);
}

static void members_are_listed_by_address(void **state)
{
    struct member m = workspace("n@example.com", "Listed"), *list;
    struct id first, gone;
    size_t n;
    (void)state;
    OKAY(account_user_create(c, &boss, STR("a.first@example.com"), STR("F"), STR_EMPTY, &first, &fail));
    OKAY(account_user_create(c, &boss, STR("z.gone@example.com"), STR("G"), STR_EMPTY, &gone, &fail));
    OKAY(account_member_add(c, m.tenant.id, first, ROLE_BILLING, &fail));
    OKAY(account_member_add(c, m.tenant.id, gone, ROLE_ADMIN, &fail));
    dbtest_sql(DB, "UPDATE user SET state = 'deleted' WHERE email_key = 'z.gone@example.com'");
    OKAY(account_members_of_tenant(c, &arena, m.tenant.id, &list, &n, &fail));
    assert_int_equal(n, 2);
    assert_true(id_eq(list[0].user.id, first));
    assert_int_equal(list[0].role, ROLE_BILLING);
    assert_true(id_eq(list[1].user.id, m.user.id));
    assert_int_equal(list[1].role, ROLE_OWNER);
    assert_str(list[1].tenant.name, "Listed");
}

static void a_deleted_workspace_is_gone_for_everyone(void **state)
{
    struct member m = workspace("gone@example.com", "Gone"), other = workspace("stays@example.com", "Stays"), *list;
    struct actor who = {.tenant = m.tenant.id, .user = m.user.id, .ip = "192.0.2.7"};
    char token[SESSION_TOKEN_MAX], kept[SESSION_TOKEN_MAX], key[API_KEY_MAX], kept_key[API_KEY_MAX];
    struct id id, tenant;
    struct tenant t, *tenants;
    struct session s;
    struct err e = ERR_INIT;
    uint32_t scopes;
    size_t before, n;
    (void)state;
    OKAY(account_session_start(c, m.user.id, m.tenant.id, STR("::1"), STR("x"), token, &fail));
    OKAY(account_session_start(c, other.user.id, other.tenant.id, STR("::1"), STR("x"), kept, &fail));
    OKAY(account_key_create(c, m.tenant.id, STR("gone"), SCOPE_READ, key, &id, &fail));
    OKAY(account_key_create(c, other.tenant.id, STR("kept"), SCOPE_READ, kept_key, &id, &fail));
    OKAY(account_tenants(c, &arena, &tenants, &before, &fail));
    uint64_t seen = shared_generation("plan", m.tenant.id);
    OKAY(account_tenant_delete(c, &who, m.tenant.id, &fail));
    assert_true(shared_generation("plan", m.tenant.id) > seen);
    refused(account_tenant_get(c, &arena, m.tenant.id, &t, &e), ERR_NOT_FOUND, &e, "workspace_unknown");
    refused(account_session_load(c, &arena, str_from(token), HOUR_MS, &s, &e), ERR_AUTH, &e, "session_ended");
    refused(account_key_load(c, &arena, str_from(key), &tenant, &id, &scopes, &e), ERR_AUTH, &e, "key_unknown");
    OKAY(account_session_load(c, &arena, str_from(kept), HOUR_MS, &s, &fail));
    OKAY(account_key_load(c, &arena, str_from(kept_key), &tenant, &id, &scopes, &fail));
    OKAY(account_tenants(c, &arena, &tenants, &n, &fail));
    assert_int_equal(n, before - 1);
    assert_str(tenants[n - 1].name, "Stays");
    OKAY(account_members_of_user(c, &arena, m.user.id, &list, &n, &fail));
    assert_int_equal(n, 0);
    assert_int_equal(
        dbtest_intf(DB,
                    "SELECT COUNT(*) FROM audit WHERE what = 'workspace.deleted' AND tenant_id = 0x%s AND user_id = "
                    "0x%s AND key_id IS NULL AND via = 'portal' AND ip = '192.0.2.7' AND detail IS NULL",
                    dbtest_hex(m.tenant.id), dbtest_hex(m.user.id)),
        1);
    refused(account_tenant_delete(c, &who, m.tenant.id, &e), ERR_NOT_FOUND, &e, "workspace_unknown");
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM audit WHERE what = 'workspace.deleted'"), 1);
}

/* ---- logs ---- */

static void the_audit_log_says_who_by_which_way(void **state)
{
    struct member m = workspace("audit@example.com", "Audited");
    struct actor key = {.tenant = m.tenant.id, .key = id_new()}, cli = {.tenant = m.tenant.id, .cli = true};
    struct json *detail = json_new_object(&arena);
    char *huge = malloc(65 * KB);
    struct err e = ERR_INIT;
    (void)state;
    assert_non_null(huge);
    json_set_int(detail, "n", 7);
    OKAY(account_audit(c, &key, "test.api", STR("o"), detail, &fail));
    OKAY(account_audit(c, &cli, "test.cli", STR("o"), NULL, &fail));
    assert_int_equal(dbtest_intf(DB,
                                 "SELECT COUNT(*) FROM audit WHERE what = 'test.api' AND via = 'api' AND user_id IS "
                                 "NULL AND key_id = 0x%s AND object = 'o' AND JSON_VALUE(detail, '$.n') = 7",
                                 dbtest_hex(key.key)),
                     1);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM audit WHERE what = 'test.cli' AND via = 'cli' AND user_id IS "
                                    "NULL AND key_id IS NULL AND detail IS NULL"),
                     1);
    memset(huge, 'x', 65 * KB);
    json_set_str(detail, "text", str_n(huge, 65 * KB));
    free(huge);
    assert_int_equal(account_audit(c, &cli, "test.huge", STR("o"), detail, &e), ERR_NOMEM);
    assert_int_equal(operator_log(c, &cli, OPERATOR_plan_changed, STR("o"), detail, &e), ERR_NOMEM);
}

static void the_operators_log_is_read_from_the_newest(void **state)
{
    struct member m = workspace("log@example.com", "Logged");
    struct actor user = {.user = m.user.id, .ip = "192.0.2.8"}, cli = {.cli = true};
    struct json *detail = json_new_object(&arena);
    struct operator_entry *list;
    size_t n;
    (void)state;
    json_set_int(detail, "n", 7);
    dbtest_sql(DB, "DELETE FROM operator_log");
    clock_set_for_test(NOW);
    OKAY(operator_log(c, &user, OPERATOR_plan_changed, STR("plan a"), detail, &fail));
    OKAY(operator_log(c, &cli, OPERATOR_override_set, STR("plan b"), NULL, &fail));
    OKAY(operator_log(c, &cli, OPERATOR_override_ended, STR("plan a"), NULL, &fail));
    OKAY(operator_log_list(c, &arena, STR_EMPTY, ID_NONE, 2, &list, &n, &fail));
    assert_int_equal(n, 2);
    assert_int_equal(list[0].action, OPERATOR_override_ended);
    assert_int_equal(list[1].action, OPERATOR_override_set);
    assert_int_equal(list[1].detail.n, 0);
    assert_true(id_is_none(list[1].user));
    assert_int_equal(list[1].at_ms, NOW);
    OKAY(operator_log_list(c, &arena, STR_EMPTY, list[1].id, 2, &list, &n, &fail));
    assert_int_equal(n, 1);
    assert_str(list[0].what, "plan.changed");
    assert_str(list[0].email, "log@example.com");
    assert_true(id_eq(list[0].user, m.user.id));
    assert_str(list[0].detail, "{\"n\":7}");
    OKAY(operator_log_list(c, &arena, STR("plan a"), ID_NONE, 9, &list, &n, &fail));
    assert_int_equal(n, 2);
    assert_str(list[1].what, "plan.changed");
    OKAY(operator_log_list(c, &arena, STR("plan a"), list[0].id, 9, &list, &n, &fail));
    assert_int_equal(n, 1);
    OKAY(operator_log_list(c, &arena, STR("plan c"), ID_NONE, 9, &list, &n, &fail));
    assert_int_equal(n, 0);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM operator_log WHERE ip = '192.0.2.8'"), 1);
    dbtest_sql(DB, "UPDATE operator_log SET what = 'bot.frozen' WHERE what = 'override.ended'");
    OKAY(operator_log_list(c, &arena, STR_EMPTY, ID_NONE, 1, &list, &n, &fail));
    assert_int_equal(list[0].action, OPERATOR_ACTION_NONE); /* of a newer release: shown by its word */
    assert_str(list[0].what, "bot.frozen");
    clock_set_for_test(0);
}

/* Runs last, because it changes the tables. */
static void a_state_of_a_newer_release_is_an_error(void **state)
{
    struct member m = workspace("newer@example.com", "Newer"), *members;
    struct tenant t, *tenants;
    struct user u;
    struct err e = ERR_INIT;
    size_t n;
    (void)state;
    dbtest_newer_word(DB, "user", "state", "frozen");
    refused(account_sign_in(c, &arena, STR("newer@example.com"), STR("correct horse"), &u, &e), ERR_INTERNAL, &e,
            "row_unknown");
    dbtest_newer_word(DB, "tenant", "state", "frozen");
    refused(account_tenant_get(c, &arena, m.tenant.id, &t, &e), ERR_INTERNAL, &e, "row_unknown");
    assert_has(e.message, "tenant.state");
    assert_has(e.message, "frozen");
    refused(account_tenants(c, &arena, &tenants, &n, &e), ERR_INTERNAL, &e, "row_unknown");
    refused(account_members_of_user(c, &arena, m.user.id, &members, &n, &e), ERR_INTERNAL, &e, "row_unknown");
    dbtest_newer_word(DB, "tenant", "state", "active");
    OKAY(account_tenant_get(c, &arena, m.tenant.id, &t, &fail));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(a_new_user_has_a_name_and_a_language),
                                       TEST(a_user_is_found_by_address_and_listed_until_deleted),
                                       TEST(what_the_operator_does_to_accounts_is_in_the_log),
                                       TEST(an_operator_is_made_and_unmade),
                                       TEST(a_password_past_the_limit_does_not_sign_in),
                                       TEST(many_attempts_at_one_account_have_to_wait),
                                       TEST(a_session_keeps_what_fits_of_its_browser),
                                       TEST(the_time_of_last_use_is_written_once_a_minute),
                                       TEST(old_sessions_are_forgotten_a_few_at_a_time),
                                       TEST(a_key_has_the_checksum_that_scanners_know),
                                       TEST(a_key_has_a_name_scopes_and_a_hint),
                                       TEST(a_plan_is_written_as_its_row_has_it),
                                       TEST(members_are_listed_by_address),
                                       TEST(a_deleted_workspace_is_gone_for_everyone),
                                       TEST(the_audit_log_says_who_by_which_way),
                                       TEST(the_operators_log_is_read_from_the_newest),
                                       TEST(a_state_of_a_newer_release_is_an_error)};
    dbtest_begin(argc, argv);
    dbtest_shared();
    config = dbtest_config(DB);
    dbtest_migrate(config);
    pool = dbtest_pool(config, 2);
    c = dbtest_get(pool);
    arena_init(&arena, 64 * MB);
    int failed = RUN(tests);
    dbtest_close(config, pool, c, &arena);
    shared_close();
    db_library_end();
    return failed;
}
