/* index.c: /admin: the state of billing at a glance: what waits, what failed, open alarms, jobs, and the latest actions
 * of operators. Everything comes from the database, so the page opens at once, also while Stripe is down. */
#include "alarm/alarm.h"
#include "billing/meter/meter.h"
#include "billing/setup/setup.h"
#include "portal/admin/admin.h"

#include "base/banned.h"

#define ALARMS_SHOWN 5
#define LOG_SHOWN 12

/* An age in the largest unit that fits. */
static void console_fill_age(struct page *pg, const char *key, int64_t ms)
{
    if (ms <= 0)
        return;
    if (ms < MINUTE_MS)
        view_count(pg->v, key, "Admin.Index.Seconds", ms / 1000);
    else if (ms < HOUR_MS)
        view_count(pg->v, key, "Admin.Index.Minutes", ms / MINUTE_MS);
    else
        view_count(pg->v, key, "Admin.Index.Hours", ms / HOUR_MS);
}

/* The oldest waiting event or report says more than their number: it shows whether the worker runs at all. */
static enum status console_fill_queues(struct page *pg)
{
    struct event_depth events;
    struct meter_lag meter;
    enum status st = event_depth(pg->db, &events, &pg->e);
    if (st == OK)
        st = meter_lag(pg->db, &meter, &pg->e);
    if (st != OK)
        return st;
    view_number(pg->v, "Events.Pending", events.pending);
    view_number(pg->v, "Events.Dead", events.dead);
    view_bool(pg->v, "Events.AnyDead", events.dead > 0);
    console_fill_age(pg, "Events.Oldest", events.oldest_ms);
    view_number(pg->v, "Meter.Waiting", meter.waiting);
    view_number(pg->v, "Meter.Unknown", meter.unknown);
    view_number(pg->v, "Meter.Rejected", meter.rejected);
    view_bool(pg->v, "Meter.Late", meter.oldest_ms >= METER_LAG_ALARM_MS);
    view_bool(pg->v, "Meter.AnyRejected", meter.rejected > 0);
    console_fill_age(pg, "Meter.Oldest", meter.oldest_ms);
    return OK;
}

/* Counted for the mode of the key: test subscriptions are not customers. */
static enum status console_fill_counts(struct page *pg, const struct admin *ad)
{
    struct console_counts n;
    enum status st = console_counts(pg->db, ad->live, &n, &pg->e);
    if (st != OK)
        return st;
    view_number(pg->v, "Counts.Tenants", n.tenants);
    view_number(pg->v, "Counts.Paying", n.paying);
    view_number(pg->v, "Counts.Failing", n.failing);
    view_bool(pg->v, "Counts.AnyFailing", n.failing > 0);
    view_number(pg->v, "Counts.Lost", n.customers_lost);
    view_bool(pg->v, "Counts.AnyLost", n.customers_lost > 0);
    return OK;
}

/* Compares what is set up at Stripe with what the plans need, without calling Stripe. */
static enum status console_fill_setup(struct page *pg, const struct admin *ad)
{
    bool ready = false;
    struct str words = STR_EMPTY;
    if (!ad->stripe)
        return OK;
    enum status st = setup_check(ad->stripe, pg->db, pg->rq->arena, &ready, &words, &pg->e);
    view_bool(pg->v, "Setup.Ready", ready);
    view_str(pg->v, "Setup.Words", words);
    return st;
}

/* One row for each kind of job that runs by the clock, with its last end: a job that has stopped running is seen by its
 * age. */
static enum status console_fill_jobs(struct page *pg)
{
    struct job_last *jobs = NULL;
    struct view *v = pg->v;
    size_t n = 0;
    enum status st = console_jobs(pg->db, pg->rq->arena, &jobs, &n, &pg->e);
    for (size_t i = 0; st == OK && i < n; i++) {
        view_str(v, view_at(v, "Jobs", i, "Kind"), words_name(pg, "Admin.Index.JobKind", jobs[i].kind_name));
        view_text(v, view_at(v, "Jobs", i, "State"), job_state_name(jobs[i].state));
        view_str(v, view_at(v, "Jobs", i, "Error"), jobs[i].error);
        view_time(v, view_at(v, "Jobs", i, "Time"), jobs[i].finished_ms);
    }
    return st;
}

/* From what most needs attention to what is only informative, in the order of the page. */
void admin_index_get(struct request *rq)
{
    struct page pg;
    struct admin ad;
    if (!admin_begin(rq, &pg, "overview", &ad))
        return;
    enum status st = console_fill_setup(&pg, &ad);
    if (st == OK)
        st = console_fill_counts(&pg, &ad);
    if (st == OK)
        st = console_fill_queues(&pg);
    if (st == OK)
        st = admin_fill_alarms(&pg, true, ALARMS_SHOWN);
    if (st == OK)
        st = console_fill_jobs(&pg);
    if (st == OK)
        st = admin_log(&pg, STR_EMPTY, LOG_SHOWN);
    page_end(&pg, st, "portal/admin/index.cs", "Admin.Index.Title");
}
