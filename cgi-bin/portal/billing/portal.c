/* portal.c: /app/billing/portal: redirects to Stripe's customer portal (cards, billing address, invoices). Plans are
 * not changed there, only here: a change needs its preview and the choice of bots. */
#include "billing/checkout/checkout.h"
#include "portal/billing/billing.h"

#include "base/banned.h"

/* "card" opens the form for a new card directly; otherwise the home page of the portal opens. */
void billing_portal_post(struct request *rq)
{
    struct page pg;
    struct billing_context billing;
    struct str url = STR_EMPTY;
    enum card_page_flow flow = str_eq(request_form(rq, "for"), STR("card")) ? CARD_PAGE_CARD : CARD_PAGE_HOME;
    if (!page_begin(rq, &pg))
        return;
    page_release(&pg);
    enum status st = billing_open(&pg, &billing);
    if (st == OK)
        st = card_page_begin(&billing, flow, &url, &pg.e);
    if (st == OK)
        st = reply_redirect_away(rq, url, &pg.e);
    if (st != OK)
        billing_index_again(rq, &pg);
}
