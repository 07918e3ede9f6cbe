/* turn_places_internal.h: how many turns of a program may wait at once, for an answer from outside or for another
 * turn. Threads are few: a turn that need not wait must always find one, and no workspace may take all places. Thread
 * safe. */
#ifndef PARLEY_TALK_TURN_PLACES_INTERNAL_H
#define PARLEY_TALK_TURN_PLACES_INTERNAL_H

#include <stdbool.h>

#include "base/err.h"
#include "base/id.h"

struct turn_places;
/* Of `threads` that run turns three quarters may wait, half of them for one workspace; at least one. */
enum status turn_places_new(int threads, struct turn_places **out, struct err *e);
void turn_places_free(struct turn_places *p);
bool turn_place_take(struct turn_places *p, struct id tenant); /* false: all are taken */
void turn_place_give(struct turn_places *p, struct id tenant); /* once for each that was taken */
/* How many of the workspace are taken at the moment; for tests that wait until a turn waits. */
int turn_places_taken(struct turn_places *p, struct id tenant);

#endif
