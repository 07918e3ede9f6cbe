/* crypto_rsa.c: the calls of libcrypto, for the RSA signatures that libsodium does not have. libcurl uses the same
 * library in the same threads, and libssl reads a thread's queue of errors to learn how its own calls went, so every
 * public function here leaves that queue empty. */
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/crypto.h"

#include "base/banned.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096 /* a longer key would hold up everything else in the thread that signs */

/* Without this function libcrypto asks for the passphrase at the terminal. */
static int rsa_no_passphrase(char *out, int size, int writing, void *ctx)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)ctx;
    return -1;
}

static EVP_PKEY *rsa_read_key(struct str pem)
{
    BIO *text = pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    EVP_PKEY *key = text ? PEM_read_bio_PrivateKey(text, NULL, rsa_no_passphrase, NULL) : NULL;
    BIO_free(text);
    return key;
}

static enum status rsa_check_key(const EVP_PKEY *key, struct err *e)
{
    if (!key)
        return err_set(e, E_rsa_key_invalid, "The private key is not a whole PEM file without a passphrase.");
    if (EVP_PKEY_base_id(key) != EVP_PKEY_RSA)
        return err_set(e, E_rsa_key_invalid, "The private key is not an RSA key.");
    if (EVP_PKEY_bits(key) < RSA_BITS_MIN || EVP_PKEY_bits(key) > RSA_BITS_MAX)
        return err_set(e, E_rsa_key_invalid, "The private key has %d bits; it must have from %d to %d.",
                       EVP_PKEY_bits(key), RSA_BITS_MIN, RSA_BITS_MAX);
    return OK;
}

static bool rsa_sign(EVP_MD_CTX *md, EVP_PKEY *key, struct str data, struct buf *out)
{
    size_t n = (size_t)EVP_PKEY_size(key);
    if (!md || EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) != 1)
        return false;
    char *signature = buf_extend(out, n);
    return signature && EVP_DigestSign(md, (unsigned char *)signature, &n, (const unsigned char *)data.p, data.n) == 1;
}

enum status crypto_rsa_sign_sha256(struct str pem, struct str data, struct buf *out, struct err *e)
{
    EVP_PKEY *key = rsa_read_key(pem);
    EVP_MD_CTX *md = NULL;
    enum status st = rsa_check_key(key, e);
    if (st == OK) {
        md = EVP_MD_CTX_new();
        if (!rsa_sign(md, key, data, out))
            st = buf_ok(out) ? err_set(e, E_internal, "libcrypto cannot sign with the private key.") : err_nomem(e);
    }
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return st;
}
