/* price.h: what calls to engines cost, by a table that the operator edits: a price for a million tokens sent and one
 * for a million tokens received, of each type and model. Calls without a price cost nothing. Prices are in 10^-9 of the
 * install's currency, in which plans are sold. A change holds for the calls that end after it. Thread safe; memory is
 * the caller's arena. Errors not named here come from the database. */
#ifndef PARLEY_ENGINE_WORKSPACE_PRICE_H
#define PARLEY_ENGINE_WORKSPACE_PRICE_H

#include "account/account.h"
#include "base/buf.h"

#define ENGINE_PRICE_UNIT INT64_C(1000000000) /* of one unit of the currency, such as a dollar */
#define ENGINE_PRICE_MAX (1000000 * ENGINE_PRICE_UNIT)

struct engine_price {
    struct str type;
    struct str model;      /* a name, or a prefix that ends with an asterisk; "*": every model of the type */
    int64_t input, output; /* for a million tokens */
    int64_t updated_ms;
};

/* By type and model. */
enum status engine_price_list(struct db *c, struct arena *a, struct engine_price **out, size_t *n, struct err *e);
/* Adds a price, or replaces the one of this type and model, with an entry in the operators' log. ERR_INVALID codes
 * engine_type_unknown, price_model_invalid, price_invalid. */
enum status engine_price_set(struct db *c, const struct actor *who, const struct engine_price *p, struct err *e);
/* With an entry in the operators' log. ERR_NOT_FOUND code price_unknown. */
enum status engine_price_remove(struct db *c, const struct actor *who, struct str type, struct str model,
                                struct err *e);

/* Reads "2.50": from 0 to ENGINE_PRICE_MAX, with at most nine decimals. False for any other text. Pure. */
bool engine_price_parse(struct str text, int64_t *out);
/* Appends "2.50", "0.000075", "1200.00": two decimals, or as many as it has. Pure. */
void engine_price_print(struct buf *b, int64_t amount);
/* The currency of the lowest plan that costs something, "USD" where none does. */
enum status engine_price_currency(struct db *c, struct arena *a, char out[4], struct err *e);

#endif
