/* job_cleanup.c: cleanup, once an hour: deletes rows of all tenants that are no longer needed.
 *
 * The ages are here, in one place; the statements are in the modules that own the tables. What the books need (ledger,
 * counters, terms, audit) is never deleted. An hour's rows are few, so the tables never grow to a size at which
 * deleting would be felt. */
#include <time.h>

#include "account/account.h"
#include "alarm/alarm.h"
#include "base/clock.h"
#include "billing/meter/meter.h"
#include "billing/notice/notice.h"
#include "billing/sync/event.h"
#include "engine/workspace/account.h"
#include "engine/workspace/caps.h"
#include "stripe/call.h"
#include "stripe/lease.h"
#include "talk/retention.h"
#include "worker/worker_internal.h"

#include "base/banned.h"

#define CLEANUP_BATCH 500
#define KEEP_TURN_KEYS (30 * DAY_MS)
#define KEEP_DONE (30 * DAY_MS)
#define KEEP_NOTICES (400 * DAY_MS)
#define KEEP_ALARMS (400 * DAY_MS)       /* closed ones */
#define KEEP_EVENTS (90 * DAY_MS)        /* done or ignored; Stripe keeps its own for 30 days */
#define KEEP_DEAD (90 * DAY_MS)          /* so that the operator can still replay one */
#define KEEP_STRIPE_CALLS (400 * DAY_MS) /* while the row exists, its key cannot be used for another call */

/* The lifetime is a setting that may have changed since the worker started, so it is read each time. */
static enum status clean_sessions(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    const struct config *cfg = config_current();
    int64_t lifetime = config_int(cfg, CONFIG_session_lifetime);
    config_drop(cfg);
    return account_sessions_forget(c, now - lifetime, CLEANUP_BATCH, n, e);
}

static enum status clean_turn_keys(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return retention_forget_turn_keys(c, now - KEEP_TURN_KEYS, CLEANUP_BATCH, n, e);
}

static enum status clean_jobs_done(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return queue_forget(c, JOB_DONE, now - KEEP_DONE, CLEANUP_BATCH, n, e);
}

static enum status clean_jobs_dead(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return queue_forget(c, JOB_DEAD, now - KEEP_DEAD, CLEANUP_BATCH, n, e);
}

static enum status clean_stripe_calls(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return stripe_call_forget(c, now - KEEP_STRIPE_CALLS, CLEANUP_BATCH, n, e);
}

static enum status clean_stripe_leases(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return lease_clean(c, now, CLEANUP_BATCH, n, e);
}

static enum status clean_meter_rows(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return meter_forget(c, now - METER_KEEP_MS, CLEANUP_BATCH, n, e);
}

static enum status clean_meter_calls(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return meter_forget_calls(c, now - METER_KEEP_CALLS_MS, CLEANUP_BATCH, n, e);
}

static enum status clean_alarms(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return alarm_forget(c, now - KEEP_ALARMS, CLEANUP_BATCH, n, e);
}

static enum status clean_notices(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return notice_forget(c, now - KEEP_NOTICES, CLEANUP_BATCH, n, e);
}

static enum status clean_engine_visitors(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return engine_account_forget_visitors(c, now - ENGINE_KEEP_VISITORS_MS, CLEANUP_BATCH, n, e);
}

static enum status clean_engine_caps(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return engine_caps_forget(c, now - ENGINE_KEEP_CAPS_MS, CLEANUP_BATCH, n, e);
}

static enum status clean_stripe_events(struct db *c, int64_t now, int64_t *n, struct err *e)
{
    return event_forget(c, now - KEEP_EVENTS, CLEANUP_BATCH, n, e);
}

static const struct {
    const char *name;
    enum status (*fn)(struct db *c, int64_t now, int64_t *n, struct err *e);
} cleanings[] = {
    {"sessions", clean_sessions},
    {"turn_keys", clean_turn_keys},
    {"jobs_done", clean_jobs_done},
    {"jobs_dead", clean_jobs_dead},
    {"stripe_calls", clean_stripe_calls},
    {"stripe_leases", clean_stripe_leases},
    {"meter_rows", clean_meter_rows},
    {"meter_calls", clean_meter_calls},
    {"notices", clean_notices},
    {"alarms", clean_alarms},
    {"stripe_events", clean_stripe_events},
    {"engine_visitors", clean_engine_visitors},
    {"engine_caps", clean_engine_caps},
};

/* Deletes in batches with a pause after each, so that turns never wait long behind a deletion, and the undo log and
 * replicas keep up. A batch that is not full was the last one. Every batch commits on its own: a cleanup that dies
 * continues where it was. */
static enum status clean_in_batches(struct worker_job *w, size_t i, int64_t now, int64_t *total, struct err *e)
{
    int64_t n = CLEANUP_BATCH;
    enum status st = OK;
    *total = 0;
    while (st == OK && n == CLEANUP_BATCH) {
        st = cleanings[i].fn(w->db, now, &n, e);
        *total += st == OK ? n : 0;
        if (n == CLEANUP_BATCH)
            nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        worker_progress(w, NULL);
    }
    return st;
}

enum status job_cleanup(struct worker_job *w, struct json **result, struct err *e)
{
    int64_t now = clock_now_ms(), n;
    enum status st = OK;
    if (!(*result = json_new_object(w->arena)))
        return err_nomem(e);
    for (size_t i = 0; st == OK && i < COUNT_OF(cleanings); i++)
        if ((st = clean_in_batches(w, i, now, &n, e)) == OK && json_set_int(*result, cleanings[i].name, n))
            st = err_nomem(e);
    return st;
}
