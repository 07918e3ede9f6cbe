/* rich.h: a message in Parley's own JSON, as README.md describes it for the webhook engine. Servers of other protocols
 * send it where theirs leaves room for a payload of the author's own. Calls thread. */
#ifndef PARLEY_ENGINE_RICH_H
#define PARLEY_ENGINE_RICH_H

#include "engine/engine.h"

/* Report a text, or an object with text, image, title and choices. False when there is nothing in it to show; then
 * nothing was reported. */
bool rich_emit(struct engine_run *run, const struct json *message);

#endif
