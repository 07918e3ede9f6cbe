/* usage.c: how many conversations a tenant may begin, and the one place where one is counted. */
#include "plan/usage.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "plan/usage_store.h"

#include "base/banned.h"

/* ---- the period's counter, looked at now and then; one slot a tenant, direct-mapped: a collision only costs a query ---- */

#define SLOTS 512
#define FRESH_US (10 * 1000000LL)
#define FULL_US (1 * 1000000LL)

struct slot {
    struct id tenant;
    bool used;
    uint64_t generation;
    int64_t start_ms, end_ms;
    bool billable;
    int64_t beside;             /* counted in the same period under the other `billable` */
    int64_t looked_us, full_us; /* full: when the journal last met the limit; 0 = it did not */
};
static struct slot slots[SLOTS];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

static struct slot *slot_of(struct id tenant)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < sizeof(tenant.b); i++)
        h = (h ^ tenant.b[i]) * 16777619u;
    return &slots[h % SLOTS];
}

static bool is_of(const struct slot *s, struct id tenant, int64_t start_ms, bool billable)
{
    return s->used && id_eq(s->tenant, tenant) && s->start_ms == start_ms && s->billable == billable;
}

/* What was seen of the counter: false when somebody has to look; of all threads only one is asked to look again. */
static bool counter_known(struct id tenant, uint64_t generation, const struct quota_period *p, struct slot *out)
{
    int64_t now_us = clock_mono_us();
    struct slot *s = slot_of(tenant);
    pthread_mutex_lock(&slots_lock);
    bool hit = is_of(s, tenant, p->start_ms, p->billable) && s->end_ms == p->end_ms && s->generation == generation;
    if (hit && now_us - s->looked_us >= FRESH_US) {
        s->looked_us = now_us;
        hit = false;
    }
    *out = *s;
    pthread_mutex_unlock(&slots_lock);
    return hit;
}

static void remember(const struct slot *fresh)
{
    struct slot *s = slot_of(fresh->tenant);
    pthread_mutex_lock(&slots_lock);
    *s = *fresh;
    pthread_mutex_unlock(&slots_lock);
}

/* The row of a new period says which subscription pays for it. */
static enum status open_counter(struct db *c, struct id tenant, int64_t now_ms, const struct quota_period *p,
                                struct err *e)
{
    struct entitlements x;
    struct arena a;
    arena_init(&a, 1 * MB);
    enum status st = entitlement_load(c, tenant, now_ms, &a, &x, e);
    if (st == OK && x.period.start_ms == p->start_ms && x.period.billable == p->billable)
        st = usage_store_open(c, tenant, &x.period, p->billable ? x.subscription : NULL, e);
    arena_release(&a);
    return st;
}

static enum status look(struct db_pool *pool, struct id tenant, uint64_t generation, int64_t now_ms,
                        const struct quota_period *p, struct slot *out, struct err *e)
{
    struct db *c = NULL;
    bool there = false;
    enum status st = db_get(pool, &c, e);
    *out = (struct slot){.tenant = tenant,
                         .used = true,
                         .generation = generation,
                         .start_ms = p->start_ms,
                         .end_ms = p->end_ms,
                         .billable = p->billable};
    if (st == OK)
        st = usage_store_look(c, tenant, p, &there, &out->beside, e);
    if (st == OK && !there)
        st = open_counter(c, tenant, now_ms, p, e);
    db_put(c);
    out->looked_us = clock_mono_us();
    if (st == OK)
        remember(out);
    return st;
}

/* What was counted in the same period before an override changed whether it is billable takes of the limit as well. */
static int64_t limit_left(int64_t limit, int64_t beside)
{
    return limit == USAGE_UNLIMITED ? limit : limit > beside ? limit - beside : 0;
}

enum status usage_quota(struct db_pool *p, struct id tenant, int64_t now_ms, struct usage_quota *out, struct err *e)
{
    uint64_t generation = shared_generation("plan", tenant);
    struct entitled x;
    struct slot seen;
    enum status st = entitled_now(p, tenant, now_ms, &x, e);
    if (st == OK && !counter_known(tenant, generation, &x.period, &seen))
        st = look(p, tenant, generation, now_ms, &x.period, &seen, e);
    if (st == OK) {
        *out = (struct usage_quota){.limit = limit_left(x.period.limit, seen.beside),
                                    .period_start_ms = x.period.start_ms,
                                    .billable = x.period.billable,
                                    .full = seen.full_us && clock_mono_us() - seen.full_us < FULL_US};
    }
    return st;
}

void usage_mark_full(struct id tenant, const struct usage_quota *q)
{
    struct slot *s = slot_of(tenant);
    pthread_mutex_lock(&slots_lock);
    if (is_of(s, tenant, q->period_start_ms, q->billable))
        s->full_us = clock_mono_us();
    pthread_mutex_unlock(&slots_lock);
}

/* ---- counting ---- */

static int by_tenant_and_period(const void *pa, const void *pb)
{
    const struct usage_count *a = pa, *b = pb;
    int d = memcmp(a->tenant.b, b->tenant.b, sizeof(a->tenant.b));
    if (d == 0 && a->quota.period_start_ms != b->quota.period_start_ms)
        d = a->quota.period_start_ms < b->quota.period_start_ms ? -1 : 1;
    if (d == 0)
        d = (int)a->quota.billable - (int)b->quota.billable;
    return d;
}

/* One tenant's share of the batch: sorted[0 .. same-1]. */
static enum status take_share(struct db *c, const struct usage_count *sorted, size_t same, struct err *e)
{
    const struct usage_quota *q = &sorted[0].quota;
    bool taken;
    enum status st = usage_store_take(c, sorted[0].tenant, q, (int64_t)same, sorted[0].counted_ms, &taken, e);
    if (st == OK && !taken)
        st = err_set(e, E_plan_limit, "This month's conversations of the plan are used up.");
    return st;
}

enum status usage_record(struct db *c, const struct usage_count *counts, size_t n, struct err *e)
{
    struct usage_count *sorted;
    if (n == 0)
        return OK;
    sorted = malloc(n * sizeof(*sorted));
    if (!sorted)
        return err_nomem(e);
    memcpy(sorted, counts, n * sizeof(*sorted));
    /* Everybody takes the counters in the same order: no deadlock between batches. */
    qsort(sorted, n, sizeof(*sorted), by_tenant_and_period);
    enum status st = usage_store_ledger(c, sorted, n, e);
    for (size_t from = 0; st == OK && from < n;) {
        size_t to = from + 1;

        while (to < n && by_tenant_and_period(&sorted[from], &sorted[to]) == 0)
            to++;
        st = take_share(c, sorted + from, to - from, e);
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
    arena_init(&a, 1 * MB);
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
