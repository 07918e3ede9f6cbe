/* event_store.h: the rows of stripe_event. hooks.fcgi uses event_store_add alone, whose right is INSERT. */
#ifndef PARLEY_BILLING_SYNC_EVENT_STORE_H
#define PARLEY_BILLING_SYNC_EVENT_STORE_H

#include "billing/sync/receive.h"
#include "billing/sync/sync.h"

/* *fresh false: it is there already. */
enum status event_store_add(struct db *c, const struct event_envelope *v, struct str payload, int64_t now_ms,
                            bool *fresh, struct err *e);

struct event_due {
    struct event_envelope v;
    int attempts; /* before this one */
};
/* The pending one that is due longest, locked until the transaction's end. */
enum status event_store_lock_due(struct db *c, struct arena *a, int64_t now_ms, struct event_due *out, bool *found,
                                 struct err *e);
enum status event_store_claim(struct db *c, struct str id, int64_t until_ms, struct err *e); /* one attempt more */
enum status event_store_put_off(struct db *c, struct str id, int64_t due_ms, bool counts, struct str why,
                                struct err *e);
/* "done", "ignored" or "dead": of one that is pending. */
enum status event_store_end(struct db *c, struct str id, const char *state, struct str why, struct err *e);

/* Waiting or given up, of this object and mode: what a look at the object serves. */
struct event_name {
    struct str id, type;
};
enum status event_store_of_object(struct db *c, struct arena *a, struct str object, bool livemode, int limit,
                                  struct event_name **out, size_t *n, struct err *e);
enum status event_store_done(struct db *c, struct arena *a, const struct event_name *events, size_t n, struct err *e);

enum status event_store_depth(struct db *c, struct arena *a, int64_t now_ms, struct sync_depth *out, struct err *e);
enum status event_store_get(struct db *c, struct arena *a, struct str id, struct stripe_event *out, struct err *e);
enum status event_store_list(struct db *c, struct arena *a, const char *state, int limit, struct stripe_event **out,
                             size_t *n, struct err *e);
enum status event_store_payload(struct db *c, struct arena *a, struct str id, struct str *out, struct err *e);
enum status event_store_replay(struct db *c, struct str id, int64_t now_ms, int64_t *n, struct err *e);
enum status event_store_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
