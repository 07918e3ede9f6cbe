/* conversation.h: conversations as a tenant reads them: list, transcript, closing one. A conversation of another
 * tenant is ERR_NOT_FOUND code conversation_unknown, like one that never was. Results live in the arena. */
#ifndef PARLEY_TALK_CONVERSATION_H
#define PARLEY_TALK_CONVERSATION_H

#include "talk/talk.h"

struct conversation {
    struct id id, bot;
    struct str bot_name, locale;
    enum channel channel;
    struct str contact_label; /* the contact's name, else e-mail address, else empty */
    struct str first_text;    /* the visitor's first message, at most 200 characters */
    enum talk_state state;
    int version; /* of the bot, which it began with */
    int64_t messages, started_ms, last_ms;
    bool counted; /* in the ledger */
    int rating;   /* the last one given in it: -1, 1, 0 = none */
};
struct conversation_filter {
    struct id bot; /* ID_NONE = all */
    bool in_state; /* only those in `state`; false = all */
    enum talk_state state;
    struct id before; /* those begun before this one; ID_NONE = from the newest */
    int limit;        /* 1 to 200 */
};
struct conversation_page {
    struct conversation *rows; /* newest first */
    size_t n;
    bool more; /* others follow */
};
enum status conversation_list(struct db *c, struct id tenant, const struct conversation_filter *f, struct arena *a,
                              struct conversation_page *out, struct err *e);
enum status conversation_get(struct db *c, struct id tenant, struct id conversation, struct arena *a,
                             struct conversation *out, struct err *e);
struct message_range {
    struct id conversation;
    int64_t after; /* messages with a greater seq */
    int64_t upto;  /* and not greater than this; 0 = to the end */
    int limit;     /* 1 to 200 */
};
struct message_page {
    struct talk_message *rows; /* in order */
    size_t n;
    bool more; /* others follow */
};
enum status conversation_messages(struct db *c, struct id tenant, const struct message_range *range, struct arena *a,
                                  struct message_page *out, struct err *e);
/* Writes an event into the transcript; closing a closed one changes nothing. The visitor's next message starts the
 * flow again. */
enum status conversation_close(struct db *c, struct id tenant, struct id conversation, struct err *e);

#endif
