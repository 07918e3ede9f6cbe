/* botpress_inbox.h: what arrives from a bot of Botpress Cloud during one run, each message once and whole, in whatever
 * order the server tells of it: as pieces of a stream, as a new message, in a list after a gap. Private to
 * src/engine. */
#ifndef PARLEY_ENGINE_BOTPRESS_INBOX_H
#define PARLEY_ENGINE_BOTPRESS_INBOX_H

#include "base/vec.h"
#include "engine/engine.h"

struct botpress_piece {
    int64_t sequence;
    struct str text;
};
struct botpress_stream {
    struct str id;
    int64_t next; /* the sequence that the next piece must have; -1 before the first */
    VEC(struct botpress_piece) held;
    struct buf text;
};
struct botpress_inbox {
    VEC(struct str) ids; /* of the messages that were taken */
    VEC(struct botpress_stream) streams;
    struct str live;                /* id of the stream whose pieces are reported; "" without one */
    VEC(const struct json *) queue; /* messages that wait for the end of that stream */
    struct str newest;              /* createdAt of the newest message */
    bool gap;                       /* signals were missed, so the end of a stream may be among them */
};

void botpress_inbox_release(struct botpress_inbox *in);
/* A message of the bot. False if it was taken before. */
bool botpress_inbox_message(struct engine_run *run, struct botpress_inbox *in, const struct json *message);
/* The data of the three signals of a stream. An abort after a piece was reported ends the run with
 * ENGINE_TRUNCATED. */
void botpress_inbox_delta(struct engine_run *run, struct botpress_inbox *in, const struct json *data);
void botpress_inbox_complete(struct engine_run *run, struct botpress_inbox *in, const struct json *data);
void botpress_inbox_abort(struct engine_run *run, struct botpress_inbox *in, const struct json *data);
/* The later one of *newest and a createdAt. Times of one server have one form, so their order is that of the text. */
void botpress_inbox_time(struct engine_run *run, struct botpress_inbox *in, struct str created_at);

#endif
