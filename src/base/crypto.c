/* crypto.c: the calls of libsodium.
 *
 * Other files see keys, hashes and texts, never a type or constant of libsodium. The parameters of Argon2id are those
 * of OWASP's recommendation for servers: 19 MiB, two passes. */
#include "base/crypto.h"

#include <semaphore.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/banned.h"

/* Each hash takes 19 MiB and all of a core. Without this limit a burst of sign-ins would starve every other request. */
#define PASSWORDS_AT_ONCE 2
#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
static const size_t password_memory = 19U << 20;
static const unsigned long long password_passes = 2;

_Static_assert(CRYPTO_PASSWORD_MAX >= crypto_pwhash_STRBYTES, "a password hash fits");
_Static_assert(CRYPTO_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "one size of key");

static sem_t password_turn;

enum status crypto_init(struct err *e)
{
    static bool done;
    if (sodium_init() < 0)
        return err_set(e, E_internal, "libsodium cannot be initialised.");
    if (!done && sem_init(&password_turn, 0, PASSWORDS_AT_ONCE) != 0)
        return err_set(e, E_internal, "A semaphore cannot be created.");
    done = true;
    return OK;
}

void crypto_random(void *out, size_t n)
{
    randombytes_buf(out, n);
}

void crypto_digest(struct str data, uint8_t out[CRYPTO_HASH])
{
    crypto_generichash(out, CRYPTO_HASH, (const unsigned char *)data.p, data.n, NULL, 0);
}

void crypto_mac(const uint8_t key[CRYPTO_KEY], struct str data, uint8_t out[CRYPTO_HASH])
{
    crypto_generichash(out, CRYPTO_HASH, (const unsigned char *)data.p, data.n, key, CRYPTO_KEY);
}

void crypto_hmac_sha256_parts(struct str key, const struct str *parts, size_t n, uint8_t out[32])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key.p, key.n);
    for (size_t i = 0; i < n; i++)
        crypto_auth_hmacsha256_update(&state, (const unsigned char *)parts[i].p, parts[i].n);
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof(state));
}

bool crypto_equal(const void *a, const void *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}

void crypto_wipe(void *p, size_t n)
{
    sodium_memzero(p, n);
}

/* The label keeps these keys apart from every other use of the same hash under the master key (crypto_mac). A derived
 * key reveals nothing about the master key or about its siblings. */
void crypto_derive(const uint8_t master[CRYPTO_KEY], const char *purpose, uint8_t out[CRYPTO_KEY])
{
    static const struct str label = STR("parley derived key: ");
    crypto_generichash_state state;
    crypto_generichash_init(&state, master, CRYPTO_KEY, CRYPTO_KEY);
    crypto_generichash_update(&state, (const unsigned char *)label.p, label.n);
    crypto_generichash_update(&state, (const unsigned char *)purpose, strlen(purpose));
    crypto_generichash_final(&state, out, CRYPTO_KEY);
    sodium_memzero(&state, sizeof(state));
}

/* ---- passwords ---- */

static void password_wait_turn(void)
{
    while (sem_wait(&password_turn) != 0)
        ; /* interrupted by a signal */
}

/* libsodium fails here only when it cannot get the memory. The salt is random and part of the result. */
enum status crypto_password_hash(struct str password, char out[CRYPTO_PASSWORD_MAX], struct err *e)
{
    password_wait_turn();
    int failed = crypto_pwhash_str_alg(out, password.p, password.n, password_passes, password_memory,
                                       crypto_pwhash_ALG_ARGON2ID13);
    sem_post(&password_turn);
    return failed ? err_nomem(e) : OK;
}

/* Without a hash a password is hashed for nothing: otherwise the time of the answer would tell which accounts exist. */
bool crypto_password_verify(const char *phc, struct str password)
{
    char burnt[CRYPTO_PASSWORD_MAX];
    bool real = str_starts(str_from(phc), STR(crypto_pwhash_argon2id_STRPREFIX)) && strlen(phc) < sizeof(burnt);
    password_wait_turn();
    bool same = false;
    if (real)
        same = crypto_pwhash_str_verify(phc, password.p, password.n) == 0;
    else if (crypto_pwhash_str_alg(burnt, password.p, password.n, password_passes, password_memory,
                                   crypto_pwhash_ALG_ARGON2ID13) == 0)
        sodium_memzero(burnt, sizeof(burnt));
    sem_post(&password_turn);
    return same;
}

/* ---- sealed secrets ---- */

/* The nonce is drawn at random for each call: 24 bytes are enough that two never meet, so no counter has to be kept
 * anywhere. The context is authenticated but not stored. */
enum status crypto_seal(const uint8_t key[CRYPTO_KEY], struct str context, struct str plain, struct buf *out,
                        struct err *e)
{
    unsigned char *p = plain.n < SIZE_MAX / 2 ? (unsigned char *)buf_extend(out, NONCE + plain.n + TAG) : NULL;
    if (!p)
        return err_nomem(e);
    randombytes_buf(p, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(p + NONCE, NULL, (const unsigned char *)plain.p, plain.n,
                                               (const unsigned char *)context.p, context.n, NULL, p, key);
    return OK;
}

/* After a failure the buffer is as it was: what was decrypted without authentication must not be used. */
enum status crypto_open(const uint8_t key[CRYPTO_KEY], struct str context, struct str sealed, struct buf *out,
                        struct err *e)
{
    const unsigned char *s = (const unsigned char *)sealed.p;
    if (sealed.n < NONCE + TAG)
        return err_set(e, E_sealed_invalid, "A sealed secret is too short.");
    size_t n = sealed.n - NONCE - TAG, before = out->n;
    unsigned char *p = (unsigned char *)buf_extend(out, n);
    if (!p)
        return err_nomem(e);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(p, NULL, NULL, s + NONCE, sealed.n - NONCE,
                                                   (const unsigned char *)context.p, context.n, s, key) == 0)
        return OK;
    out->n = before;
    out->p[before] = '\0';
    return err_set(e, E_sealed_invalid,
                   "A sealed secret cannot be opened: it was sealed with another secret_key, or it was altered.");
}

/* ---- text forms ---- */

void crypto_hex(struct buf *b, const void *p, size_t n)
{
    char *out = n < SIZE_MAX / 4 ? buf_extend(b, n * 2) : NULL;
    if (out)
        sodium_bin2hex(out, n * 2 + 1, p, n);
    else
        b->failed = true;
}

static void crypto_base64_add(struct buf *b, const void *p, size_t n, int variant)
{
    size_t need = n < SIZE_MAX / 4 ? sodium_base64_encoded_len(n, variant) : 0;
    char *out = need ? buf_extend(b, need - 1) : NULL;
    if (out)
        sodium_bin2base64(out, need, p, n, variant);
    else
        b->failed = true;
}

void crypto_base64url(struct buf *b, const void *p, size_t n)
{
    crypto_base64_add(b, p, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void crypto_base64(struct buf *b, const void *p, size_t n)
{
    crypto_base64_add(b, p, n, sodium_base64_VARIANT_ORIGINAL);
}

/* libsodium 1.0.18 takes some bytes above 127 for base64 letters, so that two texts would mean the same token. */
static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] > 0x7F)
            return false;
    return true;
}

bool crypto_base64_decode(struct str s, struct buf *out)
{
    size_t n = 0, before = out->n;
    if (!is_ascii(s))
        return false;
    char *p = buf_extend(out, s.n / 4 * 3 + 3);
    bool good = p && sodium_base642bin((unsigned char *)p, s.n / 4 * 3 + 3, s.p, s.n, NULL, &n, NULL,
                                       sodium_base64_VARIANT_ORIGINAL) == 0;
    if (p)
        out->n = before + (good ? n : 0);
    return good;
}

bool crypto_base64url_decode(struct str s, void *out, size_t n)
{
    size_t got;
    return is_ascii(s) &&
           sodium_base642bin(out, n, s.p, s.n, NULL, &got, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           got == n;
}

bool crypto_hex_decode(struct str s, void *out, size_t n)
{
    size_t got;
    return is_ascii(s) && sodium_hex2bin(out, n, s.p, s.n, NULL, &got, NULL) == 0 && got == n;
}
