/* undo.c: /app/billing/undo: cancels a planned change of plan, or a planned end of the subscription. */
#include "billing/checkout/checkout.h"
#include "portal/billing/billing.h"

#include "base/banned.h"

void billing_undo_post(struct request *rq)
{
    struct page pg;
    struct stripe *stripe = NULL;
    if (!page_begin(rq, &pg))
        return;
    page_release(&pg);
    enum status st = page_stripe(&pg, &stripe);
    if (st == OK)
        st = change_undo(stripe, pg.app->guard.pool, rq->arena, &pg.who, &pg.e);
    if (st == OK)
        page_redirect(&pg, "/app/billing?done=change_undone");
    else
        billing_index_again(rq, &pg);
}
