/* Secrets of a workspace against a real MariaDB: what is refused, that a value comes back only to the code that sends
 * it, and that neither another tenant nor another row can open it. */
#include "base/crypto.h"
#include "base/limits.h"
#include "dbtest.h"
#include "lib/test.h"
#include "okay.h"
#include "vault/vault.h"

#include "base/banned.h"

#define DB "parley_vault"

static const struct config *config;
static struct db_pool *pool;
static struct db *c;
static struct arena arena;

static struct actor workspace(void)
{
    struct actor who = {.cli = true, .role = ROLE_OWNER};
    OKAY(account_tenant_create(c, STR("W"), STR("free"), &who.tenant, &fail));
    return who;
}

static bool set(const struct actor *who, const char *name, const char *value)
{
    bool created = false;
    OKAY(vault_set(c, config, who, str_from(name), str_from(value), &created, &fail));
    return created;
}

/* The code of the refusal; "" when the value was taken. */
static const char *refusal(const struct actor *who, struct str name, struct str value, struct err *e)
{
    *e = ERR_INIT;
    return vault_set(c, config, who, name, value, NULL, e) == OK ? "" : err_code(e);
}

/* The value, or the code of the error. */
static const char *opened(struct id tenant, const char *name)
{
    static char text[MAX_SECRET + 1];
    struct err e = ERR_INIT;
    struct buf b;
    buf_init(&b, sizeof(text));
    if (vault_open(c, config, tenant, str_from(name), &b, &e) == OK)
        snprintf(text, sizeof(text), "%s", b.p);
    else
        snprintf(text, sizeof(text), "%s", err_code(&e));
    buf_release(&b);
    return text;
}

static size_t count(struct id tenant)
{
    struct vault_secret *all;
    size_t n;
    OKAY(vault_list(c, tenant, &arena, &all, &n, &fail));
    return n;
}

static void a_value_is_set_replaced_and_removed(void **state)
{
    (void)state;
    struct actor who = workspace();
    struct err e = ERR_INIT;
    struct vault_secret *all;
    size_t n;
    assert_true(set(&who, "crm", "sk_live_1"));
    assert_true(set(&who, "Crm", "another name"));
    assert_string_equal(opened(who.tenant, "crm"), "sk_live_1");
    assert_false(set(&who, "crm", "sk_live_2"));
    assert_string_equal(opened(who.tenant, "crm"), "sk_live_2");
    OKAY(vault_list(c, who.tenant, &arena, &all, &n, &fail));
    assert_int_equal(n, 2);
    assert_true(str_eqz(all[1].name, "crm"));
    assert_true(all[1].changed_ms >= all[1].created_ms && all[1].created_ms > 0);
    OKAY(vault_remove(c, &who, STR("crm"), &fail));
    assert_string_equal(opened(who.tenant, "crm"), "secret_unknown");
    assert_int_equal(vault_remove(c, &who, STR("crm"), &e), ERR_NOT_FOUND);
    assert_string_equal(err_code(&e), "secret_unknown");
    assert_string_equal(opened(who.tenant, "Crm"), "another name");
}

static void names_and_values_are_checked(void **state)
{
    (void)state;
    struct actor who = workspace();
    struct err e;
    char longest[MAX_SECRET + 1];
    memset(longest, 'x', sizeof(longest));
    static const char *const names[] = {
        "", "1a", "a-b", "a.b", "a b", "ä", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_string_equal(refusal(&who, str_from(names[i]), STR("v"), &e), "secret_name_invalid");
        assert_string_equal(e.pointer, "name");
    }
    static const struct str values[] = {{"", 0},
                                        {"secret\n", 7},
                                        {"se\r\ncret", 8},
                                        {"se\0cret", 7},
                                        {"se\tcret", 7},
                                        {" secret", 7},
                                        {"secret ", 7},
                                        {"\xff secret", 8},
                                        {"se\x7f"
                                         "cret",
                                         7}};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        assert_string_equal(refusal(&who, STR("a"), values[i], &e), "secret_value_invalid");
        assert_string_equal(e.pointer, "value");
        assert_null(strstr(e.message, "cret\n"));
        assert_null(strstr(e.message, "secret"));
    }
    assert_string_equal(refusal(&who, STR("a"), str_n(longest, MAX_SECRET + 1), &e), "secret_value_invalid");
    assert_int_equal(count(who.tenant), 0);
    assert_string_equal(refusal(&who, STR("a"), str_n(longest, MAX_SECRET), &e), "");
    assert_int_equal(strlen(opened(who.tenant, "a")), MAX_SECRET);
}

static void a_workspace_can_be_full(void **state)
{
    (void)state;
    struct actor who = workspace();
    struct err e;
    char name[16];
    for (int i = 0; i < MAX_SECRETS; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        set(&who, name, "v");
    }
    assert_string_equal(refusal(&who, STR("more"), STR("v"), &e), "secrets_too_many");
    assert_false(set(&who, "n0", "a full workspace may still replace a value"));
    assert_int_equal(count(who.tenant), MAX_SECRETS);
}

DB_STMT(sealed_of, TENANT, "SELECT sealed FROM secret WHERE tenant_id = :tenant AND name = ?", "s", "x");
DB_STMT(sealed_put, TENANT, "UPDATE secret SET sealed = ? WHERE tenant_id = :tenant AND name = ?", "xs", "");

static void nobody_else_can_open_a_value(void **state)
{
    (void)state;
    struct actor mine = workspace(), other = workspace();
    struct db_row row;
    set(&mine, "key", "mine");
    assert_string_equal(opened(other.tenant, "key"), "secret_unknown");
    OKAY(db_query_one(c, &sealed_of, &mine.tenant, DB_ARGS(db_str(STR("key"))), &arena, &row, &fail));
    struct str sealed = db_row_str(row, 0);
    assert_false(str_has(sealed, STR("mine")));
    /* The row of one tenant or name, copied into another row, does not open there. */
    set(&other, "key", "theirs");
    set(&mine, "second", "second");
    OKAY(
        db_exec(c, &sealed_put, &other.tenant, DB_ARGS(db_bytes(sealed.p, sealed.n), db_str(STR("key"))), NULL, &fail));
    OKAY(db_exec(c, &sealed_put, &mine.tenant, DB_ARGS(db_bytes(sealed.p, sealed.n), db_str(STR("second"))), NULL,
                 &fail));
    assert_string_equal(opened(other.tenant, "key"), "secret_lost");
    assert_string_equal(opened(mine.tenant, "second"), "secret_lost");
    assert_string_equal(opened(mine.tenant, "key"), "mine");
}

static void a_deleted_workspace_keeps_no_secret(void **state)
{
    (void)state;
    struct actor gone = workspace(), other = workspace();
    set(&gone, "a", "1");
    set(&gone, "b", "2");
    set(&other, "a", "3");
    OKAY(vault_forget(c, gone.tenant, &fail));
    assert_int_equal(count(gone.tenant), 0);
    assert_string_equal(opened(other.tenant, "a"), "3");
}

DB_STMT(audit_lines, TENANT,
        "SELECT CONCAT(what, ' ', object, ' ', IFNULL(detail, '-')) FROM audit WHERE tenant_id = :tenant ORDER BY "
        "audit_id",
        "", "s");

static void each_change_is_in_the_audit_log_without_its_value(void **state)
{
    (void)state;
    struct actor who = workspace();
    struct db_rows rows;
    static const char *const expected[] = {"secret.added crm -", "secret.replaced crm -", "secret.removed crm -"};
    set(&who, "crm", "sk_live_1");
    set(&who, "crm", "sk_live_2");
    OKAY(vault_remove(c, &who, STR("crm"), &fail));
    OKAY(db_query(c, &audit_lines, &who.tenant, DB_NONE, &arena, &rows, &fail));
    assert_int_equal(rows.n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(str_eqz(db_row_str(rows.rows[i], 0), expected[i]));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(a_value_is_set_replaced_and_removed),
                                       TEST(names_and_values_are_checked),
                                       TEST(a_workspace_can_be_full),
                                       TEST(nobody_else_can_open_a_value),
                                       TEST(a_deleted_workspace_keeps_no_secret),
                                       TEST(each_change_is_in_the_audit_log_without_its_value)};
    struct err e = ERR_INIT;
    dbtest_begin(argc, argv);
    if (config_load(dbtest_config_file(DB, ""), &config, &e) != OK) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    dbtest_migrate(config);
    dbtest_shared();
    pool = dbtest_pool(config, 2);
    c = dbtest_get(pool);
    arena_init(&arena, 16 * MB);
    int failed = RUN(tests);
    dbtest_close(config, pool, c, &arena);
    db_library_end();
    return failed;
}
