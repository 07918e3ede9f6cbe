/* account.c: what a service account needs to get access tokens. A token holds for an hour, so it is kept for all
 * conversations of the process. So is the signed request for one, for a few minutes: a signature takes milliseconds of
 * the thread that all calls share, and a token endpoint that is down would cost one for every question. Both are found
 * by the digest of the key file: two workspaces share them only if both have the whole file, and a changed file never
 * finds what was made with the old one. */
#include "engine/google/account.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"

#include "base/banned.h"

#define ACCOUNT_DEPTH 8
#define GRANT_TYPE "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define GRANT_SCOPE "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/dialogflow"
#define GRANT_LIFE_S 3600 /* the longest that Google takes */
#define GRANT_EARLY_S 30  /* a clock that is a little fast does no harm */
#define GRANT_MAX (64 * KB)
#define GRANT_KEPT_MS (5 * MINUTE_MS)
#define GRANT_KEPT_MAX (8 * KB) /* bytes; a longer one is not kept */
#define TOKENS_MAX 64
#define TOKEN_EARLY_S 60 /* a token that ends sooner is not used any more */

struct account_text {
    char *p; /* NULL: none */
    size_t n;
};
/* What is kept for one account. */
struct account_slot {
    uint8_t digest[CRYPTO_HASH];
    struct account_text token, grant;
    int64_t expires_us; /* of the token; monotonic */
    int64_t made_ms;    /* the grant; wall time, because a clock that is set makes the grant useless */
    int64_t used_us;    /* monotonic; 0: the slot is free */
};
static struct account_slot slots[TOKENS_MAX];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the key file ---- */

static const char *account_fault(const struct google_account *g, const struct json *doc)
{
    if (!json_is(doc, JSON_OBJECT))
        return "The service account is not JSON. Paste the whole key file that Google's console made.";
    if (!g->key.n && json_has(doc, "client_secret"))
        return "This is the file of an OAuth client. Make a key of type JSON for a service account.";
    if (!g->key.n)
        return "The service account's file has no private_key. Paste the whole key file that Google's console made.";
    if (!g->email.n)
        return "The service account's file has no client_email. Paste the whole key file that Google's console made.";
    if (!g->token_url.n)
        return "The service account's file has no token_uri. Paste the whole key file that Google's console made.";
    return NULL;
}

const char *google_account_read(struct arena *a, struct str file, struct google_account *out)
{
    struct json *doc = NULL;
    (void)json_parse_tolerant(a, str_trim(file), ACCOUNT_DEPTH, &doc, NULL);
    *out = (struct google_account){.email = json_get_str(doc, "client_email"),
                                   .key = json_get_str(doc, "private_key"),
                                   .key_id = json_get_str(doc, "private_key_id"),
                                   .token_url = json_get_str(doc, "token_uri"),
                                   .project = json_get_str(doc, "project_id")};
    crypto_digest(file, out->digest);
    return account_fault(out, doc);
}

/* ---- what is kept; all of this under the lock ---- */

static void account_clear(struct account_text *t)
{
    if (t->p)
        crypto_wipe(t->p, t->n);
    free(t->p);
    *t = (struct account_text){0};
}

/* Without memory nothing is kept. */
static void account_keep(struct account_text *t, struct str s)
{
    char *copy = malloc(s.n + 1);
    account_clear(t);
    if (!copy)
        return;
    memcpy(copy, s.p, s.n);
    t->p = copy;
    t->n = s.n;
}

/* The slot of the account. Without one, and if one is to be made, the slot that was not used for the longest time. */
static struct account_slot *account_slot(const struct google_account *g, bool make)
{
    struct account_slot *oldest = &slots[0];
    for (size_t i = 0; i < COUNT_OF(slots); i++) {
        if (slots[i].used_us && memcmp(slots[i].digest, g->digest, CRYPTO_HASH) == 0) {
            slots[i].used_us = clock_mono_us();
            return &slots[i];
        }
        if (slots[i].used_us < oldest->used_us)
            oldest = &slots[i];
    }
    if (!make)
        return NULL;
    account_clear(&oldest->token);
    account_clear(&oldest->grant);
    *oldest = (struct account_slot){.used_us = clock_mono_us()};
    memcpy(oldest->digest, g->digest, CRYPTO_HASH);
    return oldest;
}

/* ---- the request for a token ---- */

static int account_header(const struct google_account *g, struct json *header)
{
    if (g->key_id.n && json_set_str(header, "kid", g->key_id) != 0)
        return -1;
    return json_set_str(header, "alg", STR("RS256")) != 0 || json_set_str(header, "typ", STR("JWT")) != 0 ? -1 : 0;
}

static int account_claims(const struct google_account *g, int64_t now_s, struct json *claims)
{
    return json_set_str(claims, "iss", g->email) != 0 || json_set_str(claims, "scope", STR(GRANT_SCOPE)) != 0 ||
                   json_set_str(claims, "aud", g->token_url) != 0 ||
                   json_set_int(claims, "iat", now_s - GRANT_EARLY_S) != 0 ||
                   json_set_int(claims, "exp", now_s - GRANT_EARLY_S + GRANT_LIFE_S) != 0
               ? -1
               : 0;
}

/* Append the base64url of the document. */
static void account_add_part(struct buf *out, const struct json *doc)
{
    struct buf text;
    buf_init(&text, GRANT_MAX);
    json_write(&text, doc);
    if (buf_ok(&text))
        crypto_base64url(out, text.p, text.n);
    else
        out->failed = true;
    buf_release(&text);
}

static enum status account_sign(const struct google_account *g, struct buf *out, size_t from, struct err *e)
{
    struct buf signature;
    buf_init(&signature, GRANT_MAX);
    enum status st = crypto_rsa_sign_sha256(g->key, str_n(out->p + from, out->n - from), &signature, e);
    if (st == OK) {
        buf_putc(out, '.');
        crypto_base64url(out, signature.p, signature.n);
        st = buf_ok(out) ? OK : err_nomem(e);
    }
    buf_release(&signature);
    return st;
}

static enum status account_make_grant(const struct google_account *g, int64_t now_ms, struct buf *out, struct err *e)
{
    enum status st = OK;
    struct arena a;
    arena_init(&a, MB);
    struct json *header = json_new_object(&a), *claims = json_new_object(&a);
    buf_puts(out, "grant_type=");
    buf_url(out, STR(GRANT_TYPE));
    buf_puts(out, "&assertion=");
    size_t from = out->n;
    if (!header || !claims || account_header(g, header) != 0 || account_claims(g, now_ms / 1000, claims) != 0)
        st = err_nomem(e);
    if (st == OK) {
        account_add_part(out, header);
        buf_putc(out, '.');
        account_add_part(out, claims);
        st = buf_ok(out) ? account_sign(g, out, from, e) : err_nomem(e);
    }
    arena_release(&a);
    return st;
}

static bool account_find_grant(const struct google_account *g, int64_t now_ms, struct buf *out)
{
    pthread_mutex_lock(&slots_lock);
    const struct account_slot *slot = account_slot(g, false);
    bool found = slot && slot->grant.p && now_ms >= slot->made_ms && now_ms - slot->made_ms < GRANT_KEPT_MS;
    if (found)
        buf_add(out, slot->grant.p, slot->grant.n);
    pthread_mutex_unlock(&slots_lock);
    return found;
}

enum status google_account_grant(const struct google_account *g, int64_t now_ms, struct buf *out, struct err *e)
{
    if (account_find_grant(g, now_ms, out))
        return buf_ok(out) ? OK : err_nomem(e);
    size_t from = out->n;
    enum status st = account_make_grant(g, now_ms, out, e);
    if (st != OK || out->n - from > GRANT_KEPT_MAX)
        return st;
    pthread_mutex_lock(&slots_lock);
    struct account_slot *slot = account_slot(g, true);
    account_keep(&slot->grant, str_n(out->p + from, out->n - from));
    slot->made_ms = now_ms;
    pthread_mutex_unlock(&slots_lock);
    return OK;
}

/* ---- tokens ---- */

bool google_token_find(const struct google_account *g, struct buf *out)
{
    pthread_mutex_lock(&slots_lock);
    const struct account_slot *slot = account_slot(g, false);
    bool found = slot && slot->token.p && slot->expires_us > clock_mono_us();
    if (found)
        buf_add(out, slot->token.p, slot->token.n);
    pthread_mutex_unlock(&slots_lock);
    return found && buf_ok(out);
}

void google_token_keep(const struct google_account *g, struct str token, int64_t life_s)
{
    int64_t most = life_s < GRANT_LIFE_S ? life_s : GRANT_LIFE_S;
    if (most <= TOKEN_EARLY_S || token.n > GOOGLE_TOKEN_MAX)
        return;
    pthread_mutex_lock(&slots_lock);
    struct account_slot *slot = account_slot(g, true);
    account_keep(&slot->token, token);
    slot->expires_us = clock_mono_us() + (most - TOKEN_EARLY_S) * 1000000;
    pthread_mutex_unlock(&slots_lock);
}
