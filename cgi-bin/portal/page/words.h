/* words.h: numbers, money and states in the language of the page. Results lie in the arena of the request, or are texts
 * of the view; they live as long as the page. */
#ifndef PARLEY_PORTAL_PAGE_WORDS_H
#define PARLEY_PORTAL_PAGE_WORDS_H

#include "portal/page/page.h"

#define VIEW_KEY_MAX 160 /* bytes of a view's name */

/* "12,000" */
struct str words_number(struct page *pg, int64_t n);
/* "$49.00", and "$49" where there are no cents. The amount is in the smallest unit of the currency. */
struct str words_money(struct page *pg, int64_t amount, const char *currency);
struct str words_money_short(struct page *pg, int64_t amount, const char *currency);
/* An amount as it is typed into a form: "49.00", without the sign of the currency. */
struct str words_money_typed(struct page *pg, int64_t amount, const char *currency);
/* The reverse: "20", "20.50" or "20,5" in the smallest unit. False for anything else, and above 10^12 units. */
bool words_money_read(struct str typed, const char *currency, int64_t *out);
/* T.<group>.<name>, or the name itself where there is no such text: names come from Stripe or the database, and a newer
 * release of either may know more of them. */
struct str words_name(struct page *pg, const char *group, struct str name);

#endif
