/* map.c: a hash table with open addressing and linear probing.
 *
 * The hash is SipHash under a key that each process draws at random, because keys come from outside (flow variables,
 * JSON): without the key no one can construct keys that collide. The capacity is a power of two and the table at most
 * three quarters full, so a probe always ends at a free slot. */
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/hash.h"

#include "base/banned.h"

static uint8_t process_key[16];

static void make_key(void)
{
    if (getrandom(process_key, sizeof(process_key), GRND_NONBLOCK) != sizeof(process_key)) {
        int64_t now[2] = {clock_mono_us(), clock_now_ms()}; /* no entropy yet: only while the machine boots */
        memcpy(process_key, now, sizeof(now));
    }
}

static size_t map_home(const struct map *m, struct str key)
{
    return (size_t)hash_sip(process_key, key) & (m->cap - 1);
}

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_release(struct map *m)
{
    free(m->slots);
    map_init(m);
}

/* The slot of the key, or the free slot where it would go. Entries are never removed, so the first free slot on the way
 * proves that the key is absent. NULL marks a free slot, hence a value is never NULL. */
static struct map_slot *map_seek(const struct map *m, struct str key)
{
    for (size_t i = map_home(m, key);; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *s = &m->slots[i];
        if (!s->value || str_eq(s->key, key))
            return s;
    }
}

/* Double the table. Every entry moves, because its place depends on the capacity. */
static int map_grow(struct map *m)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (pthread_once(&once, make_key) != 0)
        return -1;
    struct map bigger = {.cap = m->cap ? m->cap * 2 : 16, .n = m->n};
    bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
    if (!bigger.slots)
        return -1;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].value)
            *map_seek(&bigger, m->slots[i].key) = m->slots[i];
    free(m->slots);
    *m = bigger;
    return 0;
}

/* The table grows before the entry is added, at three quarters. After growing, the slot must be searched again. */
int map_put(struct map *m, struct str key, void *value)
{
    struct map_slot *s = m->cap ? map_seek(m, key) : NULL;
    if (s && s->value) {
        s->value = value;
        return 0;
    }
    if (m->n + 1 > m->cap / 4 * 3) {
        if (map_grow(m) != 0)
            return -1;
        s = map_seek(m, key);
    }
    *s = (struct map_slot){.key = key, .value = value};
    m->n++;
    return 0;
}

void *map_get(const struct map *m, struct str key)
{
    return m->n ? map_seek(m, key)->value : NULL;
}
