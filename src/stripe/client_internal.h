/* client_internal.h: what the files of the Stripe client share. */
#ifndef PARLEY_STRIPE_CLIENT_INTERNAL_H
#define PARLEY_STRIPE_CLIENT_INTERNAL_H

#include "stripe/client.h"

/* One request and its outcome after all tries. */
struct stripe_exchange {
    const char *method, *path;
    struct str query, body; /* encoded */
    bool is_json;           /* the body */
    struct str idem_key;    /* "" = none */
    int64_t deadline_ms;
    /* The outcome: */
    struct json *answer; /* of the last try; NULL when it was not JSON */
    struct str request_id;
    int status, tries; /* status 0 = no answer */
    bool replayed;
    /* The call may have been carried out although it failed. Set it before when an earlier call left that open. */
    bool uncertain;
};
/* Sends the request, with retries, within x->deadline_ms. */
enum status stripe_send(struct stripe *s, struct arena *a, struct stripe_exchange *x, struct err *e);

/* Fills e from an answer with status 400 or above. limited_by: the header Stripe-Rate-Limited-Reason. */
enum status stripe_error(const struct stripe_exchange *x, struct str limited_by, struct err *e);
/* The codes and types of errors that decide what happens next. */
enum stripe_reason {
    STRIPE_REASON_OTHER,
    STRIPE_REASON_CARD,             /* type card_error */
    STRIPE_REASON_KEY_REUSED,       /* type idempotency_error */
    STRIPE_REASON_RESOURCE_MISSING, /* code */
    STRIPE_REASON_LOCK_TIMEOUT,     /* code */
    STRIPE_REASON_KEY_IN_USE,       /* code */
};
enum stripe_reason stripe_error_reason(const struct json *answer);

#endif
