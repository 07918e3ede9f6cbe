/* clock.c: time, and the calendar without the C library's.
 *
 * gmtime and timegm depend on the time zone or are not standard, and this arithmetic is exact for all dates that a
 * column can hold. Tests can stop the wall time; the monotonic clock always runs, because threads sleep by it. */
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

#include "base/num.h"

#include "base/banned.h"

static _Atomic int64_t test_now;

/* Relaxed: a test sets the time before it starts the work that reads it, and nothing else depends on the order. */
int64_t clock_now_ms(void)
{
    int64_t set = atomic_load_explicit(&test_now, memory_order_relaxed);
    if (set)
        return set;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void clock_set_for_test(int64_t now_ms)
{
    atomic_store(&test_now, now_ms);
}

/* Days from 1970-01-01 to a day of the proleptic Gregorian calendar. Years are counted from 1 March, so that the leap
 * day is the last of its year; an era is 400 years, after which the calendar repeats. */
static int64_t days_from(int64_t year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* The inverse of days_from: era, year of the era, day of the year. */
struct clock_date clock_split(int64_t ms)
{
    int64_t days = floor_div(ms, DAY_MS), rest = ms - days * DAY_MS;
    int64_t z = days + 719468, era = floor_div(z, 146097), of_era = z - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int shifted = (int)((5 * of_year + 2) / 153);
    int month = shifted < 10 ? shifted + 3 : shifted - 9;
    return (struct clock_date){
        .year = (int)(year_of_era + era * 400 + (month <= 2)),
        .month = month,
        .day = (int)(of_year - (153 * shifted + 2) / 5 + 1),
        .hour = (int)(rest / HOUR_MS),
        .minute = (int)(rest / MINUTE_MS % 60),
        .second = (int)(rest / 1000 % 60),
        .ms = (int)(rest % 1000),
    };
}

static void put_two_digits(char *p, int v)
{
    p[0] = (char)('0' + v / 10 % 10);
    p[1] = (char)('0' + v % 10);
}

/* The digits are placed by hand, because every log line has a time and printf would cost more than the rest of the
 * line. */
void clock_iso(struct buf *b, int64_t ms)
{
    struct clock_date d = clock_split(ms);
    if (d.year < 0 || d.year > 9999) {
        buf_printf(b, "%+05d-%02d-%02dT%02d:%02d:%02d.%03dZ", d.year, d.month, d.day, d.hour, d.minute, d.second, d.ms);
        return;
    }
    char text[] = "0000-00-00T00:00:00.000Z";
    put_two_digits(text, d.year / 100);
    put_two_digits(text + 2, d.year % 100);
    put_two_digits(text + 5, d.month);
    put_two_digits(text + 8, d.day);
    put_two_digits(text + 11, d.hour);
    put_two_digits(text + 14, d.minute);
    put_two_digits(text + 17, d.second);
    text[20] = (char)('0' + d.ms / 100);
    put_two_digits(text + 21, d.ms % 100);
    buf_add(b, text, sizeof(text) - 1);
}

int64_t clock_month_start(int64_t ms)
{
    struct clock_date d = clock_split(ms);
    return days_from(d.year, d.month, 1) * DAY_MS;
}

/* 31 April becomes 1 May in days_from; such days are recognised by converting back. */
int64_t clock_date_ms(int year, int month, int day)
{
    if (month < 1 || month > 12 || day < 1 || day > 31)
        return -1;
    int64_t ms = days_from(year, month, day) * DAY_MS;
    struct clock_date d = clock_split(ms);
    return d.year == year && d.month == month && d.day == day ? ms : -1;
}

bool clock_day(struct str s, int64_t *midnight_ms)
{
    int64_t y, m, d;
    if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-' || !num_i64(str_sub(s, 0, 4), 1970, 9999, &y) ||
        !num_i64(str_sub(s, 5, 2), 1, 12, &m) || !num_i64(str_sub(s, 8, 2), 1, 31, &d))
        return false;
    *midnight_ms = clock_date_ms((int)y, (int)m, (int)d);
    return *midnight_ms >= 0;
}
