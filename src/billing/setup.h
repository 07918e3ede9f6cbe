/* setup.h: `parley billing setup`: what Parley needs at Stripe: a product for each paid plan, its prices (base, and metered
 * graduated usage), the meter, the portal's configuration, the webhook endpoint and the destination of thin events. Run again, it finds
 * what is there (own product ids, lookup keys, event name, address) and changes only what differs. */
#ifndef PARLEY_BILLING_SETUP_H
#define PARLEY_BILLING_SETUP_H

#include "billing/plan.h"
#include "billing/stripe_client.h"

#define METER_EVENT_NAME "parley_conversation"

struct setup_line { const char *what; struct str name, stripe_id; enum { SETUP_FOUND, SETUP_MADE, SETUP_CHANGED, SETUP_RETIRED } how; };
struct setup_report {
    struct setup_line *lines;
    size_t n;
    struct str webhook_secret; /* only when the endpoint was made: Stripe tells it once */
    struct str thin_secret;
};
enum status setup_run(struct stripe *st, struct db_pool *p, struct arena *a, struct setup_report *out, struct err *e);
/* Is it done for this key's mode, and do the sellable terms have their prices? *words says what is missing. */
enum status setup_check(struct stripe *st, struct db *c, struct arena *a, bool *ready, struct str *words, struct err *e);
enum status setup_id(struct db *c, struct arena *a, bool livemode, const char *name, struct str *out, struct err *e); /* "" if none */
/* The Stripe prices of terms; ERR_NOT_FOUND code not_set_up. */
enum status setup_prices(struct db *c, struct arena *a, bool livemode, struct id terms, struct str *base, struct str *usage, struct err *e);

#endif
