/* retention.h: deletes conversations that are older than the plan keeps them, with their messages, feedback and
 * remembered client ids, and the events of turns of that age. Calls to engines lose their conversation. The usage
 * ledger stays as it is: deleting a conversation neither refunds nor charges anything. */
#ifndef PARLEY_TALK_RETENTION_H
#define PARLEY_TALK_RETENTION_H

#include "db/db.h"

/* Deletes at most `limit` conversations whose last message is older than before_ms, the oldest first, in one
 * transaction. *after is where the search begins, ID_NONE at first, and is moved on; *n = how many went; fewer than
 * `limit`: there are no more. */
enum status retention_sweep(struct db *c, struct id tenant, int64_t before_ms, struct id *after, int limit, int64_t *n,
                            struct err *e);
/* Deletes at most `limit` client message ids of the install that were kept before before_ms; *n is their number. An
 * id only protects against a message that is sent again, so it is not needed for as long as the conversation. */
enum status retention_forget_turn_keys(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

/* Deletes at most `limit` events of turns (table turn_event) older than before_ms, the oldest first; *n = how many. */
enum status retention_sweep_events(struct db *c, struct id tenant, int64_t before_ms, int limit, int64_t *n,
                                   struct err *e);

#endif
