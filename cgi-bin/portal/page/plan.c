/* plan.c: plans, limits, usage and invoices as values of a view.
 *
 * What a plan gives is read from its entitlement values alone: a text T.Ent.<name> per entitlement is all that a page
 * needs, and a new entitlement appears on every page as soon as it has its text. */
#include "portal/page/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

#define NAME(key, ...) snprintf((key), sizeof(key), __VA_ARGS__)

static const char *plan_key(char key[VIEW_KEY_MAX], const char *prefix, const char *field)
{
    snprintf(key, VIEW_KEY_MAX, "%s.%s", prefix, field);
    return key;
}

void page_fill_money(struct page *pg, const char *key, int64_t amount, const char *currency)
{
    view_str(pg->v, key, words_money(pg, amount, currency));
}

/* The two forms that English has. A language with more of them would need more keys here. */
static struct str plan_words_count(struct page *pg, const char *text_key, int64_t n)
{
    char key[VIEW_KEY_MAX + 8];
    NAME(key, "%s.%s", text_key, n == 1 ? "one" : "other");
    return view_fill(pg->v, key, {"n", words_number(pg, n)});
}

/* "" if the value gives nothing. History is counted in years if it is whole years. */
static struct str plan_words_entitlement(struct page *pg, enum entitlement x, int64_t value)
{
    char text[VIEW_KEY_MAX];
    if (value != UNLIMITED && entitlement_kind(x) == LIMIT) {
        bool years = x == ENTITLEMENT_retention_days && value > 0 && value % 365 == 0;
        NAME(text, "Ent.%s", years ? "retention_years" : entitlement_name(x));
        return plan_words_count(pg, text, years ? value / 365 : value);
    }
    if (value == UNLIMITED)
        NAME(text, "Ent.%s.unlimited", entitlement_name(x));
    else
        NAME(text, "Ent.%s.%lld", entitlement_name(x), (long long)value);
    const char *words = view_t(pg->v, text);
    return strcmp(words, text) == 0 ? STR_EMPTY : str_from(words);
}

bool page_fill_entitlement(struct page *pg, const char *key, enum entitlement x, int64_t value)
{
    struct str words = plan_words_entitlement(pg, x, value);
    if (words.n)
        view_str(pg->v, key, words);
    return words.n > 0;
}

void page_fill_entitlements(struct page *pg, const char *prefix, const int64_t *value)
{
    char key[VIEW_KEY_MAX];
    size_t n = 0;
    for (int x = 0; x < ENTITLEMENT_COUNT; x++) {
        NAME(key, "%s.Has.%zu.Text", prefix, n);
        if (page_fill_entitlement(pg, key, (enum entitlement)x, value[x]))
            n++;
    }
}

/* "then $4.90 for each 1,000 more": one conversation costs less than a cent. */
static void plan_fill_overage(struct page *pg, const char *prefix, const struct plan_terms *t)
{
    char key[VIEW_KEY_MAX];
    if (t->conversations == UNLIMITED)
        return;
    NAME(key, "%s.Overage", prefix);
    if (t->overage < 0) {
        view_text(pg->v, key, view_t(pg->v, "Plan.Stops"));
        return;
    }
    struct plan_terms thousand = {.conversations = 0, .overage = t->overage};
    view_str(pg->v, key,
             view_fill(pg->v, "Plan.Overage",
                       {"price", words_money_short(pg, pricing_overage(&thousand, 1000), t->currency)}));
}

static void plan_fill_terms(struct page *pg, const char *prefix, const struct plan_terms *t)
{
    char key[VIEW_KEY_MAX];
    view_str(pg->v, plan_key(key, prefix, "Price"), words_money_short(pg, t->price, t->currency));
    view_bool(pg->v, plan_key(key, prefix, "Free"), t->price == 0);
    view_bool(pg->v, plan_key(key, prefix, "Unlimited"), t->conversations == UNLIMITED);
    if (t->conversations != UNLIMITED)
        view_number(pg->v, plan_key(key, prefix, "Included"), t->conversations);
    view_bool(pg->v, plan_key(key, prefix, "Bills"), t->overage >= 0 && t->conversations != UNLIMITED);
    plan_fill_overage(pg, prefix, t);
}

/* The number of conversations comes from the terms and not from the plan: a customer keeps the terms that were bought,
 * whatever the plan says now. */
void page_fill_plan(struct page *pg, const char *prefix, const struct plan *p, const struct plan_terms *t)
{
    char key[VIEW_KEY_MAX];
    int64_t value[ENTITLEMENT_COUNT];
    const struct plan_terms *terms = t ? t : p->terms;
    memcpy(value, p->value, sizeof(value));
    view_str(pg->v, plan_key(key, prefix, "Id"), p->plan);
    view_str(pg->v, plan_key(key, prefix, "Name"), p->name);
    if (terms) {
        value[ENTITLEMENT_conversations] = terms->conversations;
        plan_fill_terms(pg, prefix, terms);
    }
    page_fill_entitlements(pg, prefix, value);
}

/* The old value in "12 bots instead of 5": the number alone. Times keep their unit, because it may differ. */
static struct str plan_words_old(struct page *pg, enum entitlement x, int64_t from)
{
    if (entitlement_kind(x) != LIMIT)
        return plan_words_entitlement(pg, x, from);
    if (from == UNLIMITED)
        return str_from(view_t(pg->v, "Plan.NowUnlimited"));
    if (x != ENTITLEMENT_retention_days)
        return words_number(pg, from);
    bool years = from > 0 && from % 365 == 0;
    return plan_words_count(pg, years ? "Plan.Years" : "Plan.Days", years ? from / 365 : from);
}

/* Limits and levels are shown with both values. A feature that appears or disappears is shown by its name. */
static struct str plan_words_difference(struct page *pg, enum entitlement x, int64_t from, int64_t to)
{
    struct str now = plan_words_entitlement(pg, x, to);
    if (entitlement_kind(x) == SWITCH || !now.n || (entitlement_kind(x) == LEVEL && !plan_words_old(pg, x, from).n))
        return to > from ? now : plan_words_entitlement(pg, x, from);
    return view_fill(pg->v, "Plan.InsteadOf", {"new", now}, {"old", plan_words_old(pg, x, from)});
}

/* The order is that of entitlements.def, so that plans can be compared line by line. */
void page_fill_difference(struct page *pg, const char *prefix, const int64_t *have, const struct plan *p)
{
    char key[VIEW_KEY_MAX];
    size_t adds = 0, loses = 0;
    for (int i = 0; i < ENTITLEMENT_COUNT; i++) {
        bool more = p->value[i] > have[i];
        if (p->value[i] == have[i])
            continue;
        struct str words = plan_words_difference(pg, (enum entitlement)i, have[i], p->value[i]);
        NAME(key, "%s.%s.%zu.Text", prefix, more ? "Adds" : "Loses", more ? adds : loses);
        if (!words.n)
            continue;
        view_str(pg->v, key, words);
        *(more ? &adds : &loses) += 1;
    }
}

/* "Near" begins at 90 % of the limit. The bar is full at the included number, whatever is used beyond it. */
void page_fill_usage(struct page *pg, const char *prefix, const struct usage *u)
{
    struct view *v = pg->v;
    char key[VIEW_KEY_MAX];
    bool bounded = u->limit != UNLIMITED;
    /* While a payment is missing the limit is lower than what the plan includes. */
    int64_t of = u->included < u->limit ? u->included : u->limit;
    view_number(v, plan_key(key, prefix, "Used"), u->used);
    view_bool(v, plan_key(key, prefix, "Unlimited"), of == UNLIMITED);
    view_date(v, plan_key(key, prefix, "From"), u->period_start_ms);
    view_date(v, plan_key(key, prefix, "To"), u->period_end_ms - 1); /* the last day */
    if (of == UNLIMITED)
        return;
    view_number(v, plan_key(key, prefix, "Included"), of);
    view_int(v, plan_key(key, prefix, "Percent"), of > 0 && u->used < of ? u->used * 100 / of : 100);
    view_bool(v, plan_key(key, prefix, "Near"), bounded && u->used < u->limit && u->used >= u->limit - u->limit / 10);
    view_bool(v, plan_key(key, prefix, "Full"), bounded && u->used >= u->limit);
    if (u->used > of)
        view_number(v, plan_key(key, prefix, "Beyond"), u->used - of);
}

void page_fill_state(struct page *pg, const char *prefix, enum billing_state s)
{
    char key[VIEW_KEY_MAX], text[VIEW_KEY_MAX];
    view_text(pg->v, plan_key(key, prefix, "State"), billing_state_name(s));
    NAME(key, "%s.StateText", prefix);
    NAME(text, "BillingState.%s", billing_state_name(s));
    view_text(pg->v, key, view_t(pg->v, text));
}

/* An invoice link comes from Stripe and becomes an href, so anything but https is left out: javascript: must not get
 * here even if the mirror were wrong. The slash after the base keeps http://127.0.0.1:1 from matching
 * http://127.0.0.1:1@elsewhere. */
void page_fill_link(struct page *pg, const char *key, struct str url)
{
    struct str base = str_from(config_string(pg->rq->config, CONFIG_stripe_api_base));
    bool own = str_starts(base, STR("http://")) && str_starts(url, base) &&
               str_starts(str_sub(url, base.n, 1), STR("/"));
    if (own || str_starts(url, STR("https://")))
        view_str(pg->v, key, url);
}

/* An open invoice whose payment was tried counts as failed, although Stripe calls it open. */
void page_fill_invoice(struct page *pg, const char *list, size_t i, const struct invoice *in)
{
    struct view *v = pg->v;
    bool open = in->status == INVOICE_OPEN;
    bool failed = (open && in->attempt_count > 0 && in->amount_remaining > 0) || in->finalization_failed;
    view_str(v, view_at(v, list, i, "Id"), in->id);
    view_str(v, view_at(v, list, i, "Number"), in->number);
    view_str(v, view_at(v, list, i, "Status"), failed ? STR("failed") : in->status_text);
    view_str(v, view_at(v, list, i, "StatusText"),
             words_name(pg, "InvoiceStatus", failed ? STR("failed") : in->status_text));
    view_str(v, view_at(v, list, i, "Reason"), words_name(pg, "InvoiceReason", in->billing_reason));
    view_str(v, view_at(v, list, i, "Amount"), words_money(pg, in->total, in->currency));
    view_bool(v, view_at(v, list, i, "Owed"), open && in->amount_remaining > 0);
    view_str(v, view_at(v, list, i, "Remaining"), words_money(pg, in->amount_remaining, in->currency));
    view_date(v, view_at(v, list, i, "Date"), in->finalized_ms ? in->finalized_ms : in->created_ms);
    if (open)
        view_date(v, view_at(v, list, i, "Next"), in->next_attempt_ms);
    page_fill_link(pg, view_at(v, list, i, "Hosted"), in->hosted_url);
    page_fill_link(pg, view_at(v, list, i, "Pdf"), in->pdf_url);
}
