/* meter_compare.c: what Stripe's meter has, compared with what was sent.
 *
 * Stripe reports sums of a customer over whole minutes, not single events. Two questions are answered from them:
 * whether a row without an answer was counted (its minute has few rows, usually this one alone), and which rows are
 * missing (binary search over the period). Reads are limited by Stripe, so a search stops after READS_MAX reads and
 * the next comparison continues. */
#include <stdio.h>

#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/num.h"
#include "billing/meter/meter_internal.h"
#include "billing/meter/meter_store.h"
#include "billing/setup/setup.h"
#include "stripe/held.h"

#include "base/banned.h"

/* Longer than a search of READS_MAX reads usually takes. All writes depend on the row's state as well. */
#define COMPARE_LEASE_MS 180000
#define SETTLES_MS (15 * MINUTE_MS)       /* the meter's sums lag behind what was sent */
#define SETTLE_AGAIN_MS (6 * HOUR_MS)     /* when the sums do not decide */
#define LOST_MS (24 * HOUR_MS)            /* what the meter lacks by then was lost */
#define INVOICE_GRACE_MS (60 * MINUTE_MS) /* how long the invoice stays open after a period */
#define READS_MAX 40                      /* reads of the meter in one search */

/* ---- Stripe's sum ---- */

/* Reads a whole number; Stripe sends it as an integer, a float or a text. A double is exact up to 2^53, about 9e15. */
static bool compare_whole(const struct json *j, int64_t *out)
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

struct meter_summed {
    int64_t sum;
    bool odd;
};
static enum status compare_add_summary(void *ctx, struct json *item, struct err *e)
{
    struct meter_summed *x = ctx;
    int64_t v = 0;
    (void)e;
    if (!compare_whole(json_get(item, "aggregated_value"), &v) || __builtin_add_overflow(x->sum, v, &x->sum))
        x->odd = true;
    return OK;
}

/* Without a grouping window Stripe returns one sum for the span. All items are added, should it ever return several. */
static enum status compare_meter_sum(struct stripe *stripe, const char *meter, struct str customer, int64_t from_ms,
                                     int64_t to_ms, int64_t *out, struct err *e)
{
    struct stripe_form q;
    struct meter_summed x = {0};
    struct arena a;
    arena_init(&a, ROW_ARENA);
    stripe_form_init(&q);
    stripe_param_str(&q, "customer", customer);
    stripe_param_int(&q, "start_time", from_ms / 1000);
    stripe_param_int(&q, "end_time", to_ms / 1000);
    const char *path = stripe_path(&a, "/v1/billing/meters/%/event_summaries", meter, (char *)NULL);
    enum status st = path ? stripe_list_each(stripe, path, &q, METER_TRY_MS, compare_add_summary, &x, e) : err_nomem(e);
    stripe_form_release(&q);
    arena_release(&a);
    if (st == OK && x.odd)
        st = err_set(e, E_stripe_answer, "The sum of Stripe's meter is not a whole number.");
    *out = x.sum;
    return st;
}

/* ---- both sums of a time span of whole minutes ---- */

struct meter_both {
    struct meter_sums here;
    int64_t there;
};

static enum status compare_sums_here(struct db_pool *p, struct arena *a, bool livemode, struct str customer,
                                     int64_t from_ms, int64_t to_ms, struct meter_sums *sums, struct str *meter,
                                     struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = setup_id(c, a, livemode, "meter", meter, e);
    if (st == OK && !meter->n)
        st = err_set_as(e, ERR_UNAVAILABLE, E_not_set_up, "There is no meter at Stripe yet. Run parley billing setup.");
    if (st == OK)
        st = meter_store_sums(c, customer, from_ms, to_ms, sums, e);
    db_put(c);
    return st;
}

/* Our sums are read before Stripe's. The caller holds the lease, so nothing is sent in between. */
static enum status compare_sums(struct stripe *stripe, struct db_pool *p, struct str customer, int64_t from_ms,
                                int64_t to_ms, struct meter_both *out, struct err *e)
{
    struct arena a;
    struct str meter;
    arena_init(&a, ROW_ARENA);
    enum status st = compare_sums_here(p, &a, stripe->livemode, customer, from_ms, to_ms, &out->here, &meter, e);
    if (st == OK)
        st = compare_meter_sum(stripe, meter.p, customer, from_ms, to_ms, &out->there, e);
    arena_release(&a);
    return st;
}

/* ---- an unknown row ---- */

enum meter_fate { WAS_COUNTED, WAS_NOT, CANNOT_TELL };

/* Decides from the sums of the row's minute: the meter has all unknown rows of it, none of them, or something in
 * between. Nothing is guessed: sending again could bill twice, and not sending could bill never. */
static enum meter_fate settle_fate(const struct meter_both *b)
{
    int64_t more = b->there - b->here.sent;
    if (more == 0)
        return WAS_NOT;
    if (more == b->here.unknown)
        return WAS_COUNTED;
    return CANNOT_TELL;
}

struct meter_settling {
    const struct meter_row *row;
    enum meter_fate fate;
    const struct meter_both *sums;
};

static enum status settle_row_tx(struct db *c, void *ctx, struct err *e)
{
    struct meter_settling *x = ctx;
    const struct meter_row *r = x->row;
    int64_t now = clock_now_ms();
    char id[ID_TEXT_MAX];
    if (x->fate == WAS_COUNTED)
        return meter_store_sent(c, r, now, e);
    if (x->fate == WAS_NOT)
        return meter_store_put_off(c, r, METER_PENDING, 0, now,
                                   STR("Stripe's meter does not have it, so it is sent again."), e);
    enum status st = meter_store_put_off(c, r, METER_UNKNOWN, r->first_sent_ms, now + SETTLE_AGAIN_MS,
                                         STR("Stripe's meter has a part of what was sent in its minute."), e);
    if (st != OK)
        return st;
    return alarm_raise(
        c, ALARM_meter_unknown, r->customer, r->tenant, e,
        "It cannot be determined whether %lld conversations (%s) are billed: in their minute the meter has %lld, "
        "%lld are known to be sent and %lld had no answer. Check Stripe's meter.",
        (long long)r->quantity, id_text(ID_METER, r->id, id), (long long)x->sums->there, (long long)x->sums->here.sent,
        (long long)x->sums->here.unknown);
}

/* Settles the record of the call first: a row that is sent again needs a key that is free. A crash in between leaves a
 * settled call and an unknown row, which is simply compared again. */
static enum status settle_call(struct db_pool *p, const struct meter_row *r, enum meter_fate fate, struct err *e)
{
    char key[64];
    struct err none = ERR_INIT;
    enum status st = OK;
    if (fate != CANNOT_TELL)
        st = stripe_call_settle(p, meter_key(r->id, key), fate == WAS_COUNTED ? STR("counted") : STR_EMPTY, &none);
    if (st != OK && st != ERR_NOT_FOUND) { /* not found: it is settled, or was never recorded */
        *e = none;
        return st;
    }
    return OK;
}

enum status meter_settle(struct stripe *stripe, struct db_pool *p, const struct meter_row *r, struct err *e)
{
    int64_t from = r->event_ms - r->event_ms % MINUTE_MS;
    struct meter_both sums;
    struct meter_settling x = {.row = r, .sums = &sums};
    enum status st = compare_sums(stripe, p, r->customer, from, from + MINUTE_MS, &sums, e);
    if (st != OK)
        return st;
    x.fate = settle_fate(&sums);
    if ((st = settle_call(p, r, x.fate, e)) == OK)
        st = held_transaction(p, settle_row_tx, &x, e);
    log_line(LOG_INFO, "meter_settled", LOG_T("customer", r->customer), LOG_I("counted", x.fate == WAS_COUNTED),
             LOG_I("quantity", r->quantity));
    return st;
}

static enum status compare_settle_all(struct stripe *stripe, struct db_pool *p, struct str customer, int64_t from_ms,
                                      int64_t to_ms, struct err *e)
{
    struct arena a;
    struct meter_row *rows = NULL;
    struct db *c = NULL;
    size_t n = 0;
    arena_init(&a, LIST_ARENA);
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = meter_store_unknown(c, &a, customer, from_ms, to_ms, clock_now_ms() - STRIPE_KEEPS_MS, &rows, &n, e);
    db_put(c);
    for (size_t i = 0; st == OK && i < n; i++)
        st = meter_settle(stripe, p, &rows[i], e);
    arena_release(&a);
    return st;
}

/* ---- rows that were sent and are missing at the meter ---- */

struct meter_search {
    struct stripe *stripe;
    struct db_pool *p;
    struct str customer;
    int64_t period_end_ms;
    int reads_left;
};

/* Sends the row once more where it can still be billed. A row that was sent twice, or too late, is rejected for the
 * operator to see. A row that was sent again keeps its timestamp, so its creation a day after that marks the second
 * try. */
static enum status search_mend_row(struct db *c, const struct meter_search *x, const struct meter_row *r, struct err *e)
{
    int64_t now = clock_now_ms();
    struct id id;
    bool changed;
    if (r->created_ms - r->event_ms >= LOST_MS || now >= x->period_end_ms + INVOICE_GRACE_MS)
        return meter_reject_row(c, r, STR("Stripe's meter does not have it."), e);
    enum status st = meter_store_rejected(c, r, STR("Stripe's meter did not count it."), now, &changed, e);
    return st == OK && changed ? meter_resend(c, r->id, &id, e) : st;
}

struct meter_minute {
    const struct meter_search *search;
    int64_t from_ms, missing;
    bool none;
};

/* Finds the missing rows of one minute. When the minute is empty at the meter, all are missing; otherwise the missing
 * one can only be recognised by its quantity, if that is unique. */
static enum status search_mend_minute_tx(struct db *c, void *ctx, struct err *e)
{
    struct meter_minute *m = ctx;
    struct arena a;
    struct meter_row *rows;
    size_t n, fits = 0;
    arena_init(&a, LIST_ARENA);
    enum status st = meter_store_sent_in(c, &a, m->search->customer, m->from_ms, m->from_ms + MINUTE_MS, &rows, &n, e);
    for (size_t i = 0; st == OK && i < n; i++)
        fits += rows[i].quantity == m->missing;
    for (size_t i = 0; st == OK && i < n; i++) {
        bool gone = m->none || (fits == 1 && rows[i].quantity == m->missing);
        if (gone && clock_now_ms() - rows[i].sent_ms >= LOST_MS)
            st = search_mend_row(c, m->search, &rows[i], e);
    }
    arena_release(&a);
    return st;
}

/* Binary search for the minutes that lack something. `sums` belong to the whole span, so the right half needs no read
 * of its own. */
static enum status search_lost(struct meter_search *x, int64_t from_ms, int64_t to_ms, const struct meter_both *sums,
                               struct err *e)
{
    struct meter_both left, right = *sums;
    int64_t middle = from_ms + (to_ms - from_ms) / MINUTE_MS / 2 * MINUTE_MS;
    if (sums->there >= sums->here.sent)
        return OK;
    if (middle == from_ms) {
        struct meter_minute m = {x, from_ms, sums->here.sent - sums->there,
                                 sums->there == 0 && sums->here.unknown == 0};
        return held_transaction(x->p, search_mend_minute_tx, &m, e);
    }
    if (x->reads_left-- <= 0)
        return OK; /* the next comparison continues */
    enum status st = compare_sums(x->stripe, x->p, x->customer, from_ms, middle, &left, e);
    right.there -= left.there;
    right.here.sent -= left.here.sent;
    right.here.unknown -= left.here.unknown;
    if (st == OK)
        st = search_lost(x, from_ms, middle, &left, e);
    return st == OK ? search_lost(x, middle, to_ms, &right, e) : st;
}

/* ---- a period ---- */

/* The alarm names the period, because a period that agrees says nothing about another. */
static struct str compare_drift_object(struct str customer, int64_t from_ms, char out[300])
{
    struct clock_date d = clock_split(from_ms);
    int n = snprintf(out, 300, "%.*s %04d-%02d-%02d", STR_F(str_sub(customer, 0, 255)), d.year, d.month, d.day);
    return str_n(out, (size_t)n);
}

/* Rows without an answer may or may not have been counted, so any sum between the two is right. */
static enum status compare_judge(struct db_pool *p, struct str customer, const struct meter_both *b, int64_t from_ms,
                                 struct err *e)
{
    int64_t more = b->there - b->here.sent;
    struct db *c = NULL;
    char name[300];
    struct str object = compare_drift_object(customer, from_ms, name);
    enum status st = db_get(p, &c, e);
    if (st != OK)
        return st;
    if (more >= 0 && more <= b->here.unknown)
        st = alarm_clear(c, ALARM_meter_drift, object, e);
    else
        st = alarm_raise(
            c, ALARM_meter_drift, object, ID_NONE, e,
            "Stripe's meter has %lld conversations of this customer in this period; %lld were sent and %lld "
            "had no answer.",
            (long long)b->there, (long long)b->here.sent, (long long)b->here.unknown);
    db_put(c);
    return st;
}

/* The meter has less than was sent, but something was sent recently and may still appear. */
static bool compare_may_come(const struct meter_both *b)
{
    return b->there < b->here.sent && clock_now_ms() - b->here.last_sent_ms < SETTLES_MS;
}

/* Unknown rows are settled first, because every one of them blurs the comparison of the sums. */
static enum status compare_held(struct meter_search *x, int64_t from_ms, int64_t to_ms, struct err *e)
{
    struct meter_both sums;
    enum status st = compare_settle_all(x->stripe, x->p, x->customer, from_ms, to_ms, e);
    if (st == OK)
        st = compare_sums(x->stripe, x->p, x->customer, from_ms, to_ms, &sums, e);
    if (st == OK && compare_may_come(&sums)) { /* compare only what is old enough to have appeared */
        to_ms = clock_now_ms() - SETTLES_MS;
        to_ms -= to_ms % MINUTE_MS;
        if (to_ms <= from_ms)
            return OK;
        st = compare_sums(x->stripe, x->p, x->customer, from_ms, to_ms, &sums, e);
    }
    if (st != OK || compare_may_come(&sums))
        return st;
    st = compare_judge(x->p, x->customer, &sums, from_ms, e);
    return st == OK ? search_lost(x, from_ms, to_ms, &sums, e) : st;
}

enum status meter_compare(struct stripe *stripe, struct db_pool *p, struct str customer, int64_t period_start_ms,
                          int64_t period_end_ms, struct err *e)
{
    char name[320];
    int64_t now = clock_now_ms(), from = period_start_ms - period_start_ms % MINUTE_MS;
    int64_t end = period_end_ms < now ? period_end_ms : now, to = end - end % MINUTE_MS + MINUTE_MS;
    struct held lease;
    if (to <= from)
        return OK;
    enum status st = held_try(&lease, p, meter_lease(customer, name), COMPARE_LEASE_MS, e);
    if (st == OK && !lease.held)
        return err_set(e, E_busy, "Usage of this customer is being sent at this moment.");
    if (st == OK)
        st = compare_held(&(struct meter_search){stripe, p, customer, period_end_ms, READS_MAX}, from, to, e);
    held_end(&lease);
    return st;
}
