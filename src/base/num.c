/* num.c: numbers as text, without the leniency of the C library.
 *
 * strtol and strtod skip spaces, read half a text, depend on the locale and know forms (hexadecimal, "inf") that no
 * format of Parley allows. Decimals are checked here first and then read with strtod_l in the "C" locale. */
#define _GNU_SOURCE /* strtod_l */
#include "base/num.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

#define DOUBLE_TEXT 400 /* longest text of a decimal */

/* Overflow is detected at each digit, so a number of any length is read without wrapping around. */
bool num_u64(struct str s, uint64_t max, uint64_t *out)
{
    if (!s.n)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}

/* The magnitude is read as unsigned: that of INT64_MIN is one more than INT64_MAX. "-0" reads as 0. */
bool num_i64(struct str s, int64_t min, int64_t max, int64_t *out)
{
    bool minus = s.n && s.p[0] == '-';
    uint64_t v;
    if (!num_u64(minus ? str_sub(s, 1, s.n) : s, minus ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &v))
        return false;
    int64_t r = minus ? (int64_t)(0 - v) : (int64_t)v;
    if (r < min || r > max)
        return false;
    *out = r;
    return true;
}

static size_t skip_digits(struct str s, size_t i)
{
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    return i;
}

/* -?D+(.D+)?([eE][+-]?D+)? and nothing else. */
bool num_is_decimal(struct str s)
{
    size_t i = s.n && s.p[0] == '-', from = i;
    i = skip_digits(s, i);
    if (i == from)
        return false;
    if (i < s.n && s.p[i] == '.') {
        from = ++i;
        i = skip_digits(s, i);
        if (i == from)
            return false;
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        i += i < s.n && (s.p[i] == '+' || s.p[i] == '-');
        from = i;
        i = skip_digits(s, i);
        if (i == from)
            return false;
    }
    return i == s.n;
}

/* strtod reads "1,5" in some locales, and a library that is loaded may set the locale. The object is made once and
 * never freed: threads may use it until the very end. */
static locale_t c_locale;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

bool num_double(struct str s, double *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char text[DOUBLE_TEXT + 1];
    if (s.n > DOUBLE_TEXT || !num_is_decimal(s) || pthread_once(&once, make_c_locale) != 0)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    double v = c_locale ? strtod_l(text, NULL, c_locale) : strtod(text, NULL);
    if (!isfinite(v))
        return false;
    *out = v;
    return true;
}

static int unit_shift(char c)
{
    switch (c) {
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    default:
        return 0;
    }
}

bool num_bytes(struct str s, uint64_t max, uint64_t *out)
{
    int shift = s.n ? unit_shift(s.p[s.n - 1]) : 0;
    uint64_t v;
    if (!num_u64(shift ? str_sub(s, 0, s.n - 1) : s, max >> shift, &v))
        return false;
    *out = v << shift;
    return true;
}

/* The shortest of 15, 16 and 17 digits that reads back equal; 17 always suffice for a double (IEEE 754). Whole numbers
 * below 10^15 are written without an exponent. */
char *num_double_text(double v, char out[32])
{
    if (fabs(v) < 1e15 && v == floor(v) && !(v == 0 && signbit(v))) {
        snprintf(out, 32, "%lld", (long long)v);
        return out;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(out, 32, "%.*g", precision, v);
        for (char *p = out; *p; p++)
            if (*p == ',') /* the decimal point of another locale */
                *p = '.';
        double back;
        if (num_double(str_from(out), &back) && back == v)
            break;
    }
    return out;
}
