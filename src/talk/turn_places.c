/* turn_places.c: two counters for each place that is taken: all of the program, and those of one workspace. Atomic
 * counters are enough: a place more or less for an instant does no harm, as long as each take that succeeded is given
 * back once. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "talk/turn_places_internal.h"

#include "base/banned.h"

#define TENANTS 1024

/* Workspaces whose ids end alike share a counter. That is rare, and then both have fewer places, never more. */
struct turn_places {
    int most, most_each;
    atomic_int taken, by_tenant[TENANTS];
};

enum status turn_places_new(int threads, struct turn_places **out, struct err *e)
{
    struct turn_places *p = calloc(1, sizeof(*p));
    if (!p)
        return err_nomem(e);
    p->most = threads * 3 / 4 > 1 ? threads * 3 / 4 : 1;
    p->most_each = threads / 2 > 1 ? threads / 2 : 1;
    *out = p;
    return OK;
}

void turn_places_free(struct turn_places *p)
{
    free(p);
}

static atomic_int *places_counter(struct turn_places *p, struct id tenant)
{
    uint32_t h;
    memcpy(&h, tenant.b + 12, sizeof(h)); /* the random end */
    return &p->by_tenant[h % TENANTS];
}

/* Adds first and looks afterwards: testing before adding would let two threads take the last place. */
static bool places_count_up_to(atomic_int *counter, int most)
{
    if (atomic_fetch_add(counter, 1) < most)
        return true;
    atomic_fetch_sub(counter, 1);
    return false;
}

/* The workspace's own counter first, so that a workspace which has used its share does not touch the counter of all. */
bool turn_place_take(struct turn_places *p, struct id tenant)
{
    atomic_int *own = places_counter(p, tenant);

    if (!places_count_up_to(own, p->most_each))
        return false;
    if (!places_count_up_to(&p->taken, p->most)) {
        atomic_fetch_sub(own, 1);
        return false;
    }
    return true;
}

void turn_place_give(struct turn_places *p, struct id tenant)
{
    atomic_fetch_sub(&p->taken, 1);
    atomic_fetch_sub(places_counter(p, tenant), 1);
}

int turn_places_taken(struct turn_places *p, struct id tenant)
{
    return atomic_load(places_counter(p, tenant));
}
