/* event.h: the events that Stripe sends, as they are stored (stripe_event): what they name, their state, and what
 * operators do with them.
 *
 * An event only says which object to fetch. Its own copy of the object is never believed, so order, duplicates and
 * age do not matter. */
#ifndef PARLEY_BILLING_SYNC_EVENT_H
#define PARLEY_BILLING_SYNC_EVENT_H

#include "base/json.h"
#include "db/db.h"

/* pending: to be served. done: its object was fetched after it arrived. ignored: it does not concern this
 * installation. dead: it failed ten times; a refresh of its object or a replay serves it after all. */
enum event_state { EVENT_PENDING, EVENT_DONE, EVENT_IGNORED, EVENT_DEAD };
/* The state's name in the table, in JSON and on the command line: "pending". */
const char *event_state_name(enum event_state s);
/* False if there is no such state. */
bool event_state_parse(struct str name, enum event_state *out);

/* A type without the prefix "v1." of thin events. */
struct str event_type_plain(struct str type);
/* The types that decide more than which object is fetched. */
enum event_type {
    EVENT_TYPE_OTHER,
    EVENT_TYPE_METER_ERROR,    /* Stripe's meter did not accept usage */
    EVENT_TYPE_PAYMENT_FAILED, /* a delayed payment of a Checkout session failed */
};
enum event_type event_type_parse(struct str type);

/* What an event says about itself. */
struct event_envelope {
    struct str id, type;               /* "evt_...", "invoice.paid"; a thin event: "v1.invoice.paid" */
    struct str object_type, object_id; /* "invoice", "in_..."; "" where there is none */
    struct str api_version;            /* "" in a thin event */
    struct str account;                /* another account; "" when it is ours */
    bool thin, livemode;
    int64_t created_ms; /* 0: not given */
};
/* Reads snapshot events (`object: event`) and thin ones (`object: v2.core.event`). An invoice without an id
 * (invoice.upcoming) names its subscription instead. ERR_INVALID: json_*, event_invalid. Memory in the arena. Pure. */
enum status event_envelope_parse(struct arena *a, struct str body, struct event_envelope *out, struct err *e);
enum status event_envelope_of(const struct json *j, struct event_envelope *out, struct err *e);

/* Stores an event, as it was received or as Stripe's list has it. *fresh is false when it is already stored. Needs
 * only INSERT. */
enum status event_add(struct db *c, const struct event_envelope *v, struct str payload, int64_t now_ms, bool *fresh,
                      struct err *e);
/* Whether an event about this object is stored that has not been served (pending or dead). */
enum status event_waits(struct db *c, struct arena *a, struct str object, bool livemode, bool *waits, struct err *e);

struct event_depth {
    int64_t pending, dead, oldest_ms; /* oldest_ms: how long the oldest pending one has waited */
};
enum status event_depth(struct db *c, struct event_depth *out, struct err *e);

struct stripe_event {
    struct str id, type, object_type, object_id, last_error;
    enum event_state state;
    int attempts;
    int64_t created_ms, received_ms, due_ms;
    bool thin;
};
/* Events in state *only (NULL: all), newest first. Memory in the arena. */
enum status event_list(struct db *c, struct arena *a, const enum event_state *only, int limit,
                       struct stripe_event **out, size_t *n, struct err *e);
/* ERR_NOT_FOUND. */
enum status event_get(struct db *c, struct arena *a, struct str event, struct stripe_event *out, struct err *e);
/* The body as it was received. ERR_NOT_FOUND event_unknown. */
enum status event_payload(struct db *c, struct arena *a, struct str event, struct str *out, struct err *e);
/* Makes a dead, done or ignored event pending again, and clears its alarm. ERR_NOT_FOUND event_unknown. */
enum status event_replay(struct db *c, struct str event, struct err *e);
/* Deletes at most `limit` done and ignored events that were received before then; *n is how many. */
enum status event_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
