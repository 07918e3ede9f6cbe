/* words.c: numbers, money and states in words. Money is integers throughout: no amount is ever a floating point
 * number. */
#include "portal/page/words.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "plan/money.h"

#include "base/banned.h"

/* Without memory a number is empty rather than an error: the page is about to fail for the same reason anyway. */
static struct str words_keep(struct page *pg, struct buf *b)
{
    const char *text = buf_ok(b) ? arena_strdup(pg->rq->arena, buf_str(b)) : NULL;
    buf_release(b);
    return str_from(text ? text : "");
}

struct str words_money(struct page *pg, int64_t amount, const char *currency)
{
    struct buf b;
    buf_init(&b, 128);
    money_text(&b, amount, str_from(currency));
    return words_keep(pg, &b);
}

struct str words_money_short(struct page *pg, int64_t amount, const char *currency)
{
    struct str s = words_money(pg, amount, currency);
    return str_ends(s, STR(".00")) ? str_sub(s, 0, s.n - 3) : s;
}

/* Grouped by thousands with the separator of the language. */
struct str words_number(struct page *pg, int64_t n)
{
    char digits[32];
    const char *mark = view_t(pg->v, "Format.Thousands");
    struct buf b;
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)n), first = n < 0;
    buf_init(&b, 128);
    for (int i = 0; i < len; i++) {
        if (i > first && (len - i) % 3 == 0)
            buf_puts(&b, mark);
        buf_putc(&b, digits[i]);
    }
    return words_keep(pg, &b);
}

struct str words_money_typed(struct page *pg, int64_t amount, const char *currency)
{
    int places = money_places(str_from(currency));
    int64_t unit = 1;
    for (int i = 0; i < places; i++)
        unit *= 10;
    const char *text = places ? arena_printf(pg->rq->arena, "%lld.%0*lld", (long long)(amount / unit), places,
                                             (long long)(amount % unit))
                              : arena_printf(pg->rq->arena, "%lld", (long long)amount);
    return str_from(text ? text : "");
}

/* The part after the decimal sign is padded to the places of the currency: "20.5" is 2050 cents. */
bool words_money_read(struct str typed, const char *currency, int64_t *out)
{
    int places = money_places(str_from(currency));
    struct str s = str_trim(typed);
    ptrdiff_t point = str_find(s, '.') >= 0 ? str_find(s, '.') : str_find(s, ',');
    struct str whole = point < 0 ? s : str_sub(s, 0, (size_t)point);
    struct str part = point < 0 ? STR_EMPTY : str_sub(s, (size_t)point + 1, s.n);
    int64_t units = 0, rest = 0;
    if (!num_i64(whole, 0, INT64_C(1000000000), &units) || (point >= 0 && !part.n) || part.n > (size_t)places ||
        (part.n && !num_i64(part, 0, 999, &rest)))
        return false;
    for (size_t i = 0; i < (size_t)places; i++) {
        units *= 10;
        if (i >= part.n)
            rest *= 10;
    }
    *out = units + rest;
    return true;
}

/* The name becomes part of a key only after it was cut; a name that leads nowhere is shown as it came. */
struct str words_name(struct page *pg, const char *group, struct str name)
{
    char key[VIEW_KEY_MAX];
    snprintf(key, sizeof(key), "%s.%.*s", group, STR_F(str_sub(name, 0, 60)));
    const char *text = view_t(pg->v, key);
    return strcmp(text, key) != 0 ? str_from(text) : name;
}
