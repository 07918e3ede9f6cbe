/* session.c: who is signed in.
 *
 * The cookie holds 32 random bytes and the database only their hash, so a copy of the table does not let anyone sign
 * in. A plain digest is enough, unlike for passwords: 256 random bits cannot be guessed. The CSRF key is derived from
 * the cookie's bytes, so it needs no row and ends with the session. */
#include "account/account_store.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/utf8.h"

#include "base/banned.h"

#define SESSION_TOKEN_BYTES 32
#define SEEN_EVERY_MS MINUTE_MS

/* A token of the wrong length or alphabet is refused without asking the database. Any other spelling of the same bytes
 * is refused too, so one session has one cookie value. */
static bool session_token_decode(struct str token, uint8_t raw[SESSION_TOKEN_BYTES], uint8_t hash[32])
{
    if (!crypto_base64url_decode(token, raw, SESSION_TOKEN_BYTES))
        return false;
    crypto_digest(str_n((const char *)raw, SESSION_TOKEN_BYTES), hash);
    return true;
}

static enum status session_ended(struct err *e)
{
    return err_raise(e, E_session_ended);
}

/* A new token for each sign-in: one that the browser sent before could have been planted by someone else (session
 * fixation). The token is copied out only when the row exists, and the raw bytes are wiped on every path. A browser
 * name that is not valid text is dropped, because it is only shown. */
enum status account_session_start(struct db *c, struct id user, struct id tenant, struct str ip, struct str agent,
                                  char token[SESSION_TOKEN_MAX], struct err *e)
{
    struct session_new s = {.id = id_new(), .user = user, .tenant = tenant, .ip = str_sub(ip, 0, 45)};
    uint8_t raw[SESSION_TOKEN_BYTES];
    struct buf b;
    enum status st;
    buf_init(&b, SESSION_TOKEN_MAX - 1);
    crypto_random(raw, sizeof(raw));
    crypto_digest(str_n((const char *)raw, sizeof(raw)), s.hash);
    crypto_base64url(&b, raw, sizeof(raw));
    if (!buf_ok(&b)) {
        st = err_nomem(e);
        goto out;
    }
    s.agent = utf8_text(agent) ? utf8_cut(agent, 255) : STR_EMPTY;
    st = session_store_add(c, &s, e);
    if (st == OK)
        memcpy(token, b.p, b.n + 1);
out:
    crypto_wipe(raw, sizeof(raw));
    buf_release(&b);
    return st;
}

/* Unknown, ended and expired sessions look the same to the caller. seen_at is not written with each request, because a
 * page may send many and each write would lock the row. */
enum status account_session_load(struct db *c, struct arena *a, struct str token, int64_t lifetime_ms,
                                 struct session *out, struct err *e)
{
    uint8_t raw[SESSION_TOKEN_BYTES], hash[32];
    int64_t now = clock_now_ms();
    if (!session_token_decode(token, raw, hash))
        return session_ended(e);
    enum status st = session_store_get(c, a, hash, now - lifetime_ms, out, e);
    if (st == ERR_NOT_FOUND)
        return session_ended(e);
    if (st != OK)
        return st;
    crypto_derive(raw, "csrf", out->csrf_key);
    crypto_wipe(raw, sizeof(raw));
    if (now - out->seen_ms >= SEEN_EVERY_MS)
        return session_store_touch(c, hash, e);
    return OK;
}

/* A token that is not one has no session, so there is nothing to end. */
enum status account_session_end(struct db *c, struct str token, struct err *e)
{
    uint8_t raw[SESSION_TOKEN_BYTES], hash[32];
    if (!session_token_decode(token, raw, hash))
        return OK;
    return session_store_delete(c, hash, e);
}

/* A session shows one tenant at a time. The token stays the same, because the rights do not come from it: the role in
 * the new tenant is read with the next request. */
enum status account_session_switch(struct db *c, struct str token, struct id tenant, struct err *e)
{
    uint8_t raw[SESSION_TOKEN_BYTES], hash[32];
    if (!session_token_decode(token, raw, hash))
        return session_ended(e);
    enum status st = session_store_switch(c, hash, tenant, e);
    if (st == ERR_NOT_FOUND)
        return err_raise(e, E_workspace_unknown);
    return st;
}

enum status account_sessions_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
    return session_store_forget(c, before_ms, limit, n, e);
}
