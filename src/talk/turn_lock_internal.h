/* turn_lock_internal.h: one turn at a time for each key (a conversation, or the client message id of a first
 * message), in order of arrival. Thread safe. */
#ifndef PARLEY_TALK_TURN_LOCK_INTERNAL_H
#define PARLEY_TALK_TURN_LOCK_INTERNAL_H

#include <stdint.h>

#include "talk/turn_places_internal.h"

struct turn_locks;
enum status turn_locks_new(struct turn_places *places, struct turn_locks **out,
                           struct err *e); /* keeps `places`, which outlive it */
void turn_locks_free(struct turn_locks *l);

struct turn_lock; /* one key's */
/* Takes the lock of `key`, waiting for it if need be. `who` is the turn's own mark (its idempotency key) or NULL:
 * turns that wait for one with the same mark will get its answer, so they do not count towards the few that may wait.
 * A waiting turn takes a place of its workspace. ERR_RATE code conversation_busy when too many wait, when no place is
 * free, or after 30 s. */
enum status turn_lock_take(struct turn_locks *l, const uint8_t key[16], const uint8_t *who, struct id tenant,
                           struct turn_lock **out, struct err *e);
void turn_lock_give(struct turn_locks *l, struct turn_lock *k); /* does nothing for NULL */

#endif
