/* event_store.h: the rows of stripe_event. hooks.fcgi uses only event_store_add and has only the right to INSERT. */
#ifndef PARLEY_BILLING_SYNC_EVENT_STORE_H
#define PARLEY_BILLING_SYNC_EVENT_STORE_H

#include "billing/sync/event.h"

/* *fresh is false when the event is already stored. */
enum status event_store_add(struct db *c, const struct event_envelope *v, struct str payload, int64_t now_ms,
                            bool *fresh, struct err *e);

struct event_due {
    struct event_envelope v;
    int attempts; /* before this one */
};
/* The pending event that has been due longest, locked until the transaction ends. */
enum status event_store_lock_due(struct db *c, struct arena *a, int64_t now_ms, struct event_due *out, bool *found,
                                 struct err *e);
/* Counts an attempt and moves the due time. */
enum status event_store_claim(struct db *c, struct str id, int64_t until_ms, struct err *e);
/* counts false: the attempt does not count. */
enum status event_store_put_off(struct db *c, struct str id, int64_t due_ms, bool counts, struct str why,
                                struct err *e);
/* Sets the final state of a pending event. */
enum status event_store_end(struct db *c, struct str id, enum event_state state, struct str why, struct err *e);

/* The pending and dead events of this object and mode, which a refresh of the object serves; and that they were
 * served. */
struct event_name {
    struct str id, type;
};
enum status event_store_of_object(struct db *c, struct arena *a, struct str object, bool livemode, int limit,
                                  struct event_name **out, size_t *n, struct err *e);
enum status event_store_done(struct db *c, struct arena *a, const struct event_name *events, size_t n, struct err *e);

enum status event_store_depth(struct db *c, struct arena *a, int64_t now_ms, struct event_depth *out, struct err *e);
enum status event_store_get(struct db *c, struct arena *a, struct str id, struct stripe_event *out, struct err *e);
enum status event_store_list(struct db *c, struct arena *a, const enum event_state *only, int limit,
                             struct stripe_event **out, size_t *n, struct err *e);
enum status event_store_payload(struct db *c, struct arena *a, struct str id, struct str *out, struct err *e);
enum status event_store_replay(struct db *c, struct str id, int64_t now_ms, int64_t *n, struct err *e);
enum status event_store_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
