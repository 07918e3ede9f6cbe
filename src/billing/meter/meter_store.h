/* meter_store.h: the rows of meter_outbox, and the counters they are made from. */
#ifndef PARLEY_BILLING_METER_METER_STORE_H
#define PARLEY_BILLING_METER_METER_STORE_H

#include "billing/meter/meter.h"

/* ---- counters ---- */

struct meter_counter {
    struct id tenant;
    int64_t period_start_ms, period_end_ms, unsent_ms, used, reported;
    struct str customer;
};
/* Counters with unsent conversations and no row that has been pending since before waits_ms, oldest first; tenant and
 * period only. */
enum status meter_store_grown(struct db *c, struct arena *a, int64_t waits_ms, int limit, struct meter_counter **out,
                              size_t *n, struct err *e);
enum status meter_store_grown_of(struct db *c, struct id tenant, struct arena *a, struct meter_counter **out, size_t *n,
                                 struct err *e);
/* Locks the counter until the transaction ends and fills in the rest; *found is false when nothing is unsent. */
enum status meter_store_lock(struct db *c, struct arena *a, struct meter_counter *k, bool *found, struct err *e);

/* Counters of periods that ended between the two moments, with conversations beyond the terms of which some (`late`)
 * reached Stripe after the invoice (invoiced_ms; 0: there is none) or not at all. Those that an alarm has reported are
 * left out. */
struct meter_unbilled {
    struct id tenant;
    struct str subscription;
    int64_t period_start_ms, used, included, late, invoiced_ms;
};
enum status meter_store_unbilled(struct db *c, struct arena *a, int64_t from_ms, int64_t to_ms,
                                 struct meter_unbilled **out, size_t *n, struct err *e);

/* ---- rows ---- */

enum status meter_store_add(struct db *c, const struct meter_row *r, struct err *e);
/* The row that has been due longest, of a customer of this mode whose lease is free; tenant NULL: of any.
 * ERR_NOT_FOUND. */
enum status meter_store_due(struct db *c, struct arena *a, const struct id *tenant, bool livemode, int64_t now_ms,
                            struct meter_row *out, struct err *e);
enum status meter_store_get(struct db *c, struct arena *a, struct id row, struct meter_row *out, struct err *e);
/* Marks the row unknown and counts a try. */
enum status meter_store_begin(struct db *c, const struct meter_row *r, int64_t now_ms, int64_t due_ms, struct err *e);
/* Sets state METER_PENDING or METER_UNKNOWN and the next try. first_sent_ms 0: never sent. Does nothing when the row is
 * sent or rejected. */
enum status meter_store_put_off(struct db *c, const struct meter_row *r, enum meter_state state, int64_t first_sent_ms,
                                int64_t due_ms, struct str why, struct err *e);
enum status meter_store_sent(struct db *c, const struct meter_row *r, int64_t now_ms, struct err *e);
enum status meter_store_rejected(struct db *c, const struct meter_row *r, struct str why, int64_t now_ms, bool *changed,
                                 struct err *e);
/* Makes a rejected row pending under a new id. */
enum status meter_store_again(struct db *c, const struct meter_row *r, struct id new_id, int64_t now_ms,
                              struct str note, bool *changed, struct err *e);
enum status meter_store_list(struct db *c, struct arena *a, const enum meter_state *only, int limit,
                             struct meter_row **out, size_t *n, struct err *e);
enum status meter_store_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

/* ---- sums ---- */

struct meter_sums {
    int64_t sent, unknown, last_sent_ms;
};
enum status meter_store_sums(struct db *c, struct str customer, int64_t from_ms, int64_t to_ms, struct meter_sums *out,
                             struct err *e);
/* The number of pending and unknown rows of a tenant. */
enum status meter_store_unsent(struct db *c, struct id tenant, int64_t *n, struct err *e);
/* Unknown rows that were first sent before old_ms. */
enum status meter_store_unknown(struct db *c, struct arena *a, struct str customer, int64_t from_ms, int64_t to_ms,
                                int64_t old_ms, struct meter_row **out, size_t *n, struct err *e);
enum status meter_store_sent_in(struct db *c, struct arena *a, struct str customer, int64_t from_ms, int64_t to_ms,
                                struct meter_row **out, size_t *n, struct err *e);
struct meter_counts {
    int64_t pending, unknown, rejected;     /* rows */
    int64_t waiting;                        /* conversations */
    int64_t oldest_row_ms, oldest_count_ms; /* 0: none */
};
enum status meter_store_counts(struct db *c, struct meter_counts *out, struct err *e);

#endif
