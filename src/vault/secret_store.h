/* secret_store.h: rows of secret. Private to src/vault. */
#ifndef PARLEY_VAULT_SECRET_STORE_H
#define PARLEY_VAULT_SECRET_STORE_H

#include "vault/vault.h"

/* Locks the tenant, so that two additions cannot both take the last place. ERR_NOT_FOUND code workspace_unknown. */
enum status secret_store_lock(struct db *c, struct arena *a, struct id tenant, struct err *e);
enum status secret_store_list(struct db *c, struct arena *a, struct id tenant, struct vault_secret **out, size_t *n,
                              struct err *e);
/* ERR_NOT_FOUND code secret_unknown, also from the functions below that need a row. */
enum status secret_store_get(struct db *c, struct arena *a, struct id tenant, struct str name, struct str *sealed,
                             struct err *e);
enum status secret_store_add(struct db *c, struct id tenant, struct str name, struct str sealed, struct err *e);
enum status secret_store_change(struct db *c, struct id tenant, struct str name, struct str sealed, struct err *e);
enum status secret_store_delete(struct db *c, struct id tenant, struct str name, struct err *e);
enum status secret_store_delete_all(struct db *c, struct id tenant, struct err *e);

#endif
