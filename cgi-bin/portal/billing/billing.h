/* billing_view.h: money, plans and states in words: what pricing, billing and console pages share. */
#ifndef PARLEY_PORTAL_BILLING_BILLING_H
#define PARLEY_PORTAL_BILLING_BILLING_H

#include "billing/mirror/mirror.h"
#include "plan/pricing.h"
#include "plan/usage.h"
#include "portal/page/page.h"
#include "stripe/client.h"

#define KEY_MAX 160 /* bytes of a view's name */

/* "$49.00"; short: "$49" where there are no cents. In the page's arena. */
struct str words_money(struct page *pg, int64_t amount, const char *currency);
struct str words_money_short(struct page *pg, int64_t amount, const char *currency);
void fill_money(struct page *pg, const char *key, int64_t amount, const char *currency);
struct str words_number(struct page *pg, int64_t n); /* 12,000 */
/* A sum as typed ("20", "20.50", "20,5") in the smallest unit. False for anything else, and for more than 10^12 units. */
bool read_money(struct str typed, const char *currency, int64_t *out);

/* What a value gives, in words: "5 bots", "Advanced analytics". False (and nothing set) where it gives nothing. */
bool fill_entitlement(struct page *pg, const char *key, enum entitlement x, int64_t value);
/* <prefix>.Has.N.Text: what these values give. */
void fill_has(struct page *pg, const char *prefix, const int64_t *value);
/* <prefix>.Id Name Price Free Unlimited Included Overage Has.N.Text ... of a plan on these terms (NULL: its current ones). */
void fill_plan(struct page *pg, const char *prefix, const struct plan *p, const struct plan_terms *t);
/* <prefix>.Adds.N.Text and .Loses.N.Text: from these values to the plan's. */
void fill_difference(struct page *pg, const char *prefix, const int64_t *have, const struct plan *p);

/* <prefix>.Used Included Limit Percent Near Full Unlimited From To Beyond ... */
void fill_meter(struct page *pg, const char *prefix, const struct usage *u);
void fill_state(struct page *pg, const char *prefix, enum billing_state s); /* <prefix>.State, .StateText */
/* A status of Stripe's in the page's language, itself when this release does not know it. */
struct str words_status(struct page *pg, const char *group, struct str status);
void fill_invoice(struct page *pg, const char *list, size_t i, const struct invoice *in);

/* What the billing pages begin with: plans, what holds now, what is used. */
struct billing {
    struct plans plans;
    struct entitlements now;
    struct usage used;
    const struct subscription *beside; /* one that is charged, but is not what the workspace lives on; NULL: none */
    bool had;                          /* a subscription, ever: no trial any more */
    bool on;                           /* a key of Stripe is set */
    bool write;                        /* this person may buy and change */
};
bool billing_begin(struct request *rq, struct page *pg, const char *tab, struct billing *b);
/* Words for what Stripe or the domain refused, in the page that is shown again; false: it is no error of the person's (page_fail). */
bool billing_refused(struct page *pg);
/* Stripe for this request, closed with it. */
enum status billing_stripe(struct page *pg, struct stripe **out);

bool billing_subscribed(const struct entitlements *x); /* pays through Stripe: changes its plan, does not buy another */
void fill_planned_words(struct page *pg,
                        const struct billing *b); /* Planned.Words: the end or the other plan that is to come, if any */
bool billing_owes(const struct entitlements *x);  /* a payment is missing: it comes before any change but the end */
/* The overview, the plans: shown again after something was refused (pg->e), or the error page. */
/* The page once more with what went wrong. Everything is read anew, since the call may have taken a while. */
void billing_anew(struct request *rq, struct page *pg, const char *tab,
                  void (*show)(struct page *pg, const struct billing *b, int status));
void billing_again(struct request *rq, struct page *pg);
void plans_again(struct request *rq, struct page *pg);

/* What every page of a workspace says about money ("Banner.*"), from what is known without the database and, when needed, from its rows. */
enum status banner_fill(struct page *pg, const struct entitled *known);

/* An address of Stripe's for a link: https (or that of stripe_api_base when it is on this host, for tests); anything else is not shown. */
void fill_link(struct page *pg, const char *key, struct str url);

/* The pages with forms that lead to Stripe: browsers hold a form's redirect to the policy of the page it stands in. */
void page_leads_to_stripe(struct page *pg);

#endif
