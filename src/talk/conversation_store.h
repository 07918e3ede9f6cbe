/* conversation_store.h: the statements that read conversations, and the few that change one outside the journal. The
 * second kind runs in the caller's transaction. */
#ifndef PARLEY_TALK_CONVERSATION_STORE_H
#define PARLEY_TALK_CONVERSATION_STORE_H

#include "talk/conversation.h"
#include "talk/turn_internal.h"

/* ERR_NOT_FOUND code conversation_unknown. */
enum status conversation_store_load(struct db *c, struct id tenant, struct id conversation, struct arena *a,
                                    struct conv *out, struct err *e);
/* Looks up a client message id; *found says whether a turn was recorded with it, and *out where that turn is. */
struct turn_place {
    struct id conversation;
    int64_t first_seq, last_seq;
};
enum status conversation_store_key(struct db *c, struct id tenant, const uint8_t key[16], struct arena *a, bool *found,
                                   struct turn_place *out, struct err *e);
/* out->more is not set by this and the next. */
enum status conversation_store_messages(struct db *c, struct id tenant, const struct message_range *range,
                                        struct arena *a, struct message_page *out, struct err *e);
enum status conversation_store_list(struct db *c, struct id tenant, const struct conversation_filter *f, int limit,
                                    struct arena *a, struct conversation_page *out, struct err *e);
enum status conversation_store_get(struct db *c, struct id tenant, struct id conversation, struct arena *a,
                                   struct conversation *out, struct err *e);
/* For changes outside the journal, in a transaction: lock the row, tell its seq and state. */
enum status conversation_store_lock(struct db *c, struct id tenant, struct id conversation, int64_t *seq, bool *closed,
                                    struct err *e);
/* Writes an event as message seq + 1 and sets the state of the conversation, both at now_ms. */
struct conversation_event {
    struct id conversation;
    int64_t seq; /* of the last message so far */
    const char *event;
    enum talk_state state; /* from now on */
    int64_t now_ms;
};
enum status conversation_store_event(struct db *c, struct id tenant, const struct conversation_event *x, struct err *e);
/* ---- late replies ---- */
/* A turn of this conversation is about to ask an engine that may send replies later. ERR_CONFLICT code sequence when
 * the conversation is not as the turn knows it. */
enum status conversation_store_asking(struct db *c, const struct conv *k, int64_t until_ms, struct err *e);
/* It has given up. A turn that is recorded says so itself. */
enum status conversation_store_asked(struct db *c, const struct conv *k, struct err *e);
/* In a transaction: lock the row and read it. *asking_until is 0 while no turn asks. ERR_NOT_FOUND code
 * conversation_unknown. */
enum status conversation_store_late_lock(struct db *c, struct id tenant, struct id conversation, struct arena *a,
                                         struct conv *out, int64_t *asking_until, struct err *e);
/* In the same transaction: write the texts as messages of the bot, with the conversation's new flow_state. */
struct conversation_late {
    const struct str *texts;
    size_t n;
    const uint8_t *key; /* 16 bytes, of what the server calls the message; NULL: it has no name */
    int64_t now_ms;
};
enum status conversation_store_late(struct db *c, const struct conv *k, const struct conversation_late *late,
                                    struct err *e);
/* In a transaction. *before is the rating that it replaces, 0 if there was none. ERR_NOT_FOUND code message_unknown
 * when seq is not a reply in this conversation. */
enum status conversation_store_rate(struct db *c, struct id tenant, struct id conversation,
                                    const struct talk_rating *rating, int64_t now_ms, int *before, struct err *e);

#endif
