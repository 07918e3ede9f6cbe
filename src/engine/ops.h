/* ops.h: which file serves a type of engines. */
#ifndef PARLEY_ENGINE_OPS_H
#define PARLEY_ENGINE_OPS_H

#include "engine/engine.h"

/* Never NULL for a type of engine_types(). */
const struct engine_ops *engine_ops_of(const struct engine_type *t);

#endif
