/* usage_forecast.c: estimates what a period will come to from the pace of the last seven days. Pure; 128-bit
 * integers, so no input overflows. */
#include "base/clock.h"
#include "base/err.h"
#include "plan/money.h"
#include "plan/usage.h"

#include "base/banned.h"

__extension__ typedef __int128 wide;

/* The pace: so many conversations in so much time. */
struct usage_pace {
    int64_t counted, span_ms;
};

static int64_t forecast_clamp(wide v)
{
    return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

/* From the first known day, but at most the last seven; today counts up to now. Less than a day is taken as a whole
 * day, because nights are quiet and a few hours say nothing about a day. */
static struct usage_pace forecast_pace(const struct usage *u, const struct usage_day *days, size_t n, int64_t now_ms)
{
    int64_t today = now_ms - now_ms % DAY_MS, from = n ? days[0].day_ms : u->period_start_ms;
    struct usage_pace p = {0, 0};
    if (from < u->period_start_ms && from + DAY_MS > u->period_start_ms)
        from = u->period_start_ms; /* only the part of the first day that belongs to the period */
    if (from < today - 6 * DAY_MS)
        from = today - 6 * DAY_MS;
    for (size_t i = 0; i < n; i++)
        if (days[i].day_ms + DAY_MS > from && days[i].day_ms <= now_ms)
            p.counted += days[i].counted;
    p.span_ms = now_ms - from > DAY_MS ? now_ms - from : DAY_MS;
    return p;
}

/* Rounded up: the limit is met by the last conversation and not before it. */
static int64_t forecast_full_at(const struct usage *u, struct usage_pace p, int64_t now_ms)
{
    wide left = u->limit - u->used, at;

    if (u->limit == USAGE_UNLIMITED)
        return 0;
    if (left <= 0)
        return now_ms;
    if (p.counted <= 0)
        return 0;
    at = now_ms + (left * p.span_ms + p.counted - 1) / p.counted;
    return at < u->period_end_ms ? (int64_t)at : 0;
}

/* Only conversations up to the limit can cost money. */
static int64_t forecast_overage(const struct usage *u, const struct plan_terms *terms, int64_t used)
{
    int64_t paid = used < u->limit ? used : u->limit, cost;
    if (!terms || terms->overage < 0 || !u->billable || u->included == USAGE_UNLIMITED)
        return 0;
    if (u->used > paid)
        paid = u->used; /* the limit was lowered after they were counted */
    if (paid <= u->included)
        return 0;
    return money_times(decimal_of_pico(terms->overage), paid - u->included, &cost) ? cost : INT64_MAX;
}

struct usage_forecast usage_forecast(const struct usage *u, const struct plan_terms *terms,
                                     const struct usage_day *days, size_t n, int64_t now_ms)
{
    struct usage_pace p = forecast_pace(u, days, n, now_ms);
    int64_t rest = u->period_end_ms > now_ms ? u->period_end_ms - now_ms : 0;
    struct usage_forecast f = {
        .used_at_end = forecast_clamp(u->used + ((wide)p.counted * rest + p.span_ms / 2) / p.span_ms)};
    f.overage = forecast_overage(u, terms, f.used_at_end);
    f.full_at_ms = forecast_full_at(u, p, now_ms);
    return f;
}
