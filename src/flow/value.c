/* value.c: typed values of variables and conversions between the types. A conversion that loses something (a text
 * that is not a number) gives an empty value instead of a wrong one. Numbers are doubles; whole numbers up to 2^53
 * are written without a decimal point. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/utf8.h"
#include "flow/value_internal.h"

#include "base/banned.h"

#define WHOLE_MAX 9007199254740992.0 /* 2^53: whole numbers up to here are exact */

/* Adding 0.0 turns a negative zero into 0, which would be shown as "-0" otherwise. Whole numbers are written without an
 * exponent: 1e+06 is not what a visitor has typed. */
struct str value_text(const struct value *v, char tmp[VALUE_TEXT])
{
    switch (v->kind) {
    case KIND_TEXT:
    case KIND_DATE:
        return v->text;
    case KIND_BOOLEAN:
        return v->truth ? STR("true") : STR("false");
    case KIND_NUMBER:
        if (v->number == floor(v->number) && fabs(v->number) < WHOLE_MAX)
            return str_n(tmp, (size_t)snprintf(tmp, VALUE_TEXT, "%.0f", v->number + 0.0));
        return str_from(num_double_text(v->number, tmp));
    case KIND_NONE:
        break;
    }
    return STR_EMPTY;
}

bool value_empty(const struct value *v)
{
    return v->kind == KIND_NONE || (v->kind == KIND_TEXT && v->text.n == 0);
}

void value_write_json(struct buf *out, const struct value *v)
{
    char tmp[VALUE_TEXT];
    if (v->kind == KIND_NONE)
        buf_puts(out, "null");
    else if (v->kind == KIND_TEXT || v->kind == KIND_DATE)
        buf_json(out, v->text);
    else
        buf_str_add(out, value_text(v, tmp));
}

/* Whole numbers are stored as JSON integers, so that a counter is 3 and not 3.0 in the state, the API and the scripted
 * tests. */
int value_set_json(struct json *obj, const char *key, const struct value *v)
{
    switch (v->kind) {
    case KIND_TEXT:
    case KIND_DATE:
        return json_set_str(obj, key, v->text);
    case KIND_BOOLEAN:
        return json_set_bool(obj, key, v->truth);
    case KIND_NUMBER:
        if (v->number == floor(v->number) && fabs(v->number) < WHOLE_MAX)
            return json_set_int(obj, key, (int64_t)v->number);
        return json_set_double(obj, key, v->number);
    case KIND_NONE:
        break;
    }
    return 0;
}

struct str value_cut(struct str s)
{
    return s.n <= MAX_FLOW_VALUE ? s : utf8_cut(s, MAX_FLOW_VALUE);
}

/* An array or object that is put into a text becomes its JSON, cut to the length of a value. A full buffer is not an
 * error: the cut keeps only its beginning anyway. */
static struct str value_compact(struct arena *a, const struct json *j, bool *ok)
{
    struct buf b;
    buf_init(&b, 8 * MAX_FETCH); /* escapes make it longer than what came in */
    json_write(&b, j);
    struct str s = buf_ok(&b) ? arena_str(a, value_cut(buf_str(&b)), ok) : STR_EMPTY;
    *ok = *ok && (buf_ok(&b) || b.full);
    buf_release(&b);
    return s;
}

static struct value value_int_text(struct arena *a, int64_t n, bool *ok)
{
    char *text = arena_printf(a, "%lld", (long long)n);
    *ok = *ok && text;
    return (struct value){.kind = KIND_TEXT, .text = str_from(text)};
}

/* What JSON calls a value decides first, and value_as converts it to the variable's type. A reply of 20 where a text is
 * expected gives "20"; "twenty" where a number is expected gives an empty value, which the flow can test for. */
struct value value_of_json(struct arena *a, const struct json *j, enum value_kind type, bool *ok)
{
    struct value v = {0};
    switch (json_kind(j)) {
    case JSON_NULL:
        return v;
    case JSON_BOOL:
        v = (struct value){.kind = KIND_BOOLEAN, .truth = json_bool(j)};
        break;
    case JSON_INT:
        if (type == KIND_TEXT) /* an id of 18 digits keeps them all */
            return value_int_text(a, json_int(j, 0), ok);
        v = (struct value){.kind = KIND_NUMBER, .number = json_double(j, 0)};
        break;
    case JSON_DOUBLE:
        v = (struct value){.kind = KIND_NUMBER, .number = json_double(j, 0)};
        break;
    case JSON_STRING:
        v = (struct value){.kind = KIND_TEXT, .text = value_cut(json_str(j))};
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        v = (struct value){.kind = KIND_TEXT, .text = value_compact(a, j, ok)};
        break;
    }
    return value_as(a, &v, type, ok);
}

/* The text of a number is in a buffer of this function and has to be copied; all other texts outlive it. */
static struct value value_as_text(struct arena *a, const struct value *v, bool *ok)
{
    char tmp[VALUE_TEXT];
    struct str s = value_text(v, tmp);
    if (v->kind == KIND_NUMBER)
        s = arena_str(a, s, ok);
    return (struct value){.kind = KIND_TEXT, .text = s};
}

/* "yes" and "1" are not accepted as texts: what they mean is for the flow to decide, in a language that it knows. */
static struct value value_as_boolean(const struct value *v)
{
    struct value out = {.kind = KIND_BOOLEAN};
    if (v->kind == KIND_NUMBER)
        out.truth = v->number != 0;
    else if (v->kind == KIND_TEXT && str_ieq(v->text, STR("true")))
        out.truth = true;
    else if (v->kind != KIND_TEXT || !str_ieq(v->text, STR("false")))
        out.kind = KIND_NONE;
    return out;
}

bool value_iso_day(struct str s)
{
    uint64_t y, m, d;
    if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-' || !num_u64(str_sub(s, 0, 4), 9999, &y) ||
        !num_u64(str_sub(s, 5, 2), 12, &m) || !num_u64(str_sub(s, 8, 2), 31, &d))
        return false;
    /* days before 1970 are negative times: look at the same day of a later year, the calendar repeats after 400 */
    return y && m && d && clock_date_ms((int)(2000 + y % 400), (int)m, (int)d) >= 0;
}

/* A time stamp gives its day. */
static struct value value_as_date(struct arena *a, const struct value *v, bool *ok)
{
    struct str s = v->text.n > 10 && v->text.p[10] == 'T' ? str_sub(v->text, 0, 10) : v->text; /* a time stamp's day */
    if (v->kind != KIND_TEXT || !value_iso_day(s))
        return (struct value){0};
    return (struct value){.kind = KIND_DATE, .text = arena_str(a, s, ok)};
}

struct value value_as(struct arena *a, const struct value *v, enum value_kind type, bool *ok)
{
    struct value out = {0};
    if (v->kind == type || v->kind == KIND_NONE)
        return *v;
    if (type == KIND_TEXT)
        return value_as_text(a, v, ok);
    if (type == KIND_BOOLEAN)
        return value_as_boolean(v);
    if (type == KIND_DATE)
        return value_as_date(a, v, ok);
    if (v->kind == KIND_BOOLEAN)
        out = (struct value){.kind = KIND_NUMBER, .number = v->truth};
    else if (v->kind == KIND_TEXT && num_double(str_trim(v->text), &out.number))
        out.kind = KIND_NUMBER;
    return out;
}

/* At most a hundred years either way, which keeps the sum within the range of the calendar. */
static bool value_relative_day(struct str s, int64_t now_ms, char out[11])
{
    int64_t days = 0;
    if (!str_starts(s, STR("today")))
        return false;
    struct str rest = str_sub(s, 5, s.n);
    if (rest.n) {
        bool minus = rest.p[0] == '-';
        if ((rest.p[0] != '+' && !minus) || !num_i64(str_sub(rest, 1, rest.n), 0, 36500, &days))
            return false;
        days = minus ? -days : days;
    }
    struct clock_date d = clock_split(now_ms + days * DAY_MS);
    if (d.year < 1 || d.year > 9999)
        return false;
    snprintf(out, 11, "%04u-%02u-%02u", (unsigned)d.year % 10000, (unsigned)d.month % 100, (unsigned)d.day % 100);
    return true;
}

bool value_date(struct str s, int64_t now_ms, char out[11])
{
    if (value_iso_day(s)) {
        memcpy(out, s.p, 10);
        out[10] = 0;
        return true;
    }
    return value_relative_day(s, now_ms, out);
}
