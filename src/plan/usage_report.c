/* usage_report.c: what a tenant sees of the ledger, and the operator's check that every counter is the sum of its
 * ledger rows. */
#include "base/clock.h"
#include "plan/usage.h"
#include "plan/usage_report_store.h"

#include "base/banned.h"

#define REPORT_DAYS_MAX 400

enum status usage_rows(struct db *c, struct id tenant, struct arena *a, struct id before, int limit,
                       struct usage_row **out, size_t *n, struct err *e)
{
    struct id newest;
    memset(newest.b, 0xff, sizeof(newest.b));
    return report_store_rows(c, tenant, a, id_is_none(before) ? newest : before, limit, out, n, e);
}

/* Days without conversations are filled in here, because the database only returns days that have some. */
enum status usage_days(struct db *c, struct id tenant, struct arena *a, int64_t from_ms, int64_t to_ms,
                       struct usage_day **out, size_t *n, struct err *e)
{
    struct usage_day *counted, *all;
    int64_t first = from_ms - from_ms % DAY_MS;
    size_t have, days = to_ms > from_ms ? (size_t)((to_ms - first + DAY_MS - 1) / DAY_MS) : 0;
    if (days > REPORT_DAYS_MAX)
        return err_set(e, E_days_invalid, "At most %d days can be shown at a time.", REPORT_DAYS_MAX);
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

enum status usage_drift_list(struct db *c, struct arena *a, struct usage_drift **out, size_t *n, struct err *e)
{
    return report_store_drift(c, a, out, n, e);
}

/* The counter is locked first. A transaction that counts at this moment waits for the lock with its ledger rows,
 * which are not visible here yet, and adds them to the counter afterwards. */
enum status usage_drift_repair(struct db *c, const struct usage_drift *d, int64_t *over, struct err *e)
{
    int64_t n = 0, reported = 0;
    enum status st = report_store_lock(c, d, &reported, e);
    if (st == OK)
        st = report_store_count(c, d, &n, e);
    if (st == OK)
        st = report_store_set(c, d, n, clock_now_ms(), e);
    *over = st == OK && reported > n ? reported - n : 0;
    return st;
}
