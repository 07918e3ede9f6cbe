/* checkout.h: what an owner does about money: buy, change, cancel, come back, see cards and invoices.
 *
 * What changes something runs under the lease "tenant:<id>", so that two owners or two tabs come one after the other: the second waits
 * up to 8 s (then ERR_CONFLICT billing_busy). Each POST's idempotency key is made from a row stored before the call. Nothing here
 * grants a right: after the call the object is looked at again (sync_object) and the mirror decides. Card and payment words come from
 * Stripe; what only the operator can mend is an alarm and ERR_UNAVAILABLE billing_unavailable; all errors are fit for the owner. `who` needs
 * BILLING_WRITE, which the route has checked. No connection of the pool is held while Stripe is waited for: hold none. */
#ifndef PARLEY_BILLING_CHECKOUT_CHECKOUT_H
#define PARLEY_BILLING_CHECKOUT_CHECKOUT_H

#include "plan/entitlement.h"
#include "stripe/client.h"

/* The tenant's Stripe customer, made when there is none (or the last was deleted at Stripe). */
enum status customer_ensure(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                            struct str *out, struct err *e);

/* The address of Stripe's checkout page for a plan's current terms. A second click gets the same session; another plan expires the
 * first. ERR_CONFLICT code subscribed when there is a live subscription (change it instead); ERR_INVALID plan_unknown, plan_not_sold. */
enum status checkout_begin(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                           struct str plan, struct str *url, struct err *e);
enum checkout_outcome { CHECKOUT_UNKNOWN, CHECKOUT_OPEN, CHECKOUT_PAYING, CHECKOUT_DONE, CHECKOUT_EXPIRED };
/* The browser came back with a session id, which proves nothing: looks at it at Stripe if it is this tenant's. Never grants. PAYING: paid, or
 * being paid, and not in the mirror yet; EXPIRED also when the payment failed for good. */
enum status checkout_return(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                            struct str session, enum checkout_outcome *out, struct err *e);

/* Of the mirror's rows: not ended, whatever it gives; the one that a change is about (NULL: none), and how many there are. Pure. */
const struct subscription *standing_choose(const struct subscription *list, size_t n, bool livemode, size_t *standing);
/* One was bought before, whatever became of it: there is no second trial. Pure. */
bool subscription_had(const struct subscription *list, size_t n, bool livemode);

enum change_kind {
    CHANGE_NONE,
    CHANGE_BUY,
    CHANGE_UPGRADE,
    CHANGE_DOWNGRADE,
    CHANGE_CANCEL,
    CHANGE_MOVE /* to today's terms of the same plan */
};
struct change_preview {
    enum change_kind kind;
    const struct plan *from, *to; /* from: the free one too where the price is nobody's here, as that gives nothing */
    const struct plan
        *then; /* of a cancellation: what holds afterwards, the plan that was given or the free one; else to */
    int64_t due_now, next_amount; /* smallest unit; due_now 0 for a downgrade */
    char currency[4];
    int64_t at_ms;        /* when it takes effect */
    int64_t proration_ms; /* hand back to change_apply, so that it costs what was shown */
    struct {
        struct str words;
        int64_t amount;
    } lines[20];
    size_t line_n;
    int64_t bots_have, bots_keep; /* have > keep: choose which stay */
};
/* What another plan would cost now (POST /v1/invoices/create_preview for an upgrade). to "free" = cancel at the period's end. */
enum status change_preview(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                           struct str plan, struct change_preview *out, struct err *e);
/* Upgrade now (always_invoice, pending_if_incomplete: no payment, no change; ERR_PLAN code payment_needed with *pay_url, the invoice's page,
 * "" if it is not known yet; once conversations were counted in the period, error_if_incomplete: a card that fails is ERR_PLAN stripe_<code>);
 * downgrade, move or cancel at the period's end (a subscription schedule, or cancel_at_period_end). `keep`: the bots that stay (0: the oldest);
 * ERR_INVALID bots_too_many, ERR_NOT_FOUND bot_unknown, pointer "keep". ERR_CONFLICT: billing_busy, same_plan, plan_changed and preview_old (show
 * the preview again), two_subscriptions, unknown_price, currency_differs, subscription_paused, not_subscribed (checkout_begin is the way). */
enum status change_apply(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                         struct str plan, int64_t proration_ms, const struct id *keep, size_t keep_n,
                         struct str *pay_url, struct err *e);
/* Take back a planned downgrade or cancellation, or an upgrade that waits for its payment. ERR_CONFLICT nothing_planned. */
enum status change_undo(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                        struct err *e);
/* Which bots stay when the plan has room for fewer; others of the tenant are let go of. */
enum status bots_keep(struct db *c, const struct actor *who, const struct id *keep, size_t n, struct err *e);
/* No checkout of the tenant that is open can be paid any more. ERR_CONFLICT subscribed: one was paid a moment ago. */
enum status checkouts_end(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                          struct err *e);
/* Everything ends now, for a workspace that is deleted: open checkouts, then every subscription; what was used is billed at once, the rest of the
 * paid month is not given back. May take a minute; done again, it goes on. ERR_UNAVAILABLE usage_unsent: the meter has not taken all yet. */
enum status cancel_now(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                       struct err *e);

enum portal_flow { PORTAL_HOME, PORTAL_CARD };
/* The address of Stripe's own page for cards and invoices: a bearer secret that lives briefly; send the browser there, store it nowhere.
 * ERR_NOT_FOUND no_customer: nothing was bought yet. */
enum status portal_begin(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                         enum portal_flow flow, struct str *url, struct err *e);

/* The operator: move a subscription to today's terms of its plan at its next renewal. */
enum status terms_move(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                       struct id tenant, struct err *e);

#endif
