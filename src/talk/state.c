/* state.c: the names of conversation states. Apart from talk.c, because the store writes them and lies below it. */
#include "talk/talk.h"

#include "base/banned.h"

static const char *const state_names[] = {[TALK_OPEN] = "open", [TALK_HANDOFF] = "handoff", [TALK_CLOSED] = "closed"};

const char *talk_state_name(enum talk_state s)
{
    CHECK((size_t)s < COUNT_OF(state_names));
    return state_names[s];
}

bool talk_state_parse(struct str name, enum talk_state *out)
{
    size_t i = str_among(name, state_names, COUNT_OF(state_names));
    if (i < COUNT_OF(state_names))
        *out = (enum talk_state)i;
    return i < COUNT_OF(state_names);
}
