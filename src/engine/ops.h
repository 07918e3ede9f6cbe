/* ops.h: which file serves a type of engines, and what it can do. Thread safe. */
#ifndef PARLEY_ENGINE_OPS_H
#define PARLEY_ENGINE_OPS_H

#include "engine/engine.h"

/* Never NULL for a type of engine_types(). */
const struct engine_ops *engine_ops_of(const struct engine_type *t);
/* Can an engine of this type with these settings make embeddings? One with a model for answers and another for vectors
 * cannot before the second is set. */
bool engine_can_embed(const struct engine_type *t, const struct json *settings);

#endif
