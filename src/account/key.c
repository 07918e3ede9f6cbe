/* key.c: API keys: "ply_", 43 letters and digits (256 random bits), 6 of checksum.
 *
 * The checksum (CRC-32 of everything before it, in base 62) finds a typing or copying error without asking the
 * database, and lets scanners for leaked secrets match ply_[0-9A-Za-z]{49} without false alarms. Only a hash of the
 * key is stored. */
#include "account/account_store.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/utf8.h"

#include "base/banned.h"

#define PREFIX "ply_"
#define PREFIX_N 4
#define SECRET_N 43
#define CHECK_N 6
#define KEY_N (PREFIX_N + SECRET_N + CHECK_N)
#define USED_EVERY_MS MINUTE_MS

static const char digits62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* CRC-32 (IEEE 802.3, reflected), bit by bit: keys are short. */
static uint32_t key_crc32(const char *p, size_t n)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static void key_checksum(const char *key, char out[CHECK_N])
{
    uint32_t crc = key_crc32(key, PREFIX_N + SECRET_N);
    for (int i = CHECK_N - 1; i >= 0; i--) {
        out[i] = digits62[crc % 62];
        crc /= 62;
    }
}

/* Letters and digits only, so that a double click selects the whole key. 43 of 62 characters carry 256 bits. Bytes are
 * drawn one by one: a key is made rarely, and a remainder of random bytes would have to be wiped. */
static void key_make(char key[API_KEY_MAX])
{
    memcpy(key, PREFIX, PREFIX_N);
    for (size_t i = PREFIX_N; i < PREFIX_N + SECRET_N;) {
        uint8_t b;
        crypto_random(&b, 1);
        b &= 63;
        if (b < 62) /* two of the 64 values are dropped, so that the rest stay equally likely */
            key[i++] = digits62[b];
    }
    key_checksum(key, key + PREFIX_N + SECRET_N);
    key[KEY_N] = '\0';
}

/* The comparison need not take constant time: the checksum is computed from the key itself and is not a secret. */
static bool key_well_formed(struct str key)
{
    char check[CHECK_N];
    if (key.n != KEY_N || !str_starts(key, STR(PREFIX)))
        return false;
    for (size_t i = PREFIX_N; i < KEY_N; i++)
        if (!key.p[i] || !strchr(digits62, key.p[i]))
            return false;
    key_checksum(key.p, check);
    return memcmp(check, key.p + PREFIX_N + SECRET_N, CHECK_N) == 0;
}

/* The last four characters are stored in the clear, so that a list can show which key is which; the rest stays
 * unknown. */
enum status account_key_create(struct db *c, struct id tenant, struct str name, uint32_t scopes, char key[API_KEY_MAX],
                               struct id *out, struct err *e)
{
    struct str clean = str_trim(name);
    uint8_t hash[32];
    struct id id = id_new();
    if (!clean.n || !utf8_text(clean) || utf8_length(clean) > 80)
        return err_at(e, E_name_invalid, "name", "The name of a key must have 1 to 80 characters.");
    if (!scopes || scopes & ~(uint32_t)(SCOPE_READ | SCOPE_WRITE | SCOPE_CHAT | SCOPE_ADMIN))
        return err_raise_at(e, E_scopes_invalid, "scopes");
    key_make(key);
    crypto_digest(str_n(key, KEY_N), hash);
    enum status st = key_store_add(c, tenant, id, hash, clean, str_n(key + KEY_N - 4, 4), scopes, e);
    if (st == OK)
        *out = id;
    else
        crypto_wipe(key, API_KEY_MAX);
    return st;
}

/* A malformed key is refused without the database, so guessing keys costs the server almost nothing. */
enum status account_key_load(struct db *c, struct arena *a, struct str key, struct id *tenant, struct id *key_id,
                             uint32_t *scopes, struct err *e)
{
    struct key_row row;
    uint8_t hash[32];
    if (!key_well_formed(key))
        return err_set(e, E_key_malformed,
                       "This is not a complete API key. A key begins with ply_ and has %d characters.", KEY_N);
    crypto_digest(key, hash);
    enum status st = key_store_get(c, a, hash, &row, e);
    /* Revoked and unknown look the same, or a found key would be worth keeping. Suspension is said only to the owner of
     * a valid key. */
    if (st == ERR_NOT_FOUND || (st == OK && row.revoked))
        return err_raise(e, E_key_unknown);
    if (st != OK)
        return st;
    if (!row.tenant_active)
        return err_raise(e, E_workspace_suspended);
    *tenant = row.tenant;
    *key_id = row.id;
    *scopes = row.scopes;
    /* Not with each request: keys are used by programs that send many, and each write would lock the row. */
    if (clock_now_ms() - row.used_ms >= USED_EVERY_MS)
        return key_store_touch(c, row.tenant, row.id, e);
    return OK;
}
