/* vault.h: named secrets of a workspace, such as the keys of the services that its bots call.
 *
 * A value goes in and is never handed to a person again: lists, logs, exports and the audit log hold names only. At
 * rest it is sealed (base/secret.h) for its tenant and name, so a row that is copied to another workspace or renamed
 * does not open. vault_open is for the code that sends the value to a service, and for nothing else.
 *
 * Functions run on the caller's connection. Nothing is cached, so a new value takes effect with the next call that
 * needs it. Errors not named here come from the database (db/db.h). */
#ifndef PARLEY_VAULT_VAULT_H
#define PARLEY_VAULT_VAULT_H

#include "account/account.h"
#include "base/config.h"

struct vault_secret {
    struct str name;
    int64_t created_ms, changed_ms;
};

/* All secrets of the workspace, by name; at most MAX_SECRETS. */
enum status vault_list(struct db *c, struct id tenant, struct arena *a, struct vault_secret **out, size_t *n,
                       struct err *e);
/* Adds a secret or replaces its value, with a line in the audit log. *created (may be NULL) is true for a new name.
 * A name follows the rule of a flow's variables: letters, digits and _, not beginning with a digit, at most
 * MAX_FLOW_NAME. ERR_INVALID code secret_name_invalid at "name"; code secret_value_invalid at "value" for an empty
 * value, one of more than MAX_SECRET bytes, and one with control characters or outer spaces; code secrets_too_many.
 * The message never holds the value. */
enum status vault_set(struct db *c, const struct config *cf, const struct actor *who, struct str name, struct str value,
                      bool *created, struct err *e);
/* ERR_NOT_FOUND code secret_unknown. Does not ask who uses it: bot_secret_remove() does. */
enum status vault_remove(struct db *c, const struct actor *who, struct str name, struct err *e);
/* Removes all secrets of a workspace that was deleted. Its other rows are kept for the books, which need no key. */
enum status vault_forget(struct db *c, struct id tenant, struct err *e);
/* Appends the value to `out`, which the caller wipes (crypto_wipe). ERR_NOT_FOUND code secret_unknown, the same for a
 * secret of another tenant; ERR_INVALID code secret_lost when the value was sealed under another secret_key. */
enum status vault_open(struct db *c, const struct config *cf, struct id tenant, struct str name, struct buf *out,
                       struct err *e);

#endif
