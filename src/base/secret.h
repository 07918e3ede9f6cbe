/* secret.h: keys and sealed values, all derived from the setting secret_key. Thread safe.
 *
 * A sealed value is encrypted and authenticated (XChaCha20-Poly1305). It opens only for the purpose, the tenant and
 * the context it was sealed for, so a value that is moved to another row, bot or workspace does not open. Sealed
 * values may be stored, or handed to a client that shall give them back unread and unchanged. */
#ifndef PARLEY_BASE_SECRET_H
#define PARLEY_BASE_SECRET_H

#include "base/config.h"
#include "base/crypto.h"
#include "base/id.h"

/* A key of its own for each purpose, for example "visitor-token". ERR_INVALID code secret_key when the setting is
 * missing or is not 64 hex digits. */
enum status secret_derive(const struct config *c, const char *purpose, uint8_t out[CRYPTO_KEY], struct err *e);

/* What a value is sealed for. */
struct secret_for {
    const char *purpose; /* "test-chat"; an engine's key will be another one */
    struct id tenant;
    struct str context; /* what in the tenant it belongs to: the id of its row, bot or user */
};
/* Appends the sealed value, which is a few dozen bytes longer than `plain`. */
enum status secret_seal(const struct config *c, const struct secret_for *s, struct str plain, struct buf *out,
                        struct err *e);
/* Appends what was sealed. ERR_INVALID for anything that secret_seal did not make for exactly this. */
enum status secret_open(const struct config *c, const struct secret_for *s, struct str sealed, struct buf *out,
                        struct err *e);

#endif
