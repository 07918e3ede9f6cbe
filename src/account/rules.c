/* rules.c: what an e-mail address, a password and a name must look like. Passwords follow NIST SP 800-63B: length
 * counts, classes of characters do not, and what attackers try first is refused. */
#include "account/rules.h"

#include "base/buf.h"
#include "base/utf8.h"

#include "base/banned.h"

/* Lower case makes the key under which an address is unique. Strictly the local part is case-sensitive; no mail
 * provider treats it so, and two accounts that differ in a capital letter would confuse everyone. */
static struct str rules_lower(struct arena *a, struct str s, bool *ok)
{
    char *out = arena_alloc(a, s.n * 2 + 1); /* a folded letter may be longer, at most 2 bytes become 3 */
    size_t n = 0;
    *ok = out;
    if (!out)
        return STR_EMPTY;
    while (s.n)
        n += utf8_encode(utf8_lower(utf8_next(&s)), out + n);
    return str_n(out, n);
}

/* The length is checked again after folding, because the key may be longer than the address and has to fit its
 * column. */
enum status rules_email(struct arena *a, struct str in, struct str *typed, struct str *key, struct err *e)
{
    struct str s = str_trim(in);
    bool ok = true;
    if (!email_valid(s))
        return err_at(e, E_email_invalid, "email",
                      "This is not a valid e-mail address. Use the form name@example.com.");
    *typed = arena_str(a, s, &ok);
    if (!ok)
        return err_nomem(e);
    *key = rules_lower(a, s, &ok);
    if (!ok)
        return err_nomem(e);
    if (key->n > EMAIL_MAX)
        return err_at(e, E_email_invalid, "email", "This e-mail address is too long.");
    return OK;
}

/* The most common passwords of ten and more characters; shorter ones are refused for their length. */
static const char *const commonest[] = {
    "1234567890",       "0123456789",
    "12345678910",      "1234567891",
    "9876543210",       "0987654321",
    "123123123123",     "1122334455",
    "1q2w3e4r5t",       "1q2w3e4r5t6y",
    "1qaz2wsx3edc",     "qazwsxedcrfv",
    "qwertyuiop",       "qwerty12345",
    "qwerty123456",     "qwertyuiop123",
    "qwerty1234",       "asdfghjkl123",
    "zxcvbnm123",       "q1w2e3r4t5",
    "q1w2e3r4t5y6",     "abcdefghij",
    "abcdefghijk",      "abcdef123456",
    "abc1234567",       "abcd123456",
    "password12",       "password123",
    "password1234",     "password12345",
    "passw0rd123",      "p@ssw0rd123",
    "p@ssword123",      "password123!",
    "password1!",       "mypassword",
    "mypassword1",      "mypassword123",
    "passwordpassword", "letmein123",
    "letmein1234",      "welcome123",
    "welcome1234",      "iloveyou123",
    "iloveyou12",       "iloveyou2",
    "ilovejesus",       "admin12345",
    "admin123456",      "administrator",
    "changeme123",      "changeme1234",
    "sunshine123",      "princess123",
    "football123",      "baseball123",
    "basketball",       "superman123",
    "michael123",       "charlie123",
    "jennifer123",      "chocolate1",
    "liverpool1",       "manchester",
    "computer123",      "internet123",
    "test123456",       "testtest123",
    "secret1234",       "monkey12345",
    "dragon12345",      "trustno1trustno1",
    "unbelievable",     "correcthorsebatterystaple",
};

static bool is_commonest(struct str password)
{
    for (size_t i = 0; i < COUNT_OF(commonest); i++)
        if (str_ieq(password, str_from(commonest[i])))
            return true;
    return false;
}

/* All characters are the same step apart: aaaaaaaaaa, 23456789..., zyxwvu... */
static bool is_plain_run(struct str s)
{
    int step = s.n > 1 ? s.p[1] - s.p[0] : 0;
    if (step < -1 || step > 1)
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] - s.p[i - 1] != step)
            return false;
    return true;
}

/* The minimum is counted in characters, because people are asked for a number of them; the maximum in bytes, because
 * hashing is limited by bytes. Local parts of the address are what attackers try after the list, so they are refused
 * like it. A password is not trimmed or normalised: the user may have meant the space. */
enum status rules_password(struct str password, struct str email, struct err *e)
{
    struct str local = str_sub(email, 0, str_find(email, '@') > 0 ? (size_t)str_find(email, '@') : 0);
    if (!utf8_valid(password) || memchr(password.p, 0, password.n))
        return err_raise_at(e, E_password_invalid, "password");
    if (password.n > PASSWORD_MAX)
        return err_at(e, E_password_long, "password", "A password can have at most %d bytes.", PASSWORD_MAX);
    if (utf8_length(password) < PASSWORD_MIN)
        return err_at(e, E_password_short, "password", "A password must have at least %d characters.", PASSWORD_MIN);
    if (is_commonest(password) || is_plain_run(password) || (email.n && str_ieq(password, email)) ||
        (local.n && str_ieq(password, local)))
        return err_raise_at(e, E_password_known, "password");
    return OK;
}

/* C0 with tab and line breaks, DEL, and C1 (U+0080 to U+009F). A line break in a name would break the subject of a mail
 * and a line of the log; the others show as nothing, so two names would look the same. */
static bool has_controls(struct str s)
{
    while (s.n) {
        uint32_t cp = utf8_next(&s);
        if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0))
            return true;
    }
    return false;
}

enum status rules_name(struct str in, const char *pointer, const char *what, struct str *out, struct err *e)
{
    struct str s = str_trim(in);
    bool good = s.n > 0 && utf8_valid(s) && utf8_length(s) <= NAME_MAX_CHARS && !has_controls(s);
    if (!good)
        return err_at(e, E_name_invalid, pointer, "%s must have 1 to %d characters on one line, without tabs.", what,
                      NAME_MAX_CHARS);
    *out = s;
    return OK;
}
