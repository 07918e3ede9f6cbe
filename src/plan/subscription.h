/* subscription.h: Stripe's subscriptions as rows here (subscription_mirror), from which a tenant's entitlements follow.
 *
 * A row is a fact that was fetched from Stripe, never the content of an event. Only billing/mirror writes rows. */
#ifndef PARLEY_PLAN_SUBSCRIPTION_H
#define PARLEY_PLAN_SUBSCRIPTION_H

#include "db/db.h"

#define STRIPE_ID_MAX 256 /* Stripe's ids have at most 255 characters */

/* Stripe's states of a subscription. STRIPE_UNKNOWN: one that Stripe introduced after this release. */
enum stripe_status {
    STRIPE_UNKNOWN,
    STRIPE_INCOMPLETE,
    STRIPE_INCOMPLETE_EXPIRED,
    STRIPE_TRIALING,
    STRIPE_ACTIVE,
    STRIPE_PAST_DUE,
    STRIPE_CANCELED,
    STRIPE_UNPAID,
    STRIPE_PAUSED
};
enum stripe_status stripe_status_parse(struct str s);
const char *stripe_status_name(enum stripe_status s);

struct subscription {
    struct str id, customer;
    struct id tenant; /* ID_NONE: the customer is not known here */
    bool livemode;
    struct str status_text;
    enum stripe_status status;
    enum stripe_status known_status; /* the last one this release knew, and when that was fetched */
    int64_t known_ms;
    struct id terms; /* of the base item's price; ID_NONE: a price that Parley did not create */
    struct str base_item, base_price, usage_item, usage_price;
    int items;
    int64_t period_start_ms, period_end_ms, anchor_ms; /* of the base item */
    int64_t cancel_at_ms;                              /* 0: none */
    bool cancel_at_period_end;
    int64_t canceled_ms, ended_ms, trial_end_ms;
    bool collection_paused;
    int64_t first_failed_ms; /* since when a payment is missing; 0: none is */
    int64_t pending_update_expires_ms;
    struct str schedule;
    struct id next_terms; /* what the schedule changes to, and when */
    int64_t next_ms;
    struct str latest_invoice;
    int64_t created_ms, fetched_ms;
};

/* The tenant's subscriptions, ended ones too, oldest first. Memory in the arena. */
enum status subscription_list(struct db *c, struct id tenant, struct arena *a, struct subscription **out, size_t *n,
                              struct err *e);
/* All subscriptions of a Stripe customer, also of one that no tenant here has. Oldest first. */
enum status subscription_of_customer(struct db *c, struct arena *a, struct str customer, struct subscription **out,
                                     size_t *n, struct err *e);
/* Of any tenant, for the worker. ERR_NOT_FOUND subscription_unknown. */
enum status subscription_get(struct db *c, struct arena *a, struct str id, struct subscription *out, struct err *e);
/* Inside a transaction: the row, locked until the end; *found is false when there is none. */
enum status subscription_lock(struct db *c, struct arena *a, struct str id, struct subscription *out, bool *found,
                              struct err *e);
/* Inserts or replaces the row. For billing/mirror only. */
enum status subscription_put(struct db *c, const struct subscription *s, struct err *e);

#endif
