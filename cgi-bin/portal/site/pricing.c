/* pricing.c: /pricing: the public plans, and what each costs for a given number of conversations.
 *
 * The page works without JavaScript: the form loads it again. With JavaScript the script computes the same sums from
 * the integers that the page carries. */
#include <stdio.h>

#include "base/num.h"
#include "portal/page/plan.h"
#include "portal/site/site.h"

#include "base/banned.h"

#define PRICING_MOST 200000 /* the largest number of conversations a month to compute with */

/* The integers for the script. */
static void pricing_fill_numbers(struct page *pg, size_t i, const struct plan_terms *t)
{
    struct view *v = pg->v;
    view_int(v, view_at(v, "Plans", i, "Units"), t->price);
    if (t->conversations != UNLIMITED)
        view_int(v, view_at(v, "Plans", i, "IncludedUnits"), t->conversations);
    if (t->overage >= 0)
        view_int(v, view_at(v, "Plans", i, "OverageUnits"), t->overage);
    view_str(v, view_at(v, "Plans", i, "Zero"), words_money(pg, 0, t->currency));
}

/* "$49.00", and how it is made up. */
static void pricing_fill_total(struct page *pg, size_t i, const struct plan_terms *t, int64_t conversations)
{
    struct view *v = pg->v;
    int64_t total = 0, over = pricing_overage(t, conversations);
    if (!pricing_total(t, conversations, &total)) {
        view_str(v, view_at(v, "Plans", i, "Why"),
                 view_fill(v, "Site.Pricing.Stops", {"n", words_number(pg, t->conversations)}));
        return;
    }
    view_str(v, view_at(v, "Plans", i, "Total"), words_money(pg, total, t->currency));
    if (over > 0)
        view_str(v, view_at(v, "Plans", i, "Why"),
                 view_fill(v, "Site.Pricing.Over", {"over", words_money(pg, over, t->currency)},
                           {"n", words_number(pg, conversations - t->conversations)}));
    else
        view_text(v, view_at(v, "Plans", i, "Why"), view_t(v, "Site.Pricing.Within"));
}

static void pricing_fill_plans(struct page *pg, const struct plans *plans, int64_t conversations)
{
    const struct plan *fit = pricing_fit(plans, conversations);
    char prefix[VIEW_KEY_MAX];
    size_t n = 0;
    for (size_t i = 0; i < plans->n; i++) {
        const struct plan *p = &plans->list[i];
        if (!p->is_public || !p->terms)
            continue;
        snprintf(prefix, sizeof(prefix), "Plans.%zu", n);
        page_fill_plan(pg, prefix, p, NULL);
        pricing_fill_numbers(pg, n, p->terms);
        pricing_fill_total(pg, n, p->terms, conversations);
        view_bool(pg->v, view_at(pg->v, "Plans", n, "Fits"), p == fit);
        n++;
    }
}

/* A number that cannot be read is not an error on a page for strangers: it becomes the nearest end of the scale, as a
 * slider would do. */
void site_pricing_get(struct request *rq)
{
    struct page pg;
    struct plans plans;
    int64_t conversations = 5000;
    if (!page_begin_public(rq, &pg))
        return;
    struct str asked = str_trim(request_query(rq, "conversations"));
    if (asked.n && !num_i64(asked, 0, PRICING_MOST, &conversations))
        conversations = str_starts(asked, STR("-")) ? 0 : PRICING_MOST;
    enum status st = db_get(pg.app->guard.pool, &pg.db, &pg.e);
    if (st == OK)
        st = plans_read(pg.db, rq->arena, &plans, &pg.e);
    if (st != OK) {
        page_fail(&pg);
        return;
    }
    pricing_fill_plans(&pg, &plans, conversations);
    view_int(pg.v, "Pricing.Conversations", conversations);
    view_int(pg.v, "Pricing.Most", PRICING_MOST);
    view_bool(pg.v, "Pricing.Member", rq->who.signed_in && (rq->who.perms & BILLING_READ));
    page_send(&pg, "portal/site/pricing.cs", "Site.Pricing.Title");
}
