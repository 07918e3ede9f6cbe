/* setup.h: `parley billing setup` creates what Parley needs at Stripe: a product for each paid plan, its prices
 * (base, and metered graduated usage), the meter, the configuration of the card page, the webhook endpoint and the
 * destination of thin events.
 *
 * A second run finds what exists (by product id, metadata of prices, event name, address) and changes only what
 * differs. A run that was killed can be repeated. A run beside another one fails with ERR_CONFLICT billing_busy.
 *
 * The prices of the terms on sale have the lookup keys parley_<plan>_base and parley_<plan>_usage. Prices of older
 * terms lose their keys. They stay active while a subscription, a planned change or an open checkout needs them, and
 * are then deactivated. */
#ifndef PARLEY_BILLING_SETUP_SETUP_H
#define PARLEY_BILLING_SETUP_SETUP_H

#include "plan/plan.h"
#include "stripe/client.h"

#define METER_EVENT_NAME "parley_conversation"

struct setup_options {
    /* Create webhook endpoint and thin destination again, because their secrets are lost, and disable the old ones. */
    bool new_endpoint;
};
struct setup_line {
    const char *what; /* "meter", "product", "price", "portal", "webhook", "thin_events" */
    struct str name, stripe_id;
    enum setup_how { SETUP_FOUND, SETUP_MADE, SETUP_CHANGED, SETUP_RETIRED } how;
    const char *note; /* with SETUP_CHANGED: what was different; else "" */
};
const char *setup_how_name(enum setup_how how); /* "found", "made", "changed", "retired" */
struct setup_report {
    struct setup_line *lines;
    size_t n, cap;
    struct str webhook_secret; /* only if the endpoint was created: Stripe shows it once */
    struct str thin_secret;
};
bool setup_is_sold(const struct plan *p); /* it costs something, so it has prices at Stripe */
/* Runs all steps. *out lists what was done, also after a failure. ERR_UNAVAILABLE stripe_right_missing if the key
 * lacks a right; the message names it. */
enum status setup_run(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct setup_options *o,
                      struct setup_report *out, struct err *e);
/* Is setup complete for this key's mode, with prices for all terms on sale? *words says what is missing, or "". */
enum status setup_check(struct stripe *stripe, struct db *c, struct arena *a, bool *ready, struct str *words,
                        struct err *e);
/* "meter", "portal", "webhook", "thin_events", "product:<plan>"; "" if none */
enum status setup_id(struct db *c, struct arena *a, bool livemode, const char *name, struct str *out, struct err *e);
/* The Stripe prices of terms; ERR_NOT_FOUND code not_set_up. */
enum status setup_prices(struct db *c, struct arena *a, bool livemode, struct id terms, struct str *base,
                         struct str *usage, struct err *e);

#endif
