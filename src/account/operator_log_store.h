/* operator_log_store.h: the rows of operator_log. */
#ifndef PARLEY_ACCOUNT_OPERATOR_LOG_STORE_H
#define PARLEY_ACCOUNT_OPERATOR_LOG_STORE_H

#include "account/operator_log.h"

enum status operator_log_store_add(struct db *c, const struct actor *who, enum operator_action action,
                                   struct str object, struct str detail, struct err *e);
enum status operator_log_store_list(struct db *c, struct arena *a, struct str object, struct id before, int limit,
                                    struct operator_entry **out, size_t *n, struct err *e);

#endif
