/* turn_copy.h: a copy of a question, masked on the way. Private to src/engine. */
#ifndef PARLEY_ENGINE_TURN_COPY_H
#define PARLEY_ENGINE_TURN_COPY_H

#include "engine/engine.h"
#include "engine/mask.h"

/* A deep copy in the arena. `mask` may be NULL; otherwise all texts of messages and the arguments of tool calls are
 * hidden in it. Errors as of engine_mask_hide. */
enum status engine_turn_copy(struct arena *a, const struct engine_turn *from, struct engine_mask *mask,
                             struct engine_turn **out, struct err *e);
/* A deep copy of an event. False without memory. */
bool engine_event_copy(struct arena *a, const struct engine_event *from, struct engine_event *out);

#endif
