/* sync.c: serves stored events, one at a time.
 *
 * An event is claimed first (its due time moves on), then its object is fetched without a connection, then the
 * outcome is recorded. A worker that dies in between loses nothing: the event is due again when the claim is over. */
#include "billing/sync/sync.h"

#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/utf8.h"
#include "billing/sync/event_store.h"
#include "billing/sync/refresh_internal.h"
#include "stripe/failure.h"

#include "base/banned.h"

#define STEP_ARENA (64 * MB)
#define CLAIM_MS 180000   /* as long as the lease of an object: after a crash both are free again */
#define BUSY_MS 1000      /* another process is fetching the object */
#define EVENT_ATTEMPTS 10 /* then an event is dead */
#define ERROR_MAX 480     /* characters */

static const int64_t backoff_s[] = {10, 60, 600, 3600, 21600}; /* after a failure that concerns the event */
static const int64_t outage_s[] = {10, 30, 60, 300, 600};      /* while Stripe is away or refuses the key */

/* One event being served. */
struct sync_event {
    struct refresh refresh;
    struct event_due due;
    bool found;
    struct err why;
    bool ended; /* the event needs no further attempt: `state` says how it ended */
    enum event_state state;
    enum alarm_kind alarm;
    struct str alarm_object;
};

static void sync_end(struct sync_event *x, enum event_state state, enum alarm_kind alarm, struct str alarm_object)
{
    x->ended = true;
    x->state = state;
    x->alarm = alarm;
    x->alarm_object = alarm_object;
}

/* Takes the event that is due longest. Until CLAIM_MS from now no other worker takes it, even if this one dies. */
static enum status sync_claim_tx(struct db *c, void *ctx, struct err *e)
{
    struct sync_event *x = ctx;
    int64_t now = clock_now_ms();
    enum status st = event_store_lock_due(c, x->refresh.a, now, &x->due, &x->found, e);
    return st == OK && x->found ? event_store_claim(c, x->due.v.id, now + CLAIM_MS, e) : st;
}

/* ---- does it concern this installation? ---- */

static void sync_ignore(struct sync_event *x, enum alarm_kind alarm, struct str alarm_object, const char *words)
{
    sync_end(x, EVENT_IGNORED, alarm, alarm_object);
    (void)err_set(&x->why, E_event_ignored, "%s", words);
}

static bool sync_is_meter_error(const struct event_envelope *v)
{
    return event_type_parse(v->type) == EVENT_TYPE_METER_ERROR;
}

/* Events of another account, of the other mode, or in another API version are never served: fetching their objects
 * could grant rights that nothing here checks. */
static void sync_judge(struct sync_event *x)
{
    const struct event_envelope *v = &x->due.v;
    if (v->account.n)
        sync_ignore(x, ALARM_event_account, v->account, "It belongs to another account.");
    else if (v->livemode != x->refresh.stripe->livemode)
        sync_ignore(x, ALARM_event_livemode, STR("webhook"),
                    v->livemode ? "It is a live-mode event, but the key is a test key."
                                : "It is a test-mode event, but the key is a live key.");
    else if (v->api_version.n && !str_eqz(v->api_version, STRIPE_API_VERSION))
        sync_ignore(x, ALARM_event_version, v->api_version,
                    "Its API version is not " STRIPE_API_VERSION
                    ". Run parley billing setup, which creates an endpoint of this version.");
    else if (!sync_is_meter_error(v) && (!v->object_id.n || !refresh_serves(v->object_type, v->type)))
        sync_ignore(x, ALARM_NONE, STR_EMPTY, "Events of this type are not used.");
}

/* ---- the outcome ---- */

/* The alarm is raised in the same transaction: a dead event without an alarm would never be seen. */
static enum status sync_end_tx(struct db *c, void *ctx, struct err *e)
{
    struct sync_event *x = ctx;
    struct str why = x->state == EVENT_DONE ? STR_EMPTY : utf8_cut(str_from(x->why.message), ERROR_MAX);
    enum status st = event_store_end(c, x->due.v.id, x->state, why, e);
    if (st != OK || x->alarm == ALARM_NONE)
        return st;
    return alarm_raise(c, x->alarm, x->alarm_object, ID_NONE, e, "The event %.*s (%.*s) was not processed: %s",
                       STR_F(x->due.v.id), STR_F(x->due.v.type), x->why.message);
}

/* The event is not the cause: Stripe cannot be reached or does not accept the key, so other events would fare no
 * better. An outage alone never makes an event a dead letter. A missing right, a 5xx and an answer that is not
 * Stripe's may concern this object alone, so they can. */
static bool sync_is_outage(enum stripe_failure f)
{
    return f == STRIPE_FAILURE_AWAY || f == STRIPE_FAILURE_SILENT || f == STRIPE_FAILURE_KEY || f == STRIPE_FAILURE_OFF;
}

/* The database's own failure: the worker stops and tries again later. */
static bool sync_is_of_database(const struct err *why)
{
    return why->status == ERR_NOMEM ||
           (why->status == ERR_UNAVAILABLE && stripe_failure_of(why) == STRIPE_FAILURE_NONE);
}

/* Another process is working on the object, here or at Stripe. */
static bool sync_is_busy(const struct err *why)
{
    return err_is(why, E_billing_busy) || err_is(why, E_lease_lost) || stripe_failure_of(why) == STRIPE_FAILURE_BUSY;
}

static int64_t sync_step_ms(const int64_t *steps, size_t n, int attempts)
{
    size_t i = attempts > 0 ? (size_t)attempts : 0;
    return steps[i < n ? i : n - 1] * 1000;
}

/* A busy object is free again within seconds, and waiting for it is not the event's fault, so such an attempt does not
 * count. */
static enum status sync_put_off(struct sync_event *x, struct err *e)
{
    bool busy = sync_is_busy(&x->why), outage = sync_is_outage(stripe_failure_of(&x->why));
    int64_t ms = busy     ? BUSY_MS
                 : outage ? sync_step_ms(outage_s, COUNT_OF(outage_s), x->due.attempts)
                          : sync_step_ms(backoff_s, COUNT_OF(backoff_s), x->due.attempts);
    struct db *c = NULL;
    enum status st = db_get(x->refresh.p, &c, e);
    if (st == OK)
        st = event_store_put_off(c, x->due.v.id, clock_now_ms() + ms, !busy,
                                 utf8_cut(str_from(x->why.message), ERROR_MAX), e);
    db_put(c);
    return st;
}

static enum status sync_record(struct sync_event *x, enum status how, struct err *e)
{
    if (how == OK)
        sync_end(x, EVENT_DONE, ALARM_NONE, STR_EMPTY);
    else if (!x->ended && !sync_is_busy(&x->why) && !sync_is_outage(stripe_failure_of(&x->why)) &&
             x->due.attempts + 1 >= EVENT_ATTEMPTS)
        sync_end(x, EVENT_DEAD, ALARM_event_dead, x->due.v.id);
    if (x->ended)
        return held_transaction(x->refresh.p, sync_end_tx, x, e);
    log_line(LOG_WARN, "stripe_event_put_off", LOG_T("event", x->due.v.id), LOG_T("type", x->due.v.type),
             LOG_I("attempt", x->due.attempts + 1), LOG_S("code", err_code(&x->why)), LOG_S("error", x->why.message));
    return sync_put_off(x, e);
}

static enum status sync_serve(struct sync_event *x)
{
    const struct event_envelope *v = &x->due.v;
    sync_judge(x);
    if (x->ended)
        return x->why.status;
    return sync_is_meter_error(v)
               ? refresh_meter_error(&x->refresh, v->id, &x->why)
               : refresh_object(&x->refresh, stripe_object_parse(v->object_type), v->object_id, 0, &x->why);
}

/* A failure of the database is returned at once and leaves the event claimed. After an outage the event is put off,
 * and the error is returned so that the caller pauses: the next event would fail as well. */
static enum status sync_serve_due(struct sync_event *x, bool *found, struct err *e)
{
    enum status st = held_transaction(x->refresh.p, sync_claim_tx, x, e);
    if (st != OK || !x->found)
        return st;
    *found = true;
    enum status how = sync_serve(x);
    if (how != OK && !x->ended && sync_is_of_database(&x->why)) {
        *e = x->why;
        return how;
    }
    st = sync_record(x, how, e);
    if (st == OK && !x->ended && sync_is_outage(stripe_failure_of(&x->why))) {
        *e = x->why;
        return how;
    }
    return st;
}

enum status sync_step(struct stripe *stripe, struct db_pool *p, bool *found, struct err *e)
{
    struct arena a;
    struct sync_event x = {.refresh = {stripe, p, &a}, .why = ERR_INIT};
    *found = false;
    arena_init(&a, STEP_ARENA);
    enum status st = sync_serve_due(&x, found, e);
    arena_release(&a);
    return st;
}

enum status sync_object(struct stripe *stripe, struct db_pool *p, enum stripe_object kind, struct str id,
                        int64_t wait_ms, struct err *e)
{
    struct arena a;
    struct refresh r = {stripe, p, &a};
    arena_init(&a, STEP_ARENA);
    enum status st = refresh_object(&r, kind, id, wait_ms, e);
    if (st == ERR_CONFLICT && e && sync_is_busy(e))
        st = err_raise(e, E_busy);
    arena_release(&a);
    return st;
}

bool sync_serves(struct str object_type, struct str event_type)
{
    return refresh_serves(object_type, event_type);
}
