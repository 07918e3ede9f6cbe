/* journal_store.h: the rows of a batch of turns. One batch spans tenants: its statements are GLOBAL and each row
 * carries the tenant of its turn. */
#ifndef PARLEY_TALK_JOURNAL_STORE_H
#define PARLEY_TALK_JOURNAL_STORE_H

#include "talk/journal_internal.h"

/* All rows of the turns, inside the caller's transaction; `a` is scratch. Codes as in struct journal_wait. No two
 * turns may be of the same conversation or carry the same key. */
enum status journal_store_write(struct db *c, const struct journal_turn *const *turns, size_t n, struct arena *a,
                                struct err *e);

enum journal_trace { JOURNAL_ABSENT, JOURNAL_MINE, JOURNAL_KEY_TAKEN, JOURNAL_SEQ_TAKEN };
/* What the database knows of this turn: not there, this very turn, its key recorded by another, its place taken by
 * another. */
enum status journal_store_trace(struct db *c, const struct journal_turn *t, struct arena *a, enum journal_trace *out,
                                struct err *e);

#endif
