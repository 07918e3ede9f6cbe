/* usage.c: entitlements, and the one place where a conversation is counted. */
#include "billing/usage.h"
#include <pthread.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "billing/usage_store.h"
#include "base/banned.h"

/* ---- the quota cache: one slot a tenant, direct-mapped; a collision only costs a query ---- */

enum { SLOTS = 512 };
#define FRESH_US (10 * 1000000LL)
#define FULL_US (1 * 1000000LL)

struct slot {
    struct id tenant;
    bool used;
    uint64_t generation;
    int64_t limit, loaded_us;
    int64_t full_period_ms, full_us; /* when the journal last met the limit, and of which period */
};
static struct slot slots[SLOTS];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

static struct slot *slot_of(struct id tenant)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < sizeof(tenant.b); i++) {
        h = (h ^ tenant.b[i]) * 16777619u;
    }
    return &slots[h % SLOTS];
}

static bool quota_cached(struct id tenant, uint64_t generation, struct usage_quota *q)
{
    int64_t now_us = clock_mono_us();
    struct slot *s = slot_of(tenant);
    bool hit;

    pthread_mutex_lock(&slots_lock);
    hit = s->used && id_eq(s->tenant, tenant) && s->generation == generation && now_us - s->loaded_us < FRESH_US;
    if (hit) {
        q->limit = s->limit;
        q->full = s->full_period_ms == q->period_start_ms && now_us - s->full_us < FULL_US;
    }
    pthread_mutex_unlock(&slots_lock);
    return hit;
}

static void quota_remember(struct id tenant, uint64_t generation, int64_t limit)
{
    struct slot *s = slot_of(tenant);

    pthread_mutex_lock(&slots_lock);
    *s = (struct slot){.tenant = tenant, .used = true, .generation = generation, .limit = limit, .loaded_us = clock_mono_us(),
                       .full_period_ms = -1};
    pthread_mutex_unlock(&slots_lock);
}

enum status usage_quota(struct db_pool *p, struct id tenant, int64_t now_ms, struct usage_quota *out, struct err *e)
{
    uint64_t generation = shared_generation("plan", tenant);
    struct usage_quota q = {.period_start_ms = clock_month_start(now_ms)};
    struct db *c = NULL;
    int64_t bots;
    enum status s = OK;

    if (!quota_cached(tenant, generation, &q)) {
        s = db_get(p, &c, e);
        if (s == OK) {
            s = usage_store_plan(c, tenant, &q.limit, &bots, e);
            db_put(c);
        }
        if (s == OK) {
            quota_remember(tenant, generation, q.limit);
        } else if (s == ERR_NOT_FOUND) {
            s = err_set(e, ERR_INTERNAL, "plan_unknown", "The workspace is on a plan that does not exist.");
        }
    }
    if (s == OK) {
        *out = q;
    }
    return s;
}

void usage_mark_full(struct id tenant, const struct usage_quota *q)
{
    struct slot *s = slot_of(tenant);

    pthread_mutex_lock(&slots_lock);
    if (s->used && id_eq(s->tenant, tenant)) {
        s->full_period_ms = q->period_start_ms;
        s->full_us = clock_mono_us();
    }
    pthread_mutex_unlock(&slots_lock);
}

/* ---- counting ---- */

static int by_tenant_and_period(const void *pa, const void *pb)
{
    const struct usage_count *a = pa, *b = pb;
    int d = memcmp(a->tenant.b, b->tenant.b, sizeof(a->tenant.b));

    if (d == 0 && a->quota.period_start_ms != b->quota.period_start_ms) {
        d = a->quota.period_start_ms < b->quota.period_start_ms ? -1 : 1;
    }
    return d;
}

/* One tenant's share of the batch: sorted[0 .. same-1]. */
static enum status take_share(struct db *c, const struct usage_count *sorted, size_t same, struct err *e)
{
    const struct usage_quota *q = &sorted[0].quota;
    bool taken;
    enum status s = usage_store_take(c, sorted[0].tenant, q->period_start_ms, (int64_t)same, q->limit, &taken, e);

    if (s == OK && !taken) {
        s = err_set(e, ERR_PLAN, "plan_limit", "This month's conversations of the plan are used up.");
    }
    return s;
}

enum status usage_record(struct db *c, const struct usage_count *counts, size_t n, struct err *e)
{
    struct usage_count *sorted;
    enum status s;

    if (n == 0) {
        return OK;
    }
    sorted = malloc(n * sizeof(*sorted));
    if (!sorted) {
        return err_nomem(e);
    }
    memcpy(sorted, counts, n * sizeof(*sorted));
    /* Everybody takes the counters in the same order: no deadlock between batches. */
    qsort(sorted, n, sizeof(*sorted), by_tenant_and_period);
    s = usage_store_ledger(c, sorted, n, e);
    for (size_t from = 0; s == OK && from < n;) {
        size_t to = from + 1;

        while (to < n && by_tenant_and_period(&sorted[from], &sorted[to]) == 0) {
            to++;
        }
        s = take_share(c, sorted + from, to - from, e);
        from = to;
    }
    free(sorted);
    return s;
}

enum status usage_now(struct db *c, struct id tenant, int64_t now_ms, struct usage *out, struct err *e)
{
    struct usage u = {.period_start_ms = clock_month_start(now_ms)};
    struct clock_date d = clock_split(u.period_start_ms);
    int64_t bots;
    enum status s = usage_store_plan(c, tenant, &u.limit, &bots, e);

    if (s == OK) {
        s = usage_store_used(c, tenant, u.period_start_ms, &u.used, e);
    }
    if (s == OK) {
        u.period_end_ms = d.month == 12 ? clock_date_ms(d.year + 1, 1, 1) : clock_date_ms(d.year, d.month + 1, 1);
        u.included = u.limit;
        *out = u;
    }
    return s;
}

enum status usage_bot_limit(struct db *c, struct id tenant, int64_t *out, struct err *e)
{
    int64_t conversations;

    return usage_store_plan(c, tenant, &conversations, out, e);
}
