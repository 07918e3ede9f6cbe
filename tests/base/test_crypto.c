/* test_crypto.c: published test vectors, sealed values that were altered or moved, and passwords. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/crypto.h"
#include "base/secret.h"
#include "lib/test.h"

static const uint8_t key[CRYPTO_KEY] = {1, 2, 3}, other_key[CRYPTO_KEY] = {1, 2, 4};
static struct err e;

static void known_answers(void **state)
{
    (void)state;
    struct buf b;
    uint8_t h[32];
    buf_init(&b, 200);
    crypto_digest(STR("abc"), h); /* BLAKE2b-256 of "abc" */
    crypto_hex(&b, h, 32);
    assert_string_equal(b.p, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    buf_clear(&b);
    /* RFC 4231, test case 2 */
    crypto_hmac_sha256_parts(STR("Jefe"), &(struct str){"what do ya want for nothing?", 28}, 1, h);
    crypto_hex(&b, h, 32);
    assert_string_equal(b.p, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    buf_release(&b);
}

static void keys_differ_by_purpose(void **state)
{
    (void)state;
    uint8_t a[32], b[32], c[32], again[32];
    crypto_derive(key, "csrf", a);
    crypto_derive(key, "visitor-token", b);
    crypto_derive(other_key, "csrf", c);
    crypto_derive(key, "csrf", again);
    assert_memory_equal(a, again, 32);
    assert_memory_not_equal(a, b, 32);
    assert_memory_not_equal(a, c, 32);
    crypto_mac(key, STR("x"), a);
    crypto_mac(other_key, STR("x"), b);
    assert_false(crypto_equal(a, b, 32));
    assert_true(crypto_equal(a, a, 32));
}

static void passwords(void **state)
{
    (void)state;
    char hash[CRYPTO_PASSWORD_MAX], second[CRYPTO_PASSWORD_MAX];
    assert_ok(crypto_password_hash(STR("correct horse"), hash, &e), &e);
    assert_ok(crypto_password_hash(STR("correct horse"), second, &e), &e);
    assert_string_not_equal(hash, second);
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
    assert_true(crypto_password_verify(hash, STR("correct horse")));
    assert_false(crypto_password_verify(hash, STR("correct horsf")));
    assert_false(crypto_password_verify(hash, STR("")));
    assert_false(crypto_password_verify("", STR("")));
    assert_false(crypto_password_verify("$argon2id$garbage", STR("x")));
    assert_false(crypto_password_verify("$2b$12$abcdefghijklmnopqrstuv", STR("x")));
}

static void seals(void **state)
{
    (void)state;
    struct buf sealed, plain;
    buf_init(&sealed, 1000);
    buf_init(&plain, 1000);
    assert_ok(crypto_seal(key, STR("ctx"), STR("a secret"), &sealed, &e), &e);
    buf_puts(&plain, "before ");
    assert_ok(crypto_open(key, STR("ctx"), buf_str(&sealed), &plain, &e), &e);
    assert_string_equal(plain.p, "before a secret");
    buf_clear(&plain);
    assert_int_equal(crypto_open(key, STR("other"), buf_str(&sealed), &plain, &e), ERR_INVALID);
    assert_int_equal(crypto_open(other_key, STR("ctx"), buf_str(&sealed), &plain, &e), ERR_INVALID);
    for (size_t i = 0; i < sealed.n; i++) {
        sealed.p[i] ^= 1;
        assert_int_equal(crypto_open(key, STR("ctx"), buf_str(&sealed), &plain, &e), ERR_INVALID);
        sealed.p[i] ^= 1;
        assert_int_equal(crypto_open(key, STR("ctx"), str_n(sealed.p, i), &plain, &e), ERR_INVALID);
    }
    assert_int_equal(plain.n, 0);
    assert_true(buf_ok(&plain));
    buf_clear(&sealed);
    assert_ok(crypto_seal(key, STR(""), STR(""), &sealed, &e), &e);
    assert_ok(crypto_open(key, STR(""), buf_str(&sealed), &plain, &e), &e);
    assert_int_equal(plain.n, 0);
    struct buf small;
    buf_init(&small, 10);
    assert_int_equal(crypto_seal(key, STR(""), STR("x"), &small, &e), ERR_NOMEM);
    buf_release(&small);
    buf_release(&sealed);
    buf_release(&plain);
}

static void sealed_values_open_only_where_they_belong(void **state)
{
    const struct config *c, *other, *none;
    const struct id tenant = {{1}}, stranger = {{2}};
    const struct secret_for mine = {"engine-key", tenant, STR("row 1")};
    const struct secret_for wrong[] = {{"engine-key", tenant, STR("row 2")},
                                       {"engine-key", stranger, STR("row 1")},
                                       {"test-chat", tenant, STR("row 1")}};
    struct buf sealed, plain;
    (void)state;
    setenv("PARLEY_SECRET_KEY", "", 1);
    assert_int_equal(config_load("/dev/null", &none, &e), OK);
    setenv("PARLEY_SECRET_KEY", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", 1);
    assert_int_equal(config_load("/dev/null", &c, &e), OK);
    setenv("PARLEY_SECRET_KEY", "00112233445566778899aabbccddeeff00112233445566778899aabbccddee00", 1);
    assert_int_equal(config_load("/dev/null", &other, &e), OK);
    unsetenv("PARLEY_SECRET_KEY");
    buf_init(&sealed, 1000);
    buf_init(&plain, 1000);
    assert_ok(secret_seal(c, &mine, STR("sk-123"), &sealed, &e), &e);
    assert_ok(secret_open(c, &mine, buf_str(&sealed), &plain, &e), &e);
    assert_string_equal(plain.p, "sk-123");
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(secret_open(c, &wrong[i], buf_str(&sealed), &plain, &e), ERR_INVALID);
    assert_int_equal(secret_open(other, &mine, buf_str(&sealed), &plain, &e), ERR_INVALID);
    assert_int_equal(secret_open(none, &mine, buf_str(&sealed), &plain, &e), ERR_INVALID);
    assert_int_equal(e.code, E_secret_key);
    assert_int_equal(secret_seal(none, &mine, STR("x"), &sealed, &e), ERR_INVALID);
    buf_release(&sealed);
    buf_release(&plain);
    config_drop(c);
    config_drop(other);
    config_drop(none);
}

static void bytes_round_trip_as_base64url(void **state)
{
    (void)state;
    uint8_t raw[40], back[40];
    struct buf b;
    buf_init(&b, 1000);
    for (size_t n = 0; n <= sizeof(raw); n++) {
        crypto_random(raw, n);
        buf_clear(&b);
        crypto_base64url(&b, raw, n);
        assert_true(buf_ok(&b));
        assert_int_equal(b.n, (n * 4 + 2) / 3);
        assert_true(crypto_base64url_decode(buf_str(&b), back, n));
        assert_memory_equal(raw, back, n);
        buf_clear(&b);
        crypto_hex(&b, raw, n);
        assert_true(crypto_hex_decode(buf_str(&b), back, n));
        assert_memory_equal(raw, back, n);
    }
    const char *bad[] = {"AAA=", "AA", "AAAAA", "AA+A", "AA/A", "AA A", "AAA\n", "AAB", "\xD0\xD0\xD0", "AA\xC1"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(crypto_base64url_decode(str_from(bad[i]), back, 2));
    assert_true(crypto_base64url_decode(STR("AAA"), back, 2));
    assert_false(crypto_hex_decode(STR("abc"), back, 2));
    assert_false(crypto_hex_decode(STR("abcx"), back, 2));
    assert_false(crypto_hex_decode(STR("abcdef"), back, 2));
    buf_release(&b);
}

/* A new key of this kind as PEM. */
static EVP_PKEY *made_key(int kind, int bits, struct buf *pem)
{
    EVP_PKEY *made = NULL;
    char *text;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(kind, NULL);
    BIO *out = BIO_new(BIO_s_mem());
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    if (bits)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits), 1);
    assert_int_equal(EVP_PKEY_keygen(ctx, &made), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(out, made, NULL, NULL, 0, NULL, NULL), 1);
    long n = BIO_get_mem_data(out, &text);
    buf_clear(pem);
    buf_add(pem, text, (size_t)n);
    BIO_free(out);
    EVP_PKEY_CTX_free(ctx);
    return made;
}

static void rsa_signs_and_leaves_no_error_behind(void **state)
{
    (void)state;
    struct buf pem, signature;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    buf_init(&pem, 10000);
    buf_init(&signature, 1000);
    EVP_PKEY *good = made_key(EVP_PKEY_RSA, 2048, &pem);
    assert_ok(crypto_rsa_sign_sha256(buf_str(&pem), STR("abc"), &signature, &e), &e);
    assert_int_equal(signature.n, 256);
    assert_int_equal(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, good), 1);
    assert_int_equal(EVP_DigestVerify(md, (const uint8_t *)signature.p, signature.n, (const uint8_t *)"abc", 3), 1);
    buf_clear(&signature);
    assert_int_equal(crypto_rsa_sign_sha256(str_sub(buf_str(&pem), 0, 900), STR("abc"), &signature, &e), ERR_INVALID);
    assert_int_equal(e.code, E_rsa_key_invalid);
    assert_int_equal(ERR_peek_error(), 0);
    EVP_PKEY_free(good);
    EVP_PKEY_free(made_key(EVP_PKEY_RSA, 1024, &pem));
    assert_int_equal(crypto_rsa_sign_sha256(buf_str(&pem), STR("abc"), &signature, &e), ERR_INVALID);
    assert_string_equal(e.message, "The private key has 1024 bits; it must have from 2048 to 4096.");
    EVP_PKEY_free(made_key(EVP_PKEY_ED25519, 0, &pem));
    assert_int_equal(crypto_rsa_sign_sha256(buf_str(&pem), STR("abc"), &signature, &e), ERR_INVALID);
    assert_string_equal(e.message, "The private key is not an RSA key.");
    assert_int_equal(crypto_rsa_sign_sha256(STR(""), STR("abc"), &signature, &e), ERR_INVALID);
    assert_int_equal(signature.n, 0);
    assert_int_equal(ERR_peek_error(), 0);
    EVP_MD_CTX_free(md);
    buf_release(&pem);
    buf_release(&signature);
}

int main(void)
{
    if (crypto_init(&e) != OK || crypto_init(&e) != OK)
        return 1;
    const struct CMUnitTest tests[] = {TEST(known_answers),
                                       TEST(keys_differ_by_purpose),
                                       TEST(passwords),
                                       TEST(seals),
                                       TEST(sealed_values_open_only_where_they_belong),
                                       TEST(bytes_round_trip_as_base64url),
                                       TEST(rsa_signs_and_leaves_no_error_behind)};
    return RUN(tests);
}
