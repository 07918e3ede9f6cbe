/* cleanup, once an hour: ended sessions, old keys of messages, finished jobs, what Stripe was asked long ago. */
#include <time.h>

#include "account/account.h"
#include "alarm/alarm.h"
#include "base/clock.h"
#include "billing/meter/meter.h"
#include "billing/notice/notice.h"
#include "billing/sync/sync.h"
#include "stripe/client.h"
#include "stripe/lease.h"
#include "talk/retention.h"
#include "worker/worker.h"

#include "base/banned.h"

#define BATCH 500
#define KEEP_TURN_KEYS (30 * DAY_MS)
#define KEEP_DONE (30 * DAY_MS)
#define KEEP_NOTICES (400 * DAY_MS)
#define KEEP_ALARMS (400 * DAY_MS)       /* that are closed */
#define KEEP_EVENTS (90 * DAY_MS)        /* of Stripe, served or ignored: its own reach back 30 days */
#define KEEP_DEAD (90 * DAY_MS)          /* somebody may still want to replay it */
#define KEEP_STRIPE_CALLS (400 * DAY_MS) /* as long as it stands, its key cannot do a second thing */

job_fn job_cleanup;

static enum status sessions(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    struct config *cfg = config_current();
    int64_t lifetime = config_int(cfg, CONFIG_session_lifetime);
    config_drop(cfg);
    return account_sessions_forget(c, now - lifetime, BATCH, n, e);
}

static enum status turn_keys(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return retention_forget_turn_keys(c, now - KEEP_TURN_KEYS, BATCH, n, e);
}

static enum status jobs_done(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return queue_forget(c, JOB_DONE, now - KEEP_DONE, BATCH, n, e);
}

static enum status jobs_dead(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return queue_forget(c, JOB_DEAD, now - KEEP_DEAD, BATCH, n, e);
}

static enum status stripe_calls(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return stripe_calls_clean(c, now - KEEP_STRIPE_CALLS, BATCH, n, e);
}

static enum status stripe_leases(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return lease_clean(c, now, BATCH, n, e);
}

static enum status meter_rows(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return meter_forget(c, now - METER_KEEP_MS, BATCH, n, e);
}

static enum status meter_calls(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return meter_forget_calls(c, now - METER_KEEP_CALLS_MS, BATCH, n, e);
}

static enum status alarms(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return alarm_forget(c, now - KEEP_ALARMS, BATCH, n, e);
}

static enum status notices(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return notice_forget(c, now - KEEP_NOTICES, BATCH, n, e);
}

static enum status stripe_events(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return event_forget(c, now - KEEP_EVENTS, BATCH, n, e);
}

static const struct {
    const char *name;
    enum status (*fn)(struct db *c, int64_t now, int64_t *n, struct err *e);
} steps[] = {
    {"sessions", sessions},     {"turn_keys", turn_keys},         {"jobs_done", jobs_done},
    {"jobs_dead", jobs_dead},   {"stripe_calls", stripe_calls},   {"stripe_leases", stripe_leases},
    {"meter_rows", meter_rows}, {"meter_calls", meter_calls},     {"notices", notices},
    {"alarms", alarms},         {"stripe_events", stripe_events},
};

/* Batches with a breath between them, so that turns never queue behind a deletion. */
static enum status sweep(struct work *w, size_t i, int64_t now, int64_t *total, struct err *e)
{
    int64_t n = BATCH;
    enum status st = OK;
    *total = 0;
    while (st == OK && n == BATCH) {
        st = steps[i].fn(w->db, now, &n, e);
        *total += st == OK ? n : 0;
        if (n == BATCH)
            nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        worker_progress(w, NULL);
    }
    return st;
}

enum status job_cleanup(struct work *w, struct json **result, struct err *e)
{
    int64_t now = clock_now_ms(), n;
    enum status st = OK;
    if (!(*result = json_new_object(w->arena)))
        return err_nomem(e);
    for (size_t i = 0; st == OK && i < COUNT_OF(steps); i++)
        if ((st = sweep(w, i, now, &n, e)) == OK && json_set_int(*result, steps[i].name, n))
            st = err_nomem(e);
    return st;
}
