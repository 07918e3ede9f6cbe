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
        int64_t now[2] = {clock_mono_us(), clock_now_ms()}; /* only while the machine boots */
        memcpy(process_key, now, sizeof(now));
    }
}

static size_t home(const struct map *m, struct str key)
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

/* The key's slot, or the free slot where it would go. There is always a free one. */
static struct map_slot *seek(const struct map *m, struct str key)
{
    for (size_t i = home(m, key);; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *s = &m->slots[i];
        if (!s->value || str_eq(s->key, key))
            return s;
    }
}

static int grow(struct map *m)
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
            *seek(&bigger, m->slots[i].key) = m->slots[i];
    free(m->slots);
    *m = bigger;
    return 0;
}

int map_put(struct map *m, struct str key, void *value)
{
    struct map_slot *s = m->cap ? seek(m, key) : NULL;
    if (s && s->value) {
        s->value = value;
        return 0;
    }
    if (m->n + 1 > m->cap / 4 * 3) {
        if (grow(m) != 0)
            return -1;
        s = seek(m, key);
    }
    *s = (struct map_slot){.key = key, .value = value};
    m->n++;
    return 0;
}

void *map_get(const struct map *m, struct str key)
{
    return m->n ? seek(m, key)->value : NULL;
}

void *map_take(struct map *m, struct str key)
{
    struct map_slot *s = m->n ? seek(m, key) : NULL;
    void *value = s ? s->value : NULL;
    if (!value)
        return NULL;
    size_t hole = (size_t)(s - m->slots), mask = m->cap - 1;
    /* What stands behind the hole moves up where the hole lies between its home and its place: no tombstones. */
    for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        size_t want = home(m, m->slots[i].key);
        if (((i - want) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){0};
    m->n--;
    return value;
}

struct map_slot *map_each(const struct map *m, size_t *i)
{
    while (*i < m->cap) {
        struct map_slot *s = &m->slots[(*i)++];
        if (s->value)
            return s;
    }
    return NULL;
}
