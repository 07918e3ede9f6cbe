/* csrf.c: does a request that changes something come from our own pages?
 *
 * Two independent checks. The origin check costs nothing and suffices for forms of visitors who are not signed in. The
 * token check also covers browsers and proxies that strip Origin and Sec-Fetch-Site. */
#include "base/crypto.h"
#include "web/web_internal.h"

#include "base/banned.h"

/* A random pad, then the pad XOR the secret. The token so differs on every page: compressing a page that repeats a part
 * of the request cannot reveal the secret byte by byte (BREACH). */
#define CSRF_TOKEN_BYTES (2 * CRYPTO_HASH)

static void secret_of(const struct identity *who, uint8_t out[CRYPTO_HASH])
{
    crypto_mac(who->csrf_key, STR("csrf-token"), out);
}

/* Made from the secret of the session each time; nothing is stored, and every page open in the browser stays valid. */
const char *request_csrf_token(struct request *rq)
{
    uint8_t secret[CRYPTO_HASH], token[CSRF_TOKEN_BYTES];
    if (!rq->who.signed_in)
        return "";
    secret_of(&rq->who, secret);
    crypto_random(token, CRYPTO_HASH);
    for (size_t i = 0; i < CRYPTO_HASH; i++)
        token[CRYPTO_HASH + i] = token[i] ^ secret[i];
    struct buf b;
    buf_init(&b, 256);
    crypto_base64url(&b, token, sizeof(token));
    const char *text = buf_ok(&b) ? arena_strdup(rq->arena, buf_str(&b)) : NULL;
    buf_release(&b);
    return text ? text : "";
}

static bool token_right(struct request *rq)
{
    uint8_t secret[CRYPTO_HASH], token[CSRF_TOKEN_BYTES];
    struct str text = request_form(rq, "_csrf");
    if (text.n == 0)
        text = request_header(rq, "HTTP_X_CSRF_TOKEN");
    if (!rq->who.signed_in || !crypto_base64url_decode(text, token, sizeof(token)))
        return false;
    secret_of(&rq->who, secret);
    for (size_t i = 0; i < CRYPTO_HASH; i++)
        token[i] ^= token[CRYPTO_HASH + i];
    return crypto_equal(token, secret, CRYPTO_HASH);
}

/* "https://a.example:8443/x" gives the scheme "https" and the host "a.example:8443". */
static bool split_origin(struct str url, struct str *scheme, struct str *host)
{
    for (size_t i = 0; i + 2 < url.n; i++) {
        if (memcmp(url.p + i, "://", 3) != 0)
            continue;
        *scheme = str_n(url.p, i);
        *host = str_sub(url, i + 3, url.n);
        ptrdiff_t slash = str_find(*host, '/');
        if (slash >= 0)
            host->n = (size_t)slash;
        return true;
    }
    return false;
}

/* Two addresses are ours: base_url, and the host that this request was sent to. The second covers an install that is
 * reached under several names; a foreign page cannot choose the Host header of a browser. */
static bool csrf_is_ours(const struct request *rq, struct str url)
{
    struct str scheme, host, our_scheme, our_host;
    if (!split_origin(url, &scheme, &host) || host.n == 0)
        return false;
    if (split_origin(str_from(config_string(rq->config, CONFIG_base_url)), &our_scheme, &our_host) &&
        str_ieq(scheme, our_scheme) && str_ieq(host, our_host))
        return true;
    return str_ieq(host, rq->host);
}

/* Browsers send Origin with every POST, and most of them Sec-Fetch-Site. Whatever of them is present must be right. A
 * client that sends neither is not a browser, so it carries no cookie that it did not mean to send. */
static bool origin_right(struct request *rq)
{
    struct str site = request_header(rq, "HTTP_SEC_FETCH_SITE"), origin = request_header(rq, "HTTP_ORIGIN");
    if (site.n && !str_eq(site, STR("same-origin")) && !str_eq(site, STR("none")))
        return false;
    if (origin.n)
        return csrf_is_ours(rq, origin);
    struct str referer = request_header(rq, "HTTP_REFERER");
    return referer.n == 0 || csrf_is_ours(rq, referer);
}

bool request_from_here(struct request *rq)
{
    struct str origin = request_header(rq, "HTTP_ORIGIN");
    return origin.n && csrf_is_ours(rq, origin);
}

enum status csrf_check(struct request *rq, struct err *e)
{
    enum csrf need = rq->route->csrf;
    if (need == CSRF_NONE)
        return OK;
    if (!origin_right(rq))
        return err_raise(e, E_csrf_origin);
    if (need == CSRF_TOKEN && !token_right(rq))
        return err_raise(e, E_csrf_token);
    return OK;
}
