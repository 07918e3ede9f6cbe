/* The cache of what is known about tenants: which entry is found, for how long it is trusted, and who reads it
 * again. */
#include <errno.h>

#include "base/clock.h"
#include "lib/test.h"
#include "plan/tenant_cache_internal.h"

#include "base/banned.h"

struct entry {
    struct tenant_slot of;
    int key, value;
};

static struct entry slots[TENANT_CACHE_SLOTS];
static bool entry_fits(const void *slot, const void *want);
static struct tenant_cache cache = {PTHREAD_MUTEX_INITIALIZER, slots, sizeof(slots[0]), entry_fits};

static bool entry_fits(const void *slot, const void *want)
{
    assert_int_equal(pthread_mutex_trylock(&cache.lock), EBUSY); /* held, as promised */
    return ((const struct entry *)slot)->key == ((const struct entry *)want)->key;
}

/* Tenants whose last four bytes are alike share a slot. */
static struct id tenant(uint8_t first, uint8_t last)
{
    return (struct id){{[0] = first, [12] = last}};
}

static void put(struct id of, int key, int value)
{
    tenant_cache_put(&cache, &(struct entry){.of = {.tenant = of}, .key = key, .value = value});
    assert_int_equal(pthread_mutex_trylock(&cache.lock), 0); /* given back */
    pthread_mutex_unlock(&cache.lock);
}

/* The value that is found, or -1. */
static int got(struct id of, int key)
{
    struct entry out = {.value = -1};
    bool hit = tenant_cache_get(&cache, &(struct entry){.of = {.tenant = of}, .key = key}, &out);
    assert_int_equal(pthread_mutex_trylock(&cache.lock), 0);
    pthread_mutex_unlock(&cache.lock);
    assert_true(hit == (out.value != -1));
    return out.value;
}

static void make_older(int64_t us)
{
    for (size_t i = 0; i < COUNT_OF(slots); i++)
        slots[i].of.loaded_us -= us;
}

static int empty(void **state)
{
    (void)state;
    memset(slots, 0, sizeof(slots));
    return 0;
}

static void an_entry_is_found_by_tenant_and_key(void **state)
{
    (void)state;
    assert_int_equal(got(tenant(1, 1), 7), -1);
    put(tenant(1, 1), 7, 70);
    put(tenant(1, 2), 7, 80);
    assert_int_equal(got(tenant(1, 1), 7), 70);
    assert_int_equal(got(tenant(1, 2), 7), 80);
    assert_int_equal(got(tenant(1, 1), 8), -1);
    assert_int_equal(got(tenant(2, 1), 7), -1); /* another tenant, whose slot is the same */
    put(tenant(2, 1), 7, 90);
    assert_int_equal(got(tenant(2, 1), 7), 90);
    assert_int_equal(got(tenant(1, 1), 7), -1);
}

static void one_asker_reads_an_old_entry_again(void **state)
{
    (void)state;
    put(tenant(1, 1), 7, 70);
    make_older(TENANT_CACHE_FRESH_US - 1000000); /* nine seconds */
    assert_int_equal(got(tenant(1, 1), 7), 70);
    make_older(1000000);
    assert_int_equal(got(tenant(1, 1), 7), -1); /* this one reads */
    assert_int_equal(got(tenant(1, 1), 7), 70); /* the others continue with what is there */
    make_older(TENANT_CACHE_FRESH_US);
    put(tenant(1, 1), 7, 71);
    assert_int_equal(got(tenant(1, 1), 7), 71);
}

static void an_entry_is_dropped_by_its_own_tenant(void **state)
{
    (void)state;
    put(tenant(1, 1), 7, 70);
    tenant_cache_drop(&cache, tenant(2, 1));
    assert_int_equal(got(tenant(1, 1), 7), 70);
    tenant_cache_drop(&cache, tenant(1, 1));
    assert_int_equal(got(tenant(1, 1), 7), -1);
}

static void entry_change(void *slot)
{
    assert_int_equal(pthread_mutex_trylock(&cache.lock), EBUSY);
    ((struct entry *)slot)->value++;
}

static void change(struct id of, int key)
{
    tenant_cache_change(&cache, &(struct entry){.of = {.tenant = of}, .key = key}, entry_change);
}

static void only_the_wanted_entry_is_changed(void **state)
{
    (void)state;
    put(tenant(1, 1), 7, 70);
    change(tenant(2, 1), 7);
    change(tenant(1, 1), 8);
    assert_int_equal(got(tenant(1, 1), 7), 70);
    change(tenant(1, 1), 7);
    assert_int_equal(got(tenant(1, 1), 7), 71);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_entry_is_found_by_tenant_and_key, empty),
        cmocka_unit_test_setup(one_asker_reads_an_old_entry_again, empty),
        cmocka_unit_test_setup(an_entry_is_dropped_by_its_own_tenant, empty),
        cmocka_unit_test_setup(only_the_wanted_entry_is_changed, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
