/* return.c: /app/billing/return: where Stripe's payment page sends the browser.
 *
 * A payment may take a while to arrive. The page then loads itself again, a little later each time, and gives up after
 * a number of tries. */
#include "base/num.h"
#include "billing/checkout/checkout.h"
#include "portal/billing/billing.h"

#include "base/banned.h"

#define RETURN_TRIES 12 /* page loads before it stops waiting for the payment */

/* Without JavaScript the browser loads the page again (Page.Refresh); with JavaScript the script polls. */
static void return_waits(struct page *pg, struct str session)
{
    int64_t tries = 0;
    if (!num_i64(request_query(pg->rq, "try"), 0, RETURN_TRIES, &tries))
        tries = 0;
    if (tries >= RETURN_TRIES)
        return;
    struct buf b;
    buf_init(&b, 2048);
    buf_printf(&b, "%lld;url=/app/billing/return?session=", 2 + (long long)tries);
    buf_url(&b, session);
    buf_printf(&b, "&try=%lld", (long long)tries + 1);
    if (buf_ok(&b))
        view_str(pg->v, "Page.Refresh", buf_str(&b));
    buf_release(&b);
    view_str(pg->v, "Return.Session", session);
    view_int(pg->v, "Return.Wait", 2 + tries);
    view_int(pg->v, "Return.Try", tries + 1);
}

static void return_show(struct page *pg, enum checkout_outcome outcome)
{
    static const char *const names[] = {[CHECKOUT_UNKNOWN] = "unknown",
                                        [CHECKOUT_OPEN] = "open",
                                        [CHECKOUT_PAYING] = "paying",
                                        [CHECKOUT_DONE] = "done",
                                        [CHECKOUT_EXPIRED] = "expired"};
    view_text(pg->v, "Return.Outcome", names[outcome]);
    if (outcome == CHECKOUT_PAYING)
        return_waits(pg, request_query(pg->rq, "session"));
    page_send(pg, "portal/billing/return.cs", "Billing.Return.Title");
}

/* The address alone proves nothing. Stripe is asked about the session, and the mirrored subscription decides which plan
 * the workspace has. */
void billing_return_get(struct request *rq)
{
    struct page pg;
    struct billing b;
    struct billing_context billing;
    enum checkout_outcome outcome = CHECKOUT_UNKNOWN;
    if (!page_begin(rq, &pg))
        return;
    page_release(&pg);
    enum status st = billing_open(&pg, &billing);
    if (st == OK)
        st = checkout_return(&billing, request_query(rq, "session"), &outcome, &pg.e);
    if (st == ERR_UNAVAILABLE || st == ERR_RATE || st == ERR_TIMEOUT) { /* an outage says nothing about the payment */
        request_failed(rq, &pg.e);
        outcome = CHECKOUT_PAYING;
    } else if (st != OK) {
        page_fail(&pg);
        return;
    }
    pg.e = ERR_INIT;
    if (!billing_begin(rq, &pg, "plans", &b))
        return;
    if (outcome == CHECKOUT_DONE && !billing_subscribed(&b.now))
        outcome = CHECKOUT_PAYING; /* paid, but the subscription is not mirrored yet */
    if (outcome == CHECKOUT_DONE)
        page_redirect(&pg, "/app/billing?done=subscribed");
    else
        return_show(&pg, outcome);
}
