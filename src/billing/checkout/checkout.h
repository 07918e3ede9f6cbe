/* checkout.h: what an owner does about money: buy a plan, change it, cancel it, return from Stripe's page, see cards
 * and invoices.
 *
 * Operations that change something hold the lease "tenant:<id>", so that two owners or two tabs are served one after
 * the other; the second waits up to 8 s (then ERR_CONFLICT billing_busy). The idempotency key of each POST is derived
 * from a row that is stored before the call. Nothing here grants a right: after the call the object is refreshed
 * (sync_object) and the mirror decides. Messages about cards come from Stripe. What only the operator can fix raises an
 * alarm and returns ERR_UNAVAILABLE billing_unavailable, so that every error is fit for the owner. The actor needs
 * BILLING_WRITE, which the route has checked.
 *
 * Hold no database connection when calling, because calls to Stripe take long. A context belongs to one thread. */
#ifndef PARLEY_BILLING_CHECKOUT_CHECKOUT_H
#define PARLEY_BILLING_CHECKOUT_CHECKOUT_H

#include "plan/entitlement.h"
#include "stripe/client.h"

/* Who acts (for who->tenant), and with what. Results live in the arena. */
struct billing_context {
    struct stripe *stripe;
    struct db_pool *p;
    struct arena *a;
    const struct actor *who;
};

/* ---- buying ---- */

/* Begins the checkout of a plan on its current terms; *url is Stripe's page. A second click gets the same session;
 * another plan expires the first session. ERR_CONFLICT subscribed when there is a live subscription (change it
 * instead); ERR_INVALID plan_unknown, plan_not_sold. */
enum status checkout_begin(const struct billing_context *x, struct str plan, struct str *url, struct err *e);
enum checkout_outcome { CHECKOUT_UNKNOWN, CHECKOUT_OPEN, CHECKOUT_PAYING, CHECKOUT_DONE, CHECKOUT_EXPIRED };
/* Says what became of a checkout when the browser returns with a session id. The id proves nothing: the session is
 * fetched from Stripe if it belongs to this tenant. Never grants anything. PAYING: paid or being paid, but not in the
 * mirror yet. EXPIRED: also when the payment failed for good. */
enum status checkout_return(const struct billing_context *x, struct str session, enum checkout_outcome *out,
                            struct err *e);
/* Makes sure that no open checkout of the tenant can be paid any more. ERR_CONFLICT subscribed: one was just paid. */
enum status checkouts_end(const struct billing_context *x, struct err *e);

/* Among mirrored subscriptions that have not ended, the one that operations apply to (NULL if none); *live is their
 * number. Pure. */
const struct subscription *subscription_choose_live(const struct subscription *list, size_t n, bool livemode,
                                                    size_t *live);
/* Whether one was ever bought, so that there is no second trial. Pure. */
bool subscription_had_any(const struct subscription *list, size_t n, bool livemode);

/* ---- changing ---- */

/* UNDO and END are kinds of recorded changes only (change_undo, cancel_now), never of a preview. MOVE: to the current
 * terms of the same plan. */
enum change_kind {
    CHANGE_NONE,
    CHANGE_BUY,
    CHANGE_UPGRADE,
    CHANGE_DOWNGRADE,
    CHANGE_CANCEL,
    CHANGE_MOVE,
    CHANGE_UNDO,
    CHANGE_END
};
#define CHANGE_LINES 20
struct change_preview {
    enum change_kind kind;
    /* from: the current plan; the free plan if the subscription's price is not one of ours (such a price grants
     * nothing). */
    const struct plan *from, *to;
    /* What holds afterwards: after a cancellation the assigned plan or the free one, otherwise `to`. */
    const struct plan *then;
    int64_t due_now, next_amount; /* smallest unit; due_now is 0 for a downgrade */
    char currency[4];
    int64_t at_ms;        /* when it takes effect */
    int64_t proration_ms; /* pass it to change_apply, so that the change costs what was shown */
    struct {
        struct str words;
        int64_t amount;
    } lines[CHANGE_LINES];
    size_t line_n;
    int64_t bots_have, bots_keep; /* have > keep: the owner chooses which stay */
};
/* Says what another plan would cost now (for an upgrade, from Stripe: POST /v1/invoices/create_preview). The free plan
 * means: cancel at the end of the period. Errors as in change_apply. */
enum status change_preview(const struct billing_context *x, struct str plan, struct change_preview *out, struct err *e);
struct change_request {
    struct str plan;
    int64_t proration_ms;  /* of the preview */
    const struct id *keep; /* the bots that stay; none: the oldest */
    size_t keep_n;
};
/* Changes the plan. An upgrade takes effect now, and only when it is paid: ERR_PLAN payment_needed with *pay_url, the
 * invoice's page ("" if not known yet), or, once conversations were counted in the period, ERR_PLAN stripe_<code> for a
 * card that fails. A downgrade, a move and a cancellation take effect at the end of the period. ERR_INVALID
 * bots_too_many, ERR_NOT_FOUND bot_unknown, pointer "keep". ERR_CONFLICT billing_busy, same_plan, plan_changed and
 * preview_old (show the preview again), two_subscriptions, unknown_price, currency_differs, subscription_paused,
 * not_subscribed (use checkout_begin). */
enum status change_apply(const struct billing_context *x, const struct change_request *in, struct str *pay_url,
                         struct err *e);
/* Takes back a planned downgrade or cancellation, or an upgrade that waits for its payment. ERR_CONFLICT
 * nothing_planned. */
enum status change_undo(const struct billing_context *x, struct err *e);
/* Ends everything now, for a workspace that is deleted: open checkouts, then every subscription. Usage is billed at
 * once; the rest of the paid month is not refunded. May take a minute; called again, it continues. ERR_UNAVAILABLE
 * meter_unsent: some usage has not reached the meter yet. */
enum status cancel_now(const struct billing_context *x, struct err *e);
/* For the operator: moves the subscription of `tenant` to the current terms of its plan at its next renewal. x->who is
 * the operator. */
enum status terms_move(const struct billing_context *x, struct id tenant, struct err *e);

/* ---- cards and invoices ---- */

enum card_page_flow { CARD_PAGE_HOME, CARD_PAGE_CARD };
/* *url is Stripe's own page for cards and invoices: a secret that is valid briefly; redirect to it and store it
 * nowhere. ERR_NOT_FOUND no_customer: nothing was bought yet. */
enum status card_page_begin(const struct billing_context *x, enum card_page_flow flow, struct str *url, struct err *e);

#endif
