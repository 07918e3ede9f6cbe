/* tenant_cache.c: one lock for each cache. It is held for a copy of some hundred bytes, never during a query.
 *
 * Two tenants that share a slot evict each other, which costs queries and never a wrong answer: an entry is used
 * only if it is the tenant's own. */
#include <string.h>

#include "base/clock.h"
#include "plan/tenant_cache_internal.h"

#include "base/banned.h"

/* The last bytes of a UUIDv7 are random, so they serve as the hash. */
static struct tenant_slot *tenant_slot_of(struct tenant_cache *c, struct id tenant)
{
    uint32_t h;
    memcpy(&h, tenant.b + sizeof(tenant.b) - sizeof(h), sizeof(h));
    return (void *)((char *)c->slots + h % TENANT_CACHE_SLOTS * c->size);
}

/* The first thread that finds an entry stale marks it as fresh and reloads it. The others continue with the old entry,
 * so a busy tenant causes one query at a time. If the reload fails, the caller drops the entry. */
bool tenant_cache_get(struct tenant_cache *c, const void *want, void *out)
{
    const struct tenant_slot *w = want;
    int64_t now_us = clock_mono_us();
    struct tenant_slot *s = tenant_slot_of(c, w->tenant);
    pthread_mutex_lock(&c->lock);
    bool hit = id_eq(s->tenant, w->tenant) && c->fits(s, want);
    if (hit && now_us - s->loaded_us >= TENANT_CACHE_FRESH_US) {
        s->loaded_us = now_us;
        hit = false;
    }
    if (hit)
        memcpy(out, s, c->size);
    pthread_mutex_unlock(&c->lock);
    return hit;
}

void tenant_cache_put(struct tenant_cache *c, void *entry)
{
    struct tenant_slot *fresh = entry, *s = tenant_slot_of(c, fresh->tenant);
    fresh->loaded_us = clock_mono_us();
    pthread_mutex_lock(&c->lock);
    memcpy(s, fresh, c->size);
    pthread_mutex_unlock(&c->lock);
}

void tenant_cache_drop(struct tenant_cache *c, struct id tenant)
{
    struct tenant_slot *s = tenant_slot_of(c, tenant);
    pthread_mutex_lock(&c->lock);
    if (id_eq(s->tenant, tenant))
        s->tenant = ID_NONE;
    pthread_mutex_unlock(&c->lock);
}

/* The slot may have been given to another tenant or period since the caller read it. Then there is nothing to
 * change. */
void tenant_cache_change(struct tenant_cache *c, const void *want, void (*change)(void *slot))
{
    const struct tenant_slot *w = want;
    struct tenant_slot *s = tenant_slot_of(c, w->tenant);
    pthread_mutex_lock(&c->lock);
    if (id_eq(s->tenant, w->tenant) && c->fits(s, want))
        change(s);
    pthread_mutex_unlock(&c->lock);
}
