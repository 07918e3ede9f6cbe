/* meter_send.c: the rows of the outbox are sent to Stripe, one after the other.
 *
 * A row is `unknown` from the moment before its call. A program that is killed anywhere therefore leaves a row that is
 * sent again under the same identifier (which Stripe counts once) or, when Stripe may have forgotten the identifier,
 * compared with the meter's sum. The lease of the customer keeps two workers from sending for one customer at once,
 * which would make that comparison meaningless. */
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/utf8.h"
#include "billing/meter/meter_internal.h"
#include "billing/meter/meter_store.h"
#include "billing/setup/setup.h"
#include "stripe/call.h"
#include "stripe/failure.h"
#include "stripe/held.h"
#include "stripe/lease.h"

#include "base/banned.h"

/* Longer than the deadline of a call and the reads of settling together. */
#define SEND_LEASE_MS 120000
#define REST_MS 15000  /* pause while Stripe is away or refuses the key */
#define RETRY_MS 30000 /* doubled with each try ... */
#define FLUSH_ROWS 50
#define FLUSH_WAIT_US 10000000
#define RETRY_MAX_MS (10 * MINUTE_MS) /* ... up to here: Stripe waits an hour after the end of a period */

static _Atomic int64_t resting_until_ms;

/* One row on its way. */
enum meter_move { MOVE_SKIP, MOVE_SEND, MOVE_SETTLE };
struct meter_sending {
    struct stripe *stripe;
    struct db_pool *p;
    struct arena a;
    struct meter_row row;
    struct held lease;
    char lease_name[320];
    enum meter_move move;
    bool replayed; /* Stripe answered from its record of the row's key */
};

static void sending_init(struct meter_sending *x, struct stripe *stripe, struct db_pool *p)
{
    *x = (struct meter_sending){.stripe = stripe, .p = p};
    arena_init(&x->a, LIST_ARENA);
}

static int64_t sending_backoff_ms(const struct meter_row *r)
{
    int64_t ms = RETRY_MS;
    for (int i = 1; i < r->attempts && ms < RETRY_MAX_MS; i++)
        ms *= 2;
    return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

/* ---- the outcome ---- */

/* Pauses sending when the row is not the cause, so that other rows would meet the same failure. */
static void sending_rest_after(const struct err *why)
{
    enum stripe_failure f = stripe_failure_of(why);
    if ((why->status == ERR_UNAVAILABLE || why->status == ERR_RATE || why->status == ERR_TIMEOUT) &&
        f != STRIPE_FAILURE_BUSY && f != STRIPE_FAILURE_IN_USE)
        atomic_store(&resting_until_ms, clock_now_ms() + REST_MS);
}

/* Whether Stripe refused the identifier as taken: an earlier try arrived. Stripe has no error code for it. */
static bool sending_was_taken(const struct err *why)
{
    return why->status == ERR_INVALID && str_has(str_from(why->message), STR("already exists with identifier"));
}

/* The record of the call, not the error, says whether anything can have happened. */
static enum status sending_record_failure(struct db *c, struct meter_sending *x, const struct err *why, struct err *e)
{
    char key[64];
    struct stripe_call call;
    struct err none = ERR_INIT;
    const struct meter_row *r = &x->row;
    int64_t due_ms = clock_now_ms() + sending_backoff_ms(r);
    struct str words = utf8_cut(str_from(why->message), METER_WORDS_MAX);
    enum status st = stripe_call_find(c, meter_key(r->id, key), &x->a, &call, &none);
    if (st == ERR_NOT_FOUND) /* the call was never made */
        return meter_store_put_off(c, r, METER_PENDING, 0, due_ms, words, e);
    if (st != OK) {
        *e = none;
        return st;
    }
    if (call.state != CALL_FAILED)
        return meter_store_put_off(c, r, METER_UNKNOWN, call.first_sent_ms, due_ms, words, e);
    if (why->status == ERR_INVALID || why->status == ERR_NOT_FOUND)
        return meter_reject_row(c, r, words, e);
    return meter_store_put_off(c, r, METER_PENDING, 0, due_ms, words, e);
}

/* An answer that says "taken" is a success: an earlier try under this identifier arrived. */
static enum status sending_record(struct meter_sending *x, enum status got, const struct err *why, struct err *e)
{
    struct db *c = NULL;
    bool arrived = got == OK || sending_was_taken(why);
    enum status st = db_get(x->p, &c, e);
    if (st == OK)
        st = arrived ? meter_store_sent(c, &x->row, clock_now_ms(), e) : sending_record_failure(c, x, why, e);
    db_put(c);
    if (arrived)
        return st;
    log_line(LOG_WARN, "meter_not_sent", LOG_T("customer", x->row.customer), LOG_S("code", err_code(why)),
             LOG_S("error", why->message));
    if (!x->replayed)
        sending_rest_after(why);
    return st;
}

/* The meter could not be read, so an unknown row stays unknown. */
static enum status sending_put_off(struct meter_sending *x, const struct err *why, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(x->p, &c, e);
    if (st == OK)
        st = meter_store_put_off(c, &x->row, METER_UNKNOWN, x->row.first_sent_ms, clock_now_ms() + RETRY_MAX_MS,
                                 utf8_cut(str_from(why->message), METER_WORDS_MAX), e);
    db_put(c);
    sending_rest_after(why);
    return st;
}

/* ---- sending ---- */

/* Stripe keeps an error 500 under the row's key for a day and repeats it. Such an answer concerns this row alone, so
 * `replayed` keeps it from pausing the others. */
static enum status sending_post(struct meter_sending *x, struct err *e)
{
    char key[64], id[ID_TEXT_MAX];
    const struct meter_row *r = &x->row;
    struct stripe_form f;
    struct stripe_reply reply = {0};
    stripe_form_init(&f);
    stripe_param_text(&f, "event_name", METER_EVENT_NAME);
    stripe_param_text(&f, "identifier", id_text(ID_METER, r->id, id));
    stripe_param_int(&f, "timestamp", r->event_ms / 1000);
    stripe_param_str(&f, "payload[stripe_customer_id]", r->customer);
    stripe_param_int(&f, "payload[value]", r->quantity);
    const struct stripe_post how = {.path = "/v1/billing/meter_events",
                                    .form = &f,
                                    .idem_key = meter_key(r->id, key),
                                    .tenant = &r->tenant,
                                    .deadline_ms = METER_TRY_MS};
    enum status st = stripe_post(x->stripe, &x->a, &how, &reply, e);
    x->replayed = reply.replayed;
    stripe_form_release(&f);
    return st;
}

/* Reads the row again under the lease and decides what to do with it. When it is to be sent it becomes unknown here,
 * before the call. */
static enum status sending_begin_tx(struct db *c, void *ctx, struct err *e)
{
    struct meter_sending *x = ctx;
    struct meter_row *r = &x->row;
    int64_t now = clock_now_ms();
    enum status st = lease_hold(c, x->lease.name, x->lease.holder, e);
    x->move = MOVE_SKIP;
    if (st == OK)
        st = meter_store_get(c, &x->a, r->id, r, e);
    if (st != OK || (r->state != METER_PENDING && r->state != METER_UNKNOWN))
        return st;
    if (r->state == METER_UNKNOWN && now - r->first_sent_ms >= STRIPE_KEEPS_MS) {
        x->move = MOVE_SETTLE;
        return OK;
    }
    if (now - r->event_ms > METER_AGE_MS)
        return meter_reject_row(c, r, STR("It is more than 35 days old, and Stripe accepts no usage of that age."), e);
    if (r->state == METER_PENDING &&
        r->event_ms - now > METER_AHEAD_MS) /* the clock ran ahead then, or is behind now */
        return meter_store_put_off(c, r, METER_PENDING, 0, r->event_ms - METER_AHEAD_MS,
                                   STR("Its timestamp is in the future."), e);
    r->attempts++;
    x->move = MOVE_SEND;
    return meter_store_begin(c, r, now, now + sending_backoff_ms(r), e);
}

/* The call happens between two transactions and inside none. The first one has made the row unknown, so a crash here
 * leads to a second sending under the same identifier or, a day later, to a comparison. */
static enum status sending_serve_held(struct meter_sending *x, struct err *e)
{
    struct err why = ERR_INIT;
    enum status st = held_transaction(x->p, sending_begin_tx, x, e);
    if (st == OK && x->move == MOVE_SETTLE && meter_settle(x->stripe, x->p, &x->row, &why) != OK)
        st = sending_put_off(x, &why, e);
    if (st == OK && x->move == MOVE_SEND) {
        enum status got = sending_post(x, &why);
        st = sending_record(x, got, &why, e);
    }
    return st;
}

/* Does nothing when another worker is sending for this customer. */
static enum status sending_serve(struct meter_sending *x, struct err *e)
{
    enum status st = held_try(&x->lease, x->p, meter_lease(x->row.customer, x->lease_name), SEND_LEASE_MS, e);
    if (st == OK && x->lease.held)
        st = sending_serve_held(x, e);
    held_end(&x->lease);
    return st;
}

static enum status sending_find_due(struct meter_sending *x, const struct id *tenant, int64_t due_ms, bool *found,
                                    struct err *e)
{
    struct db *c = NULL;
    struct err none = ERR_INIT;
    enum status st = db_get(x->p, &c, &none);
    if (st == OK)
        st = meter_store_due(c, &x->a, tenant, x->stripe->livemode, due_ms, &x->row, &none);
    db_put(c);
    *found = st == OK;
    if (st == ERR_NOT_FOUND)
        return OK;
    if (st != OK)
        *e = none;
    return st;
}

/* A clock that was set back must not prolong the pause. */
static bool sending_rests(void)
{
    int64_t left = atomic_load(&resting_until_ms) - clock_now_ms();
    return left > 0 && left <= REST_MS;
}

enum status meter_step(struct stripe *stripe, struct db_pool *p, bool *found, struct err *e)
{
    struct meter_sending x;
    *found = false;
    if (sending_rests())
        return OK;
    sending_init(&x, stripe, p);
    enum status st = sending_find_due(&x, NULL, clock_now_ms(), found, e);
    if (st == OK && *found)
        st = sending_serve(&x, e);
    arena_release(&x.a);
    return st;
}

/* ---- flushing ---- */

struct meter_flushing {
    struct stripe *stripe;
    struct db_pool *p;
    struct id tenant, tried[FLUSH_ROWS];
    int tries;
    int64_t unsent;
    bool more; /* the last query found a row that this flush may send */
    bool over;
};

static enum status flush_collect(struct meter_flushing *f, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(f->p, &c, e);
    if (st == OK)
        st = meter_collect_tenant(c, f->tenant, e);
    db_put(c);
    return st;
}

static enum status flush_count_unsent(struct meter_flushing *f, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(f->p, &c, e);
    if (st == OK)
        st = meter_store_unsent(c, f->tenant, &f->unsent, e);
    db_put(c);
    return st;
}

static bool flush_was_tried(const struct meter_flushing *f, struct id row)
{
    for (int i = 0; i < f->tries; i++)
        if (id_eq(f->tried[i], row))
            return true;
    return false;
}

/* Tries each row once, even one that waits for its next try. f->more is false when there is none, or when the worker
 * holds the lease. A row that is found again was tried and put off, so this flush can do no more for it. */
static enum status flush_one(struct meter_flushing *f, struct err *e)
{
    struct meter_sending x;
    sending_init(&x, f->stripe, f->p);
    enum status st = sending_find_due(&x, &f->tenant, clock_now_ms() + METER_AGE_MS, &f->more, e);
    f->over = f->more && (f->tries == FLUSH_ROWS || flush_was_tried(f, x.row.id));
    if (st == OK && f->more && !f->over) {
        f->tried[f->tries++] = x.row.id;
        st = sending_serve(&x, e);
    }
    arena_release(&x.a);
    return st;
}

/* Ends when all is sent, when each row was tried, when sending rests, or after ten seconds of waiting for the worker:
 * an owner waits for the answer. What is left makes the caller decide (meter_unsent). */
enum status meter_flush(struct stripe *stripe, struct db_pool *p, struct id tenant, bool *sent, struct err *e)
{
    struct meter_flushing f = {.stripe = stripe, .p = p, .tenant = tenant, .more = true};
    int64_t until_us = clock_mono_us() + FLUSH_WAIT_US;
    enum status st = flush_collect(&f, e);
    if (st == OK)
        st = flush_count_unsent(&f, e);
    *sent = st == OK && f.unsent > 0;
    while (st == OK && f.unsent > 0 && !f.over && !(f.tries && sending_rests()) &&
           (f.more || clock_mono_us() < until_us)) {
        if (!f.more) /* the worker is sending for this customer: wait for it */
            (void)nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
        st = flush_one(&f, e);
        if (st == OK)
            st = flush_count_unsent(&f, e);
    }
    return st == OK && f.unsent > 0 ? err_raise(e, E_meter_unsent) : st;
}
