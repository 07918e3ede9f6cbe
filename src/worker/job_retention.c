/* job_retention.c: retention, once a day: deletes conversations, and the calls to engines and events of turns of that
 * time, that are older than the tenant's plan keeps them.
 *
 * Entitlements decide how long that is. They are read for each tenant when it is its turn, so an upgrade during the
 * run still counts. */
#include <time.h>

#include "account/account.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/workspace/account.h"
#include "plan/entitlement.h"
#include "talk/retention.h"
#include "worker/worker_internal.h"

#include "base/banned.h"

#define RETENTION_BATCH 50
#define ROWS_BATCH 500           /* of tables whose rows have no children */
#define RETENTION_DAYS_MAX 36500 /* more than a century means no limit */

/* A pause after each full batch, so that turns never wait long behind a deletion. */
static void retention_pause(struct worker_job *w, bool full)
{
    if (full)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    worker_progress(w, NULL);
}

typedef enum status retention_rows_fn(struct db *c, struct id tenant, int64_t before_ms, int limit, int64_t *n,
                                      struct err *e);

static enum status retention_of_rows(struct worker_job *w, retention_rows_fn *fn, struct id tenant, int64_t before_ms,
                                     struct err *e)
{
    int64_t n = ROWS_BATCH;
    enum status st = OK;
    while (st == OK && n == ROWS_BATCH) {
        st = fn(w->db, tenant, before_ms, ROWS_BATCH, &n, e);
        retention_pause(w, n == ROWS_BATCH);
    }
    return st;
}

/* Calls to engines go first: then few are left that a conversation has to be taken from. */
static enum status retention_of_age(struct worker_job *w, struct id tenant, int64_t before_ms, int64_t *total,
                                    struct err *e)
{
    struct id after = ID_NONE;
    int64_t n = RETENTION_BATCH;
    enum status st = retention_of_rows(w, engine_account_sweep, tenant, before_ms, e);
    while (st == OK && n == RETENTION_BATCH) {
        st = retention_sweep(w->db, tenant, before_ms, &after, RETENTION_BATCH, &n, e);
        *total += st == OK ? n : 0;
        retention_pause(w, n == RETENTION_BATCH);
    }
    return st == OK ? retention_of_rows(w, retention_sweep_events, tenant, before_ms, e) : st;
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
