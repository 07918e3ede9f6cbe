/* channel.c: the names of channels. One table, made from channel.def, serves both directions, so that a name cannot be
 * written that is not read back. */
#include "talk/channel.h"

#include "base/err.h"

#include "base/banned.h"

static const char *const channel_names[] = {
    [CHANNEL_NONE] = "",
#define CHANNEL(name) [CHANNEL_##name] = #name,
#include "talk/channel.def"
#undef CHANNEL
};
#define CHANNELS COUNT_OF(channel_names)

const char *channel_name(enum channel channel)
{
    CHECK((size_t)channel < CHANNELS);
    return channel_names[channel];
}

enum channel channel_parse(struct str name)
{
    return (enum channel)str_among_or(name, channel_names, CHANNELS, CHANNEL_NONE);
}
