/* checkout.c: /app/billing/checkout: redirects to Stripe's payment page for a plan. Card data never reaches this
 * install. The connection is given back before Stripe is called. */
#include "billing/checkout/checkout.h"

#include "portal/billing/billing.h"

#include "base/banned.h"

void billing_checkout_post(struct request *rq)
{
    struct page pg;
    struct billing_context billing;
    struct str url = STR_EMPTY;
    if (!page_begin(rq, &pg))
        return;
    page_release(&pg);
    enum status st = billing_open(&pg, &billing);
    if (st == OK)
        st = checkout_begin(&billing, request_form(rq, "plan"), &url, &pg.e);
    if (st == OK)
        st = reply_redirect_away(rq, url, &pg.e);
    if (st == ERR_CONFLICT && err_is(&pg.e, E_subscribed))
        page_redirect(&pg, "/app/billing/plans?done=subscribed_already");
    else if (st != OK)
        billing_plans_again(rq, &pg);
}
