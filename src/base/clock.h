/* clock.h: time. Wall time is int64_t milliseconds since 1970-01-01 UTC (`_ms`); durations use the monotonic clock.
 * Thread safe. */
#ifndef PARLEY_BASE_CLOCK_H
#define PARLEY_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Durations in milliseconds, as int64_t: a sum or product of them does not overflow in int. */
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
/* The last moment of the year 9999: DATETIME holds nothing later. */
#define CLOCK_MAX_MS INT64_C(253402300799999)

/* Wall time; tests can stop it with clock_set_for_test(). */
int64_t clock_now_ms(void);
/* Monotonic time in microseconds: for durations and deadlines only. */
int64_t clock_mono_us(void);
/* From now on wall time is always now_ms; 0 returns to the real clock. */
void clock_set_for_test(int64_t now_ms);

/* Append 2026-11-23T05:52:20.123Z. */
void clock_iso(struct buf *b, int64_t ms);
/* The first instant of the month of ms, UTC. */
int64_t clock_month_start(int64_t ms);
/* Midnight UTC of a day; -1 if there is no such day. */
int64_t clock_date_ms(int year, int month, int day);
/* Read "2027-06-30", from 1970 to 9999. False if the text is not a day of the calendar. */
bool clock_day(struct str s, int64_t *midnight_ms);
/* The parts of a time in UTC, in the proleptic Gregorian calendar. */
struct clock_date {
    int year, month, day, hour, minute, second, ms;
};
struct clock_date clock_split(int64_t ms);

#endif
