/* object.h: the kinds of Stripe's objects and their states as enums, so that only object.c compares words.
 *
 * The words are those of Stripe's API reference at STRIPE_API_VERSION. A word that this release does not know is
 * ..._UNKNOWN; what that means is for the caller to decide. The states of subscriptions are in plan/subscription.h,
 * those of invoices in billing/mirror/mirror.h. Pure functions, any thread. */
#ifndef PARLEY_STRIPE_OBJECT_H
#define PARLEY_STRIPE_OBJECT_H

#include "base/json.h"

enum stripe_object {
    STRIPE_OBJECT_UNKNOWN,
    STRIPE_OBJECT_SUBSCRIPTION,
    STRIPE_OBJECT_INVOICE,
    STRIPE_OBJECT_SESSION, /* of Checkout */
    STRIPE_OBJECT_CUSTOMER,
    STRIPE_OBJECT_SCHEDULE, /* of a subscription */
    STRIPE_OBJECT_CHARGE,
    STRIPE_OBJECT_DISPUTE,
    STRIPE_OBJECT_PRICE,
    STRIPE_OBJECT_PRODUCT,
};
/* By the word in the field "object", for example "checkout.session". */
enum stripe_object stripe_object_parse(struct str word);
const char *stripe_object_name(enum stripe_object o); /* "unknown" for STRIPE_OBJECT_UNKNOWN */

/* The state of a Checkout session, from its field "status". COMPLETE does not mean that it has been paid. */
enum stripe_session {
    STRIPE_SESSION_UNKNOWN,
    STRIPE_SESSION_OPEN,
    STRIPE_SESSION_COMPLETE,
    STRIPE_SESSION_EXPIRED,
};
enum stripe_session stripe_session_of(const struct json *session);

/* Whether a Checkout session has been paid, from its field "payment_status". */
enum stripe_payment {
    STRIPE_PAYMENT_UNKNOWN,
    STRIPE_PAYMENT_PAID,
    STRIPE_PAYMENT_UNPAID,
    STRIPE_PAYMENT_NOT_REQUIRED, /* nothing is due yet, as at the beginning of a trial */
};
enum stripe_payment stripe_payment_of(const struct json *session);

enum stripe_schedule {
    STRIPE_SCHEDULE_UNKNOWN,
    STRIPE_SCHEDULE_NOT_STARTED,
    STRIPE_SCHEDULE_ACTIVE,
    STRIPE_SCHEDULE_COMPLETED,
    STRIPE_SCHEDULE_RELEASED,
    STRIPE_SCHEDULE_CANCELED,
};
enum stripe_schedule stripe_schedule_of(const struct json *schedule);

/* The states in which a dispute has ended. "warning_closed" is an inquiry that led to no dispute. */
enum stripe_dispute {
    STRIPE_DISPUTE_OTHER,
    STRIPE_DISPUTE_WON,
    STRIPE_DISPUTE_LOST,
    STRIPE_DISPUTE_WARNING_CLOSED,
};
enum stripe_dispute stripe_dispute_of(const struct json *dispute);

/* What can be switched off in the dashboard: a webhook endpoint or event destination ("enabled" or "disabled"), or a
 * meter ("active" or "inactive"). */
enum stripe_switch { STRIPE_SWITCH_UNKNOWN, STRIPE_SWITCH_ON, STRIPE_SWITCH_OFF };
enum stripe_switch stripe_switch_of(const struct json *object);

#endif
