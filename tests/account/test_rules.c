/* The rules for addresses, passwords and names at their limits, and what each role may do. No database. */
#include "account/account.h"
#include "account/rules.h"
#include "lib/test.h"

#include "base/banned.h"

static struct arena arena;

/* n characters, of which no two neighbours are one step apart. */
static struct str letters(size_t n)
{
    static char text[600];
    assert_in_range(n, 0, sizeof(text) - 1);
    for (size_t i = 0; i < n; i++)
        text[i] = "adgjmpsvy"[i * i % 9];
    text[n] = '\0';
    return str_n(text, n);
}

static const char *password_code(struct str password, struct str email)
{
    struct err e = ERR_INIT;
    enum status st = rules_password(password, email, &e);
    if (st == OK)
        return "";
    assert_int_equal(st, ERR_INVALID);
    assert_string_equal(e.pointer, "password");
    return err_code(&e);
}

static void a_password_is_measured_in_characters_and_in_bytes(void **state)
{
    (void)state;
    assert_string_equal(password_code(letters(PASSWORD_MIN - 1), STR_EMPTY), "password_short");
    assert_string_equal(password_code(letters(PASSWORD_MIN), STR_EMPTY), "");
    assert_string_equal(password_code(letters(PASSWORD_MAX), STR_EMPTY), "");
    assert_string_equal(password_code(letters(PASSWORD_MAX + 1), STR_EMPTY), "password_long");
    assert_string_equal(password_code(STR("öäüöäüöäü"), STR_EMPTY), "password_short"); /* 9 characters, 18 bytes */
    assert_string_equal(password_code(STR("öäüöäüöäüß"), STR_EMPTY), "");
}

static void a_password_must_be_text(void **state)
{
    (void)state;
    assert_string_equal(password_code(STR("correct\xff horse"), STR_EMPTY), "password_invalid");
    assert_string_equal(password_code(str_n("correct\0 horse", 14), STR_EMPTY), "password_invalid");
}

static void a_password_that_is_tried_first_is_refused(void **state)
{
    static const char *const refused[] = {
        "1234567890",  "correcthorsebatterystaple", "CorrectHorseBatteryStaple", "jjjjjjjjjj", "cdefghijklmn",
        "tsrqponmlkji"};
    static const char *const allowed[] = {"acegikmoqsuw", "abcdefghik", "aaaaaaaaab", "zzyxwvutsr", "jihgfedcbb"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_string_equal(password_code(str_from(refused[i]), STR_EMPTY), "password_known");
    for (size_t i = 0; i < COUNT_OF(allowed); i++)
        assert_string_equal(password_code(str_from(allowed[i]), STR_EMPTY), "");
}

static void a_password_is_not_the_address_or_its_local_part(void **state)
{
    struct str email = STR("joanna.carter@example.com");
    (void)state;
    assert_string_equal(password_code(STR("Joanna.Carter@example.com"), email), "password_known");
    assert_string_equal(password_code(STR("joanna.CARTER"), email), "password_known");
    assert_string_equal(password_code(STR("joanna.carter@"), email), "");
    assert_string_equal(password_code(STR("joanna.carter"), STR("other.person@example.com")), "");
    assert_string_equal(password_code(STR("joanna.carter"), STR("joanna.carter")), "password_known");
}

static void an_address_is_trimmed_and_its_key_is_lower_case(void **state)
{
    struct err e = ERR_INIT;
    struct str typed, key;
    (void)state;
    assert_ok(rules_email(&arena, STR(" J.ÖZIL@Example.COM\t"), &typed, &key, &e), &e);
    assert_str(typed, "J.ÖZIL@Example.COM");
    assert_str(key, "j.özil@example.com");
    assert_int_equal(rules_email(&arena, STR("j.ozil"), &typed, &key, &e), ERR_INVALID);
    assert_string_equal(err_code(&e), "email_invalid");
    assert_string_equal(e.pointer, "email");
}

/* "Ⱥ" (two bytes) becomes "ⱥ" (three bytes): the key is the longer of the two and must fit its column too. */
static void an_address_is_refused_when_its_key_grows_past_the_limit(void **state)
{
    struct err e = ERR_INIT;
    struct str typed, key;
    char label[64] = "", email[EMAIL_MAX + 1];
    (void)state;
    for (size_t i = 0; i < 62; i += 2)
        memcpy(label + i, "\xc8\xba", 2);
    snprintf(email, sizeof(email), "a@%s.com", label);
    assert_ok(rules_email(&arena, str_from(email), &typed, &key, &e), &e);
    assert_int_equal(key.n, typed.n + 31);
    snprintf(email, sizeof(email), "a@%s.%s.%s.com", label, label, label);
    assert_int_equal(rules_email(&arena, str_from(email), &typed, &key, &e), ERR_INVALID);
    assert_string_equal(err_code(&e), "email_invalid");
    snprintf(email, sizeof(email), "a@%s.%s.%.60s.com", label, label, letters(60).p);
    assert_ok(rules_email(&arena, str_from(email), &typed, &key, &e), &e);
    assert_int_equal(key.n, EMAIL_MAX);
    snprintf(email, sizeof(email), "ab@%s.%s.%.60s.com", label, label, letters(60).p);
    assert_int_equal(rules_email(&arena, str_from(email), &typed, &key, &e), ERR_INVALID);
}

static enum status named(struct str in, struct str *out)
{
    struct err e = ERR_INIT;
    enum status st = rules_name(in, "bot", "The bot's name", out, &e);
    if (st == OK)
        return st;
    assert_string_equal(err_code(&e), "name_invalid");
    assert_string_equal(e.pointer, "bot");
    assert_has(e.message, "The bot's name");
    return st;
}

static void a_name_has_one_line_and_at_most_120_characters(void **state)
{
    struct str out;
    char umlauts[2 * NAME_MAX_CHARS + 1] = "";
    (void)state;
    for (size_t i = 0; i < NAME_MAX_CHARS; i++)
        memcpy(umlauts + 2 * i, "ö", 2);
    assert_int_equal(named(STR("  x "), &out), OK);
    assert_str(out, "x");
    assert_int_equal(named(letters(NAME_MAX_CHARS), &out), OK);
    assert_int_equal(named(letters(NAME_MAX_CHARS + 1), &out), ERR_INVALID);
    assert_int_equal(named(str_n(umlauts, 2 * (size_t)NAME_MAX_CHARS), &out), OK);
    assert_int_equal(named(STR(" "), &out), ERR_INVALID);
    assert_int_equal(named(STR("a\nb"), &out), ERR_INVALID);
    assert_int_equal(named(STR("a\rb"), &out), ERR_INVALID);
    assert_int_equal(named(STR("\nab"), &out), OK); /* trimmed */
    assert_int_equal(named(STR("a\tb"), &out), ERR_INVALID);
    assert_int_equal(named(STR("a\x7f"
                               "b"),
                           &out),
                     ERR_INVALID);
    assert_int_equal(named(STR("a\xC2\x85"
                               "b"),
                           &out),
                     ERR_INVALID); /* U+0085, next line */
    assert_int_equal(named(STR("a\xC2\xA0"
                               "b"),
                           &out),
                     OK); /* a space that does not break */
    assert_int_equal(named(STR("\xc3"), &out), ERR_INVALID);
}

/* A role that is given or loses a right changes what people may do in every install: it must be meant. */
static void each_role_has_its_rights(void **state)
{
    const uint32_t viewer = BOT_READ | CONVERSATION_READ | KNOWLEDGE_READ, agent = viewer | CONVERSATION_REPLY,
                   editor = agent | BOT_WRITE | BOT_PUBLISH | KNOWLEDGE_WRITE,
                   billing = BOT_READ | MEMBER_READ | BILLING_READ | BILLING_WRITE,
                   all = (uint32_t)(CONTACT_ERASE << 1) - 1;
    (void)state;
    assert_int_equal(account_role_perms(ROLE_NONE), 0);
    assert_int_equal(account_role_perms(ROLE_VIEWER), viewer);
    assert_int_equal(account_role_perms(ROLE_AGENT), agent);
    assert_int_equal(account_role_perms(ROLE_EDITOR), editor);
    assert_int_equal(account_role_perms(ROLE_BILLING), billing);
    assert_int_equal(account_role_perms(ROLE_ADMIN), all & ~(uint32_t)BILLING_WRITE);
    assert_int_equal(account_role_perms(ROLE_OWNER), all);
}

static void the_name_of_a_role_is_read_back(void **state)
{
    (void)state;
    for (int r = ROLE_VIEWER; r <= ROLE_OWNER; r++)
        assert_int_equal(account_role_parse(str_from(account_role_name((enum role)r))), r);
    assert_string_equal(account_role_name(ROLE_NONE), "none");
    assert_int_equal(account_role_parse(STR("none")), ROLE_NONE);
    assert_int_equal(account_role_parse(STR("king")), ROLE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(a_password_is_measured_in_characters_and_in_bytes),
                                       TEST(a_password_must_be_text),
                                       TEST(a_password_that_is_tried_first_is_refused),
                                       TEST(a_password_is_not_the_address_or_its_local_part),
                                       TEST(an_address_is_trimmed_and_its_key_is_lower_case),
                                       TEST(an_address_is_refused_when_its_key_grows_past_the_limit),
                                       TEST(a_name_has_one_line_and_at_most_120_characters),
                                       TEST(each_role_has_its_rights),
                                       TEST(the_name_of_a_role_is_read_back)};
    arena_init(&arena, 65536);
    int failed = RUN(tests);
    arena_release(&arena);
    return failed;
}
