/* What a period comes to: usage_forecast, case by case. */
#include "base/clock.h"
#include "lib/test.h"
#include "plan/usage.h"

#include "base/banned.h"

#define U USAGE_UNLIMITED
#define STARTER 490000000000LL /* $0.0049, in 10^-12 cent */

struct row {
    const char *name;
    int64_t used, included, limit;
    bool billable;
    int64_t overage; /* of the terms */
    int first_day;   /* of November 2026: days[0] */
    int64_t counted[14];
    size_t n;
    int64_t now_ms;                    /* since 1 November */
    int64_t at_end, money, full_at_ms; /* full_at since 1 November; 0: not in this period */
};

static const struct row rows[] = {
    {"nothing was counted", 0, 1000, 1000, false, -1, 1, {0}, 3, 2 * DAY_MS + 12 * HOUR_MS, 0, 0, 0},
    {"no day is known", 5, 1000, 1000, false, -1, 1, {0}, 0, 2 * DAY_MS, 5, 0, 0},
    {"an even pace, half of the month",
     1500,
     10000,
     10000,
     true,
     STARTER,
     1,
     {100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100},
     14,
     14 * DAY_MS,
     1500 + 16 * 100,
     0,
     0},
    {"the last seven days alone say how it goes on",
     640,
     U,
     U,
     true,
     0,
     1,
     {100, 100, 100, 100, 100, 100, 0, 0, 0, 0, 0, 0, 40, 0},
     14,
     13 * DAY_MS + 12 * HOUR_MS,
     /* six days and a half: 8 to 14 November at noon */ 640 + 102,
     0,
     0},
    {"unlimited never fills",
     70000,
     U,
     U,
     true,
     0,
     1,
     {10000, 10000, 10000, 10000, 10000, 10000, 10000},
     7,
     7 * DAY_MS,
     70000 + 230000,
     0,
     0},
    {"the first hour: less than a day is taken for one",
     20,
     1000,
     1000,
     false,
     -1,
     1,
     {20},
     1,
     HOUR_MS,
     20 + 20 * 719 / 24,
     0,
     0},
    {"the first hour with the week before: that goes on",
     20,
     1000,
     1000,
     false,
     -1,
     -5,
     {0, 240, 240, 240, 240, 240, 20},
     7,
     HOUR_MS,
     /* 1,220 in 145 hours, 719 hours to go */ 20 + 6050,
     0,
     980 * 145 * HOUR_MS / 1220 + HOUR_MS + 1},
    {"the day before counts as a whole, though the period begins at its end",
     300,
     1000,
     1000,
     false,
     -1,
     0,
     {100, 300},
     2,
     DAY_MS,
     300 + 29 * 200,
     0,
     DAY_MS + 7 * DAY_MS / 2},
    {"the very first moment", 0, 1000, 1000, false, -1, 1, {0}, 1, 0, 0, 0, 0},
    {"a spike fills it",
     9000,
     10000,
     10000,
     true,
     STARTER,
     5,
     {100, 100, 100, 100, 100, 8500},
     6,
     10 * DAY_MS,
     9000 + 9000 / 6 * 20,
     0,
     10 * DAY_MS + 6 * DAY_MS / 9},
    {"full already", 1000, 1000, 1000, false, -1, 1, {500, 500}, 2, 2 * DAY_MS, 1000 + 14000, 0, 2 * DAY_MS},
    {"full already, and nothing is asked for", 1000, 1000, 1000, false, -1, 1, {0}, 1, 2 * DAY_MS, 1000, 0, 2 * DAY_MS},
    {"what fills with the period's last moment is never full",
     720,
     1000,
     1000,
     false,
     -1,
     1,
     {10, 10},
     2,
     2 * DAY_MS,
     1000,
     0,
     0},
    {"over a limit that was lowered",
     1200,
     1000,
     1000,
     true,
     -1,
     1,
     {600, 600},
     2,
     2 * DAY_MS,
     1200 + 16800,
     0,
     2 * DAY_MS},
    {"overage is paid for each beyond the included",
     9000,
     10000,
     20000,
     true,
     STARTER,
     1,
     {1800, 1800, 1800, 1800, 1800},
     5,
     5 * DAY_MS,
     9000 + 45000,
     /* let in: 10,000 beyond, at 0.49 cents */ 4900,
     5 * DAY_MS + 11000 * DAY_MS / 1800},
    {"overage rounds half a cent up", 10001, 10000, U, true, STARTER, 1, {0}, 1, 29 * DAY_MS, 10001, 0, 0},
    {"one and a half cents are two", 10003, 10000, U, true, 500000000000LL, 1, {0}, 1, 29 * DAY_MS, 10003, 2, 0},
    {"what is beyond a lowered cap is paid too",
     12000,
     10000,
     11000,
     true,
     STARTER,
     1,
     {0},
     1,
     29 * DAY_MS,
     12000,
     980,
     29 * DAY_MS},
    {"no overage where nothing is billed", 2000, 1000, U, false, STARTER, 1, {1000, 1000}, 2, 2 * DAY_MS, 30000, 0, 0},
    {"terms that stop cost nothing beyond", 2000, 1000, U, true, -1, 1, {1000, 1000}, 2, 2 * DAY_MS, 30000, 0, 0},
    {"after the period's end nothing is added",
     900,
     1000,
     1000,
     true,
     STARTER,
     24,
     {100, 100, 100, 100, 100, 100, 100},
     7,
     31 * DAY_MS,
     900,
     0,
     0},
    {"numbers near the end of their kind",
     INT64_MAX / 2,
     U,
     U,
     true,
     0,
     1,
     {INT64_MAX / 2},
     1,
     DAY_MS,
     INT64_MAX,
     0,
     0},
};

static void each_case(void **state)
{
    int64_t november = clock_date_ms(2026, 11, 1);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *r = &rows[i];
        struct usage u = {.used = r->used,
                          .included = r->included,
                          .limit = r->limit,
                          .billable = r->billable,
                          .period_start_ms = november,
                          .period_end_ms = november + 30 * DAY_MS};
        struct plan_terms terms = {.overage = r->overage, .conversations = r->included};
        struct usage_day days[14];
        for (size_t k = 0; k < r->n; k++)
            days[k] = (struct usage_day){november + (r->first_day - 1 + (int64_t)k) * DAY_MS, r->counted[k]};
        struct usage_forecast f = usage_forecast(&u, &terms, days, r->n, november + r->now_ms);
        int64_t full = f.full_at_ms ? f.full_at_ms - november : 0;
        if (f.used_at_end != r->at_end || f.overage != r->money || full != r->full_at_ms)
            fail_msg("%s: used at end %lld, overage %lld, full at %lld", r->name, (long long)f.used_at_end,
                     (long long)f.overage, (long long)full);
    }
}

static void without_terms_there_is_no_overage(void **state)
{
    struct usage u = {.used = 20, .included = 10, .limit = U, .billable = true, .period_end_ms = 30 * DAY_MS};
    (void)state;
    assert_int_equal(usage_forecast(&u, NULL, NULL, 0, DAY_MS).overage, 0);
}

/* A subscription's period begins in the middle of a day. */
static void a_period_begins_at_any_time(void **state)
{
    int64_t start = clock_date_ms(2026, 11, 10) + 18 * HOUR_MS;
    struct usage u = {.used = 90,
                      .included = 10000,
                      .limit = 10000,
                      .billable = true,
                      .period_start_ms = start,
                      .period_end_ms = start + 30 * DAY_MS};
    struct usage_day days[] = {{clock_date_ms(2026, 11, 10), 30}, {clock_date_ms(2026, 11, 11), 60}};
    (void)state;
    /* 90 in the 30 hours since it began: three an hour, for 690 hours more */
    assert_int_equal(usage_forecast(&u, NULL, days, 2, start + 30 * HOUR_MS).used_at_end, 90 + 3 * 690);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(each_case), TEST(without_terms_there_is_no_overage),
                                       TEST(a_period_begins_at_any_time)};
    return RUN(tests);
}
