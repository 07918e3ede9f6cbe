/* price_store.h: rows of engine_price. Private to src/engine/workspace. Texts of results are in the arena. */
#ifndef PARLEY_ENGINE_WORKSPACE_PRICE_STORE_H
#define PARLEY_ENGINE_WORKSPACE_PRICE_STORE_H

#include "engine/workspace/price.h"

enum status price_store_list(struct db *c, struct arena *a, struct engine_price **out, size_t *n, struct err *e);
/* *there tells whether there is one; its row, or the place where it would be, is locked until the transaction ends. */
enum status price_store_lock(struct db *c, struct str type, struct str model, struct arena *a, struct engine_price *out,
                             bool *there, struct err *e);
enum status price_store_set(struct db *c, const struct engine_price *p, struct err *e);
enum status price_store_delete(struct db *c, struct str type, struct str model, struct err *e);

#endif
