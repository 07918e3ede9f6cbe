/* botpress_payload.h: what a bot of Botpress sends, as events. Private to src/engine, for both kinds of Botpress. */
#ifndef PARLEY_ENGINE_BOTPRESS_PAYLOAD_H
#define PARLEY_ENGINE_BOTPRESS_PAYLOAD_H

#include "engine/engine.h"

/* Report the payload of a message of Botpress Cloud; a bloc and a carousel are several events. A type that is not known
 * is reported by its text if it has one, else left out. */
void botpress_emit_payload(struct engine_run *run, const struct json *payload);
/* The same for a response of Botpress v12. */
void botpress12_emit_response(struct engine_run *run, const struct json *response);

#endif
