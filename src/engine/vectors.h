/* vectors.h: vectors in the replies of servers, which nest them as deep as they like. Private to src/engine; in the
 * calls thread. */
#ifndef PARLEY_ENGINE_VECTORS_H
#define PARLEY_ENGINE_VECTORS_H

#include "engine/engine.h"

/* Report a vector for each of the `n` texts from number `first` on. `doc` has arrays of numbers, nested to any depth. A
 * text that has a vector for each token gets their mean. If a text has no vector, or the vectors differ in their number
 * of dimensions, the run ends with ENGINE_PROTOCOL. */
void engine_emit_vectors(struct engine_run *run, const struct json *doc, size_t first, size_t n);

#endif
