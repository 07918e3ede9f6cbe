/* metrics.c: /metrics in the text format of Prometheus, for a collector on this machine or one that has metrics_token.
 *
 * It contains no name of a person or a workspace. Rules for alerts: etc/prometheus-alerts.yml. */
#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "billing/meter/meter.h"
#include "billing/sync/event.h"
#include "portal/site/site.h"
#include "queue/queue.h"
#include "stripe/client.h"

#include "base/banned.h"

/* ---- who may ---- */

/* The digests are compared, so that the time of the comparison tells nothing about the token, not even its length. */
static bool metrics_same_secret(struct str a, struct str b)
{
    uint8_t x[CRYPTO_HASH], y[CRYPTO_HASH];
    crypto_digest(a, x);
    crypto_digest(b, y);
    return crypto_equal(x, y, sizeof(x));
}

/* A request from this machine that no proxy has forwarded: a proxy names the client it speaks for. */
static bool metrics_is_local(struct request *rq)
{
    static const char *const forwarded[] = {"HTTP_FORWARDED",         "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST",
                                            "HTTP_X_FORWARDED_PROTO", "HTTP_X_REAL_IP",       "HTTP_VIA"};
    for (size_t i = 0; i < COUNT_OF(forwarded); i++)
        if (request_header(rq, forwarded[i]).n)
            return false;
    return str_eqz(rq->remote_addr, "127.0.0.1") || str_eqz(rq->remote_addr, "::1");
}

/* A token that was sent must be right, even from this machine: a collector with an old token should notice. */
static bool metrics_may_see(struct request *rq)
{
    struct str token = str_from(config_string(rq->config, CONFIG_metrics_token)),
               given = request_header(rq, "HTTP_AUTHORIZATION");
    if (given.n)
        return token.n && str_starts(given, STR("Bearer ")) &&
               metrics_same_secret(str_trim(str_sub(given, 7, given.n)), token);
    return metrics_is_local(rq);
}

/* ---- what there is ---- */

struct metrics {
    struct meter_lag meter;
    struct event_depth events;
    struct queue_depth jobs;
    size_t alarms;
    int64_t reads;
};

static enum status metrics_read(struct db *c, struct arena *a, struct metrics *m, struct err *e)
{
    struct alarm *open;
    enum status st = meter_lag(c, &m->meter, e);
    if (st == OK)
        st = event_depth(c, &m->events, e);
    if (st == OK)
        st = queue_depth(c, &m->jobs, e);
    if (st == OK)
        st = alarm_list(c, a, true, ALARMS_COUNTED, &open, &m->alarms, e);
    return st;
}

static void metrics_head(struct buf *b, const char *name, const char *help)
{
    buf_printf(b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void metrics_plain(struct buf *b, const char *name, const char *help, int64_t v)
{
    metrics_head(b, name, help);
    buf_printf(b, "%s %lld\n", name, (long long)v);
}

static void metrics_seconds(struct buf *b, const char *name, const char *help, int64_t ms)
{
    metrics_head(b, name, help);
    buf_printf(b, "%s %lld.%03lld\n", name, (long long)(ms / 1000), (long long)(ms % 1000));
}

static void metrics_in_state(struct buf *b, const char *name, const char *state, int64_t v)
{
    buf_printf(b, "%s{state=\"%s\"} %lld\n", name, state, (long long)v);
}

/* Every series is written even when it is zero, because an alert on a series that is missing never fires. */
static void metrics_write(struct buf *b, const struct metrics *m)
{
    metrics_seconds(b, "parley_meter_lag_seconds",
                    "How long the oldest counted conversation has waited to reach Stripe's meter.", m->meter.oldest_ms);
    metrics_head(b, "parley_meter_rows", "Reports of usage that Stripe does not have yet, or never will.");
    metrics_in_state(b, "parley_meter_rows", "pending", m->meter.pending);
    metrics_in_state(b, "parley_meter_rows", "unknown", m->meter.unknown);
    metrics_in_state(b, "parley_meter_rows", "rejected", m->meter.rejected);
    metrics_seconds(b, "parley_stripe_event_lag_seconds",
                    "How long the oldest Stripe event has waited to be processed.", m->events.oldest_ms);
    metrics_head(b, "parley_stripe_events", "Stripe events that wait, or were given up.");
    metrics_in_state(b, "parley_stripe_events", "pending", m->events.pending);
    metrics_in_state(b, "parley_stripe_events", "dead", m->events.dead);
    metrics_plain(b, "parley_billing_alarms_open", "Open alarms that need the operator.", (int64_t)m->alarms);
    metrics_plain(b, "parley_stripe_reads_30d", "GET requests sent to Stripe in 30 days; Stripe limits them.",
                  m->reads);
    metrics_seconds(b, "parley_job_lag_seconds", "How long the first due job has waited.", m->jobs.oldest_ready_ms);
    metrics_head(b, "parley_jobs", "Jobs of the worker.");
    metrics_in_state(b, "parley_jobs", "ready", m->jobs.ready);
    metrics_in_state(b, "parley_jobs", "running", m->jobs.running);
    metrics_in_state(b, "parley_jobs", "dead", m->jobs.dead);
}

/* The caller is checked before a connection is taken. The reads of Stripe are counted with the pool, after this
 * connection was given back, so that one request never holds two. */
void site_metrics_get(struct request *rq)
{
    struct portal *app = rq->app;
    struct metrics m = {0};
    struct db *c = NULL;
    struct err e = ERR_INIT;
    enum status st = metrics_may_see(rq) ? db_get(app->guard.pool, &c, &e) : err_raise(&e, E_metrics_denied);
    if (st == OK)
        st = metrics_read(c, rq->arena, &m, &e);
    db_put(c);
    if (st == OK)
        st = stripe_reads(app->guard.pool, clock_now_ms(), &m.reads, &e);
    if (st != OK) {
        reply_problem(rq, &e);
        return;
    }
    reply_status(rq, 200);
    reply_type(rq, "text/plain; version=0.0.4; charset=utf-8");
    reply_header(rq, "Cache-Control", STR("no-store"));
    metrics_write(reply_body(rq), &m);
}
