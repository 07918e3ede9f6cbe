/* client_internal.h: what the files of the client share; nobody else includes it. */
#ifndef PARLEY_STRIPE_CLIENT_INTERNAL_H
#define PARLEY_STRIPE_CLIENT_INTERNAL_H

#include "stripe/client.h"

/* One request, and what became of it after all its tries. */
struct stripe_exchange {
    const char *method, *path;
    struct str query, body; /* encoded */
    bool is_json;           /* of the body */
    struct str idem_key;    /* "" = none */
    int64_t deadline_ms;
    /* the outcome */
    struct json *answer; /* of the last try; NULL when it was no JSON */
    struct str request_id;
    int status, tries; /* status 0 = no answer */
    bool replayed;
    bool
        uncertain; /* it may have been carried out although this try failed; set it before when an earlier call left that open */
};
enum status stripe_send(struct stripe *s, struct arena *a, struct stripe_exchange *x, struct err *e);

/* An answer of status 400 and more in words. */
enum status stripe_error(const struct stripe_exchange *x, struct str limited_by, struct err *e);
struct str stripe_error_code(const struct json *answer); /* error.code or, without one, error.type; "" */

void stripe_reads_flush(struct stripe *s);

#endif
