/* channel.h: the kind of place a conversation is held in. A new channel is one row of channel.def. Thread safe. */
#ifndef PARLEY_TALK_CHANNEL_H
#define PARLEY_TALK_CHANNEL_H

#include "base/str.h"

enum channel {
    CHANNEL_NONE, /* no channel: a test chat, or a name that this release does not know */
#define CHANNEL(name) CHANNEL_##name,
#include "talk/channel.def"
#undef CHANNEL
};

/* The name as stored and shown; "" for CHANNEL_NONE. */
const char *channel_name(enum channel channel);
/* The channel with this name. CHANNEL_NONE when there is none, for example one that a newer release has recorded. */
enum channel channel_parse(struct str name);

#endif
