/* clock.h: time. Wall time is int64_t milliseconds since 1970-01-01 UTC (`_ms`); durations use the monotonic clock. */
#ifndef PARLEY_BASE_CLOCK_H
#define PARLEY_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Durations in milliseconds, as int64_t: a sum or product of them does not overflow in int. */
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

int64_t clock_now_ms(void);              /* wall time; clock_set_for_test() moves it */
int64_t clock_mono_us(void);             /* monotonic, microseconds: for durations and deadlines only */
void clock_set_for_test(int64_t now_ms); /* wall time stands still there; 0 = the real clock again */

void clock_iso(struct buf *b, int64_t ms);           /* 2026-11-23T05:52:20.123Z */
int64_t clock_month_start(int64_t ms);               /* first instant of ms's month, UTC */
int64_t clock_date_ms(int year, int month, int day); /* midnight UTC; -1 if no such day */
bool clock_day(struct str s, int64_t *midnight_ms);  /* "2027-06-30", 1970 to 9999; false for what is no such day */
struct clock_date {
    int year, month, day, hour, minute, second, ms;
};
struct clock_date clock_split(int64_t ms); /* UTC, proleptic Gregorian */

#endif
