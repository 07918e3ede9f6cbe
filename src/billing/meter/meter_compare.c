/* meter_compare.c: what the meter says it has, against what was sent. */
#include <stdio.h>

#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/num.h"
#include "billing/meter/meter_internal.h"
#include "billing/meter/meter_store.h"
#include "billing/setup/setup.h"
#include "stripe/lease.h"

#include "base/banned.h"

#define LEASE_MS 180000
#define SETTLES_MS (15 * MINUTE_MS) /* the meter's sums follow what was sent after a while */
#define LOOK_AGAIN_MS (6 * HOUR_MS) /* at one that cannot be told */
#define LOST_MS (24 * HOUR_MS)      /* what the meter does not have by then it never will */
#define GRACE_MS (60 * MINUTE_MS)   /* after a period's end its invoice is open that long */
#define LOOKS 40                    /* at the meter, in one search for what is missing: they are rationed */

/* ---- Stripe's sum ---- */

/* A whole number, in whatever form it comes. */
static bool whole(const struct json *j, int64_t *out)
{
    double d = json_double(j, -1);
    if (json_is(j, JSON_STRING))
        return num_i64(json_str(j), 0, INT64_MAX, out);
    if (json_is(j, JSON_INT)) {
        *out = json_int(j, -1);
        return *out >= 0;
    }
    *out = d >= 0 && d < 9e15 ? (int64_t)d : -1;
    return json_is(j, JSON_DOUBLE) && *out >= 0 && (double)*out == d; /* NOLINT: exact on purpose */
}

struct summed {
    int64_t sum;
    bool odd;
};
static enum status add_summary(void *ctx, struct json *item, struct err *e)
{
    struct summed *x = ctx;
    int64_t v = 0;
    (void)e;
    if (!whole(json_get(item, "aggregated_value"), &v) || __builtin_add_overflow(x->sum, v, &x->sum))
        x->odd = true;
    return OK;
}

static enum status meter_sum(struct stripe *stripe, const char *meter, struct str customer, int64_t from_ms,
                             int64_t to_ms, int64_t *out, struct err *e)
{
    struct stripe_form q;
    struct summed x = {0};
    struct arena a;
    arena_init(&a, 64 * KB);
    stripe_form_init(&q);
    stripe_param_str(&q, "customer", customer);
    stripe_param_int(&q, "start_time", from_ms / 1000);
    stripe_param_int(&q, "end_time", to_ms / 1000);
    const char *path = stripe_path(&a, "/v1/billing/meters/%/event_summaries", meter, (char *)NULL);
    enum status st = path ? stripe_list_each(stripe, path, &q, METER_TRY_MS, add_summary, &x, e) : err_nomem(e);
    stripe_form_release(&q);
    arena_release(&a);
    if (st == OK && x.odd)
        st = err_set(e, E_stripe_answer, "Stripe's sum of the meter is no whole number.");
    *out = x.sum;
    return st;
}

/* ---- both sums of a time, on whole minutes ---- */

struct both {
    struct meter_sums here;
    int64_t there;
};

static enum status look_here(struct db_pool *p, struct arena *a, bool livemode, struct str customer, int64_t from_ms,
                             int64_t to_ms, struct meter_sums *sums, struct str *meter, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = setup_id(c, a, livemode, "meter", meter, e);
    if (st == OK && !meter->n)
        st = err_set_as(e, ERR_UNAVAILABLE, E_not_set_up, "There is no meter yet: run parley billing setup.");
    if (st == OK)
        st = meter_store_sums(c, customer, from_ms, to_ms, sums, e);
    db_put(c);
    return st;
}

static enum status look(struct stripe *stripe, struct db_pool *p, struct str customer, int64_t from_ms, int64_t to_ms,
                        struct both *out, struct err *e)
{
    struct arena a;
    struct str meter;
    arena_init(&a, 64 * KB);
    enum status st = look_here(p, &a, stripe->livemode, customer, from_ms, to_ms, &out->here, &meter, e);
    if (st == OK)
        st = meter_sum(stripe, meter.p, customer, from_ms, to_ms, &out->there, e);
    arena_release(&a);
    return st;
}

/* ---- one that is unknown ---- */

enum fate { WAS_COUNTED, WAS_NOT, CANNOT_TELL };

/* The identifier's minute holds few rows, mostly this one alone: all of them are there, or none, or nobody can say. */
static enum fate tell(const struct both *b)
{
    int64_t more = b->there - b->here.sent;
    if (more == 0)
        return WAS_NOT;
    if (more == b->here.unknown)
        return WAS_COUNTED;
    return CANNOT_TELL;
}

struct settle {
    const struct meter_row *row;
    enum fate fate;
    const struct both *sums;
};

static enum status settle_row(struct db *c, void *ctx, struct err *e)
{
    struct settle *x = ctx;
    const struct meter_row *r = x->row;
    int64_t now = clock_now_ms();
    char id[ID_TEXT_MAX];
    if (x->fate == WAS_COUNTED)
        return meter_store_sent(c, r, now, e);
    if (x->fate == WAS_NOT)
        return meter_store_put_off(c, r, "pending", 0, now, STR("Stripe's meter does not have it: it is sent again."),
                                   e);
    enum status st = meter_store_put_off(
        c, r, "unknown", r->first_sent_ms, now + LOOK_AGAIN_MS,
        STR("Stripe's meter has neither all nor nothing of what was sent in its minute."), e);
    if (st != OK)
        return st;
    return alarm_raise(c, "meter_unknown", r->customer, r->tenant, e,
                       "Whether %lld conversations (%s) are billed cannot be told: in their minute the meter has %lld, "
                       "%lld are known to be sent and "
                       "%lld had no answer. Look at Stripe's meter.",
                       (long long)r->quantity, id_text(ID_METER, r->id, id), (long long)x->sums->there,
                       (long long)x->sums->here.sent, (long long)x->sums->here.unknown);
}

/* The call's record follows first: a row that is sent again needs its key free. */
static enum status settle_call(struct db_pool *p, const struct meter_row *r, enum fate fate, struct err *e)
{
    char key[64];
    struct err none = ERR_INIT;
    enum status st = OK;
    if (fate != CANNOT_TELL)
        st = stripe_call_settle(p, meter_key(r->id, key), fate == WAS_COUNTED ? STR("counted") : STR_EMPTY, &none);
    if (st != OK && st != ERR_NOT_FOUND) { /* not found: it is settled, or was never written down */
        *e = none;
        return st;
    }
    return OK;
}

enum status meter_settle(struct stripe *stripe, struct db_pool *p, const struct meter_row *r, struct err *e)
{
    int64_t from = r->event_ms - r->event_ms % MINUTE_MS;
    struct both sums;
    struct settle x = {.row = r, .sums = &sums};
    struct db *c = NULL;
    enum status st = look(stripe, p, r->customer, from, from + MINUTE_MS, &sums, e);
    if (st != OK)
        return st;
    x.fate = tell(&sums);
    if ((st = settle_call(p, r, x.fate, e)) == OK && (st = db_get(p, &c, e)) == OK)
        st = db_transaction(c, settle_row, &x, e);
    db_put(c);
    log_line(LOG_INFO, "meter_settled", LOG_T("customer", r->customer), LOG_I("counted", x.fate == WAS_COUNTED),
             LOG_I("quantity", r->quantity));
    return st;
}

static enum status settle_all(struct stripe *stripe, struct db_pool *p, struct str customer, int64_t from_ms,
                              int64_t to_ms, struct err *e)
{
    struct arena a;
    struct meter_row *rows = NULL;
    struct db *c = NULL;
    size_t n = 0;
    arena_init(&a, 16 * MB);
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = meter_store_unknown(c, &a, customer, from_ms, to_ms, clock_now_ms() - STRIPE_KEEPS_MS, &rows, &n, e);
    db_put(c);
    for (size_t i = 0; st == OK && i < n; i++)
        st = meter_settle(stripe, p, &rows[i], e);
    arena_release(&a);
    return st;
}

/* ---- what was sent, and is missing at the meter ---- */

struct search {
    struct stripe *stripe;
    struct db_pool *p;
    struct str customer;
    int64_t period_end_ms;
    int looks;
};

/* Once more where that can still be billed; what was sent twice, or comes too late, is the operator's. */
static enum status mend_row(struct db *c, const struct search *x, const struct meter_row *r, struct err *e)
{
    int64_t now = clock_now_ms();
    struct id id;
    bool changed;
    if (r->created_ms - r->event_ms >= LOST_MS || now >= x->period_end_ms + GRACE_MS)
        return meter_reject_row(c, r, STR("Stripe's meter does not have it."), e);
    enum status st = meter_store_rejected(c, r, STR("Stripe's meter did not count it."), now, &changed, e);
    return st == OK && changed ? meter_resend(c, r->id, &id, e) : st;
}

struct minute {
    const struct search *search;
    int64_t from_ms, missing;
    bool none;
};

/* Of several in the minute that is not empty, the one that is missing is told by its quantity alone. */
static enum status mend_minute(struct db *c, void *ctx, struct err *e)
{
    struct minute *m = ctx;
    struct arena a;
    struct meter_row *rows;
    size_t n, fits = 0;
    arena_init(&a, 4 * MB);
    enum status st = meter_store_sent_in(c, &a, m->search->customer, m->from_ms, m->from_ms + MINUTE_MS, &rows, &n, e);
    for (size_t i = 0; st == OK && i < n; i++)
        fits += rows[i].quantity == m->missing;
    for (size_t i = 0; st == OK && i < n; i++) {
        bool gone = m->none || (fits == 1 && rows[i].quantity == m->missing);
        if (gone && clock_now_ms() - rows[i].sent_ms >= LOST_MS)
            st = mend_row(c, m->search, &rows[i], e);
    }
    arena_release(&a);
    return st;
}

/* Halved, and halved again, down to the minutes that lack something. `sums` are those of the whole. */
static enum status find_lost(struct search *x, int64_t from_ms, int64_t to_ms, const struct both *sums, struct err *e)
{
    struct both left, right = *sums;
    int64_t middle = from_ms + (to_ms - from_ms) / MINUTE_MS / 2 * MINUTE_MS;
    struct db *c = NULL;
    if (sums->there >= sums->here.sent)
        return OK;
    if (middle == from_ms) {
        struct minute m = {x, from_ms, sums->here.sent - sums->there, sums->there == 0 && sums->here.unknown == 0};
        enum status st = db_get(x->p, &c, e);
        if (st == OK)
            st = db_transaction(c, mend_minute, &m, e);
        db_put(c);
        return st;
    }
    if (x->looks-- <= 0)
        return OK; /* the next comparison finds the rest */
    enum status st = look(x->stripe, x->p, x->customer, from_ms, middle, &left, e);
    right.there -= left.there;
    right.here.sent -= left.here.sent;
    right.here.unknown -= left.here.unknown;
    if (st == OK)
        st = find_lost(x, from_ms, middle, &left, e);
    return st == OK ? find_lost(x, middle, to_ms, &right, e) : st;
}

/* ---- a period ---- */

/* A period of its own: one that agrees says nothing about another. */
static struct str drift_object(struct str customer, int64_t from_ms, char out[300])
{
    struct clock_date d = clock_split(from_ms);
    int n = snprintf(out, 300, "%.*s %04d-%02d-%02d", STR_F(str_sub(customer, 0, 255)), d.year, d.month, d.day);
    return str_n(out, (size_t)n);
}

static enum status judge(struct db_pool *p, struct str customer, const struct both *b, int64_t from_ms, struct err *e)
{
    int64_t more = b->there - b->here.sent;
    struct db *c = NULL;
    char name[300];
    struct str object = drift_object(customer, from_ms, name);
    enum status st = db_get(p, &c, e);
    if (st != OK)
        return st;
    if (more >= 0 && more <= b->here.unknown)
        st = alarm_clear(c, "meter_drift", object, e);
    else
        st = alarm_raise(c, "meter_drift", object, ID_NONE, e,
                         "Stripe's meter has %lld conversations of this customer in the period that began then, %lld "
                         "were sent and %lld had no answer.",
                         (long long)b->there, (long long)b->here.sent, (long long)b->here.unknown);
    db_put(c);
    return st;
}

/* Less than was sent, but something was sent just now. */
static bool may_come(const struct both *b)
{
    return b->there < b->here.sent && clock_now_ms() - b->here.last_sent_ms < SETTLES_MS;
}

static enum status compare_held(struct search *x, int64_t from_ms, int64_t to_ms, struct err *e)
{
    struct both sums;
    enum status st = settle_all(x->stripe, x->p, x->customer, from_ms, to_ms, e);
    if (st == OK)
        st = look(x->stripe, x->p, x->customer, from_ms, to_ms, &sums, e);
    if (st == OK && may_come(&sums)) { /* somebody is busy: what is older must be there all the same */
        to_ms = clock_now_ms() - SETTLES_MS;
        to_ms -= to_ms % MINUTE_MS;
        if (to_ms <= from_ms)
            return OK;
        st = look(x->stripe, x->p, x->customer, from_ms, to_ms, &sums, e);
    }
    if (st != OK || may_come(&sums))
        return st;
    st = judge(x->p, x->customer, &sums, from_ms, e);
    return st == OK ? find_lost(x, from_ms, to_ms, &sums, e) : st;
}

static enum status take(struct db_pool *p, struct str name, struct id *holder, struct err *e)
{
    struct db *c = NULL;
    bool got = false;
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = lease_take(c, name, LEASE_MS, holder, &got, e);
    db_put(c);
    if (st == OK && !got)
        st = err_set(e, E_busy, "Usage of this customer is being sent at this moment.");
    return st;
}

enum status meter_compare(struct stripe *stripe, struct db_pool *p, struct str customer, int64_t period_start_ms,
                          int64_t period_end_ms, struct err *e)
{
    char name[320];
    int64_t now = clock_now_ms(), from = period_start_ms - period_start_ms % MINUTE_MS;
    int64_t end = period_end_ms < now ? period_end_ms : now, to = end - end % MINUTE_MS + MINUTE_MS;
    struct str lease = meter_lease(customer, name);
    struct err none = ERR_INIT;
    struct id holder;
    struct db *c = NULL;
    if (to <= from)
        return OK;
    enum status st = take(p, lease, &holder, e);
    if (st != OK)
        return st;
    st = compare_held(&(struct search){stripe, p, customer, period_end_ms, LOOKS}, from, to, e);
    if (db_get(p, &c, &none) != OK || lease_release(c, lease, holder, &none) != OK)
        log_line(LOG_WARN, "lease_kept", LOG_T("lease", lease), LOG_S("error", none.message)); /* it ends by itself */
    db_put(c);
    return st;
}
