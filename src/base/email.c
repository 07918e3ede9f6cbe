#include "base/email.h"

#include "base/utf8.h"

#include "base/banned.h"

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

static bool domain_ok(struct str s)
{
    struct str label;
    int labels = 0;
    if (s.n < 3 || s.p[s.n - 1] == '.')
        return false;
    while (str_split(&s, '.', &label)) {
        if (!label_ok(label))
            return false;
        labels++;
    }
    return labels >= 2;
}

bool email_valid(struct str s)
{
    ptrdiff_t at = str_find(s, '@');
    return s.n <= EMAIL_MAX && at > 0 && utf8_text(s) && local_part_ok(str_sub(s, 0, (size_t)at)) &&
           domain_ok(str_sub(s, (size_t)at + 1, s.n));
}
