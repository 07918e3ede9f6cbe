/* stripe.h: Stripe in a request of the portal. */
#ifndef PARLEY_PORTAL_PAGE_STRIPE_H
#define PARLEY_PORTAL_PAGE_STRIPE_H

#include "portal/page/page.h"
#include "stripe/client.h"

/* A client for this request, closed with its arena. */
enum status page_stripe(struct page *pg, struct stripe **out);
/* Lets the forms of this page redirect to Stripe. Browsers apply the policy of the page that holds the form to the
 * address that the form redirects to. */
void page_allow_stripe(struct page *pg);

#endif
