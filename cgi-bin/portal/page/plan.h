/* plan.h: plans, limits, usage, billing states and invoices as values of a view. What the pages of pricing, billing and
 * the console share. */
#ifndef PARLEY_PORTAL_PAGE_PLAN_H
#define PARLEY_PORTAL_PAGE_PLAN_H

#include "billing/mirror/mirror.h"
#include "plan/pricing.h"
#include "plan/usage.h"
#include "portal/page/words.h"

/* The amount as "$49.00". */
void page_fill_money(struct page *pg, const char *key, int64_t amount, const char *currency);
/* One entitlement in words: "5 bots", "Advanced analytics". False, and nothing is set, if the value gives nothing. */
bool page_fill_entitlement(struct page *pg, const char *key, enum entitlement x, int64_t value);
/* <prefix>.Has.N.Text: all entitlements that give something. `value` has ENTITLEMENT_COUNT elements. */
void page_fill_entitlements(struct page *pg, const char *prefix, const int64_t *value);
/* <prefix>.Id, .Name, .Price, .Free, .Unlimited, .Included, .Overage, .Has.N.Text of a plan on these terms (NULL: its
 * current terms). */
void page_fill_plan(struct page *pg, const char *prefix, const struct plan *p, const struct plan_terms *t);
/* <prefix>.Adds.N.Text and .Loses.N.Text: the differences between the values `have` and those of the plan. */
void page_fill_difference(struct page *pg, const char *prefix, const int64_t *have, const struct plan *p);

/* <prefix>.Used, .Included, .Percent, .Near, .Full, .Unlimited, .From, .To, .Beyond. */
void page_fill_usage(struct page *pg, const char *prefix, const struct usage *u);
/* <prefix>.State and .StateText. */
void page_fill_state(struct page *pg, const char *prefix, enum billing_state s);
/* Row i of a list of invoices. */
void page_fill_invoice(struct page *pg, const char *list, size_t i, const struct invoice *in);
/* A link to Stripe: set only for https, or for stripe_api_base where that is http on this machine (tests). */
void page_fill_link(struct page *pg, const char *key, struct str url);

#endif
