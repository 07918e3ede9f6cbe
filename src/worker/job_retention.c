/* retention, once a day: conversations that a workspace's plan no longer keeps. */
#include <time.h>

#include "account/account.h"
#include "base/clock.h"
#include "base/log.h"
#include "plan/entitlement.h"
#include "talk/retention.h"
#include "worker/worker.h"

#include "base/banned.h"

#define BATCH 50
#define EVENTS_BATCH 500
#define DAYS_MAX 36500 /* a limit beyond a century is none */

job_fn job_retention;

/* After a full batch a pause, so that turns never queue for long behind a deletion. */
static void breathe(struct work *w, bool full)
{
    if (full)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    worker_progress(w, NULL);
}

static enum status sweep(struct work *w, struct id tenant, int64_t before_ms, int64_t *total, struct err *e)
{
    struct id after = ID_NONE;
    int64_t n = BATCH;
    enum status st = OK;
    while (st == OK && n == BATCH) {
        st = retention_sweep(w->db, tenant, before_ms, &after, BATCH, &n, e);
        *total += st == OK ? n : 0;
        breathe(w, n == BATCH);
    }
    n = EVENTS_BATCH;
    while (st == OK && n == EVENTS_BATCH) {
        st = retention_sweep_events(w->db, tenant, before_ms, EVENTS_BATCH, &n, e);
        breathe(w, n == EVENTS_BATCH);
    }
    return st;
}

static enum status of_tenant(struct work *w, struct id tenant, int64_t now_ms, int64_t *total, struct err *e)
{
    int64_t days;
    enum status st = entitlement_history_days(w->db, tenant, now_ms, &days, e);
    if (st != OK || days > DAYS_MAX)
        return st;
    return sweep(w, tenant, now_ms - (days > 0 ? days : 1) * DAY_MS, total, e);
}

/* One workspace's trouble is logged, and keeps nobody else's history too long. */
enum status job_retention(struct work *w, struct json **result, struct err *e)
{
    int64_t now = clock_now_ms(), total = 0, failed = 0;
    struct tenant *all;
    size_t n;
    enum status st = account_tenants(w->db, w->arena, &all, &n, e);
    for (size_t i = 0; st == OK && i < n; i++) {
        struct err mine = ERR_INIT;
        enum status one = of_tenant(w, all[i].id, now, &total, &mine);
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
