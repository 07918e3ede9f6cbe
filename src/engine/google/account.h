/* account.h: a service account of Google: its key file, the assertion that it signs for an access token, and the
 * tokens that this process holds. Thread safe. */
#ifndef PARLEY_ENGINE_GOOGLE_ACCOUNT_H
#define PARLEY_ENGINE_GOOGLE_ACCOUNT_H

#include "base/arena.h"
#include "base/crypto.h"
#include "base/err.h"

struct google_account {
    struct str email, key, key_id, token_url; /* key_id: may be "" */
    struct str project;                       /* "" if the file names none */
    uint8_t digest[CRYPTO_HASH];              /* of the whole file: which account this is, without its secret */
};

/* Read the JSON file that Google's console makes for a key. The texts live in the arena. NULL, or a sentence that says
 * what is wrong with the file. The key itself is looked at when it signs. */
const char *google_account_read(struct arena *a, struct str file, struct google_account *out);
/* Append the body of the request for a token (RFC 7523, section 2.1), as a form. `now_ms` is the wall time. A request
 * that was signed in the last five minutes is used again.
 * ERR_INVALID, code rsa_key_invalid, as crypto_rsa_sign_sha256(). */
enum status google_account_grant(const struct google_account *g, int64_t now_ms, struct buf *out, struct err *e);

/* The tokens of this process, of the 64 accounts that were used last. A token is kept until a minute before it ends. */
#define GOOGLE_TOKEN_MAX 4096 /* bytes; a longer token is not kept */
/* Append the token of the account; false if there is none. */
bool google_token_find(const struct google_account *g, struct buf *out);
/* Replaces the earlier token, which may have been refused. */
void google_token_keep(const struct google_account *g, struct str token, int64_t life_s);

#endif
