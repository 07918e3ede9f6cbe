/* str.c: comparing and cutting pieces of text.
 *
 * Nothing here allocates or modifies: every result is a part of an argument. */
#define _GNU_SOURCE /* memmem */
#include "base/str.h"

#include "base/banned.h"

/* ASCII only, and not tolower(): header names and schemes are ASCII, and in a Turkish locale "I" would not match
 * "i". */
static unsigned char ascii_fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool str_ieq(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_fold(a.p[i]) != ascii_fold(b.p[i]))
            return false;
    return true;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0;
}

bool str_has(struct str s, struct str part)
{
    return part.n == 0 || memmem(s.p, s.n, part.p, part.n);
}

static bool is_ascii_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n && is_ascii_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_ascii_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Both bounds are clipped, so a caller may ask for "the rest" with any large n. */
struct str str_sub(struct str s, size_t from, size_t n)
{
    if (from > s.n)
        from = s.n;
    if (n > s.n - from)
        n = s.n - from;
    return (struct str){s.p + from, n};
}

int str_cmp(struct str a, struct str b)
{
    int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

ptrdiff_t str_find(struct str s, char c)
{
    const char *at = memchr(s.p, c, s.n);
    return at ? at - s.p : -1;
}

size_t str_among(struct str s, const char *const *names, size_t n)
{
    size_t i = 0;
    while (i < n && !str_eqz(s, names[i]))
        i++;
    return i;
}

size_t str_among_or(struct str s, const char *const *names, size_t n, size_t otherwise)
{
    size_t i = str_among(s, names, n);
    return i < n ? i : otherwise;
}

bool str_one_line(struct str s)
{
    return str_find(s, '\n') < 0 && str_find(s, '\r') < 0;
}

/* A separator at the end makes no empty part after it, so a file with a final line break has no extra line. Empty parts
 * between two separators are kept. */
bool str_split(struct str *rest, char sep, struct str *part)
{
    if (!rest->n)
        return false;
    ptrdiff_t at = str_find(*rest, sep);
    *part = at < 0 ? *rest : str_sub(*rest, 0, (size_t)at);
    *rest = at < 0 ? str_sub(*rest, rest->n, 0) : str_sub(*rest, (size_t)at + 1, rest->n);
    return true;
}
