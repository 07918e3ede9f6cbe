/* operator_log.h: what operators change in plans, workspaces and billing, who did it, and when.
 *
 * An entry is written in the transaction that makes the change. Entries are never changed or deleted. */
#ifndef PARLEY_ACCOUNT_OPERATOR_LOG_H
#define PARLEY_ACCOUNT_OPERATOR_LOG_H

#include "account/account.h"

/* The actions are the rows of operator_action.def. */
enum operator_action {
    OPERATOR_ACTION_NONE, /* in an entry: an action that this release does not know */
#define OPERATOR_ACTION(name, word) OPERATOR_##name,
#include "account/operator_action.def"
#undef OPERATOR_ACTION
};

struct operator_entry {
    struct id id, user;
    enum operator_action action;
    struct str what; /* the action's word as it was stored, also of one that is not known */
    struct str email, object, detail;
    int64_t at_ms;
};
/* Adds one entry in the caller's transaction. detail may be NULL. */
enum status operator_log(struct db *c, const struct actor *who, enum operator_action action, struct str object,
                         const struct json *detail, struct err *e);
/* Newest first. object "": of all objects; before ID_NONE: from the newest one on. Memory in the arena. */
enum status operator_log_list(struct db *c, struct arena *a, struct str object, struct id before, int limit,
                              struct operator_entry **out, size_t *n, struct err *e);

#endif
