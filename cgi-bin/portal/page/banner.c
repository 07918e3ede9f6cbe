/* banner.c: the notice about payments and limits. A missing payment hides the notice about usage: it is the reason for
 * the limit.
 *
 * It is part of every page, so the common case (nothing to say) reads no row: the cached summary decides whether the
 * database is asked. */
#include "portal/page/banner.h"

#include <stdio.h>

#include "base/clock.h"
#include "plan/usage.h"
#include "portal/page/words.h"

#include "base/banned.h"

#define TRIAL_NOTICE_MS (3 * DAY_MS) /* before the end of the trial */

static void banner_set(struct page *pg, const char *kind, struct str words)
{
    view_text(pg->v, "Banner.Kind", kind);
    view_str(pg->v, "Banner.Text", words);
}

/* The states that need attention whatever the usage is. True: the banner is set. */
static bool banner_set_state(struct page *pg, const struct entitlements *x, int64_t now_ms)
{
    char key[48];
    snprintf(key, sizeof(key), "Banner.%s", billing_state_name(x->state));
    switch (x->state) {
    case BILLING_GRACE:
        banner_set(pg, "warning", view_fill(pg->v, key, {"date", view_day(pg->v, x->until_ms)}));
        return true;
    case BILLING_READ_ONLY:
    case BILLING_SUSPENDED:
    case BILLING_PAUSED:
        banner_set(pg, "danger", view_fill(pg->v, key, {"date", view_day(pg->v, x->until_ms)}));
        return true;
    case BILLING_TRIAL:
        if (!x->until_ms || x->until_ms - now_ms > TRIAL_NOTICE_MS)
            return false;
        banner_set(pg, "info", view_fill(pg->v, key, {"date", view_day(pg->v, x->until_ms)}, {"plan", x->plan->name}));
        return true;
    case BILLING_FREE:
    case BILLING_ASSIGNED:
    case BILLING_LIVE:
    case BILLING_ENDING:
        break;
    }
    return false;
}

/* With paid overage the limit is the customer's own cap, so a plan that is used up is no reason for a notice: only the
 * cap is. A limit of 0 is caught before the division. */
static void banner_set_usage(struct page *pg, const struct usage *u)
{
    struct str end = view_day(pg->v, u->period_end_ms);
    if (u->used >= u->limit && u->limit > u->included)
        banner_set(pg, "danger", view_fill(pg->v, "Banner.used_cap", {"date", end}));
    else if (u->used >= u->limit)
        banner_set(pg, "danger", view_fill(pg->v, "Banner.used_all", {"n", words_number(pg, u->limit)}, {"date", end}));
    else if (u->limit == u->included && u->used >= u->limit - u->limit / 10)
        banner_set(pg, "warning",
                   view_fill(pg->v, "Banner.used_most", {"percent", words_number(pg, u->used * 100 / u->limit)},
                             {"used", words_number(pg, u->used)}, {"n", words_number(pg, u->limit)}));
}

/* The states for which banner_set_state may set something; the two must agree. */
static bool banner_needs_dates(enum billing_state s)
{
    return s == BILLING_GRACE || s == BILLING_READ_ONLY || s == BILLING_SUSPENDED || s == BILLING_PAUSED ||
           s == BILLING_TRIAL;
}

enum status banner_fill(struct page *pg, const struct entitled *known)
{
    struct entitlements x;
    struct usage u;
    int64_t now = clock_now_ms();
    if (banner_needs_dates(known->state)) { /* the banner shows dates that the summary does not hold */
        if (entitlement_load(pg->db, pg->who.tenant, now, pg->rq->arena, &x, &pg->e) != OK)
            return pg->e.status;
        if (banner_set_state(pg, &x, now)) {
            view_bool(pg->v, "Banner.State", true);
            return OK;
        }
    }
    if (known->period.limit == UNLIMITED)
        return OK;
    enum status st = usage_in(pg->db, pg->who.tenant, &known->period, &u, &pg->e);
    if (st == OK)
        banner_set_usage(pg, &u);
    return st;
}
