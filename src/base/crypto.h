/* crypto.h: the one room that knows libsodium. crypto_init() once in main before any thread. All functions thread safe. */
#ifndef PARLEY_BASE_CRYPTO_H
#define PARLEY_BASE_CRYPTO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CRYPTO_KEY 32  /* bytes */
#define CRYPTO_HASH 32 /* bytes: BLAKE2b-256 */

enum status crypto_init(struct err *e);
void crypto_random(void *out, size_t n);
void crypto_digest(struct str data, uint8_t out[CRYPTO_HASH]);                             /* plain BLAKE2b */
void crypto_mac(const uint8_t key[CRYPTO_KEY], struct str data, uint8_t out[CRYPTO_HASH]); /* keyed BLAKE2b */
void crypto_hmac_sha256(struct str key, struct str data, uint8_t out[32]);                 /* for outside protocols */
void crypto_hmac_sha256_parts(struct str key, const struct str *parts, size_t n,
                              uint8_t out[32]);            /* of all of them, one after the other */
bool crypto_equal(const void *a, const void *b, size_t n); /* constant time */
void crypto_wipe(void *p, size_t n);
/* A key of its own for each purpose ("csrf", "visitor-token") out of the install's secret. */
void crypto_derive(const uint8_t master[CRYPTO_KEY], const char *purpose, uint8_t out[CRYPTO_KEY]);

/* Argon2id, 19 MiB, 2 passes, as a PHC string. At most two run at once in a process: others wait. */
#define CRYPTO_PASSWORD_MAX 128
enum status crypto_password_hash(struct str password, char out[CRYPTO_PASSWORD_MAX], struct err *e);
bool crypto_password_verify(const char *phc,
                            struct str password); /* also burns the time when phc is "" and says false */

/* Authenticated encryption (XChaCha20-Poly1305) for secrets at rest: nonce first, `context` is bound to it. */
enum status crypto_seal(const uint8_t key[CRYPTO_KEY], struct str context, struct str plain, struct buf *out,
                        struct err *e);
enum status crypto_open(const uint8_t key[CRYPTO_KEY], struct str context, struct str sealed, struct buf *out,
                        struct err *e);

void crypto_hex(struct buf *b, const void *p, size_t n);
void crypto_base64url(struct buf *b, const void *p, size_t n);   /* without padding */
bool crypto_base64url_decode(struct str s, void *out, size_t n); /* exactly n bytes */
bool crypto_hex_decode(struct str s, void *out, size_t n);

#endif
