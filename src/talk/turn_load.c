/* turn_load.c: the conversation of a turn, and the visitor's right to it. The cache is asked first; a stale entry does
 * no harm, because the journal records a turn only where the conversation is as it was read. The token is checked on
 * every path, also for a cached conversation. */
#include "base/crypto.h"
#include "talk/conversation_store.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

static enum status turn_load_row(struct talk *t, struct id tenant, struct id conversation, struct arena *a,
                                 struct conv *out, struct err *e)
{
    struct db *c = NULL;
    if (conv_cache_get(t->cache, conversation, a, out)) {
        /* An id of another tenant is as unknown as one that never was. */
        return id_eq(out->tenant, tenant) ? OK : err_raise(e, E_conversation_unknown);
    }
    enum status st = db_get(t->pool, &c, e);
    if (st == OK) {
        st = conversation_store_load(c, tenant, conversation, a, out, e);
        db_put(c);
    }
    return st;
}

/* The token is the only right of a visitor. A conversation of another bot is reported as unknown, so that an id tells
 * a stranger nothing. */
enum status turn_load(struct talk *t, struct id tenant, const struct talk_place *at, struct arena *a, struct conv *out,
                      struct err *e)
{
    uint8_t hash[32];
    enum status st = turn_load_row(t, tenant, at->conversation, a, out, e);
    if (st != OK)
        return st;
    if (!id_eq(out->bot, at->bot))
        return err_raise(e, E_conversation_unknown);
    turn_token_hash(at->token, hash);
    if (!crypto_equal(hash, out->token_hash, sizeof(hash)))
        return err_raise(e, E_token_invalid);
    return OK;
}
