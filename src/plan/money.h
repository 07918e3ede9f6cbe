/* money.h: amounts in the smallest unit of a currency, and exact decimals of it (Stripe's unit_amount_decimal). No
 * floating point. Pure, thread safe. "Unit" below is the smallest unit: a cent, a yen. Currencies are ISO codes in
 * either case, as at Stripe. */
#ifndef PARLEY_PLAN_MONEY_H
#define PARLEY_PLAN_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* The number of decimals as Stripe counts them: 2, 0 (JPY, ...) or 3 (KWD, ...). */
int money_places(struct str currency);
/* Appends "$49.00", "€12.50", "¥4900", "-$1.00", "CHF 12.50" (with a no-break space). */
void money_text(struct buf *b, int64_t amount, struct str currency);

/* units = whole + pico / PICO; |pico| < PICO, and pico never has the other sign than whole. */
#define PICO INT64_C(1000000000000)
struct decimal {
    int64_t whole, pico;
};
#define DECIMAL_PLACES 12
/* Reads "0.49", "-1", "4900": digits, at most 12 decimals, nothing else. False for any other text and on overflow. */
bool decimal_parse(struct str s, struct decimal *out);
/* Appends the shortest text: "0.49", "4900". */
void decimal_print(struct buf *b, struct decimal d);
static inline struct decimal decimal_of(int64_t units)
{
    return (struct decimal){units, 0};
}
/* Of an amount in 10^-12 of the unit, as terms hold overage. */
static inline struct decimal decimal_of_pico(int64_t pico)
{
    return (struct decimal){pico / PICO, pico % PICO};
}
/* < 0, 0, > 0 */
int decimal_cmp(struct decimal a, struct decimal b);

/* The price of one conversation beyond the plan: price / included, truncated to 12 decimals. included > 0, price >=
 * 0. */
struct decimal money_overage_unit(int64_t price, int64_t included);
/* d * qty, rounded to the nearest unit, half up (towards +∞). False on overflow. */
bool money_times(struct decimal d, int64_t qty, int64_t *out);
/* The largest quantity whose exact cost is at most `cap` units. INT64_MAX when d <= 0; 0 when cap < 0. */
int64_t money_qty_for(int64_t cap, struct decimal d);

#endif
