/* entitle.c: the cost of loading a workspace's entitlements. For ./dev bench billing, on the install that PARLEY_CONFIG
 * names.
 *
 *   entitle TENANT      (ws_...)
 *
 * prints {"cached_ns", "cached_2_ns", "quota_ns", "load_us", "resolve_ns", "clock_ns", "row_us", "subscriptions"}:
 * entitled_now as a request calls it, the same by two threads concurrently, usage_quota as a turn calls it,
 * entitlement_load from the database, entitlement_resolve alone; and what to hold them against: reading the clock,
 * and one row of the database by its key. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/settings.h"
#include "plan/entitlement_store.h"
#include "plan/usage.h"

#include "base/banned.h"

#define CACHED 2000000
#define LOADS 3000
#define RESOLVES 1000000
#define THREADS 2

static struct db_pool *pool;
static struct id tenant;

static void must(enum status st, const struct err *e)
{
    if (st != OK) {
        fprintf(stderr, "entitle: %s\n", e->message);
        exit(1);
    }
}

static double each_ns(int64_t begun_us, int64_t n)
{
    return (double)(clock_mono_us() - begun_us) * 1000.0 / (double)n;
}

static double cached_ns(void)
{
    struct err e = ERR_INIT;
    struct entitled x;
    int64_t begun = clock_mono_us();
    for (int i = 0; i < CACHED; i++)
        must(entitled_now(pool, tenant, clock_now_ms(), &x, &e), &e);
    return each_ns(begun, CACHED);
}

static void *one_of_them(void *ns)
{
    struct err e = ERR_INIT;
    must(db_thread_begin(&e), &e);
    *(double *)ns = cached_ns();
    db_thread_end();
    return NULL;
}

/* The mean over threads that load the same workspace concurrently. */
static double crowded_ns(void)
{
    pthread_t threads[THREADS];
    double ns[THREADS], sum = 0;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, one_of_them, &ns[i]) != 0)
            exit(1);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += ns[i];
    }
    return sum / THREADS;
}

static double quota_ns(void)
{
    struct err e = ERR_INIT;
    struct usage_quota q;
    must(usage_quota(pool, tenant, clock_now_ms(), &q, &e), &e);
    int64_t begun = clock_mono_us();
    for (int i = 0; i < CACHED; i++)
        must(usage_quota(pool, tenant, clock_now_ms(), &q, &e), &e);
    return each_ns(begun, CACHED);
}

static double clock_ns(void)
{
    int64_t begun = clock_mono_us(), sum = 0;
    for (int i = 0; i < CACHED; i++)
        sum += clock_now_ms() & 1;
    double ns = each_ns(begun, CACHED);
    if (sum < 0)
        exit(1);
    return ns;
}

static double row_us(struct db *c)
{
    struct entitlement_facts f = {.plans = NULL};
    struct err e = ERR_INIT;
    struct arena a;
    int64_t begun = clock_mono_us();
    arena_init(&a, 1 * MB);
    for (int i = 0; i < LOADS; i++) {
        must(entitlement_store_tenant(c, tenant, &a, &f, &e), &e);
        arena_reset(&a);
    }
    arena_release(&a);
    return each_ns(begun, LOADS) / 1000.0;
}

static double load_us(struct db *c)
{
    struct err e = ERR_INIT;
    struct entitlements x;
    struct arena a;
    int64_t begun = clock_mono_us();
    arena_init(&a, 1 * MB);
    for (int i = 0; i < LOADS; i++) {
        must(entitlement_load(c, tenant, clock_now_ms(), &a, &x, &e), &e);
        arena_reset(&a);
    }
    arena_release(&a);
    return each_ns(begun, LOADS) / 1000.0;
}

static void read_facts(struct db *c, struct arena *a, struct entitlement_facts *f)
{
    struct plans *plans = ARENA_NEW(a, struct plans);
    struct subscription *subscriptions;
    struct override *overrides;
    struct err e = ERR_INIT;
    must(plans ? plans_read(c, a, plans, &e) : err_nomem(&e), &e);
    must(entitlement_store_tenant(c, tenant, a, f, &e), &e);
    must(subscription_list(c, tenant, a, &subscriptions, &f->subscription_n, &e), &e);
    must(override_list(c, tenant, a, &overrides, &f->override_n, &e), &e);
    f->plans = plans;
    f->subscriptions = subscriptions;
    f->overrides = overrides;
}

static double resolve_ns(struct db *c, size_t *subscriptions)
{
    struct entitlement_facts f = {.plans = NULL};
    struct entitlements x;
    struct arena a;
    int64_t sum = 0;
    arena_init(&a, 1 * MB);
    read_facts(c, &a, &f);
    *subscriptions = f.subscription_n;
    int64_t begun = clock_mono_us(), now = clock_now_ms();
    for (int i = 0; i < RESOLVES; i++) {
        entitlement_resolve(&f, now + i, &x);
        sum += x.value[ENTITLEMENT_bots];
    }
    double ns = each_ns(begun, RESOLVES);
    if (sum < 0) /* so that the compiler does not remove the loop */
        exit(1);
    arena_release(&a);
    return ns;
}

int main(int argc, char **argv)
{
    const struct config *config = NULL;
    struct err e = ERR_INIT;
    struct db *c = NULL;
    size_t subscriptions = 0;
    if (argc != 2) {
        fputs("usage: entitle TENANT\n", stderr);
        return 2;
    }
    db_library_begin();
    must(crypto_init(&e), &e);
    must(db_thread_begin(&e), &e);
    must(config_load(NULL, &config, &e), &e);
    must(settings_apply("entitle", config, &e), &e);
    config_set_current(config_retain(config));
    settings_share(config, LOG_ERROR);
    if (!id_parse(ID_TENANT, str_from(argv[1]), &tenant)) {
        fputs("entitle: that is no workspace's id\n", stderr);
        return 2;
    }
    must(db_pool_open(config, 4, &pool, &e), &e);
    double cached = cached_ns(), crowded = crowded_ns(), quota = quota_ns();
    must(db_get(pool, &c, &e), &e);
    double row = row_us(c), load = load_us(c), resolve = resolve_ns(c, &subscriptions);
    db_put(c);
    printf("{\"cached_ns\": %.0f, \"cached_2_ns\": %.0f, \"quota_ns\": %.0f, \"load_us\": %.0f, \"resolve_ns\": %.0f, "
           "\"clock_ns\": %.0f, "
           "\"row_us\": %.0f, \"subscriptions\": %zu}\n",
           cached, crowded, quota, load, resolve, clock_ns(), row, subscriptions);
    db_pool_close(pool);
    config_set_current(NULL);
    config_drop(config);
    db_thread_end();
    db_library_end();
    return 0;
}
