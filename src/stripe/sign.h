/* sign.h: the signature of a webhook: "t=<unix seconds>,v1=<64 hex>[,v1=...][,v0=...]", each v1 the HMAC-SHA256 of t
 * "." body under the whole secret (whsec_...). Pure, thread safe. Source: the official client's Webhooks.js,
 * docs.stripe.com/webhooks. */
#ifndef PARLEY_STRIPE_SIGN_H
#define PARLEY_STRIPE_SIGN_H

#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

/* In both directions. The official client accepts any time in the future; this does not. */
#define STRIPE_SIGN_TOLERANCE_MS (5 * MINUTE_MS)

/* Checks a Stripe-Signature header: OK when any v1 matches under any of the secrets (separated by white space) and t
 * is near now_ms. Other schemes are ignored. ERR_INVALID: signature_missing (no header), signature_malformed (no t,
 * two of them, or one that is not a number; no v1), signature_wrong, signature_expired. ERR_UNAVAILABLE,
 * webhook_secret_missing: no secret is configured. */
enum status stripe_sign_check(const char *secrets_list, struct str header, struct str body, int64_t now_ms,
                              struct err *e);

#endif
