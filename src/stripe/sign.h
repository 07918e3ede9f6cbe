/* sign.h: the signature of a webhook: "t=<unix seconds>,v1=<64 hex>[,v1=...][,v0=...]", each v1 the HMAC-SHA256 of
 * t "." body under the whole secret (whsec_...). Pure, thread safe. Source: the official client's Webhooks.js, docs.stripe.com/webhooks. */
#ifndef PARLEY_STRIPE_SIGN_H
#define PARLEY_STRIPE_SIGN_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define STRIPE_SIGN_TOLERANCE_MS \
    300000 /* in both directions: the official client takes a time from the future, this does not */

/* OK when any v1 fits under any of the secrets (split by white space) and t is near now_ms. Other schemes are ignored.
 * ERR_INVALID: signature_missing (no header), signature_malformed (no t, two, or one that is no number; no v1), signature_wrong,
 * signature_expired. ERR_UNAVAILABLE, webhook_secret_missing: no secret is set, or the list is blank. */
enum status stripe_sign_check(const char *secrets_list, struct str header, struct str body, int64_t now_ms,
                              struct err *e);

#endif
