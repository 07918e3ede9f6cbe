/* turn_token.c: the visitor's token and the keys of idempotency, all derived from the secret of the install. Nothing
 * of it is stored in a form that could be used: of a token only the hash, of a client message id only the keyed
 * hash. */
#include "base/crypto.h"
#include "base/limits.h"
#include "talk/turn_internal.h"

#include "base/banned.h"

/* The token is derived, not random, so that the replay of a first message can give the same token although only its
 * hash is kept. */
void turn_token(const struct talk *t, struct id conversation, char out[TALK_TOKEN_MAX])
{
    uint8_t mac[CRYPTO_HASH];
    struct buf b;
    crypto_mac(t->token_key, str_n((const char *)conversation.b, sizeof(conversation.b)), mac);
    buf_init(&b, TALK_TOKEN_MAX);
    crypto_base64url(&b, mac, sizeof(mac));
    CHECK(b.n < TALK_TOKEN_MAX);
    memcpy(out, b.p, b.n + 1);
    buf_release(&b);
}

void turn_token_hash(struct str token, uint8_t out[32])
{
    crypto_digest(token, out);
}

/* Each part goes in with its length, so that two different lists of parts never give the same bytes. */
static void key_part(struct buf *b, const void *p, size_t n)
{
    uint32_t length = (uint32_t)n;
    buf_add(b, &length, sizeof(length));
    buf_add(b, p, n);
}

/* Inside a conversation the id is unique by the conversation. On a first message a long id is taken as unique on its
 * own; a short one only together with the message and the address it comes from, since it is not unique among
 * strangers.
 *
 * Where the tenant speaks for its visitors, a repeated request is found by the name of the visitor and not by the
 * conversation: when a first message is repeated, its conversation exists already. */
bool turn_key_of(const struct talk *t, const struct talk_in *in, struct id conversation, uint8_t out[16])
{
    uint8_t mac[CRYPTO_HASH];
    bool named = !id_is_none(in->tenant), first = named || id_is_none(conversation);
    bool brief = first && in->client_id.n < TURN_LONG_ID, ok;
    struct buf b;
    if (in->client_id.n == 0)
        return false;
    buf_init(&b, 64 * KB);
    buf_puts(&b, named ? "named" : first ? "first" : "next");
    key_part(&b, first ? in->bot.b : conversation.b, sizeof(in->bot.b));
    key_part(&b, in->client_id.p, in->client_id.n);
    if (named || brief)
        key_part(&b, in->visitor.p, in->visitor.n);
    if (brief) {
        key_part(&b, in->text.p, in->text.n);
        key_part(&b, in->choice.p, in->choice.n);
    }
    ok = buf_ok(&b);
    if (ok) {
        crypto_mac(t->turn_key, buf_str(&b), mac);
        memcpy(out, mac, 16);
    }
    buf_release(&b);
    return ok;
}
