/* late.h: replies that the server of an engine sends to us after the turn that asked for them. Thread safe. */
#ifndef PARLEY_TALK_LATE_H
#define PARLEY_TALK_LATE_H

#include "net/fetch.h"
#include "talk/talk.h"

/* A request that came in for an engine of a workspace. */
struct talk_late {
    struct id tenant, engine;
    const struct fetch_header *headers; /* under their names in HTTP */
    size_t header_count;
    struct str body;
};
/* Adds the messages of the request to the conversation that it names, without a turn: nothing is counted, the flow
 * stays where it is, and the conversation does not last longer. What is known already is not added again. A request for
 * a conversation that does not exist, that is not this engine's, that has ended or that a person has taken over changes
 * nothing and is OK.
 *
 * *again: nothing was done, because a turn of the conversation has not ended, and it may hear the same messages. Call
 * it again with the same request a little later. No thread waits.
 *
 * ERR_NOT_FOUND code engine_unknown, also for an engine that receives nothing; ERR_AUTH code engine_unsigned: the
 * request does not prove where it comes from; ERR_INVALID code engine_message_invalid; ERR_TOO_LARGE; errors of the
 * database, after which the server may send the same request again. */
enum status talk_late(struct talk *t, const struct talk_late *in, bool *again, struct err *e);

#endif
