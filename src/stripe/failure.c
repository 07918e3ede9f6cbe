/* failure.c: the class of each code of errors.def that a call to Stripe can end with. The codes are few: Stripe's
 * own open-ended codes are names of E_stripe_card and E_stripe_refused (err_rename).
 *
 * A code that is not listed is STRIPE_FAILURE_NONE (0): whatever failed, it was not the call to Stripe. */
#include "stripe/failure.h"

#include "base/str.h"

#include "base/banned.h"

static const enum stripe_failure failures[ERROR_CODES] = {
    [E_stripe_card] = STRIPE_FAILURE_CARD,
    [E_stripe_refused] = STRIPE_FAILURE_REFUSED,
    [E_stripe_path] = STRIPE_FAILURE_REFUSED,
    [E_stripe_key_invalid] = STRIPE_FAILURE_REFUSED,
    [E_stripe_key_reused] = STRIPE_FAILURE_REFUSED,
    [E_stripe_object] = STRIPE_FAILURE_REFUSED,
    [E_stripe_resource_missing] = STRIPE_FAILURE_REFUSED,
    [E_stripe_answer_large] = STRIPE_FAILURE_TOO_LARGE,
    [E_stripe_right_missing] = STRIPE_FAILURE_RIGHT,
    [E_stripe_key_refused] = STRIPE_FAILURE_KEY,
    [E_config_invalid] = STRIPE_FAILURE_KEY,
    [E_stripe_off] = STRIPE_FAILURE_OFF,
    [E_stripe_lock_timeout] = STRIPE_FAILURE_BUSY,
    [E_stripe_key_in_use] = STRIPE_FAILURE_IN_USE,
    [E_stripe_unreachable] = STRIPE_FAILURE_AWAY,
    [E_stripe_rate_limited] = STRIPE_FAILURE_AWAY,
    [E_stripe_no_answer] = STRIPE_FAILURE_SILENT,
    [E_stripe_timeout] = STRIPE_FAILURE_SILENT,
    [E_stripe_error] = STRIPE_FAILURE_FAULT,
    [E_stripe_answer] = STRIPE_FAILURE_FOREIGN,
    [E_stripe_unknown] = STRIPE_FAILURE_UNKNOWN,
};

enum stripe_failure stripe_failure_of(const struct err *why)
{
    return failures[why->code];
}

bool stripe_failure_did_nothing(enum stripe_failure f)
{
    return f == STRIPE_FAILURE_REFUSED || f == STRIPE_FAILURE_RIGHT || f == STRIPE_FAILURE_KEY ||
           f == STRIPE_FAILURE_OFF || f == STRIPE_FAILURE_BUSY || f == STRIPE_FAILURE_AWAY;
}

bool stripe_failure_is_operators(enum stripe_failure f)
{
    return f == STRIPE_FAILURE_REFUSED || f == STRIPE_FAILURE_RIGHT || f == STRIPE_FAILURE_KEY ||
           f == STRIPE_FAILURE_FOREIGN || f == STRIPE_FAILURE_UNKNOWN;
}
