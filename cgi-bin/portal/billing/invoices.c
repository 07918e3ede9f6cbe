/* invoices.c: /app/billing/invoices: the mirrored invoices, newest first, with links to Stripe's pages. */
#include "base/num.h"
#include "portal/billing/billing.h"

#include "base/banned.h"

#define INVOICES_PAGE 24

/* One invoice more than a page is read, to learn whether there are more. Pages go by time of creation, which never
 * changes for an invoice. The portal of Stripe is offered only to a workspace that is a customer there. */
void billing_invoices_get(struct request *rq)
{
    struct page pg;
    struct billing b;
    struct invoice *in = NULL;
    size_t n = 0;
    int64_t before = 0;
    if (!billing_begin(rq, &pg, "invoices", &b))
        return;
    if (!num_i64(request_query(rq, "before"), 1, INT64_MAX / 1000, &before))
        before = 0;
    enum status st = invoice_list(pg.db, pg.who.tenant, rq->arena, before, INVOICES_PAGE + 1, &in, &n, &pg.e);
    for (size_t i = 0; st == OK && i < n && i < INVOICES_PAGE; i++)
        page_fill_invoice(&pg, "Invoices", i, &in[i]);
    view_bool(pg.v, "List.Later", before > 0);
    if (st == OK && n > INVOICES_PAGE)
        view_int(pg.v, "List.Before", in[INVOICES_PAGE - 1].created_ms);
    view_bool(pg.v, "Billing.Customer", n > 0 || b.now.subscription);
    page_allow_stripe(&pg);
    page_end(&pg, st, "portal/billing/invoices.cs", "Invoice.Title");
}
