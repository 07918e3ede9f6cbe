/* operator_log.h: what operators change in plans, workspaces and billing, who did it, and when.
 *
 * An entry is written in the transaction that makes the change. Entries are never changed or deleted. */
#ifndef PARLEY_ACCOUNT_OPERATOR_LOG_H
#define PARLEY_ACCOUNT_OPERATOR_LOG_H

#include "account/account.h"

struct operator_entry {
    struct id id, user;
    struct str email, what, object, detail;
    int64_t at_ms;
};
/* Adds one entry in the caller's transaction. `what` is stable ("plan.changed"); detail may be NULL. */
enum status operator_log(struct db *c, const struct actor *who, const char *what, struct str object,
                         const struct json *detail, struct err *e);
/* Newest first. object "": of all objects; before ID_NONE: from the newest one on. Memory in the arena. */
enum status operator_log_list(struct db *c, struct arena *a, struct str object, struct id before, int limit,
                              struct operator_entry **out, size_t *n, struct err *e);

#endif
