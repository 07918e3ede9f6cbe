/* meter.c: from counters to rows of the outbox, and what the operator sees of them. Nothing here calls Stripe.
 *
 * A counter's `reported` follows in the transaction that makes the row. Whatever fails, each conversation is either in
 * a row or still unreported, never both and never neither. */
#include "billing/meter/meter.h"

#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "billing/meter/meter_internal.h"
#include "billing/meter/meter_store.h"
#include "plan/usage.h"
#include "stripe/call.h"

#include "base/banned.h"

#define UNBILLED_AFTER_MS (2 * HOUR_MS) /* by then an invoice is final */

/* ---- collecting ---- */

/* The timestamp of a row: when its first conversation was counted, in whole seconds as at Stripe. It always lies inside
 * the period, whatever the clock says, and before the current second: if the subscription ends in this second, usage of
 * this second is not billed. */
static int64_t meter_event_ms(const struct meter_counter *k, int64_t now_ms)
{
    int64_t latest = (now_ms < k->period_end_ms ? now_ms : k->period_end_ms) - 1000;
    int64_t at = k->unsent_ms < latest && k->unsent_ms >= now_ms - METER_AGE_MS ? k->unsent_ms : latest;
    at -= at % 1000;
    return at > k->period_start_ms ? at : k->period_start_ms;
}

struct meter_collecting {
    struct meter_counter counter;
    bool made;
};

/* Makes the row of one counter and marks it reported, in one transaction. A counter without customer or end of period
 * cannot be billed. */
static enum status meter_collect_tx(struct db *c, void *ctx, struct err *e)
{
    struct meter_collecting *x = ctx;
    struct meter_counter *k = &x->counter;
    int64_t now = clock_now_ms();
    struct arena a;
    char id[ID_TEXT_MAX];
    bool found;
    x->made = false;
    arena_init(&a, ROW_ARENA);
    enum status st = meter_store_lock(c, &a, k, &found, e);
    if (st == OK && found && (!k->customer.n || !k->period_end_ms)) {
        st = alarm_raise(c, ALARM_meter_customer, str_from(id_text(ID_TENANT, k->tenant, id)), k->tenant, e,
                         "%lld conversations cannot be billed: their counter has no customer or no end of its period.",
                         (long long)(k->used - k->reported));
    } else if (st == OK && found) {
        int64_t at = meter_event_ms(k, now);
        struct meter_row r = {.tenant = k->tenant,
                              .id = id_new(),
                              .customer = k->customer,
                              .period_start_ms = k->period_start_ms,
                              .quantity = k->used - k->reported,
                              .event_ms = at,
                              .created_ms = now,
                              .due_ms = at - METER_AHEAD_MS > now ? at - METER_AHEAD_MS : now};
        x->made = r.quantity > 0;
        if (x->made)
            st = meter_store_add(c, &r, e);
        if (st == OK)
            st = usage_mark_reported(c, k->tenant, k->period_start_ms, e);
    }
    arena_release(&a);
    return st;
}

/* One transaction for each counter: a counter that fails rolls back nothing of the others. */
static enum status meter_collect_counters(struct db *c, struct meter_counter *all, size_t n, int64_t *made,
                                          struct err *e)
{
    enum status st = OK;
    for (size_t i = 0; st == OK && i < n; i++) {
        struct meter_collecting x = {.counter = all[i]};
        st = db_transaction(c, meter_collect_tx, &x, e);
        *made += st == OK && x.made;
    }
    return st;
}

enum status meter_collect(struct db *c, int64_t *n, struct err *e)
{
    struct meter_counter *all;
    struct arena a;
    size_t found;
    *n = 0;
    arena_init(&a, LIST_ARENA);
    enum status st = meter_store_grown(c, &a, clock_now_ms() - METER_FLUSH_MS, METER_COLLECT_MAX, &all, &found, e);
    if (st == OK)
        st = meter_collect_counters(c, all, found, n, e);
    arena_release(&a);
    return st;
}

enum status meter_collect_tenant(struct db *c, struct id tenant, struct err *e)
{
    struct meter_counter *all;
    struct arena a;
    int64_t made = 0;
    size_t found;
    arena_init(&a, TENANT_ARENA);
    enum status st = meter_store_grown_of(c, tenant, &a, &all, &found, e);
    if (st == OK)
        st = meter_collect_counters(c, all, found, &made, e);
    arena_release(&a);
    return st;
}

/* ---- what the operator sees ---- */

/* Measured from the counting and not from the row, so that it also grows while nothing collects. */
enum status meter_lag(struct db *c, struct meter_lag *out, struct err *e)
{
    struct meter_counts k;
    int64_t now = clock_now_ms(), oldest;
    enum status st = meter_store_counts(c, &k, e);
    if (st != OK)
        return st;
    oldest = k.oldest_row_ms && (!k.oldest_count_ms || k.oldest_row_ms < k.oldest_count_ms) ? k.oldest_row_ms
                                                                                            : k.oldest_count_ms;
    *out = (struct meter_lag){.pending = k.pending,
                              .unknown = k.unknown,
                              .rejected = k.rejected,
                              .waiting = k.waiting,
                              .oldest_ms = oldest && oldest < now ? now - oldest : 0};
    return OK;
}

enum status meter_watch(struct db *c, struct err *e)
{
    struct meter_lag lag;
    enum status st = meter_lag(c, &lag, e);
    if (st != OK)
        return st;
    if (lag.oldest_ms <= METER_LAG_ALARM_MS)
        return alarm_clear(c, ALARM_meter_lag, STR("meter"), e);
    return alarm_raise(c, ALARM_meter_lag, STR("meter"), ID_NONE, e,
                       "Counted conversations have not reached Stripe for %lld minutes (%lld wait, %lld without an "
                       "answer). "
                       "They miss their invoice when they arrive more than an hour after the end of the period.",
                       (long long)(lag.oldest_ms / MINUTE_MS), (long long)lag.pending, (long long)lag.unknown);
}

static enum status meter_raise_unbilled(struct db *c, const struct meter_unbilled *u, struct err *e)
{
    struct clock_date d = clock_split(u->period_start_ms);
    return alarm_raise(c, ALARM_usage_unbilled, u->subscription, u->tenant, e,
                       "Of the %lld conversations since %04d-%02d-%02d (the plan includes %lld) %lld are on no "
                       "invoice: %s. Those beyond the plan can be billed by hand.",
                       (long long)u->used, d.year, d.month, d.day, (long long)u->included, (long long)u->late,
                       u->invoiced_ms ? "they reached Stripe after it was made" : "the subscription ended without one");
}

/* The window ends where Stripe stops accepting usage: what is older can only be billed by hand, and was reported when
 * it was younger. */
enum status meter_audit(struct db *c, struct err *e)
{
    struct meter_unbilled *list;
    struct arena a;
    size_t n = 0;
    int64_t now = clock_now_ms();
    arena_init(&a, TENANT_ARENA);
    enum status st = meter_store_unbilled(c, &a, now - METER_AGE_MS, now - UNBILLED_AFTER_MS, &list, &n, e);
    for (size_t i = 0; st == OK && i < n; i++)
        st = meter_raise_unbilled(c, &list[i], e);
    arena_release(&a);
    return st;
}

enum status meter_list(struct db *c, struct arena *a, const enum meter_state *only, int limit, struct meter_row **out,
                       size_t *n, struct err *e)
{
    return meter_store_list(c, a, only, limit, out, n, e);
}

enum status meter_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return meter_store_forget(c, before_ms, limit, n, e);
}

/* The keys of rows sort by their ids and ids by time, so "older" is a range of keys. */
enum status meter_forget_calls(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    char first[64], end[64];
    return stripe_call_forget_keys(c, meter_key(ID_NONE, first), meter_key(id_least(before_ms), end), limit, n, e);
}

/* ---- counters and ledger ---- */

/* The alarm is part of the transaction: once the counter is right, nothing else shows that too much was reported. */
static enum status meter_repair_counter(struct db *c, void *ctx, struct err *e)
{
    const struct usage_drift *d = ctx;
    int64_t over = 0;
    char id[ID_TEXT_MAX];
    enum status st = usage_drift_repair(c, d, &over, e);
    if (st == OK && over > 0)
        st = alarm_raise(c, ALARM_meter_over, str_from(id_text(ID_TENANT, d->tenant, id)), d->tenant, e,
                         "%lld more conversations were reported to Stripe than the ledger has since %lld (Unix time). "
                         "Credit them to the customer at Stripe.",
                         (long long)over, (long long)(d->period_start_ms / 1000));
    return st;
}

enum status meter_verify(struct db *c, struct arena *a, bool repair, struct usage_drift **out, size_t *n, struct err *e)
{
    enum status st = usage_drift_list(c, a, out, n, e);
    for (size_t i = 0; st == OK && repair && i < *n; i++)
        st = db_transaction(c, meter_repair_counter, &(*out)[i], e);
    return st;
}
