/* conversation.h: conversations as a tenant reads them: list, transcript. */
#ifndef PARLEY_TALK_CONVERSATION_H
#define PARLEY_TALK_CONVERSATION_H

#include "talk/talk.h"

struct conversation {
    struct id id, bot; struct str bot_name, channel, locale, contact_label, first_text; enum talk_state state;
    int version; int64_t messages, started_ms, last_ms; bool counted; int rating; /* -1 0 1 */
};
struct conversation_filter { struct id bot; /* ID_NONE = all */ const char *state; /* NULL = all */ struct id before; /* ID_NONE = newest */ int limit; };
enum status conversation_list(struct db *c, struct id tenant, const struct conversation_filter *f, struct arena *a, struct conversation **out, size_t *n, bool *more, struct err *e);
enum status conversation_get(struct db *c, struct id tenant, struct id conversation, struct arena *a, struct conversation *out, struct err *e);
enum status conversation_messages(struct db *c, struct id tenant, struct id conversation, int64_t after, int limit, struct arena *a, struct talk_message **out, size_t *n, bool *more, struct err *e);
enum status conversation_close(struct db *c, struct id tenant, struct id conversation, struct err *e);

#endif
