/* tenant_cache_internal.h: what a process remembers about tenants for a few seconds. One slot per tenant,
 * direct-mapped: a collision only costs the query that fills the slot again. Thread safe.
 *
 * Other hosts do not raise this host's shared generations, so an entry is trusted for TENANT_CACHE_FRESH_US at most.
 * When only that time is over, one thread is asked to read again while the others continue with the old entry. */
#ifndef PARLEY_PLAN_TENANT_CACHE_INTERNAL_H
#define PARLEY_PLAN_TENANT_CACHE_INTERNAL_H

#include <pthread.h>

#include "base/id.h"

#define TENANT_CACHE_SLOTS 512
#define TENANT_CACHE_FRESH_US (10 * 1000000LL)

/* The first member of an entry. */
struct tenant_slot {
    struct id tenant; /* ID_NONE: empty */
    int64_t loaded_us;
};
struct tenant_cache {
    pthread_mutex_t lock;
    void *slots; /* TENANT_CACHE_SLOTS entries of `size` bytes */
    size_t size;
    /* Whether a slot of the wanted tenant holds what `want` asks for. Called with the lock held. */
    bool (*fits)(const void *slot, const void *want);
};

/* Copies the entry that fits `want` (an entry with tenant and key filled in) to *out. False: the caller reads the
 * database. */
bool tenant_cache_get(struct tenant_cache *c, const void *want, void *out);
/* Stores the entry; sets its loaded_us. */
void tenant_cache_put(struct tenant_cache *c, void *entry);
void tenant_cache_drop(struct tenant_cache *c, struct id tenant);
/* Calls change() on the entry that fits `want`, if there is one, with the lock held. */
void tenant_cache_change(struct tenant_cache *c, const void *want, void (*change)(void *slot));

#endif
