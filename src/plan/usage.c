/* usage.c: how many conversations a tenant may begin, and the one place where a conversation is counted.
 *
 * The answer to "may one begin" comes from memory; the guarded UPDATE of the counter in the journal's transaction is
 * what enforces the limit. Ledger rows and counters change in one transaction, so a counter always equals the sum of
 * its rows. */
#include "plan/usage.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "plan/tenant_cache_internal.h"
#include "plan/usage_store.h"

#include "base/banned.h"

/* A flood at the limit reaches the database once a second. A limit that is raised counts at once, because the change
 * raises the generation and the slot no longer fits. */
#define FULL_US (1 * 1000000LL)

/* ---- what is known of the counter of a tenant's current period ---- */

struct counter_slot {
    struct tenant_slot of;
    uint64_t generation;
    int64_t start_ms, end_ms;
    bool billable;
    int64_t beside;  /* counted in the same period under the other `billable` */
    int64_t full_us; /* when the journal last met the limit; 0: it did not */
};

/* usage_mark_full knows the period's start but not its end, so an end of 0 matches any. */
static bool counter_fits(const void *slot, const void *want)
{
    const struct counter_slot *s = slot, *w = want;
    return s->start_ms == w->start_ms && s->billable == w->billable &&
           (!w->end_ms || (s->end_ms == w->end_ms && s->generation == w->generation));
}

static struct counter_slot counter_slots[TENANT_CACHE_SLOTS];
static struct tenant_cache counters = {PTHREAD_MUTEX_INITIALIZER, counter_slots, sizeof(counter_slots[0]),
                                       counter_fits};

/* Opens the row of a new period, which names the subscription that pays for it. The entitlements are read again,
 * because the cached ones do not name the subscription. If they have changed in between, nothing is opened; the
 * counting opens the row itself when it finds none. */
static enum status counter_open(struct db *c, struct id tenant, int64_t now_ms, const struct quota_period *p,
                                struct err *e)
{
    struct entitlements x;
    struct arena a;
    arena_init(&a, TENANT_ARENA);
    enum status st = entitlement_load(c, tenant, now_ms, &a, &x, e);
    if (st == OK && x.period.start_ms == p->start_ms && x.period.billable == p->billable)
        st = usage_store_open(c, tenant, &x.period, p->billable ? x.subscription : NULL, e);
    arena_release(&a);
    return st;
}

/* Reads what the same period holds under the other `billable`, and opens the counter's row when the period is new. */
static enum status counter_read(struct db_pool *pool, int64_t now_ms, const struct quota_period *p,
                                struct counter_slot *out, struct err *e)
{
    struct db *c = NULL;
    bool there = false;
    enum status st = db_get(pool, &c, e);
    if (st == OK)
        st = usage_store_find(c, out->of.tenant, p, &there, &out->beside, e);
    if (st == OK && !there)
        st = counter_open(c, out->of.tenant, now_ms, p, e);
    db_put(c);
    if (st == OK)
        tenant_cache_put(&counters, out);
    return st;
}

/* An override can change whether a period is billable. What was counted before that still uses up the limit. The
 * counter that is not current is subtracted here, because the guarded UPDATE sees one row only. */
static int64_t quota_left(int64_t limit, int64_t beside)
{
    return limit == USAGE_UNLIMITED ? limit : limit > beside ? limit - beside : 0;
}

/* The generation is read before the rows: a change in between leaves an entry that counts as old at once. */
enum status usage_quota(struct db_pool *p, struct id tenant, int64_t now_ms, struct usage_quota *out, struct err *e)
{
    struct counter_slot seen = {.of = {.tenant = tenant}, .generation = shared_generation("plan", tenant)};
    struct entitled x;
    enum status st = entitled_now(p, tenant, now_ms, &x, e);
    if (st != OK)
        return st;
    seen.start_ms = x.period.start_ms;
    seen.end_ms = x.period.end_ms;
    seen.billable = x.period.billable;
    if (!tenant_cache_get(&counters, &seen, &seen) && (st = counter_read(p, now_ms, &x.period, &seen, e)) != OK)
        return st;
    *out = (struct usage_quota){.limit = quota_left(x.period.limit, seen.beside),
                                .period_start_ms = x.period.start_ms,
                                .billable = x.period.billable,
                                .full = seen.full_us && clock_mono_us() - seen.full_us < FULL_US};
    return OK;
}

static void counter_set_full(void *slot)
{
    ((struct counter_slot *)slot)->full_us = clock_mono_us();
}

void usage_mark_full(struct id tenant, const struct usage_quota *q)
{
    const struct counter_slot want = {
        .of = {.tenant = tenant}, .start_ms = q->period_start_ms, .billable = q->billable};
    tenant_cache_change(&counters, &want, counter_set_full);
}

/* ---- counting ---- */

static int usage_count_order(const void *pa, const void *pb)
{
    const struct usage_count *a = pa, *b = pb;
    int d = memcmp(a->tenant.b, b->tenant.b, sizeof(a->tenant.b));
    if (d == 0 && a->quota.period_start_ms != b->quota.period_start_ms)
        d = a->quota.period_start_ms < b->quota.period_start_ms ? -1 : 1;
    if (d == 0)
        d = (int)a->quota.billable - (int)b->quota.billable;
    return d;
}

/* Counts one tenant's part of the batch: sorted[0 .. same-1]. */
static enum status usage_take_share(struct db *c, const struct usage_count *sorted, size_t same, struct err *e)
{
    const struct usage_quota *q = &sorted[0].quota;
    bool taken;
    enum status st = usage_store_take(c, sorted[0].tenant, q, (int64_t)same, sorted[0].counted_ms, &taken, e);
    if (st == OK && !taken)
        st = err_set(e, E_plan_limit, "All conversations that the plan includes this month are used.");
    return st;
}

/* The ledger comes first, so that a turn that is repeated at the limit is recognised as counted and not refused. */
enum status usage_record(struct db *c, const struct usage_count *counts, size_t n, struct err *e)
{
    struct usage_count *sorted;
    if (n == 0)
        return OK;
    sorted = malloc(n * sizeof(*sorted));
    if (!sorted)
        return err_nomem(e);
    memcpy(sorted, counts, n * sizeof(*sorted));
    /* Every batch locks the counters in the same order, so that batches do not deadlock. */
    qsort(sorted, n, sizeof(*sorted), usage_count_order);
    enum status st = usage_store_ledger(c, sorted, n, e);
    for (size_t from = 0; st == OK && from < n;) {
        size_t to = from + 1;

        while (to < n && usage_count_order(&sorted[from], &sorted[to]) == 0)
            to++;
        st = usage_take_share(c, sorted + from, to - from, e);
        from = to;
    }
    free(sorted);
    return st;
}

enum status usage_used(struct db *c, struct id tenant, int64_t period_start_ms, int64_t *used, struct err *e)
{
    return usage_store_used(c, tenant, period_start_ms, used, e);
}

enum status usage_in(struct db *c, struct id tenant, const struct quota_period *p, struct usage *out, struct err *e)
{
    int64_t used = 0;
    enum status st = usage_store_used(c, tenant, p->start_ms, &used, e);
    if (st == OK) {
        *out = (struct usage){.used = used,
                              .included = p->included,
                              .limit = p->limit,
                              .period_start_ms = p->start_ms,
                              .period_end_ms = p->end_ms,
                              .billable = p->billable};
    }
    return st;
}

enum status usage_now(struct db *c, struct id tenant, int64_t now_ms, struct usage *out, struct err *e)
{
    struct entitlements x;
    struct arena a;
    arena_init(&a, TENANT_ARENA);
    enum status st = entitlement_load(c, tenant, now_ms, &a, &x, e);
    if (st == OK)
        st = usage_in(c, tenant, &x.period, out, e);
    arena_release(&a);
    return st;
}

enum status usage_mark_reported(struct db *c, struct id tenant, int64_t period_start_ms, struct err *e)
{
    return usage_store_mark_reported(c, tenant, period_start_ms, e);
}

enum status usage_mark_noticed(struct db *c, struct id tenant, int64_t period_start_ms, bool billable, int64_t used,
                               struct err *e)
{
    return usage_store_mark_noticed(c, tenant, period_start_ms, billable, used, e);
}
