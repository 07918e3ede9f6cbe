/* subscription.c: the states of a subscription by Stripe's names. A name that this release does not know is
 * STRIPE_UNKNOWN, which never grants more than the state before it did. */
#include "plan/subscription.h"

#include "base/banned.h"

static const char *const status_names[] = {
    [STRIPE_UNKNOWN] = "unknown",
    [STRIPE_INCOMPLETE] = "incomplete",
    [STRIPE_INCOMPLETE_EXPIRED] = "incomplete_expired",
    [STRIPE_TRIALING] = "trialing",
    [STRIPE_ACTIVE] = "active",
    [STRIPE_PAST_DUE] = "past_due",
    [STRIPE_CANCELED] = "canceled",
    [STRIPE_UNPAID] = "unpaid",
    [STRIPE_PAUSED] = "paused",
};
#define STATUSES COUNT_OF(status_names)

enum stripe_status stripe_status_parse(struct str s)
{
    return (enum stripe_status)str_among_or(s, status_names, STATUSES, STRIPE_UNKNOWN);
}

const char *stripe_status_name(enum stripe_status s)
{
    return (size_t)s < STATUSES ? status_names[s] : status_names[STRIPE_UNKNOWN];
}
