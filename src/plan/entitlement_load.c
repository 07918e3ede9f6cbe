/* entitlement_load.c: reads the facts from the database, resolves them, and caches the answer
 * (tenant_cache_internal.h).
 *
 * An answer is used while the generations of the tenant and of all plans stay the same, and while the clock is
 * between the moment it was made for and its valid_until_ms. Asked for an earlier moment (the clock was set back),
 * it is made again. */
#include <stdio.h>

#include "account/operator_log.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "plan/entitlement_store.h"
#include "plan/money.h"
#include "plan/tenant_cache_internal.h"

#include "base/banned.h"

/* ---- facts ---- */

/* The mode of the configured key. *on is false without a key: billing is off and no subscription counts. */
static bool facts_livemode(bool *on)
{
    const struct config *c = config_current();
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
    f.livemode = facts_livemode(&on);
    if (!on)
        f.subscription_n = 0;
    entitlement_resolve(&f, now_ms, out);
    return OK;
}

/* The longer of both modes counts. A key of the wrong mode hides all subscriptions, and the cleaning job that asks here
 * would then delete history that the tenant pays for. */
enum status entitlement_history_days(struct db *c, struct id tenant, int64_t now_ms, int64_t *out, struct err *e)
{
    struct entitlement_facts f;
    struct entitlements test, live;
    struct arena a;
    arena_init(&a, TENANT_ARENA);
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

struct entitled_slot {
    struct tenant_slot of;
    uint64_t of_tenant, of_plans; /* generations */
    int64_t from_ms, until_ms;    /* the entry holds from <= now < until; to ask, from = now */
    struct entitled x;
};

static bool entitled_fits(const void *slot, const void *want)
{
    const struct entitled_slot *s = slot, *w = want;
    return s->of_tenant == w->of_tenant && s->of_plans == w->of_plans && w->from_ms >= s->from_ms &&
           w->from_ms < s->until_ms;
}

static struct entitled_slot entitled_slots[TENANT_CACHE_SLOTS];
static struct tenant_cache entitled_cache = {PTHREAD_MUTEX_INITIALIZER, entitled_slots, sizeof(entitled_slots[0]),
                                             entitled_fits};

static void entitled_copy(const struct entitlements *x, struct entitled *out)
{
    *out = (struct entitled){.state = x->state, .read_only = x->read_only, .period = x->period};
    memcpy(out->value, x->value, sizeof(out->value));
    snprintf(out->plan, sizeof(out->plan), "%.*s", STR_F(x->plan->plan));
}

static enum status entitled_load(struct db_pool *p, struct entitled_slot *fresh, struct err *e)
{
    struct entitlements x;
    struct db *c = NULL;
    struct arena a;
    arena_init(&a, TENANT_ARENA);
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = entitlement_load(c, fresh->of.tenant, fresh->from_ms, &a, &x, e);
    db_put(c);
    if (st == OK) {
        entitled_copy(&x, &fresh->x);
        fresh->until_ms = x.valid_until_ms;
    }
    arena_release(&a);
    return st;
}

/* The generations are read before the rows: a change in between leaves an entry that counts as old at once. When
 * loading fails, the entry is dropped too: tenant_cache_get has just marked it as fresh for the other threads. */
enum status entitled_now(struct db_pool *p, struct id tenant, int64_t now_ms, struct entitled *out, struct err *e)
{
    struct entitled_slot entry = {.of = {.tenant = tenant},
                                  .of_tenant = shared_generation("plan", tenant),
                                  .of_plans = shared_generation("plans", ID_NONE),
                                  .from_ms = now_ms};
    if (!tenant_cache_get(&entitled_cache, &entry, &entry)) {
        enum status st = entitled_load(p, &entry, e);
        if (st != OK) {
            tenant_cache_drop(&entitled_cache, tenant);
            return st;
        }
        tenant_cache_put(&entitled_cache, &entry);
    }
    *out = entry.x;
    return OK;
}

/* ---- something new ---- */

enum status entitlement_may_make(struct db *c, struct id tenant, struct err *e)
{
    struct entitlements x;
    struct arena a;
    arena_init(&a, TENANT_ARENA);
    enum status st = entitlement_load(c, tenant, clock_now_ms(), &a, &x, e);
    if (st == OK)
        st = entitlement_writable(&x, e);
    arena_release(&a);
    return st;
}

/* ---- members ---- */

struct member_joining {
    const struct actor *who;
    struct id tenant, user;
    enum role role;
};

static enum status member_room(struct db *c, const struct member_joining *j, int64_t have, struct err *e)
{
    struct entitlements x;
    struct arena a;
    arena_init(&a, TENANT_ARENA);
    enum status st = entitlement_load(c, j->tenant, clock_now_ms(), &a, &x, e);
    if (st == OK)
        st = entitlement_room(&x, ENTITLEMENT_members, have, e);
    arena_release(&a);
    return st;
}

/* Filed under the tenant, because operators search the log by tenant. */
static enum status member_log(struct db *c, const struct member_joining *j, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct arena a;
    arena_init(&a, ROW_ARENA);
    struct json *detail = json_new_object(&a);
    enum status st = detail && json_set_id(detail, "user", ID_USER, j->user) == 0 &&
                             json_set_str(detail, "role", str_from(account_role_name(j->role))) == 0
                         ? OK
                         : err_nomem(e);
    if (st == OK)
        st = operator_log(c, j->who, OPERATOR_member_set, str_from(id_text(ID_TENANT, j->tenant, id)), detail, e);
    arena_release(&a);
    return st;
}

/* The tenant's row is locked first. Two invitations that are accepted at once would otherwise both count the same
 * members and both take the last place. An existing member only changes its role and needs no place. */
static enum status member_join_tx(struct db *c, void *ctx, struct err *e)
{
    const struct member_joining *j = ctx;
    int64_t have;
    bool known;
    enum status st = entitlement_store_lock(c, j->tenant, e);
    if (st == OK)
        st = entitlement_store_members(c, j->tenant, j->user, &have, &known, e);
    if (st == OK && !known)
        st = member_room(c, j, have, e);
    if (st == OK)
        st = account_member_add(c, j->tenant, j->user, j->role, e);
    return st == OK ? member_log(c, j, e) : st;
}

enum status entitlement_member_add(struct db *c, const struct actor *who, struct id tenant, struct id user,
                                   enum role role, struct err *e)
{
    struct member_joining j = {.who = who, .tenant = tenant, .user = user, .role = role};
    return db_transaction(c, member_join_tx, &j, e);
}

/* ---- the tenant's choice ---- */

struct overage_choice {
    const struct actor *who;
    bool bill;
    int64_t cap;
};

static enum status overage_choose_tx(struct db *c, void *ctx, struct err *e)
{
    const struct overage_choice *k = ctx;
    struct arena a;
    arena_init(&a, ROW_ARENA);
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

/* The generation is raised after the commit. Before it, another process could cache the old choice under the new
 * generation. */
enum status overage_choose(struct db *c, const struct actor *who, bool bill, int64_t cap, struct err *e)
{
    struct overage_choice k = {.who = who, .bill = bill, .cap = cap};
    if (cap < 0 || cap > OVERAGE_CAP_MAX)
        return err_at(e, E_cap_invalid, "cap",
                      "The overage limit must be from 0 to %lld in the smallest unit of the currency.",
                      OVERAGE_CAP_MAX);
    if (bill && cap == 0)
        return err_raise_at(e, E_cap_missing, "cap");
    enum status st = db_transaction(c, overage_choose_tx, &k, e);
    if (st == OK)
        shared_bump("plan", who->tenant);
    return st;
}
