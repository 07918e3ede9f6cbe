/* mirror.h: our copies of the subscriptions and invoices at Stripe: parsed from Stripe's JSON, stored, read.
 *
 * A mirror row holds what Stripe returned when it was asked, never the snapshot inside an event, and is never edited
 * by hand. Parsing is pure and follows API version STRIPE_API_VERSION: items carry the periods, and an invoice names
 * its subscription in `parent`. A field may be absent, null, an id or an expanded object. Unknown fields and values
 * are ignored. */
#ifndef PARLEY_BILLING_MIRROR_MIRROR_H
#define PARLEY_BILLING_MIRROR_MIRROR_H

#include "base/json.h"
#include "plan/subscription.h"

/* Stripe's states of an invoice. INVOICE_UNKNOWN: one that Stripe introduced after this release; INVOICE_DELETED is
 * ours. */
enum invoice_status {
    INVOICE_UNKNOWN,
    INVOICE_DRAFT,
    INVOICE_OPEN,
    INVOICE_PAID,
    INVOICE_VOID,
    INVOICE_UNCOLLECTIBLE,
    INVOICE_DELETED
};

struct invoice {
    struct str id, customer, subscription, number;
    struct str status_text, billing_reason; /* as Stripe names them: to be stored and shown */
    enum invoice_status status;
    bool for_change; /* made by a change of the subscription, not by its renewal */
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
/* JSON of the API to a struct, memory in the arena; prices are recognised by their rows in stripe_price or, without a
 * row, by metadata[plan_terms]. ERR_INVALID if the JSON is not such an object. Pure. */
enum status subscription_parse(struct arena *a, const struct json *j, struct subscription *out, struct err *e);
enum status invoice_parse(struct arena *a, const struct json *j, struct invoice *out, struct err *e);

/* Within the caller's transaction: find tenant and terms, carry known_status and first_failed_at over, and write the
 * row. The customer decides the tenant; the subscription's metadata counts only if no tenant has that customer. The
 * caller raises the generation "plan" of *tenant after its commit. `schedule` is the subscription's schedule object,
 * for next_terms, or NULL. */
enum status subscription_write(struct db *c, struct arena *a, const struct json *subscription,
                               const struct json *schedule, int64_t fetched_ms, struct subscription *out,
                               struct err *e);
enum status invoice_write(struct db *c, struct arena *a, const struct json *invoice, int64_t fetched_ms,
                          struct invoice *out, struct err *e);
/* The same for an open invoice from a list, which was fetched without the invoice's lease: a row that is newer, or
 * whose invoice can never be open again, is left alone. */
enum status invoice_write_listed(struct db *c, struct arena *a, const struct json *invoice, int64_t fetched_ms,
                                 struct err *e);

/* The tenant that a Stripe customer belongs to, or ID_NONE. A customer that was deleted at Stripe still names its
 * tenant. */
enum status mirror_customer_tenant(struct db *c, struct arena *a, struct str customer, struct id *tenant,
                                   struct err *e);
enum status mirror_tenant_state(struct db *c, struct arena *a, struct id tenant, bool *known, bool *deleted,
                                struct err *e);

/* Invoices, newest first, older than before_ms (0: from the newest). */
enum status invoice_list(struct db *c, struct id tenant, struct arena *a, int64_t before_ms, int limit,
                         struct invoice **out, size_t *n, struct err *e);
enum status invoice_get(struct db *c, struct id tenant, struct arena *a, struct str id, struct invoice *out,
                        struct err *e);
/* The open invoice that the subscription's pending update waits for. It need not be latest_invoice, because a
 * renewal may have followed. ERR_NOT_FOUND invoice_unknown if there is none or its mirror row has not arrived yet. */
enum status invoice_waited_for(struct db *c, struct id tenant, struct arena *a, const struct subscription *s,
                               struct invoice *out, struct err *e);

#endif
