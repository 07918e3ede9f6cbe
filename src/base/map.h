/* map.h: a hash map from text to pointer (open addressing, SipHash under a per-process key). Keys are borrowed: they must
 * live as long as the map, usually in the same arena. Not shared between threads unless nobody changes it. */
#ifndef PARLEY_BASE_MAP_H
#define PARLEY_BASE_MAP_H

#include "base/str.h"

struct map_slot {
    struct str key;
    void *value;
};
struct map {
    struct map_slot *slots;
    size_t cap, n;
};

void map_init(struct map *m);
void map_release(struct map *m);
int map_put(struct map *m, struct str key, void *value); /* replaces; -1 without memory; value must not be NULL */
void *map_get(const struct map *m, struct str key);      /* NULL if absent */
void *map_take(struct map *m, struct str key);           /* removes and returns it */
/* size_t i = 0; struct map_slot *s; while ((s = map_each(m, &i))) ... in no particular order. */
struct map_slot *map_each(const struct map *m, size_t *i);

#endif
