/* vectors.h: vectors in the replies of servers, which nest them as deep as they like. Private to src/engine; in the
 * calls thread. */
#ifndef PARLEY_ENGINE_VECTORS_H
#define PARLEY_ENGINE_VECTORS_H

#include "engine/engine.h"

/* Report a vector for each of `n` texts from arrays of numbers that are nested to any depth. A text that has a
 * vector for each token gets their mean. Ends the run: with ENGINE_OK if each text has a vector and all have the same
 * number of dimensions, otherwise with ENGINE_PROTOCOL. */
void engine_emit_vectors(struct engine_run *run, const struct json *doc, size_t n);

#endif
