/* usage_report.c: what a tenant sees of the ledger, and the operator's check that counters are its sums. */
#include "alarm/alarm.h"
#include "base/clock.h"
#include "billing/usage.h"
#include "billing/usage_report_store.h"

#include "base/banned.h"

#define DAYS_MAX 400

enum status usage_rows(struct db *c, struct id tenant, struct arena *a, struct id before, int limit,
                       struct usage_row **out, size_t *n, struct err *e)
{
    struct id newest;
    memset(newest.b, 0xff, sizeof(newest.b));
    return report_store_rows(c, tenant, a, id_is_none(before) ? newest : before, limit, out, n, e);
}

enum status usage_days(struct db *c, struct id tenant, struct arena *a, int64_t from_ms, int64_t to_ms,
                       struct usage_day **out, size_t *n, struct err *e)
{
    struct usage_day *counted, *all;
    int64_t first = from_ms - from_ms % DAY_MS;
    size_t have, days = to_ms > from_ms ? (size_t)((to_ms - first + DAY_MS - 1) / DAY_MS) : 0;
    if (days > DAYS_MAX)
        return err_set(e, ERR_INVALID, "days_invalid", "At most %d days are shown at once.", DAYS_MAX);
    enum status st = report_store_days(c, tenant, a, from_ms, to_ms, &counted, &have, e);
    if (st != OK)
        return st;
    if (!(all = arena_array(a, days + 1, sizeof(*all))))
        return err_nomem(e);
    for (size_t i = 0, k = 0; i < days; i++) {
        all[i].day_ms = first + (int64_t)i * DAY_MS;
        if (k < have && counted[k].day_ms == all[i].day_ms)
            all[i].counted = counted[k++].counted;
    }
    *out = all;
    *n = days;
    return OK;
}

/* The counter is locked first: whoever counts at this moment waits with its rows, which are not to be seen yet, and adds them after. */
static enum status repair_one(struct db *c, void *ctx, struct err *e)
{
    const struct usage_drift *d = ctx;
    int64_t n = 0, reported = 0;
    char id[ID_TEXT_MAX];
    enum status st = report_store_lock(c, d, &reported, e);
    if (st == OK)
        st = report_store_count(c, d, &n, e);
    if (st == OK)
        st = report_store_set(c, d, n, clock_now_ms(), e);
    if (st == OK && reported > n)
        st = alarm_raise(c, "meter_over", str_from(id_text(ID_TENANT, d->tenant, id)), d->tenant, e,
                         "%lld conversations more were reported to Stripe than the ledger has since %lld (Unix time): "
                         "give them back by hand.",
                         (long long)(reported - n), (long long)(d->period_start_ms / 1000));
    return st;
}

enum status usage_verify(struct db *c, struct arena *a, bool repair, struct usage_drift **out, size_t *n, struct err *e)
{
    enum status st = report_store_drift(c, a, out, n, e);
    for (size_t i = 0; st == OK && repair && i < *n; i++)
        st = db_transaction(c, repair_one, &(*out)[i], e);
    return st;
}
