/* setup.h: `parley billing setup`: what Parley needs at Stripe: a product for each paid plan, its prices (base, and metered
 * graduated usage), the meter, the portal's configuration, the webhook endpoint and the destination of thin events. Run again, it finds
 * what is there (own product ids, prices' metadata, event name, address) and changes only what differs. Killed anywhere, it
 * goes on when it is run again; two at a time: the second is ERR_CONFLICT billing_busy.
 *
 * Terms that are sold hold the lookup keys parley_<plan>_base and parley_<plan>_usage. Prices of older terms lose them and stay active
 * while a subscription or an open checkout needs them (a planned change names them again); after that they are set inactive. */
#ifndef PARLEY_BILLING_SETUP_SETUP_H
#define PARLEY_BILLING_SETUP_SETUP_H

#include "plan/plan.h"
#include "stripe/client.h"

#define METER_EVENT_NAME "parley_conversation"

struct setup_options {
    bool
        new_endpoint; /* make webhook endpoint and thin destination anew (their secrets are lost), and switch the old ones off */
};
struct setup_line {
    const char *what; /* "meter", "product", "price", "portal", "webhook", "thin_events" */
    struct str name, stripe_id;
    enum setup_how { SETUP_FOUND, SETUP_MADE, SETUP_CHANGED, SETUP_RETIRED } how;
    const char *note; /* of SETUP_CHANGED: what was different; "" else */
};
const char *setup_how_name(enum setup_how how); /* "found", "made", "changed", "retired" */
struct setup_report {
    struct setup_line *lines;
    size_t n, cap;
    struct str webhook_secret; /* only when the endpoint was made: Stripe tells it once */
    struct str thin_secret;
};
bool setup_is_sold(const struct plan *p); /* costs something, so it has prices at Stripe */
/* What was done until then stands in *out also when it fails. A right that the key lacks is ERR_UNAVAILABLE stripe_right_missing, and
 * its message names it. */
enum status setup_run(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct setup_options *o,
                      struct setup_report *out, struct err *e);
/* Is it done for this key's mode, and do the sellable terms have their prices? *words says what is missing ("" if nothing). */
enum status setup_check(struct stripe *stripe, struct db *c, struct arena *a, bool *ready, struct str *words,
                        struct err *e);
/* "meter", "portal", "webhook", "thin_events", "product:<plan>"; "" if none */
enum status setup_id(struct db *c, struct arena *a, bool livemode, const char *name, struct str *out, struct err *e);
/* The Stripe prices of terms; ERR_NOT_FOUND code not_set_up. */
enum status setup_prices(struct db *c, struct arena *a, bool livemode, struct id terms, struct str *base,
                         struct str *usage, struct err *e);

#endif
