/* crypto.h: the one module that knows libsodium and, for RSA, libcrypto.
 *
 * crypto_init() once in main, before any other thread. All functions are thread safe. */
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
/* BLAKE2b without a key. */
void crypto_digest(struct str data, uint8_t out[CRYPTO_HASH]);
/* BLAKE2b with a key: authenticates data that only Parley reads. */
void crypto_mac(const uint8_t key[CRYPTO_KEY], struct str data, uint8_t out[CRYPTO_HASH]);
/* HMAC-SHA-256 of n parts, one after the other: for protocols of others (Stripe, Standard Webhooks). */
void crypto_hmac_sha256_parts(struct str key, const struct str *parts, size_t n, uint8_t out[32]);
/* Append the signature of `data` as RS256 of RFC 7518 has it (RSASSA-PKCS1-v1_5 with SHA-256). `pem` is a private key
 * without a passphrase (PKCS #8 or PKCS #1), of 2,048 to 4,096 bits; a signature takes at most a few milliseconds.
 * ERR_INVALID, code rsa_key_invalid: the message says what is wrong with the key. ERR_NOMEM;
 * ERR_INTERNAL when libcrypto fails. After a failure `out` is of no use. */
enum status crypto_rsa_sign_sha256(struct str pem, struct str data, struct buf *out, struct err *e);
/* Compares in constant time. */
bool crypto_equal(const void *a, const void *b, size_t n);
/* Clear memory that held a secret; the compiler cannot leave it out. */
void crypto_wipe(void *p, size_t n);
/* A separate key for each purpose ("csrf", "visitor-token"), derived from the secret of the install. */
void crypto_derive(const uint8_t master[CRYPTO_KEY], const char *purpose, uint8_t out[CRYPTO_KEY]);

/* Argon2id with 19 MiB and 2 passes, as a PHC string. Takes some 20 ms; at most two run at once in a process, others
 * wait, so that sign-ins cannot exhaust the memory. ERR_NOMEM. */
#define CRYPTO_PASSWORD_MAX 128
enum status crypto_password_hash(struct str password, char out[CRYPTO_PASSWORD_MAX], struct err *e);
/* False for a wrong password. With phc "" it takes the same time and returns false, so that the time does not tell
 * whether an account exists. */
bool crypto_password_verify(const char *phc, struct str password);

/* Authenticated encryption (XChaCha20-Poly1305) of secrets at rest. The output begins with the nonce. `context` is not
 * stored but bound to the result: a value that is moved to another row or tenant cannot be opened there. Both append to
 * `out`. */
enum status crypto_seal(const uint8_t key[CRYPTO_KEY], struct str context, struct str plain, struct buf *out,
                        struct err *e);
/* ERR_INVALID, code sealed_invalid: another key, another context, or altered data. */
enum status crypto_open(const uint8_t key[CRYPTO_KEY], struct str context, struct str sealed, struct buf *out,
                        struct err *e);

void crypto_hex(struct buf *b, const void *p, size_t n);
/* Base64 for URLs, without padding (RFC 4648, 5). */
void crypto_base64url(struct buf *b, const void *p, size_t n);
/* Base64 with padding (RFC 4648, 4), as most protocols want it. */
void crypto_base64(struct buf *b, const void *p, size_t n);
/* Append what padded base64 stands for. False, and *out as it was, for anything else. */
bool crypto_base64_decode(struct str s, struct buf *out);
/* False unless the text decodes to exactly n bytes. */
bool crypto_base64url_decode(struct str s, void *out, size_t n);
bool crypto_hex_decode(struct str s, void *out, size_t n);

#endif
