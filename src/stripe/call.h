/* call.h: the record of calls to Stripe (table stripe_call): every POST with what is known of its outcome, and how
 * many GETs were sent on each day. The client writes it; the meter reads and cleans up its own calls.
 *
 * State of a call: started (committed before the first byte is sent) -> done | failed (nothing happened) | unknown.
 * A failed call may start again under its key. A done call stays done. */
#ifndef PARLEY_STRIPE_CALL_H
#define PARLEY_STRIPE_CALL_H

#include "base/crypto.h"
#include "db/db.h"

enum stripe_call_state { CALL_STARTED, CALL_DONE, CALL_FAILED, CALL_UNKNOWN };
struct stripe_call {
    struct str idem_key, method, path;
    uint8_t params[CRYPTO_HASH]; /* digest of path and body */
    const struct id *tenant;     /* written only; may be NULL */
    enum stripe_call_state state;
    int http_status; /* 0 = none */
    struct str object_id, request_id, error_code, error;
    int64_t attempts, first_sent_ms;
};

/* Adds a started call. ERR_CONFLICT "duplicate" when the key exists. */
enum status stripe_call_add(struct db *c, const struct stripe_call *k, int64_t now_ms, struct err *e);
/* Reads a call; request_id and errors are left empty. Memory in the arena. ERR_NOT_FOUND. */
enum status stripe_call_find(struct db *c, struct str idem_key, struct arena *a, struct stripe_call *out,
                             struct err *e);
/* Starts a failed call again, as if first sent at first_sent_ms. *changed is false when it is not in state failed. */
enum status stripe_call_restart(struct db *c, struct str idem_key, int64_t first_sent_ms, bool *changed, struct err *e);
/* Records the outcome: state, HTTP status, object, request id, error. `attempts` are added to those before. */
enum status stripe_call_finish(struct db *c, const struct stripe_call *k, int64_t now_ms, struct err *e);
/* Records the outcome that was found out later. *changed is false unless the call was started or unknown. */
enum status stripe_call_settled(struct db *c, struct str idem_key, enum stripe_call_state state, struct str object_id,
                                int64_t now_ms, bool *changed, struct err *e);
/* Deletes at most `limit` done and failed calls, and days of GETs, that were first sent before then; *n is how many.
 * Their keys could be used again. */
enum status stripe_call_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);
/* Deletes at most `limit` done calls with from <= key < to: calls that are frequent and soon of no use (meter
 * events). */
enum status stripe_call_forget_keys(struct db *c, struct str from, struct str to, int limit, int64_t *n, struct err *e);

/* Adds n GETs to the UTC day of now_ms. */
enum status stripe_reads_add(struct db *c, int64_t now_ms, int64_t n, struct err *e);
/* The number of GETs recorded from the UTC day of from_ms on. */
enum status stripe_reads_since(struct db *c, int64_t from_ms, int64_t *out, struct err *e);

#endif
