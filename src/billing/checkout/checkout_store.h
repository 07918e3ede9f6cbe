/* checkout_store.h: rows of what owners do about money: customers, attempts to buy, changes of plan, bots that stay. All of one tenant. */
#ifndef PARLEY_BILLING_CHECKOUT_CHECKOUT_STORE_H
#define PARLEY_BILLING_CHECKOUT_CHECKOUT_STORE_H

#include "db/db.h"

/* ---- customers ---- */
enum status customer_store_current(struct db *c, struct id tenant, bool livemode, struct arena *a, struct str *out,
                                   struct err *e); /* "" if none */
enum status customer_store_count(struct db *c, struct id tenant, int64_t *n,
                                 struct err *e); /* of both modes, deleted ones too */
enum status customer_store_add(struct db *c, struct id tenant, bool livemode, struct str customer, int64_t now_ms,
                               struct err *e);
enum status customer_store_gone(struct db *c, struct id tenant, struct str customer, int64_t now_ms, struct err *e);
struct customer_call {
    int64_t serial, first_sent_ms;
    bool failed;
}; /* of keys "<prefix>.<serial>"; serial -1: none yet */
enum status customer_store_call(struct db *c, struct id tenant, struct arena *a, struct str prefix,
                                struct customer_call *out, struct err *e);
struct customer_facts {
    struct str workspace, email;
}; /* of the first owner; "" if there is none */
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
/* Those that may still be paid, newest first. */
enum status attempt_store_open(struct db *c, struct id tenant, bool livemode, int64_t now_ms, struct arena *a,
                               struct attempt **out, size_t *n, struct err *e);
enum status attempt_store_add(struct db *c, struct id tenant, bool livemode, const struct attempt *x, struct err *e);
enum status attempt_store_session(struct db *c, struct id tenant, struct id attempt, struct str session,
                                  struct err *e); /* now open */
enum status attempt_store_state(struct db *c, struct id tenant, struct id attempt, enum attempt_state state,
                                struct err *e);
enum status attempt_store_find(struct db *c, struct id tenant, struct arena *a, struct str session, struct attempt *out,
                               struct err *e); /* ERR_NOT_FOUND */

/* ---- changes ---- */
struct plan_change {
    struct id id;
    struct str subscription;
    const char *kind;
    struct id from, to;
};
enum status change_store_add(struct db *c, struct id tenant, const struct plan_change *x, int64_t now_ms,
                             struct err *e);
enum status change_store_finish(struct db *c, struct id tenant, struct id change, const char *state, int64_t now_ms,
                                struct err *e);
enum status change_store_last(struct db *c, struct id tenant, int64_t *finished_ms,
                              struct err *e); /* 0: never changed */

#endif
