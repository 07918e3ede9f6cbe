/* mirror.h: Stripe's subscriptions and invoices as rows here: read from Stripe's JSON, written, read back.
 *
 * A mirror row is a fact fetched from Stripe, never an event's snapshot, and nobody edits it by hand. Reading JSON is pure and
 * holds for API version STRIPE_API_VERSION: periods stand in the items, the subscription of an invoice in its `parent`; fields may
 * be absent, null, an id or an expanded object; unknown fields and values are kept or ignored, never fatal. */
#ifndef PARLEY_BILLING_MIRROR_MIRROR_H
#define PARLEY_BILLING_MIRROR_MIRROR_H

#include "base/json.h"
#include "plan/subscription.h"

struct invoice {
    struct str id, customer, subscription, number, status, billing_reason;
    struct id tenant;
    bool livemode;
    char currency[4];
    int64_t total, amount_due, amount_paid, amount_remaining;
    int attempt_count;
    int64_t next_attempt_ms, finalized_ms;
    bool finalization_failed;
    struct str hosted_url, pdf_url;
    int64_t created_ms, fetched_ms;
};
/* JSON of the API to a struct, memory in the arena; prices are told apart by stripe_price rows (mirror_write) or, failing these,
 * by metadata[plan_terms]. ERR_INVALID when it is not such an object. Pure. */
enum status subscription_parse(struct arena *a, const struct json *j, struct subscription *out, struct err *e);
enum status invoice_parse(struct arena *a, const struct json *j, struct invoice *out, struct err *e);

/* Inside the caller's transaction: finds tenant (by customer, else by the subscription's metadata when its customer is unknown
 * AND belongs to nobody else) and terms, keeps known_status and first_failed_at as their rules say, writes the row, bumps nothing
 * (the caller bumps the generation "plan" of *tenant after the commit). `schedule` may be NULL: the subscription's schedule object,
 * for next_terms. */
enum status subscription_write(struct db *c, struct arena *a, const struct json *subscription,
                               const struct json *schedule, int64_t fetched_ms, struct subscription *out,
                               struct err *e);
enum status invoice_write(struct db *c, struct arena *a, const struct json *invoice, int64_t fetched_ms,
                          struct invoice *out, struct err *e);

/* The tenant that a Stripe customer belongs to; ID_NONE: none here. A customer that was deleted at Stripe still says whose it was. */
enum status mirror_customer_tenant(struct db *c, struct arena *a, struct str customer, struct id *tenant,
                                   struct err *e);
enum status mirror_tenant_state(struct db *c, struct arena *a, struct id tenant, bool *known, bool *deleted,
                                struct err *e);

/* Newest first; before_ms 0 = from the newest. */
enum status invoice_list(struct db *c, struct id tenant, struct arena *a, int64_t before_ms, int limit,
                         struct invoice **out, size_t *n, struct err *e);
enum status invoice_get(struct db *c, struct id tenant, struct arena *a, struct str id, struct invoice *out,
                        struct err *e);
/* The open invoice that the subscription's pending update waits for; a renewal may have come after it, so that it need not be latest_invoice.
 * ERR_NOT_FOUND invoice_unknown: none, or its mirror is still to come. */
enum status invoice_waited_for(struct db *c, struct id tenant, struct arena *a, const struct subscription *s,
                               struct invoice *out, struct err *e);

#endif
