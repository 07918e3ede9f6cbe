/* secret.c: one derivation of keys and one form of sealed values for the whole install.
 *
 * Each purpose has a key of its own, so a value that is sealed for one purpose cannot be opened as another. The master
 * key is read for each use and wiped after it: it is in memory as part of the configuration and nowhere else. */
#include "base/secret.h"

#include "base/limits.h"

#include "base/banned.h"

enum status secret_derive(const struct config *c, const char *purpose, uint8_t out[CRYPTO_KEY], struct err *e)
{
    uint8_t master[CRYPTO_KEY];
    if (!crypto_hex_decode(str_from(config_string(c, CONFIG_secret_key)), master, sizeof(master)))
        return err_set(e, E_secret_key, "The setting secret_key must be 64 hex digits. \"parley doctor\" makes one.");
    crypto_derive(master, purpose, out);
    crypto_wipe(master, sizeof(master));
    return OK;
}

/* The tenant comes first and has a fixed length, so no context can be read as another tenant's. A sealed value that is
 * copied to another row therefore does not open. */
static void secret_context(struct buf *b, const struct secret_for *s)
{
    buf_init(b, 4 * KB);
    buf_add(b, s->tenant.b, sizeof(s->tenant.b));
    buf_str_add(b, s->context);
}

/* Seals or opens: both derive the key and the context, and wipe the key whatever happens. */
static enum status secret_apply(const struct config *c, const struct secret_for *s,
                                enum status (*fn)(const uint8_t *, struct str, struct str, struct buf *, struct err *),
                                struct str in, struct buf *out, struct err *e)
{
    uint8_t key[CRYPTO_KEY];
    struct buf context;
    enum status st = secret_derive(c, s->purpose, key, e);
    if (st != OK)
        return st;
    secret_context(&context, s);
    st = buf_ok(&context) ? fn(key, buf_str(&context), in, out, e) : err_nomem(e);
    crypto_wipe(key, sizeof(key));
    buf_release(&context);
    return st;
}

enum status secret_seal(const struct config *c, const struct secret_for *s, struct str plain, struct buf *out,
                        struct err *e)
{
    return secret_apply(c, s, crypto_seal, plain, out, e);
}

enum status secret_open(const struct config *c, const struct secret_for *s, struct str sealed, struct buf *out,
                        struct err *e)
{
    return secret_apply(c, s, crypto_open, sealed, out, e);
}
