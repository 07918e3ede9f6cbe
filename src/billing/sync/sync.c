#include "billing/sync/sync.h"

#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/utf8.h"
#include "billing/sync/event_store.h"
#include "billing/sync/refresh.h"
#include "stripe/failure.h"

#include "base/banned.h"

#define STEP_ARENA (64 * MB)
#define CLAIM_MS 180000 /* as long as the lease of its object: whoever dies is taken over from then */
#define BUSY_MS 1000    /* somebody else looks at the object just now */
#define ATTEMPTS 10     /* of an event that cannot be served */
#define ERROR_MAX 480   /* characters */

static const int64_t backoff_s[] = {10, 60, 600, 3600, 21600}; /* its own trouble */
static const int64_t outage_s[] = {10, 30, 60, 300, 600};         /* Stripe's, or the key's: it is over some time */

struct piece {
    struct look look;
    struct event_due due;
    bool found;
    struct err why;
    const char *state;
    const char *alarm;
};

/* ---- taking one ---- */

static enum status claim(struct db *c, void *ctx, struct err *e)
{
    struct piece *x = ctx;
    int64_t now = clock_now_ms();
    enum status st = event_store_lock_due(c, x->look.a, now, &x->due, &x->found, e);
    return st == OK && x->found ? event_store_claim(c, x->due.v.id, now + CLAIM_MS, e) : st;
}

/* ---- is it ours at all? ---- */

static void ignore(struct piece *x, const char *alarm, const char *words)
{
    x->state = "ignored";
    x->alarm = alarm;
    (void)err_set(&x->why, E_event_ignored, "%s", words);
}

static bool is_meter_error(const struct event_envelope *v)
{
    return str_eqz(v->type, "v1.billing.meter.error_report_triggered") ||
           str_eqz(v->type, "v1.billing.meter.no_meter_found");
}

/* What is of somebody else, of the other mode, or worded by another version of the API is never looked at: a look would grant rights
 * that nobody checked. */
static void judge(struct piece *x)
{
    const struct event_envelope *v = &x->due.v;
    if (v->account.n)
        ignore(x, "event_account", "It is of another account.");
    else if (v->livemode != x->look.stripe->livemode)
        ignore(x, "event_livemode",
               v->livemode ? "It is of live mode, the key is of test mode."
                           : "It is of test mode, the key is of live mode.");
    else if (v->api_version.n && !str_eqz(v->api_version, STRIPE_API_VERSION))
        ignore(x, "event_version",
               "It is worded by another version of the API than " STRIPE_API_VERSION
               ": parley billing setup makes an endpoint of this one.");
    else if (!is_meter_error(v) && (!v->object_id.n || !look_serves(v->object_type, v->type)))
        ignore(x, NULL, "There is nothing to look at for it.");
}

static struct str alarm_object(const struct piece *x)
{
    const struct event_envelope *v = &x->due.v;
    if (v->account.n)
        return v->account;
    return strcmp(x->alarm, "event_version") == 0    ? v->api_version
           : strcmp(x->alarm, "event_livemode") == 0 ? STR("webhook")
                                                     : v->id;
}

/* ---- the outcome ---- */

static enum status end(struct db *c, void *ctx, struct err *e)
{
    struct piece *x = ctx;
    struct str why = x->state[0] == 'd' && x->state[1] == 'o' ? STR_EMPTY
                                                              : utf8_cut(str_from(x->why.message), ERROR_MAX);
    enum status st = event_store_end(c, x->due.v.id, x->state, why, e);
    if (st != OK || !x->alarm)
        return st;
    return alarm_raise(c, x->alarm, alarm_object(x), ID_NONE, e, "The event %.*s (%.*s) was not served: %s",
                       STR_F(x->due.v.id), STR_F(x->due.v.type), x->why.message);
}

/* The event is not the cause: Stripe cannot be reached or does not accept the key, so other events would fare no better. Its attempts do
 * not count then. A missing right, a 5xx and an answer that is not Stripe's may concern this object alone, so they do count. */
static bool is_outage(enum stripe_failure f)
{
    return f == STRIPE_FAILURE_AWAY || f == STRIPE_FAILURE_SILENT || f == STRIPE_FAILURE_KEY || f == STRIPE_FAILURE_OFF;
}

/* The database's own failure: the worker stops and tries again later. */
static bool is_of_database(const struct err *why)
{
    return why->status == ERR_NOMEM ||
           (why->status == ERR_UNAVAILABLE && stripe_failure_of(why) == STRIPE_FAILURE_NONE);
}

/* Another process is working on the object, here or at Stripe. */
static bool is_busy(const struct err *why)
{
    return err_is(why, E_billing_busy) || err_is(why, E_lease_lost) || stripe_failure_of(why) == STRIPE_FAILURE_BUSY;
}

static int64_t step_ms(const int64_t *steps, size_t n, int attempts)
{
    size_t i = attempts > 0 ? (size_t)attempts : 0;
    return steps[i < n ? i : n - 1] * 1000;
}

static enum status put_off(struct db *c, void *ctx, struct err *e)
{
    struct piece *x = ctx;
    bool busy = is_busy(&x->why), outage = is_outage(stripe_failure_of(&x->why));
    int64_t ms = busy     ? BUSY_MS
                 : outage ? step_ms(outage_s, COUNT_OF(outage_s), x->due.attempts)
                          : step_ms(backoff_s, COUNT_OF(backoff_s), x->due.attempts);
    return event_store_put_off(c, x->due.v.id, clock_now_ms() + ms, !busy,
                               utf8_cut(str_from(x->why.message), ERROR_MAX), e);
}

static enum status record(struct piece *x, enum status how, struct err *e)
{
    if (how == OK)
        x->state = "done";
    else if (!x->state && !is_busy(&x->why) && !is_outage(stripe_failure_of(&x->why)) &&
             x->due.attempts + 1 >= ATTEMPTS) {
        x->state = "dead";
        x->alarm = "event_dead";
    }
    if (x->state)
        return held_transaction(x->look.p, end, x, e);
    log_line(LOG_WARN, "stripe_event_put_off", LOG_T("event", x->due.v.id), LOG_T("type", x->due.v.type),
             LOG_I("attempt", x->due.attempts + 1), LOG_S("code", err_code(&x->why)), LOG_S("error", x->why.message));
    return held_db(x->look.p, put_off, x, e);
}

static enum status serve(struct piece *x)
{
    const struct event_envelope *v = &x->due.v;
    judge(x);
    if (x->state)
        return x->why.status;
    return is_meter_error(v) ? look_meter_error(&x->look, v->id, &x->why)
                             : look_at(&x->look, v->object_type, v->object_id, 0, &x->why);
}

static enum status run(struct piece *x, bool *found, struct err *e)
{
    enum status st = held_transaction(x->look.p, claim, x, e);
    if (st != OK || !x->found)
        return st;
    *found = true;
    enum status how = serve(x);
    if (how != OK && !x->state && is_of_database(&x->why)) {
        *e = x->why;
        return how;
    }
    st = record(x, how, e);
    if (st == OK && !x->state && is_outage(stripe_failure_of(&x->why))) {
        *e = x->why; /* the caller rests: the next would wait for nothing as well */
        return how;
    }
    return st;
}

enum status sync_step(struct stripe *stripe, struct db_pool *p, bool *found, struct err *e)
{
    struct arena a;
    struct piece x = {.look = {stripe, p, &a}, .why = ERR_INIT};
    *found = false;
    arena_init(&a, STEP_ARENA);
    enum status st = run(&x, found, e);
    arena_release(&a);
    return st;
}

enum status sync_object(struct stripe *stripe, struct db_pool *p, const char *kind, struct str id, int64_t wait_ms,
                        struct err *e)
{
    struct arena a;
    struct look k = {stripe, p, &a};
    arena_init(&a, STEP_ARENA);
    enum status st = look_at(&k, str_from(kind), id, wait_ms, e);
    if (st == ERR_CONFLICT && e && is_busy(e))
        st = err_set(e, E_busy, "Somebody else looks at this just now; try again in a moment.");
    arena_release(&a);
    return st;
}

/* ---- looking and mending ---- */

enum status sync_depth(struct db *c, struct sync_depth *out, struct err *e)
{
    struct arena a;
    arena_init(&a, 16 * KB);
    enum status st = event_store_depth(c, &a, clock_now_ms(), out, e);
    arena_release(&a);
    return st;
}

enum status event_list(struct db *c, struct arena *a, const char *state, int limit, struct stripe_event **out,
                       size_t *n, struct err *e)
{
    return event_store_list(c, a, state, limit, out, n, e);
}

enum status event_get(struct db *c, struct arena *a, struct str event, struct stripe_event *out, struct err *e)
{
    return event_store_get(c, a, event, out, e);
}

enum status event_payload(struct db *c, struct arena *a, struct str event, struct str *out, struct err *e)
{
    return event_store_payload(c, a, event, out, e);
}

enum status event_waits(struct db *c, struct arena *a, struct str object, bool livemode, bool *waits, struct err *e)
{
    struct event_name *events;
    size_t n = 0;
    enum status st = event_store_of_object(c, a, object, livemode, 1, &events, &n, e);
    *waits = n > 0;
    return st;
}

enum status event_replay(struct db *c, struct str event, struct err *e)
{
    int64_t n = 0;
    enum status st = event_store_replay(c, event, clock_now_ms(), &n, e);
    if (st == OK && n == 0)
        return err_set(e, E_event_unknown, "There is no such event, or it waits already.");
    return st == OK ? alarm_clear(c, "event_dead", event, e) : st;
}

enum status event_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return event_store_forget(c, before_ms, limit, n, e);
}
