/* job_retention.c: retention, once a day: deletes conversations that are older than the tenant's plan keeps them.
 *
 * Entitlements decide how long that is. They are read for each tenant when it is its turn, so an upgrade during the
 * run still counts. */
#include <time.h>

#include "account/account.h"
#include "base/clock.h"
#include "base/log.h"
#include "plan/entitlement.h"
#include "talk/retention.h"
#include "worker/worker_internal.h"

#include "base/banned.h"

#define RETENTION_BATCH 50
#define EVENTS_BATCH 500
#define RETENTION_DAYS_MAX 36500 /* more than a century means no limit */

/* A pause after each full batch, so that turns never wait long behind a deletion. */
static void retention_pause(struct worker_job *w, bool full)
{
    if (full)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    worker_progress(w, NULL);
}

static enum status retention_of_age(struct worker_job *w, struct id tenant, int64_t before_ms, int64_t *total,
                                    struct err *e)
{
    struct id after = ID_NONE;
    int64_t n = RETENTION_BATCH;
    enum status st = OK;
    while (st == OK && n == RETENTION_BATCH) {
        st = retention_sweep(w->db, tenant, before_ms, &after, RETENTION_BATCH, &n, e);
        *total += st == OK ? n : 0;
        retention_pause(w, n == RETENTION_BATCH);
    }
    n = EVENTS_BATCH;
    while (st == OK && n == EVENTS_BATCH) {
        st = retention_sweep_events(w->db, tenant, before_ms, EVENTS_BATCH, &n, e);
        retention_pause(w, n == EVENTS_BATCH);
    }
    return st;
}

/* A plan that keeps less than a day is a mistake in its row; one day is then the least, because deleting the current
 * day would take conversations that are still open. */
static enum status retention_of_tenant(struct worker_job *w, struct id tenant, int64_t now_ms, int64_t *total,
                                       struct err *e)
{
    int64_t days;
    enum status st = entitlement_history_days(w->db, tenant, now_ms, &days, e);
    if (st != OK || days > RETENTION_DAYS_MAX)
        return st;
    return retention_of_age(w, tenant, now_ms - (days > 0 ? days : 1) * DAY_MS, total, e);
}

/* A failure for one tenant is logged and does not stop the others, whose history would otherwise be kept too long. Only
 * a database that is away ends the run: it would fail for all. A tenant that was deleted meanwhile is not a failure. */
enum status job_retention(struct worker_job *w, struct json **result, struct err *e)
{
    int64_t now = clock_now_ms(), total = 0, failed = 0;
    struct tenant *all;
    size_t n;
    enum status st = account_tenants(w->db, w->arena, &all, &n, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        struct err mine = ERR_INIT;
        enum status one = retention_of_tenant(w, all[i].id, now, &total, &mine);
        if (one == ERR_UNAVAILABLE)
            st = err_wrap(&mine, "Old conversations");
        else if (one != OK && one != ERR_NOT_FOUND)
            failed++;
        if (one != OK)
            log_line(LOG_WARN, "retention_failed", LOG_S("message", mine.message));
        if (st != OK)
            *e = mine;
    }
    if (st == OK && (!(*result = json_new_object(w->arena)) || json_set_int(*result, "deleted", total) != 0 ||
                     json_set_int(*result, "failed", failed) != 0))
        st = err_nomem(e);
    return st;
}
