/* money.h: amounts in a currency's smallest unit, and exact decimals of it (Stripe's unit_amount_decimal). No floats. Pure, thread safe.
 * "Unit" below is the smallest unit of the currency: a cent, a yen. Currencies are ISO codes in either case, as Stripe has them. */
#ifndef PARLEY_PLAN_MONEY_H
#define PARLEY_PLAN_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

int money_places(
    struct str currency); /* digits behind the point as Stripe counts them: 2, 0 (JPY ...) or 3 (KWD ...) */
/* "$49.00", "€12.50", "¥4900", "-$1.00", "CHF 12.50" (a no-break space) */
void money_text(struct buf *b, int64_t amount, struct str currency);

/* units = whole + pico * 10^-12; pico within ±(10^12 - 1), never of the other sign than whole. */
struct decimal {
    int64_t whole, pico;
};
#define DECIMAL_PLACES 12
/* "0.49", "-1", "4900": digits, at most 12 behind the point, nothing else. False for any other text and on overflow. */
bool decimal_parse(struct str s, struct decimal *out);
void decimal_print(struct buf *b, struct decimal d); /* the shortest text: "0.49", "4900" */
static inline struct decimal decimal_of(int64_t units)
{
    return (struct decimal){units, 0};
}
int decimal_cmp(struct decimal a, struct decimal b); /* <0, 0, >0 */

/* What one conversation beyond the plan costs: price / included, cut off behind 12 places. included > 0, price >= 0. */
struct decimal money_overage_unit(int64_t price, int64_t included);
/* d * qty, half a unit rounded up (towards +∞). False on overflow. */
bool money_times(struct decimal d, int64_t qty, int64_t *out);
/* The most whose exact cost stays within `cap` units; INT64_MAX when they cost nothing (d <= 0), 0 for a cap below 0. */
int64_t money_qty_for(int64_t cap, struct decimal d);

#endif
