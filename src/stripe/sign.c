/* sign.c: the Stripe-Signature header is parsed strictly, and every signature is compared under every secret in
 * constant time: while a secret is rolled Stripe signs with both, and which one matched must not show. */
#include "stripe/sign.h"

#include "base/crypto.h"
#include "base/num.h"

#include "base/banned.h"

#define DIGEST 32
/* Stripe sends one signature for each active secret. The limit keeps a hostile header from costing time. */
#define PASSED_MAX 32

struct signed_header {
    struct str time; /* as received: it is part of the signed text */
    int64_t t;
    struct str digests[PASSED_MAX]; /* v1, still in hex */
    size_t n;
};

static enum status sign_malformed(struct err *e, const char *why)
{
    return err_set(e, E_signature_malformed, "The Stripe-Signature header %s.", why);
}

/* Only plain digits without a leading zero: the signed text has exactly one spelling of a time. */
static bool sign_read_time(struct str s, int64_t *out)
{
    uint64_t v;
    if (!s.n || (s.n > 1 && s.p[0] == '0') || !num_u64(s, INT64_MAX / 1000, &v))
        return false;
    *out = (int64_t)v;
    return true;
}

/* Unknown schemes are skipped: Stripe sends v0 beside v1 for test events, and may add others. Two times would let a
 * sender choose which one is signed and which one is compared with the clock. */
static enum status sign_read_header(struct str header, struct signed_header *h, struct err *e)
{
    struct str part;
    if (!header.n)
        return err_raise(e, E_signature_missing);
    while (str_split(&header, ',', &part)) {
        ptrdiff_t eq = str_find(part, '=');
        if (eq < 0)
            continue;
        struct str scheme = str_sub(part, 0, (size_t)eq), value = str_sub(part, (size_t)eq + 1, part.n);
        if (str_eqz(scheme, "t")) {
            if (h->time.n)
                return sign_malformed(e, "has two times");
            if (!sign_read_time(value, &h->t))
                return sign_malformed(e, "has no valid time");
            h->time = value;
        } else if (str_eqz(scheme, "v1")) {
            if (h->n == PASSED_MAX)
                return sign_malformed(e, "has too many signatures");
            h->digests[h->n++] = value;
        }
    }
    if (!h->time.n)
        return sign_malformed(e, "has no time");
    return h->n ? OK : sign_malformed(e, "has no v1 signature");
}

/* Compares every v1 even after a match, so that the time taken says nothing. */
static bool sign_matches(struct str secret, const struct signed_header *h, struct str body)
{
    const struct str parts[] = {h->time, STR("."), body};
    uint8_t want[DIGEST];
    char hex[2 * DIGEST + 1];
    struct buf b;
    bool found = false;
    crypto_hmac_sha256_parts(secret, parts, 3, want);
    buf_fixed(&b, hex, sizeof(hex));
    crypto_hex(&b, want, sizeof(want));
    for (size_t i = 0; i < h->n; i++)
        if (h->digests[i].n == sizeof(hex) - 1 && crypto_equal(h->digests[i].p, hex, sizeof(hex) - 1))
            found = true;
    crypto_wipe(want, sizeof(want));
    crypto_wipe(hex, sizeof(hex));
    return found;
}

static bool sign_next_secret(struct str *rest, struct str *out)
{
    size_t from = 0, n;
    while (from < rest->n && (rest->p[from] == ' ' || (rest->p[from] >= '\t' && rest->p[from] <= '\r')))
        from++;
    for (n = 0;
         from + n < rest->n && rest->p[from + n] != ' ' && !(rest->p[from + n] >= '\t' && rest->p[from + n] <= '\r');
         n++)
        ;
    *out = str_sub(*rest, from, n);
    *rest = str_sub(*rest, from + n, rest->n);
    return n > 0;
}

/* The time is checked last, so that only a sender who has the secret learns that its clock is off. */
enum status stripe_sign_check(const char *secrets_list, struct str header, struct str body, int64_t now_ms,
                              struct err *e)
{
    struct signed_header h = {.time = STR_EMPTY};
    struct str secrets = str_from(secrets_list), secret;
    size_t tried = 0;
    bool found = false;
    enum status st = sign_read_header(header, &h, e);
    if (st != OK)
        return st;
    for (; sign_next_secret(&secrets, &secret); tried++)
        found = sign_matches(secret, &h, body) || found;
    if (!tried)
        return err_raise(e, E_webhook_secret_missing);
    if (!found)
        return err_raise(e, E_signature_wrong);
    int64_t t = h.t * 1000;
    if (t < now_ms - STRIPE_SIGN_TOLERANCE_MS || t > now_ms + STRIPE_SIGN_TOLERANCE_MS)
        return err_set(e, E_signature_expired, "The time of the Stripe-Signature header is %s.",
                       t < now_ms ? "too long ago" : "in the future");
    return OK;
}
