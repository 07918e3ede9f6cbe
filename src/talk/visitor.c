/* visitor.c: the conversation of a visitor whom the tenant names. It is only read here: the journal writes it in the
 * transaction that opens the conversation. */
#include "talk/visitor.h"

#include "base/crypto.h"
#include "talk/visitor_store.h"

#include "base/banned.h"

void visitor_hash(struct str name, uint8_t out[VISITOR_HASH])
{
    crypto_digest(name, out);
}

enum status visitor_conversation_find(struct db *c, const struct visitor_of_tenant *v, struct id *conversation,
                                      struct err *e)
{
    uint8_t hash[VISITOR_HASH];
    visitor_hash(v->name, hash);
    return visitor_store_find(c, v->tenant, v->bot, hash, conversation, e);
}
