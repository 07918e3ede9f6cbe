/* visitor.h: visitors whom a tenant's own program names, because it speaks for them. The name leads to the newest
 * conversation of that visitor with the bot; a turn with talk_in.tenant and talk_in.visitor that opens one keeps it.
 * Only a hash of the name is kept. Thread safe. */
#ifndef PARLEY_TALK_VISITOR_H
#define PARLEY_TALK_VISITOR_H

#include "talk/talk.h"

#define VISITOR_NAME_MAX 512 /* bytes */
#define VISITOR_HASH 32

struct visitor_of_tenant {
    struct id tenant, bot;
    struct str name;
};
/* ID_NONE when the visitor has had no conversation yet. */
enum status visitor_conversation_find(struct db *c, const struct visitor_of_tenant *v, struct id *conversation,
                                      struct err *e);
void visitor_hash(struct str name, uint8_t out[VISITOR_HASH]);

#endif
