/* undo.c: /app/billing/undo: cancels a planned change of plan, or a planned end of the subscription. Nothing is
 * charged, so it needs no preview. */
#include "billing/checkout/checkout.h"
#include "portal/billing/billing.h"

#include "base/banned.h"

void billing_undo_post(struct request *rq)
{
    struct page pg;
    struct billing_context billing;
    if (!page_begin(rq, &pg))
        return;
    page_release(&pg);
    enum status st = billing_open(&pg, &billing);
    if (st == OK)
        st = change_undo(&billing, &pg.e);
    if (st == OK)
        page_redirect(&pg, "/app/billing?done=change_undone");
    else
        billing_index_again(rq, &pg);
}
