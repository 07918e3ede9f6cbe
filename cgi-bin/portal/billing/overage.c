/* overage.c: /app/billing/overage: whether conversations beyond the limit are refused or billed, and up to which
 * amount. */
#include "portal/billing/billing.h"

#include "base/banned.h"

/* A cap is required: without one a flood of conversations would have no upper price. The currency is that of the terms,
 * because it decides how many decimals an amount has. */
static enum status overage_read(struct page *pg, const struct billing *b, bool *bill, int64_t *cap)
{
    const char *currency = b->now.terms ? b->now.terms->currency : "USD";
    *bill = str_eq(request_form(pg->rq, "overage"), STR("bill"));
    *cap = 0;
    if (*bill && (!words_money_read(request_form(pg->rq, "cap"), currency, cap) || *cap <= 0))
        return err_raise_at(&pg->e, E_overage_cap, "cap");
    return OK;
}

void billing_overage_post(struct request *rq)
{
    struct page pg;
    struct billing b;
    bool bill;
    int64_t cap;
    if (!billing_begin(rq, &pg, "overview", &b))
        return;
    enum status st = overage_read(&pg, &b, &bill, &cap);
    if (st == OK)
        st = overage_choose(pg.db, &pg.who, bill, cap, &pg.e);
    if (st == OK) {
        page_redirect(&pg, "/app/billing?done=%s", bill ? "overage_billed" : "overage_stops");
    } else if (billing_refused(&pg)) {
        view_str(pg.v, "Form.cap", request_form(rq, "cap"));
        view_bool(pg.v, "Form.bill", bill);
        pg.e = ERR_INIT;
        billing_index_show(&pg, &b, 422);
    } else {
        page_fail(&pg);
    }
}
