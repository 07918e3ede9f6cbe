/* messenger.h: the custom payloads of Dialogflow Messenger, Google's own chat window, which many agents send. Calls
 * thread. */
#ifndef PARLEY_ENGINE_GOOGLE_MESSENGER_H
#define PARLEY_ENGINE_GOOGLE_MESSENGER_H

#include "engine/engine.h"

/* Report the elements of "richContent": a list of lists of elements. False when none of them can be shown. */
bool messenger_emit(struct engine_run *run, const struct json *content);

#endif
