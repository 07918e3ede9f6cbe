/* portal.c: /app/billing/portal: redirects to Stripe's customer portal (cards, billing address, invoices). */
#include "billing/checkout/checkout.h"
#include "portal/billing/billing.h"

#include "base/banned.h"

void billing_portal_post(struct request *rq)
{
    struct page pg;
    struct stripe *stripe = NULL;
    struct str url = STR_EMPTY;
    enum portal_flow flow = str_eq(request_form(rq, "for"), STR("card")) ? PORTAL_CARD : PORTAL_HOME;
    if (!page_begin(rq, &pg))
        return;
    page_release(&pg);
    enum status st = page_stripe(&pg, &stripe);
    if (st == OK)
        st = portal_begin(stripe, pg.app->guard.pool, rq->arena, &pg.who, flow, &url, &pg.e);
    if (st == OK)
        st = reply_redirect_away(rq, url, &pg.e);
    if (st != OK)
        billing_index_again(rq, &pg);
}
