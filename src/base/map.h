/* map.h: a hash map from text to pointer.
 *
 * Keys are borrowed: they must live as long as the map, usually in the same arena. Entries are never removed. Thread
 * rule: a map may be read by several threads as long as none changes it. */
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
/* Free the table. Keys and values belong to the caller. */
void map_release(struct map *m);
/* Add or replace an entry. `value` must not be NULL. Returns 0, or -1 without memory. */
int map_put(struct map *m, struct str key, void *value);
/* The value, or NULL if the key is absent. */
void *map_get(const struct map *m, struct str key);

#endif
