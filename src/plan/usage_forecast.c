/* usage_forecast.c: what a period comes to. Pure. */
#include "base/clock.h"
#include "base/err.h"
#include "plan/money.h"
#include "plan/usage.h"

#include "base/banned.h"

__extension__ typedef __int128 wide;
#define PICO 1000000000000LL

/* Counted over a time, both positive: what comes is thought to go on like that. */
struct pace {
    int64_t counted, span_ms;
};

static int64_t clamp(wide v)
{
    return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

/* From the first day that is known, but not from before the last seven; a day that has begun counts as far as it has come. Less than
 * a day says nothing about a day, since nights are quiet: it is taken for a whole one. */
static struct pace pace_of(const struct usage *u, const struct usage_day *days, size_t n, int64_t now_ms)
{
    int64_t today = now_ms - now_ms % DAY_MS, from = n ? days[0].day_ms : u->period_start_ms;
    struct pace p = {0, 0};
    if (from < u->period_start_ms && from + DAY_MS > u->period_start_ms)
        from = u->period_start_ms; /* the period's first day is known from its beginning on */
    if (from < today - 6 * DAY_MS)
        from = today - 6 * DAY_MS;
    for (size_t i = 0; i < n; i++)
        if (days[i].day_ms + DAY_MS > from && days[i].day_ms <= now_ms)
            p.counted += days[i].counted;
    p.span_ms = now_ms - from > DAY_MS ? now_ms - from : DAY_MS;
    return p;
}

static int64_t full_at(const struct usage *u, struct pace p, int64_t now_ms)
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

/* Conversations beyond the included ones cost money as far as they are let in. */
static int64_t overage_of(const struct usage *u, const struct plan_terms *terms, int64_t used)
{
    int64_t paid = used < u->limit ? used : u->limit, cost;
    if (!terms || terms->overage < 0 || !u->billable || u->included == USAGE_UNLIMITED)
        return 0;
    if (u->used > paid)
        paid = u->used; /* a limit that was lowered takes nothing back */
    if (paid <= u->included)
        return 0;
    return money_times((struct decimal){terms->overage / PICO, terms->overage % PICO}, paid - u->included, &cost)
               ? cost
               : INT64_MAX;
}

struct usage_forecast usage_forecast(const struct usage *u, const struct plan_terms *terms,
                                     const struct usage_day *days, size_t n, int64_t now_ms)
{
    struct pace p = pace_of(u, days, n, now_ms);
    int64_t rest = u->period_end_ms > now_ms ? u->period_end_ms - now_ms : 0;
    struct usage_forecast f = {.used_at_end = clamp(u->used + ((wide)p.counted * rest + p.span_ms / 2) / p.span_ms)};
    f.overage = overage_of(u, terms, f.used_at_end);
    f.full_at_ms = full_at(u, p, now_ms);
    return f;
}
