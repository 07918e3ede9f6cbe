/* receive.h: late replies: what the server of an engine sends to us after a turn. */
#ifndef PARLEY_ENGINE_RECEIVE_H
#define PARLEY_ENGINE_RECEIVE_H

#include "engine/engine.h"

/* The setting without which no engine of this type receives anything; NULL: engines of this type never do. */
const char *engine_receive_secret(const struct engine_type *type);
/* True when an engine with these settings, the secret ones included, may get late replies. */
bool engine_receives(const struct engine_type *type, const struct json *settings);

struct engine_receive_request {
    const struct engine_type *type;
    struct id tenant;
    const struct json *settings; /* with the secret ones */
    struct engine_incoming incoming;
    /* Each event, before engine_receive returns; its texts are borrowed. */
    void (*event)(void *ctx, const struct engine_event *ev);
    void *ctx;
};
/* Call it twice: without incoming.state it tells whose request this is, and with the state of that conversation's
 * contact it reports the messages that no turn has reported. Make the second call while no turn of the conversation is
 * running, because the turn hears the same messages itself. Keep what ENGINE_EVENT_STATE reports.
 *
 * Runs on the calling thread and waits for nothing. ENGINE_OK: it was a request of this engine, even if it brought
 * nothing; ENGINE_AUTH: it does not prove that the server sent it; ENGINE_CONFIG: engines of this type send none. */
struct engine_failure engine_receive(const struct engine_receive_request *rq);

#endif
