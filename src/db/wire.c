/* wire.c: values as MariaDB's binary protocol has them.
 *
 * The one place that knows which type of column a letter of db.h means, so parameters, results and bulk writes
 * cannot disagree. A file below the others: it calls none of them. */
#include "base/clock.h"
#include "db/db_internal.h"

#include "base/banned.h"

enum enum_field_types db_wire_type(char letter)
{
    switch (letter) {
    case 'i':
        return MYSQL_TYPE_LONGLONG;
    case 'd':
        return MYSQL_TYPE_DOUBLE;
    case 's':
        return MYSQL_TYPE_STRING;
    case 't':
        return MYSQL_TYPE_DATETIME;
    default:
        return MYSQL_TYPE_BLOB; /* u and x */
    }
}

void db_time_from_ms(MYSQL_TIME *t, int64_t ms)
{
    struct clock_date d = clock_split(ms);
    *t = (MYSQL_TIME){.year = (unsigned)d.year,
                      .month = (unsigned)d.month,
                      .day = (unsigned)d.day,
                      .hour = (unsigned)d.hour,
                      .minute = (unsigned)d.minute,
                      .second = (unsigned)d.second,
                      .second_part = (unsigned long)d.ms * 1000,
                      .time_type = MYSQL_TIMESTAMP_DATETIME};
}

/* A zero date cannot be stored in strict mode; one that was stored before reads as 0. */
int64_t db_time_to_ms(const MYSQL_TIME *t)
{
    if (!t->month || !t->day)
        return 0;
    return clock_date_ms((int)t->year, (int)t->month, (int)t->day) + (int64_t)t->hour * HOUR_MS +
           (int64_t)t->minute * MINUTE_MS + (int64_t)t->second * 1000 + (int64_t)(t->second_part / 1000);
}

void *db_wire_buffer(const void *p)
{
    return (void *)(uintptr_t)p;
}
