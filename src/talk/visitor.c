/* visitor.c: the conversation of a visitor whom the tenant names. */
#include "talk/visitor.h"

#include "base/crypto.h"
#include "talk/visitor_store.h"

#include "base/banned.h"

enum status visitor_conversation_find(struct db *c, const struct visitor_of_tenant *v, struct id *conversation,
                                      struct err *e)
{
    uint8_t hash[CRYPTO_HASH];
    crypto_digest(v->name, hash);
    return visitor_store_find(c, v->tenant, v->bot, hash, conversation, e);
}

enum status visitor_conversation_keep(struct db *c, const struct visitor_of_tenant *v, struct id conversation,
                                      struct err *e)
{
    uint8_t hash[CRYPTO_HASH];
    crypto_digest(v->name, hash);
    return visitor_store_put(c, v->tenant, v->bot, hash, conversation, e);
}
