/* checkout_store.h: the rows of billing_customer, checkout_attempt and plan_change, of one tenant each. */
#ifndef PARLEY_BILLING_CHECKOUT_CHECKOUT_STORE_H
#define PARLEY_BILLING_CHECKOUT_CHECKOUT_STORE_H

#include "billing/checkout/checkout.h"
#include "db/db.h"

/* ---- customers ---- */
/* The tenant's customer at Stripe; "" if none. */
enum status customer_store_current(struct db *c, struct id tenant, bool livemode, struct arena *a, struct str *out,
                                   struct err *e);
/* The number of customers of both modes, deleted ones included. */
enum status customer_store_count(struct db *c, struct id tenant, int64_t *n, struct err *e);
enum status customer_store_add(struct db *c, struct id tenant, bool livemode, struct str customer, int64_t now_ms,
                               struct err *e);
enum status customer_store_gone(struct db *c, struct id tenant, struct str customer, int64_t now_ms, struct err *e);
/* The last call under the keys "<prefix>.<serial>"; serial -1: none yet. */
struct customer_call {
    int64_t serial, first_sent_ms;
    bool failed;
};
enum status customer_store_call(struct db *c, struct id tenant, struct arena *a, struct str prefix,
                                struct customer_call *out, struct err *e);
/* email: of the first owner; "" if there is none. */
struct customer_facts {
    struct str workspace, email;
};
enum status customer_store_facts(struct db *c, struct id tenant, struct arena *a, struct customer_facts *out,
                                 struct err *e);

/* ---- attempts ---- */
enum attempt_state { ATTEMPT_CREATING, ATTEMPT_OPEN, ATTEMPT_COMPLETE, ATTEMPT_EXPIRED, ATTEMPT_FAILED };
struct attempt {
    struct id id, terms;
    struct str session;
    enum attempt_state state;
    int64_t created_ms, expires_ms;
};
/* Attempts that may still be paid, newest first. */
enum status attempt_store_open(struct db *c, struct id tenant, bool livemode, int64_t now_ms, struct arena *a,
                               struct attempt **out, size_t *n, struct err *e);
enum status attempt_store_add(struct db *c, struct id tenant, bool livemode, const struct attempt *x, struct err *e);
/* Records the session: the attempt is open. */
enum status attempt_store_session(struct db *c, struct id tenant, struct id attempt, struct str session, struct err *e);
/* Sets the state; a complete attempt stays complete. */
enum status attempt_store_state(struct db *c, struct id tenant, struct id attempt, enum attempt_state state,
                                struct err *e);
/* ERR_NOT_FOUND. */
enum status attempt_store_find(struct db *c, struct id tenant, struct arena *a, struct str session, struct attempt *out,
                               struct err *e);

/* ---- changes ---- */
struct plan_change {
    struct id id;
    struct str subscription;
    enum change_kind kind;
    struct id from, to; /* terms */
};
/* ASKED: the outcome of the call is not known. WAITING: for a payment. */
enum change_outcome { OUTCOME_FAILED, OUTCOME_ASKED, OUTCOME_WAITING, OUTCOME_DONE };
/* The names in the table and in the audit log: "upgrade", "done". */
const char *change_kind_name(enum change_kind k);
const char *change_outcome_name(enum change_outcome o);
enum status change_store_add(struct db *c, struct id tenant, const struct plan_change *x, int64_t now_ms,
                             struct err *e);
enum status change_store_finish(struct db *c, struct id tenant, struct id change, enum change_outcome outcome,
                                int64_t now_ms, struct err *e);
/* When the tenant last changed something; 0: never. */
enum status change_store_last(struct db *c, struct id tenant, int64_t *finished_ms, struct err *e);

#endif
