/* entitlement_load.c: the facts out of the database, and the answer kept for a moment.
 *
 * One slot a tenant, direct-mapped: a collision only costs the queries. An answer is trusted while both generations stay, while the
 * clock is between the moment it was made for and its valid_until, and for at most FRESH_US, since other hosts do not bump ours.
 * When only that last is over, one thread asks again while the others go on with what is there. */
#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "plan/entitlement_store.h"
#include "plan/money.h"

#include "base/banned.h"

/* ---- facts ---- */

/* Of the configured key; *on false: without one billing is off, and no subscription counts. */
static bool livemode_of_key(bool *on)
{
    struct config *c = config_current();
    struct str key = str_from(c ? config_string(c, CONFIG_stripe_secret_key) : "");
    bool live = !str_starts(key, STR("sk_test_")) && !str_starts(key, STR("rk_test_"));
    *on = key.n > 0;
    config_drop(c);
    return live;
}

static enum status facts_read(struct db *c, struct id tenant, struct arena *a, struct entitlement_facts *f,
                              struct err *e)
{
    struct plans *plans = ARENA_NEW(a, struct plans);
    struct subscription *subscriptions;
    struct override *overrides;
    *f = (struct entitlement_facts){.plans = plans};
    enum status st = plans ? plans_read(c, a, plans, e) : err_nomem(e);
    if (st == OK)
        st = entitlement_store_tenant(c, tenant, a, f, e);
    if (st == OK)
        st = subscription_list(c, tenant, a, &subscriptions, &f->subscription_n, e);
    if (st == OK)
        st = override_list(c, tenant, a, &overrides, &f->override_n, e);
    if (st == OK) {
        f->subscriptions = subscriptions;
        f->overrides = overrides;
    }
    return st;
}

enum status entitlement_load(struct db *c, struct id tenant, int64_t now_ms, struct arena *a, struct entitlements *out,
                             struct err *e)
{
    struct entitlement_facts f;
    bool on;
    enum status st = facts_read(c, tenant, a, &f, e);
    if (st != OK)
        return st;
    f.livemode = livemode_of_key(&on);
    if (!on)
        f.subscription_n = 0;
    entitlement_resolve(&f, now_ms, out);
    return OK;
}

enum status entitlement_history_days(struct db *c, struct id tenant, int64_t now_ms, int64_t *out, struct err *e)
{
    struct entitlement_facts f;
    struct entitlements test, live;
    struct arena a;
    arena_init(&a, 1 * MB);
    enum status st = facts_read(c, tenant, &a, &f, e);
    if (st == OK) {
        entitlement_resolve(&f, now_ms, &test);
        f.livemode = true;
        entitlement_resolve(&f, now_ms, &live);
        int64_t x = test.value[ENTITLEMENT_retention_days], y = live.value[ENTITLEMENT_retention_days];
        *out = x > y ? x : y;
    }
    arena_release(&a);
    return st;
}

/* ---- the cache ---- */

#define SLOTS 512
#define FRESH_US (10 * 1000000LL)

struct slot {
    struct id tenant;
    bool used;
    uint64_t of_tenant, of_plans; /* generations */
    int64_t loaded_us, from_ms, until_ms;
    struct entitled x;
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

/* `want` holds tenant and generations. False: the caller asks the database. */
static bool remembered(const struct slot *want, int64_t now_ms, struct entitled *out)
{
    int64_t now_us = clock_mono_us();
    struct slot *s = slot_of(want->tenant);
    pthread_mutex_lock(&slots_lock);
    bool hit = s->used && id_eq(s->tenant, want->tenant) && s->of_tenant == want->of_tenant &&
               s->of_plans == want->of_plans && now_ms >= s->from_ms && now_ms < s->until_ms;
    if (hit && now_us - s->loaded_us >= FRESH_US) {
        s->loaded_us = now_us;
        hit = false;
    }
    if (hit)
        *out = s->x;
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

static void forget(struct id tenant)
{
    struct slot *s = slot_of(tenant);
    pthread_mutex_lock(&slots_lock);
    if (id_eq(s->tenant, tenant))
        s->used = false;
    pthread_mutex_unlock(&slots_lock);
}

static void copy_out(const struct entitlements *x, struct entitled *out)
{
    *out = (struct entitled){.state = x->state, .read_only = x->read_only, .period = x->period};
    memcpy(out->value, x->value, sizeof(out->value));
    snprintf(out->plan, sizeof(out->plan), "%.*s", STR_F(x->plan->plan));
}

static enum status load(struct db_pool *p, int64_t now_ms, struct slot *fresh, struct err *e)
{
    struct entitlements x;
    struct db *c = NULL;
    struct arena a;
    arena_init(&a, 1 * MB);
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = entitlement_load(c, fresh->tenant, now_ms, &a, &x, e);
    db_put(c);
    if (st == OK) {
        copy_out(&x, &fresh->x);
        fresh->used = true;
        fresh->loaded_us = clock_mono_us();
        fresh->from_ms = now_ms;
        fresh->until_ms = x.valid_until_ms;
    }
    arena_release(&a);
    return st;
}

enum status entitled_now(struct db_pool *p, struct id tenant, int64_t now_ms, struct entitled *out, struct err *e)
{
    /* Generations are read before the rows: a change in between leaves an answer that counts as old at once. */
    struct slot fresh = {.tenant = tenant,
                         .of_tenant = shared_generation("plan", tenant),
                         .of_plans = shared_generation("plans", ID_NONE)};
    if (remembered(&fresh, now_ms, out))
        return OK;
    enum status st = load(p, now_ms, &fresh, e);
    if (st != OK) {
        forget(tenant);
        return st;
    }
    remember(&fresh);
    *out = fresh.x;
    return OK;
}

/* ---- something new ---- */

enum status entitlement_may_make(struct db *c, struct id tenant, struct err *e)
{
    struct entitlements x;
    struct arena a;
    arena_init(&a, 1 * MB);
    enum status st = entitlement_load(c, tenant, clock_now_ms(), &a, &x, e);
    if (st == OK)
        st = entitlement_writable(&x, e);
    arena_release(&a);
    return st;
}

/* ---- members ---- */

struct joining {
    struct id tenant, user;
    enum role role;
};

static enum status room_for_member(struct db *c, const struct joining *j, int64_t have, struct err *e)
{
    struct entitlements x;
    struct arena a;
    arena_init(&a, 1 * MB);
    enum status st = entitlement_load(c, j->tenant, clock_now_ms(), &a, &x, e);
    if (st == OK)
        st = entitlement_room(&x, ENTITLEMENT_members, have, e);
    arena_release(&a);
    return st;
}

static enum status join_write(struct db *c, void *ctx, struct err *e)
{
    const struct joining *j = ctx;
    int64_t have;
    bool known;
    enum status st = entitlement_store_lock(c, j->tenant, e);
    if (st == OK)
        st = entitlement_store_members(c, j->tenant, j->user, &have, &known, e);
    if (st == OK && !known)
        st = room_for_member(c, j, have, e);
    return st == OK ? account_member_add(c, j->tenant, j->user, j->role, e) : st;
}

enum status entitlement_member_add(struct db *c, struct id tenant, struct id user, enum role role, struct err *e)
{
    struct joining j = {.tenant = tenant, .user = user, .role = role};
    return db_transaction(c, join_write, &j, e);
}

/* ---- the tenant's choice ---- */

struct choice {
    const struct actor *who;
    bool bill;
    int64_t cap;
};

static enum status choice_write(struct db *c, void *ctx, struct err *e)
{
    const struct choice *k = ctx;
    struct arena a;
    arena_init(&a, 64 * KB);
    struct json *detail = json_new_object(&a);
    enum status st = detail && json_set_bool(detail, "bill", k->bill) == 0 && json_set_int(detail, "cap", k->cap) == 0
                         ? OK
                         : err_nomem(e);
    if (st == OK)
        st = overage_store_set(c, k->who->tenant, k->bill, k->cap, e);
    if (st == OK)
        st = account_audit(c, k->who, "billing.overage", STR_EMPTY, detail, e);
    arena_release(&a);
    return st;
}

enum status overage_choose(struct db *c, const struct actor *who, bool bill, int64_t cap, struct err *e)
{
    struct choice k = {.who = who, .bill = bill, .cap = cap};
    if (cap < 0 || cap > OVERAGE_CAP_MAX)
        return err_at(e, E_cap_invalid, "cap", "A cap is an amount from 0 to %lld of the smallest unit.",
                      OVERAGE_CAP_MAX);
    if (bill && cap == 0)
        return err_raise_at(e, E_cap_missing, "cap");
    enum status st = db_transaction(c, choice_write, &k, e);
    if (st == OK)
        shared_bump("plan", who->tenant);
    return st;
}
