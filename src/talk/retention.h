/* retention.h: conversations older than the plan keeps them are deleted: messages, feedback, remembered client ids. The usage ledger
 * stays as it is: deleting gives nothing back and takes nothing. */
#ifndef PARLEY_TALK_RETENTION_H
#define PARLEY_TALK_RETENTION_H

#include "db/db.h"

/* Deletes at most `limit` conversations whose last message is older than before_ms, the oldest first, in one transaction. *after is
 * where the search begins, ID_NONE at first, and is moved on; *n = how many went; fewer than `limit`: there are no more. */
enum status retention_sweep(struct db *c, struct id tenant, int64_t before_ms, struct id *after, int limit, int64_t *n,
                            struct err *e);

#endif
