/* return.c: /app/billing/return: back from the checkout at Stripe. */
#include "base/num.h"
#include "billing/checkout/checkout.h"
#include "portal/billing/billing.h"

#include "base/banned.h"

#define RETURN_TRIES 12 /* looks at a payment under way before the page stops asking */

/* Without JavaScript the browser comes again by itself, with it the script does; each time a little later, and not for ever. */
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
    page_send(pg, "portal/billing/return.cs", "Return.Title");
}

/* What the browser brings proves nothing: Stripe is asked, and the mirror decides what the workspace has. */
void billing_return_get(struct request *rq)
{
    struct page pg;
    struct billing b;
    struct stripe *stripe = NULL;
    enum checkout_outcome outcome = CHECKOUT_UNKNOWN;
    if (!page_begin(rq, &pg))
        return;
    page_release(&pg);
    enum status st = page_stripe(&pg, &stripe);
    if (st == OK)
        st = checkout_return(stripe, pg.app->guard.pool, rq->arena, &pg.who, request_query(rq, "session"), &outcome,
                             &pg.e);
    if (st == ERR_UNAVAILABLE || st == ERR_RATE ||
        st == ERR_TIMEOUT) { /* Stripe does not answer now: that says nothing about the payment */
        request_failed(rq, &pg.e);
        outcome = CHECKOUT_PAYING;
    } else if (st != OK) {
        page_fail(&pg);
        return;
    }
    pg.e = (struct err)ERR_INIT;
    if (!billing_begin(rq, &pg, "plans", &b))
        return;
    if (outcome == CHECKOUT_DONE && !billing_subscribed(&b.now))
        outcome = CHECKOUT_PAYING; /* paid, and the subscription is still to be seen */
    if (outcome == CHECKOUT_DONE)
        page_redirect(&pg, "/app/billing?done=subscribed");
    else
        return_show(&pg, outcome);
}
