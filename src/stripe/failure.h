/* failure.h: the one classification of what can go wrong in a call to Stripe.
 *
 * Callers decide from the class whether to retry, to pause, to raise an alarm, and what to tell the payer. They
 * never compare error codes themselves. Pure, thread safe. */
#ifndef PARLEY_STRIPE_FAILURE_H
#define PARLEY_STRIPE_FAILURE_H

#include <stdbool.h>

#include "base/err.h"

enum stripe_failure {
    STRIPE_FAILURE_NONE,      /* not a failure of a Stripe call: the database, a lease, a rule of ours */
    STRIPE_FAILURE_CARD,      /* the card; the message is for the payer */
    STRIPE_FAILURE_REFUSED,   /* this request: a parameter, a missing object, a reused key. Nothing was done */
    STRIPE_FAILURE_TOO_LARGE, /* the answer exceeds what the client reads */
    STRIPE_FAILURE_RIGHT,     /* the key lacks the right for this call. Nothing was done */
    STRIPE_FAILURE_KEY,       /* the key or the address is wrong, so that every call fails. Nothing was done */
    STRIPE_FAILURE_OFF,       /* no key is configured */
    STRIPE_FAILURE_BUSY,      /* another request is changing the object. Nothing was done */
    STRIPE_FAILURE_IN_USE,    /* the same POST is still running */
    STRIPE_FAILURE_AWAY,      /* unreachable, or the rate limit. Nothing was done */
    STRIPE_FAILURE_SILENT,    /* sent, but no answer arrived in time; it may have been done */
    STRIPE_FAILURE_FAULT,     /* Stripe answered 5xx; it may have been done */
    STRIPE_FAILURE_FOREIGN,   /* the answer is not Stripe's: a proxy, a wrong address; it may have been done */
    STRIPE_FAILURE_UNKNOWN    /* the outcome is unknown and Stripe no longer knows the key */
};

/* Classifies an error of client.h (and config_invalid of stripe_open). */
enum stripe_failure stripe_failure_of(const struct err *why);
/* Whether the call certainly changed nothing at Stripe. False for STRIPE_FAILURE_NONE. */
bool stripe_failure_did_nothing(enum stripe_failure f);
/* Whether only the operator can fix it, and should see an alarm. */
bool stripe_failure_is_operators(enum stripe_failure f);

#endif
