/* billing.h: handlers of the billing pages, and what they share. */
#ifndef PARLEY_PORTAL_BILLING_BILLING_H
#define PARLEY_PORTAL_BILLING_BILLING_H

#include "billing/checkout/checkout.h"
#include "portal/page/plan.h"
#include "portal/page/stripe.h"

#define ROUTE ROUTE_HANDLER
#include "portal/billing/routes.def"
#undef ROUTE

/* What each billing page reads first. */
struct billing {
    struct plans plans;
    struct entitlements now;
    struct usage used;
    const struct subscription *beside; /* charged, but not what the workspace's plan comes from; NULL: none */
    bool had;                          /* the workspace has had a subscription: it gets no trial */
    bool on;                           /* the install has a Stripe key */
    bool write;                        /* the user may buy and change */
};
/* Starts a billing page and reads all of struct billing. False: the reply is written. */
bool billing_begin(struct request *rq, struct page *pg, const char *tab, struct billing *b);

/* After Stripe or the domain refused something: true if the user can do something about it, and the page says what
 * (Form.Error); false: the caller ends with page_fail. */
bool billing_refused(struct page *pg);
/* A page of billing, shown with this status. */
typedef void billing_show_fn(struct page *pg, const struct billing *b, int status);
/* Shows the page again with what went wrong (pg->e), or the error page. Everything is read again: the call to Stripe
 * may have taken a while, and no connection was held. */
void billing_show_again(struct request *rq, struct page *pg, const char *tab, billing_show_fn *show);
/* The same for the overview and for the choice of plans. */
void billing_index_again(struct request *rq, struct page *pg);
void billing_plans_again(struct request *rq, struct page *pg);
billing_show_fn billing_index_show;

/* Does the plan come from a subscription? Then the workspace changes its plan and cannot buy another. */
bool billing_subscribed(const struct entitlements *x);
/* Is a payment missing? It must be paid before any change of plan, except the end of the subscription. */
bool billing_owes(const struct entitlements *x);
/* Planned.Words: the planned end of the subscription, or the planned change to another plan. */
void billing_fill_planned(struct page *pg, const struct billing *b);

/* Opens Stripe for the signed-in owner: the context of the operations in checkout.h. The page must hold no
 * connection then. */
enum status billing_open(struct page *pg, struct billing_context *out);

#endif
