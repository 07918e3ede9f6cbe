/* receive.h: what comes in at /hooks/stripe: verify, store, done. It needs nothing but the config and INSERT on stripe_event; the worker
 * judges and serves what is stored (sync.h). */
#ifndef PARLEY_BILLING_SYNC_RECEIVE_H
#define PARLEY_BILLING_SYNC_RECEIVE_H

#include "base/config.h"
#include "base/json.h"
#include "db/db.h"

#define HOOK_MAX_BODY (512 << 10) /* bytes */

/* What an event says of itself; its object's fields are not believed but looked up. */
struct event_envelope {
    struct str id, type;               /* "evt_...", "invoice.paid"; of a thin event "v1.invoice.paid" */
    struct str object_type, object_id; /* "invoice", "in_..."; "" where there is none */
    struct str api_version;            /* "" of a thin event */
    struct str account;                /* of somebody else; "" when it is ours */
    bool thin, livemode;
    int64_t created_ms; /* 0: it says none */
};
/* Snapshot (`object: event`) and thin (`object: v2.core.event`) events. An invoice without an id (invoice.upcoming) names its
 * subscription instead. ERR_INVALID: json_*, event_invalid. Memory in the arena. Pure. */
enum status event_envelope_parse(struct arena *a, struct str body, struct event_envelope *out, struct err *e);
enum status event_envelope_of(const struct json *j, struct event_envelope *out, struct err *e);

/* Stores an event, as it was received or as Stripe's list has it. *fresh is false when it is stored already. */
enum status event_add(struct db *c, const struct event_envelope *v, struct str payload, int64_t now_ms, bool *fresh,
                      struct err *e);

/* `signature` is the Stripe-Signature header ("" if none), `body` the raw bytes. OK also for an event stored before, and for one of the
 * other mode, of another account or API version: the worker ignores it and raises an alarm. ERR_INVALID: signature_*, json_*,
 * event_invalid (400: Stripe shows it); ERR_UNAVAILABLE: the database is away (503, Stripe comes again); ERR_NOT_FOUND: no secret
 * is configured. Wakes the worker. */
enum status hook_receive(struct db_pool *p, const struct config *c, struct str signature, struct str body,
                         struct err *e);

#endif
