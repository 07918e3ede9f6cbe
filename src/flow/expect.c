/* expect.c: reading what a visitor answered as the kind of value that was asked for. The readers are generous about the
 * text around the value ("we are 4", "it is ann@example.com") and strict about the value itself. A text with two values
 * is refused rather than guessed at: asking again costs one message, a wrong booking costs more. */
#include <math.h>
#include <stdio.h>

#include "base/email.h"
#include "base/num.h"
#include "base/utf8.h"
#include "flow/expect_internal.h"
#include "flow/text_internal.h"
#include "flow/value_internal.h"

#include "base/banned.h"

/* ---- numbers ---- */

/* Where 1,234 means one thousand two hundred and thirty-four, not one and a bit. Spanish differs by country: in Mexico
 * and Central America the comma groups, in Spain and most of South America it is the decimal sign. */
static bool comma_groups(struct str locale)
{
    static const char *const tags[] = {"en",    "zh",    "ja",    "ko",    "he",    "th",    "hi",    "es-MX",
                                       "es-US", "es-PR", "es-DO", "es-GT", "es-HN", "es-NI", "es-PA", "es-SV"};
    for (size_t i = 0; i < COUNT_OF(tags); i++) {
        struct str tag = str_from(tags[i]);
        if (str_ieq(locale, tag) ||
            (tag.n == 2 && locale.n > 2 && locale.p[2] == '-' && str_ieq(str_sub(locale, 0, 2), tag)))
            return true;
    }
    return false;
}

#define NUMBER_MAX 40
struct number {
    char text[NUMBER_MAX]; /* digits, '.' and ',' only */
    size_t n;
    bool minus;
};

static size_t digits_at(struct str s, size_t i)
{
    size_t n = 0;
    while (i + n < s.n && text_is_digit(s.p[i + n]))
        n++;
    return n;
}

/* A space between groups of three digits: 0, 1 or (no-break spaces) 2 or 3 bytes long. */
static size_t group_space(struct str s, size_t i)
{
    struct str rest = str_sub(s, i, s.n);
    size_t n = str_starts(rest, STR(" ")) || str_starts(rest, STR("'"))             ? 1
               : str_starts(rest, STR("\u00A0"))                                    ? 2
               : str_starts(rest, STR("\u202F")) || str_starts(rest, STR("\u2019")) ? 3
                                                                                    : 0;
    return n && digits_at(s, i + n) == 3 ? n : 0;
}

/* Takes the number that begins at i; returns where it ends, 0 when it is too long. Spaces group digits only before any
 * other separator: "1 000.50" is one number, "2.5 300" is two. A point or comma belongs to the number only if a digit
 * follows, so the full stop of a sentence does not. */
static size_t number_take(struct str s, size_t i, struct number *out)
{
    while (i < s.n) {
        size_t run = digits_at(s, i), space;
        if (out->n + run + 1 >= NUMBER_MAX)
            return 0;
        memcpy(out->text + out->n, s.p + i, run);
        out->n += run;
        i += run;
        if (i + 1 < s.n && (s.p[i] == '.' || s.p[i] == ',') && text_is_digit(s.p[i + 1]))
            out->text[out->n++] = s.p[i++];
        else if (out->n <= 15 && !memchr(out->text, '.', out->n) && !memchr(out->text, ',', out->n) &&
                 (space = group_space(s, i)))
            i += space;
        else
            break;
    }
    return i;
}

/* A letter right before the digits makes them part of a word ("B4", "v2"), and a point or comma before them part of a
 * number that is written without its zero; neither is what was asked for. A second number anywhere after the first
 * refuses the text. Letters after the number are fine: "4pm", "5th". */
static bool only_number(struct str s, struct number *out)
{
    size_t i = 0;
    while (i < s.n && !text_is_digit(s.p[i]))
        i++;
    if (i == s.n)
        return false;
    char before = i > 0 ? s.p[i - 1] : ' ';
    if ((before | 0x20) >= 'a' && (before | 0x20) <= 'z')
        return false;
    out->minus = before == '-' || (i >= 3 && memcmp(s.p + i - 3, "\u2212", 3) == 0);
    if (before == '.' || before == ',')
        return false;
    i = number_take(s, i, out);
    for (size_t k = i; i && k < s.n; k++)
        if (text_is_digit(s.p[k]))
            return false;
    return i > 0;
}

static size_t digit_count(const struct number *x, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++)
        n += x->text[i] == c;
    return n;
}

/* Groups: 1 to 3 digits, then threes. */
static bool groups_ok(const char *p, size_t n, char sep)
{
    size_t run = 0, groups = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && p[i] != sep) {
            run++;
            continue;
        }
        if (groups ? run != 3 : run < 1 || run > 3)
            return false;
        groups++;
        run = 0;
    }
    return true;
}

/* Which separator is the decimal one: '.', ',', 0 for none; false when it makes no sense. With both, the last one is,
 * in every locale. One separator alone is ambiguous, and then the locale decides, unless the digits around it are not a
 * group of three. */
static bool find_decimal(const struct number *x, bool comma_is_group, char *decimal)
{
    size_t dots = digit_count(x, '.'), commas = digit_count(x, ',');
    *decimal = 0;
    if (dots && commas) {
        *decimal = strrchr(x->text, '.') > strrchr(x->text, ',') ? '.' : ',';
        return (*decimal == '.' ? dots : commas) == 1;
    }
    if (dots + commas != 1)
        return true;
    char sep = dots ? '.' : ',';
    bool local_group = (sep == ',') == comma_is_group;
    if (!local_group || !groups_ok(x->text, x->n, sep))
        *decimal = sep;
    return true;
}

/* Separators left of the decimal one must be of one kind and form groups of three, so that a date such as 1.2.2026 or
 * an address such as 10.0.0.1 is not a number. Sums stop at 10^15 as well (run_node.c). */
bool number_read(struct str text, struct str locale, double *out)
{
    struct number x = {.n = 0};
    char clean[NUMBER_MAX + 2], decimal;
    size_t n = 0, whole;
    if (!only_number(str_trim(text), &x))
        return false;
    x.text[x.n] = 0;
    if (!find_decimal(&x, comma_groups(locale), &decimal))
        return false;
    whole = decimal ? (size_t)(strrchr(x.text, decimal) - x.text) : x.n;
    char sep = memchr(x.text, '.', whole) ? '.' : ',';
    if (memchr(x.text, sep, whole) && !groups_ok(x.text, whole, sep))
        return false;
    if (x.minus)
        clean[n++] = '-';
    for (size_t i = 0; i < x.n; i++)
        if (text_is_digit(x.text[i]))
            clean[n++] = x.text[i];
        else if (i == whole)
            clean[n++] = '.';
    return num_double(str_n(clean, n), out) && fabs(*out) <= 1e15;
}

/* ---- e-mail ---- */

/* The one word with an @, without the punctuation around it. Also accepts what mail programs put on the clipboard:
 * <ann@example.com> and mailto:ann@example.com. */
static bool email_word(struct str text, struct str *out)
{
    int found = 0;
    size_t i = 0;
    while (i < text.n) {
        size_t from = i;
        while (i < text.n && (unsigned char)text.p[i] > ' ')
            i++;
        struct str word = str_sub(text, from, i - from);
        if (str_find(word, '@') >= 0) {
            found++;
            *out = word;
        }
        i++;
    }
    if (found != 1)
        return false;
    if (out->n > 7 && str_ieq(str_sub(*out, 0, 7), STR("mailto:")))
        *out = str_sub(*out, 7, out->n);
    while (out->n && strchr("<(\"'[", out->p[0]))
        *out = str_sub(*out, 1, out->n);
    while (out->n && strchr(">)\"'].,;:!?", out->p[out->n - 1]))
        out->n--;
    return true;
}

/* Only the domain is written in lower case: the part before the @ may distinguish case, and mail must reach it. */
bool email_read(struct arena *a, struct str text, struct str *out, bool *ok)
{
    struct str word;
    if (!email_word(text, &word))
        return false;
    if (!email_valid(word))
        return false;
    char *p = arena_strdup(a, word);
    if (!p) {
        *ok = false;
        return false;
    }
    for (size_t i = (size_t)str_find(word, '@'); i < word.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] | 0x20);
    *out = str_n(p, word.n);
    return true;
}

/* ---- phone ---- */

#define PHONE_DIGITS 15 /* E.164 */

/* Text around the number is left out: "call +49 30 123456 please" is what people write. */
static struct str phone_part(struct str text)
{
    size_t from = 0, to = text.n;
    while (from < to && !text_is_digit(text.p[from]) && text.p[from] != '+')
        from++;
    while (to > from && !text_is_digit(text.p[to - 1]))
        to--;
    return str_sub(text, from, to - from);
}

/* The digits without the signs that people put between them. False for any other sign, or more digits than fit. */
static bool phone_digits(struct str s, char digits[PHONE_DIGITS + 4], size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < s.n; i++)
        if (text_is_digit(s.p[i]) && *n < PHONE_DIGITS + 4)
            digits[(*n)++] = s.p[i];
        else if (text_is_digit(s.p[i]) || !strchr(" -.()/", s.p[i]))
            return false;
    return true;
}

/* Without a country the number is kept as digits: guessing the country from the language would dial the wrong one. No
 * country code begins with 0, so "+0..." is a mistake. */
bool phone_read(struct arena *a, struct str text, struct str *out, bool *ok)
{
    char digits[PHONE_DIGITS + 4];
    size_t n;
    struct str s = phone_part(text);
    bool plus = s.n && s.p[0] == '+';
    if (!phone_digits(str_sub(s, plus, s.n), digits, &n))
        return false;
    size_t skip = !plus && n > 9 && digits[0] == '0' && digits[1] == '0' ? 2 : 0; /* 00 is how + is dialled */
    plus = plus || skip;
    n -= skip;
    if (n > PHONE_DIGITS || n < (plus ? 8 : 7) || (plus && digits[skip] == '0'))
        return false;
    char *p = arena_printf(a, "%s%.*s", plus ? "+" : "", (int)n, digits + skip);
    *ok = *ok && p;
    *out = str_from(p);
    return p;
}

/* ---- all of them ---- */

/* Bounds count characters, as the author of the flow sees them, not bytes. */
static bool text_in_bounds(const struct node_ask *ask, struct str s)
{
    size_t n = utf8_length(s), max = ask->max.set ? (size_t)ask->max.number : MAX_FLOW_VALUE;
    return n >= (ask->min.set ? (size_t)ask->min.number : 1) && n <= max;
}

/* ISO days sort like dates, so comparing them as texts is enough. */
static bool date_in_bounds(const struct node_ask *ask, const char *day, int64_t now_ms)
{
    char bound[11];
    if (ask->min.set && value_date(ask->min.date, now_ms, bound) && strcmp(day, bound) < 0)
        return false;
    return !(ask->max.set && value_date(ask->max.date, now_ms, bound) && strcmp(day, bound) > 0);
}

static bool number_value(const struct expect_in *in, struct value *out)
{
    const struct node_ask *ask = in->ask;
    out->kind = KIND_NUMBER;
    return number_read(in->text, in->locale, &out->number) && !(ask->min.set && out->number < ask->min.number) &&
           !(ask->max.set && out->number > ask->max.number);
}

static bool date_value(const struct expect_in *in, struct value *out, bool *ok)
{
    char day[11];
    if (!date_read(in->a, in->text, in->locale, in->now_ms, day, ok) || !date_in_bounds(in->ask, day, in->now_ms))
        return false;
    *out = (struct value){.kind = KIND_DATE, .text = arena_str(in->a, str_from(day), ok)};
    return *ok;
}

bool expect_read(const struct expect_in *in, struct value *out, bool *ok)
{
    struct str text = str_trim(in->text);
    *out = (struct value){.kind = KIND_TEXT, .text = text};
    switch (in->ask->expect) {
    case EXPECT_TEXT:
        return text_in_bounds(in->ask, text);
    case EXPECT_EMAIL:
        return email_read(in->a, text, &out->text, ok);
    case EXPECT_PHONE:
        return phone_read(in->a, text, &out->text, ok);
    case EXPECT_NUMBER:
        return number_value(in, out);
    case EXPECT_DATE:
        return date_value(in, out, ok);
    case EXPECT_PATTERN:
        return pattern_match(in->ask->pattern, text, true, in->pattern_us);
    case EXPECT_CHOICE:
    case EXPECT_COUNT:
        break;
    }
    return false; /* a choice that matched was taken before */
}
