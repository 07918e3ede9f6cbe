/* call.h: the rows of stripe_call: what was asked of Stripe, and what is known of its outcome. */
#ifndef PARLEY_STRIPE_CALL_H
#define PARLEY_STRIPE_CALL_H

#include "base/crypto.h"
#include "db/db.h"

enum stripe_call_state { CALL_STARTED, CALL_DONE, CALL_FAILED, CALL_UNKNOWN };
struct stripe_call {
    struct str idem_key, method, path;
    uint8_t params[CRYPTO_HASH];
    const struct id *tenant; /* written only */
    enum stripe_call_state state;
    int http_status; /* 0 = none */
    struct str object_id, request_id, error_code, error;
    int64_t attempts, first_sent_ms;
};

/* ERR_CONFLICT "duplicate" when the key is there. */
enum status stripe_call_add(struct db *c, const struct stripe_call *k, int64_t now_ms, struct err *e);
enum status stripe_call_find(struct db *c, struct str idem_key, struct arena *a, struct stripe_call *out,
                             struct err *e); /* ERR_NOT_FOUND */
/* A call that did nothing begins again, as of first_sent_ms. */
enum status stripe_call_restart(struct db *c, struct str idem_key, int64_t first_sent_ms, bool *changed, struct err *e);
/* The outcome: state, status, object, request, error. A call that is done stays done. `attempts` are added. */
enum status stripe_call_finish(struct db *c, const struct stripe_call *k, int64_t now_ms, struct err *e);
enum status stripe_call_settled(struct db *c, struct str idem_key, enum stripe_call_state state, struct str object_id,
                                int64_t now_ms, bool *changed, struct err *e);
/* Done and failed calls that were finished before: `limit` rows at a time. Days of reads too. */
enum status stripe_call_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);
/* Done ones with keys from..to, without `to`: of calls that are many and soon of no use. */
enum status stripe_call_forget_keys(struct db *c, struct str from, struct str to, int limit, int64_t *n, struct err *e);

enum status stripe_reads_add(struct db *c, int64_t now_ms, int64_t n, struct err *e);
enum status stripe_reads_since(struct db *c, int64_t from_ms, int64_t *out,
                               struct err *e); /* from the day of from_ms */

#endif
