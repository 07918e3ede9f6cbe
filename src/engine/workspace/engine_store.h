/* engine_store.h: rows of engines and of the chains of bots. Private to src/engine/workspace. Texts of results are in
 * the arena. */
#ifndef PARLEY_ENGINE_WORKSPACE_ENGINE_STORE_H
#define PARLEY_ENGINE_WORKSPACE_ENGINE_STORE_H

#include "engine/workspace/engines.h"

struct engine_row {
    struct id id;
    struct str name, type, settings, secrets;
    int64_t bots, created_ms, updated_ms;
};
enum status engine_store_list(struct db *c, struct id tenant, struct arena *a, struct engine_row **out, size_t *n,
                              struct err *e);
/* With `lock` no other transaction changes the row until this one ends. ERR_NOT_FOUND code engine_unknown. */
enum status engine_store_get(struct db *c, struct id tenant, struct id engine, bool lock, struct arena *a,
                             struct engine_row *out, struct err *e);
/* Locks the tenant, so that two additions count one after the other. */
enum status engine_store_count(struct db *c, struct id tenant, struct arena *a, int64_t *out, struct err *e);
/* ERR_CONFLICT code engine_name_taken. */
enum status engine_store_add(struct db *c, struct id tenant, const struct engine_row *r, struct err *e);
enum status engine_store_set(struct db *c, struct id tenant, const struct engine_row *r, struct err *e);
/* Takes it out of all chains, then deletes it. *there tells whether there was one. */
enum status engine_store_delete(struct db *c, struct id tenant, struct id engine, bool *there, struct err *e);

/* ERR_NOT_FOUND code bot_unknown. */
enum status engine_store_bot(struct db *c, struct id tenant, struct id bot, struct arena *a, struct err *e);
/* The chain, prompt and revision of a bot, with the text of its limits ("" when the bot has no row). */
enum status engine_store_bot_get(struct db *c, struct id tenant, struct id bot, bool lock, struct arena *a,
                                 struct bot_engines *out, struct str *limits, struct err *e);
/* Writes the row with the next revision, and the whole chain again. ERR_CONFLICT code reference when an engine of the
 * chain does not exist in this tenant. */
enum status engine_store_bot_set(struct db *c, struct id tenant, struct id bot, const struct bot_engines *w,
                                 struct str limits, struct err *e);

#endif
