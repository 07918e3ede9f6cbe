/* account.c: what a service account needs to get access tokens. A token holds for an hour and is asked for with
 * a signature, so the tokens are kept for all conversations of the process. They are found by the digest of the key
 * file: two workspaces share a token only if both have the whole file, and a changed file never finds the token of the
 * old one. Invariant: a slot without a token has expires_us 0. */
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
#define TOKENS_MAX 64
#define TOKEN_EARLY_S 60 /* a token that ends sooner is not used any more */

struct google_token {
    uint8_t digest[CRYPTO_HASH];
    char *text;
    size_t n;
    int64_t expires_us; /* monotonic */
};
static struct google_token tokens[TOKENS_MAX];
static pthread_mutex_t tokens_lock = PTHREAD_MUTEX_INITIALIZER;

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

/* ---- the assertion ---- */

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

enum status google_account_grant(const struct google_account *g, int64_t now_ms, struct buf *out, struct err *e)
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

/* ---- tokens ---- */

static void token_clear(struct google_token *t)
{
    if (t->text)
        crypto_wipe(t->text, t->n);
    free(t->text);
    *t = (struct google_token){0};
}

static bool token_is_of(const struct google_token *t, const struct google_account *g)
{
    return t->text && memcmp(t->digest, g->digest, CRYPTO_HASH) == 0;
}

/* Under the lock. The slot of the account; without one, that of the token which ends first, or a free one. */
static struct google_token *token_slot(const struct google_account *g)
{
    struct google_token *first = &tokens[0];
    for (size_t i = 0; i < COUNT_OF(tokens); i++) {
        if (token_is_of(&tokens[i], g))
            return &tokens[i];
        if (tokens[i].expires_us < first->expires_us)
            first = &tokens[i];
    }
    return first;
}

bool google_token_find(const struct google_account *g, struct buf *out)
{
    pthread_mutex_lock(&tokens_lock);
    struct google_token *t = token_slot(g);
    bool found = token_is_of(t, g);
    if (found && t->expires_us <= clock_mono_us()) {
        token_clear(t);
        found = false;
    }
    if (found)
        buf_add(out, t->text, t->n);
    pthread_mutex_unlock(&tokens_lock);
    return found && buf_ok(out);
}

void google_token_keep(const struct google_account *g, struct str token, int64_t life_s)
{
    int64_t most = life_s < GRANT_LIFE_S ? life_s : GRANT_LIFE_S;
    char *text = most > TOKEN_EARLY_S && token.n <= GOOGLE_TOKEN_MAX ? malloc(token.n + 1) : NULL;
    if (!text)
        return;
    memcpy(text, token.p, token.n);
    pthread_mutex_lock(&tokens_lock);
    struct google_token *t = token_slot(g);
    token_clear(t);
    memcpy(t->digest, g->digest, CRYPTO_HASH);
    t->text = text;
    t->n = token.n;
    t->expires_us = clock_mono_us() + (most - TOKEN_EARLY_S) * 1000000;
    pthread_mutex_unlock(&tokens_lock);
}

void google_token_drop(const struct google_account *g, struct str token)
{
    pthread_mutex_lock(&tokens_lock);
    struct google_token *t = token_slot(g);
    if (token_is_of(t, g) && str_eq(str_n(t->text, t->n), token))
        token_clear(t);
    pthread_mutex_unlock(&tokens_lock);
}
