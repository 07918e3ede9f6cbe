/* email.c: the one grammar of an e-mail address, for accounts, mails and what visitors type.
 *
 * It is what mail servers deliver to, not all of RFC 5322: quoted names, comments and address literals are refused,
 * because no one types them and other software fails on them. */
#include "base/email.h"

#include "base/utf8.h"

#include "base/banned.h"

#define DOMAIN_MAX 253 /* bytes of a host name (RFC 1035, without the dot at the end) */

static bool local_part_ok(struct str s)
{
    if (s.n < 1 || s.n > 64 || s.p[0] == '.' || s.p[s.n - 1] == '.' || str_has(s, STR("..")))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c == 127 || strchr("\"(),:;<>@[\\]", c))
            return false;
    }
    return true;
}

static bool label_ok(struct str s)
{
    if (s.n < 1 || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c >= 0x80;
        if (!word)
            return false;
    }
    return true;
}

/* Two characters or more, not all digits: there is no such top-level domain, and "a@127.0.0.1" is not an address. */
static bool top_level_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return s.n >= 2;
    return false;
}

static bool domain_ok(struct str s)
{
    struct str label = STR_EMPTY;
    int labels = 0;
    if (!s.n || s.n > DOMAIN_MAX || s.p[s.n - 1] == '.')
        return false;
    while (str_split(&s, '.', &label)) {
        if (!label_ok(label))
            return false;
        labels++;
    }
    return labels >= 2 && top_level_ok(label);
}

bool email_valid(struct str s)
{
    ptrdiff_t at = str_find(s, '@');
    return s.n <= EMAIL_MAX && at > 0 && utf8_text(s) && local_part_ok(str_sub(s, 0, (size_t)at)) &&
           domain_ok(str_sub(s, (size_t)at + 1, s.n));
}
