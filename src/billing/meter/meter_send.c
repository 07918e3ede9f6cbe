/* meter_send.c: one row after the other reaches Stripe. */
#include <stdatomic.h>
#include <stdio.h>
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
#include "stripe/lease.h"

#include "base/banned.h"

#define LEASE_MS 120000
#define REST_MS 15000  /* while Stripe is away or refuses the key */
#define RETRY_MS 30000 /* doubled at each try ... */
#define FLUSH_ROWS 50
#define FLUSH_WAIT_US 10000000
#define RETRY_MAX_MS (10 * MINUTE_MS) /* ... up to here: Stripe waits an hour after a period's end */

static _Atomic int64_t resting_until_ms;

struct str meter_lease(struct str customer, char out[320])
{
    int n = snprintf(out, 320, "meter:%.*s", STR_F(str_sub(customer, 0, 255)));
    return str_n(out, (size_t)n);
}

struct str meter_key(struct id row, char out[64])
{
    char id[ID_TEXT_MAX];
    int n = snprintf(out, 64, "meter:%s", id_text(ID_METER, row, id));
    return str_n(out, (size_t)n);
}

static int64_t backoff(const struct meter_row *r)
{
    int64_t ms = RETRY_MS;
    for (int i = 1; i < r->attempts && ms < RETRY_MAX_MS; i++)
        ms *= 2;
    return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

/* ---- what became of it ---- */

/* The row is not the cause: other rows would meet the same failure, so sending pauses. */
static bool is_everybodys(const struct err *why)
{
    enum stripe_failure f = stripe_failure_of(why);
    return (why->status == ERR_UNAVAILABLE || why->status == ERR_RATE || why->status == ERR_TIMEOUT) &&
           f != STRIPE_FAILURE_BUSY && f != STRIPE_FAILURE_IN_USE;
}

/* Refused because the identifier was taken before: an earlier try arrived. Stripe has no code for it. */
static bool is_known(const struct err *why)
{
    return why->status == ERR_INVALID && str_has(str_from(why->message), STR("already exists with identifier"));
}

/* The call's own record says whether anything can have happened. */
static enum status record_failure(struct db *c, struct arena *a, const struct meter_row *r, const struct err *why,
                                  struct err *e)
{
    char key[64];
    struct stripe_call call;
    struct err none = ERR_INIT;
    struct str words = utf8_cut(str_from(why->message), METER_WORDS_MAX);
    enum status st = stripe_call_find(c, meter_key(r->id, key), a, &call, &none);
    if (st == ERR_NOT_FOUND) /* it did not come to a call */
        return meter_store_put_off(c, r, "pending", 0, clock_now_ms() + backoff(r), words, e);
    if (st != OK) {
        *e = none;
        return st;
    }
    if (call.state != CALL_FAILED)
        return meter_store_put_off(c, r, "unknown", call.first_sent_ms, clock_now_ms() + backoff(r), words, e);
    if (why->status == ERR_INVALID || why->status == ERR_NOT_FOUND)
        return meter_reject_row(c, r, words, e);
    return meter_store_put_off(c, r, "pending", 0, clock_now_ms() + backoff(r), words, e);
}

static enum status record(struct db_pool *p, struct arena *a, const struct meter_row *r, enum status got,
                          const struct err *why, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(p, &c, e);
    bool is_there = got == OK || is_known(why);
    if (st == OK)
        st = is_there ? meter_store_sent(c, r, clock_now_ms(), e) : record_failure(c, a, r, why, e);
    db_put(c);
    if (!is_there)
        log_line(LOG_WARN, "meter_not_sent", LOG_T("customer", r->customer), LOG_S("code", err_code(why)),
                 LOG_S("error", why->message));
    if (!is_there && is_everybodys(why))
        atomic_store(&resting_until_ms, clock_now_ms() + REST_MS);
    return st;
}

/* Stripe could not be asked about one that is unknown: it stays so. */
static enum status put_off(struct db_pool *p, const struct meter_row *r, const struct err *why, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = meter_store_put_off(c, r, "unknown", r->first_sent_ms, clock_now_ms() + RETRY_MAX_MS,
                                 utf8_cut(str_from(why->message), METER_WORDS_MAX), e);
    db_put(c);
    if (is_everybodys(why))
        atomic_store(&resting_until_ms, clock_now_ms() + REST_MS);
    return st;
}

/* ---- sending ---- */

static enum status post(struct stripe *stripe, struct arena *a, const struct meter_row *r, struct err *e)
{
    char key[64], id[ID_TEXT_MAX];
    struct stripe_form f;
    struct stripe_reply reply;
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
    enum status st = stripe_post(stripe, a, &how, &reply, e);
    stripe_form_release(&f);
    return st;
}

enum move { SKIP, SEND, SETTLE };
struct begin {
    struct arena *a;
    struct meter_row *row;
    struct str lease;
    struct id holder;
    enum move move;
};

/* The row as it is now that the customer is ours alone. It is unknown from here on: whatever happens, it may have been sent. */
static enum status begin(struct db *c, void *ctx, struct err *e)
{
    struct begin *x = ctx;
    struct meter_row *r = x->row;
    int64_t now = clock_now_ms();
    enum status st = lease_hold(c, x->lease, x->holder, e);
    x->move = SKIP;
    if (st == OK)
        st = meter_store_get(c, x->a, r->id, r, e);
    if (st != OK || (!str_eqz(r->state, "pending") && !str_eqz(r->state, "unknown")))
        return st;
    if (str_eqz(r->state, "unknown") && now - r->first_sent_ms >= STRIPE_KEEPS_MS) {
        x->move = SETTLE;
        return OK;
    }
    if (now - r->event_ms > METER_AGE_MS)
        return meter_reject_row(c, r, STR("It is older than 35 days: Stripe takes no usage from before that."), e);
    if (str_eqz(r->state, "pending") &&
        r->event_ms - now > METER_AHEAD_MS) /* counted by a clock that ran ahead, or is behind now */
        return meter_store_put_off(c, r, "pending", 0, r->event_ms - METER_AHEAD_MS,
                                   STR("It is stamped with a time that is to come."), e);
    r->attempts++;
    x->move = SEND;
    return meter_store_begin(c, r, now, now + backoff(r), e);
}

static enum status serve_held(struct stripe *stripe, struct db_pool *p, struct begin *x, struct err *e)
{
    struct err why = ERR_INIT;
    struct db *c = NULL;
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = db_transaction(c, begin, x, e);
    db_put(c);
    if (st == OK && x->move == SETTLE && meter_settle(stripe, p, x->row, &why) != OK)
        st = put_off(p, x->row, &why, e);
    if (st == OK && x->move == SEND) {
        enum status got = post(stripe, x->a, x->row, &why);
        st = record(p, x->a, x->row, got, &why, e);
    }
    return st;
}

static void let_go(struct db_pool *p, struct str lease, struct id holder)
{
    struct err e = ERR_INIT;
    struct db *c = NULL;
    if (db_get(p, &c, &e) != OK || lease_release(c, lease, holder, &e) != OK)
        log_line(LOG_WARN, "lease_kept", LOG_T("lease", lease), LOG_S("error", e.message)); /* it ends by itself */
    db_put(c);
}

static enum status serve(struct stripe *stripe, struct db_pool *p, struct arena *a, struct meter_row *r, struct err *e)
{
    char name[320];
    struct begin x = {.a = a, .row = r, .lease = meter_lease(r->customer, name)};
    struct db *c = NULL;
    bool got = false;
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = lease_take(c, x.lease, LEASE_MS, &x.holder, &got, e);
    db_put(c);
    if (st != OK || !got)
        return st;
    st = serve_held(stripe, p, &x, e);
    let_go(p, x.lease, x.holder);
    return st;
}

static enum status find_due(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct id *tenant,
                            int64_t due_ms, struct meter_row *out, bool *found, struct err *e)
{
    struct db *c = NULL;
    struct err none = ERR_INIT;
    enum status st = db_get(p, &c, &none);
    if (st == OK)
        st = meter_store_due(c, a, tenant, stripe->livemode, due_ms, out, &none);
    db_put(c);
    *found = st == OK;
    if (st == ERR_NOT_FOUND)
        return OK;
    if (st != OK)
        *e = none;
    return st;
}

/* A clock that was set back must not make a rest of it. */
static bool resting(void)
{
    int64_t left = atomic_load(&resting_until_ms) - clock_now_ms();
    return left > 0 && left <= REST_MS;
}

enum status meter_step(struct stripe *stripe, struct db_pool *p, bool *found, struct err *e)
{
    struct meter_row r;
    struct arena a;
    *found = false;
    if (resting())
        return OK;
    arena_init(&a, 4 * MB);
    enum status st = find_due(stripe, p, &a, NULL, clock_now_ms(), &r, found, e);
    if (st == OK && *found)
        st = serve(stripe, p, &a, &r, e);
    arena_release(&a);
    return st;
}

/* ---- flushing ---- */

static enum status collect_for(struct db_pool *p, struct id tenant, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = meter_collect_tenant(c, tenant, e);
    db_put(c);
    return st;
}

struct flush {
    struct id tenant, tried[FLUSH_ROWS];
    int tries;
    int64_t unsent;
    bool over;
};

static enum status count_unsent(struct db_pool *p, struct flush *f, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = meter_store_unsent(c, f->tenant, &f->unsent, e);
    db_put(c);
    return st;
}

static bool was_tried(const struct flush *f, struct id row)
{
    for (int i = 0; i < f->tries; i++)
        if (id_eq(f->tried[i], row))
            return true;
    return false;
}

/* Each row once, also one that waits for its next try. *more false: none, or the worker has the customer in hand. */
static enum status flush_one(struct stripe *stripe, struct db_pool *p, struct flush *f, bool *more, struct err *e)
{
    struct meter_row r;
    struct arena a;
    arena_init(&a, 4 * MB);
    enum status st = find_due(stripe, p, &a, &f->tenant, clock_now_ms() + METER_AGE_MS, &r, more, e);
    f->over = *more && (f->tries == FLUSH_ROWS || was_tried(f, r.id));
    if (st == OK && *more && !f->over) {
        f->tried[f->tries++] = r.id;
        st = serve(stripe, p, &a, &r, e);
    }
    arena_release(&a);
    return st;
}

enum status meter_flush(struct stripe *stripe, struct db_pool *p, struct id tenant, bool *sent, struct err *e)
{
    struct flush f = {.tenant = tenant};
    int64_t until_us = clock_mono_us() + FLUSH_WAIT_US;
    bool more = true;
    enum status st = collect_for(p, tenant, e);
    if (st == OK)
        st = count_unsent(p, &f, e);
    *sent = st == OK && f.unsent > 0;
    while (st == OK && f.unsent > 0 && !f.over && !(f.tries && resting()) && (more || clock_mono_us() < until_us)) {
        if (!more) /* somebody else sends this customer's at this moment */
            (void)nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
        st = flush_one(stripe, p, &f, &more, e);
        if (st == OK)
            st = count_unsent(p, &f, e);
    }
    if (st == OK && f.unsent > 0)
        return err_raise(e, E_meter_unsent);
    return st;
}
