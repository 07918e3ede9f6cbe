/* console_store.h: the one query whose arguments console.c prepares; console_store.c implements the other reads of
 * console.h directly. */
#ifndef PARLEY_BILLING_CONSOLE_CONSOLE_STORE_H
#define PARLEY_BILLING_CONSOLE_CONSOLE_STORE_H

#include "billing/console/console.h"

/* `search` "" = all; `part` is it for LIKE. Older than `before`. */
enum status console_store_tenants(struct db *c, struct arena *a, struct str search, struct str part, struct id before,
                                  int limit, struct console_tenant **out, size_t *n, struct err *e);

#endif
