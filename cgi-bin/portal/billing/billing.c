/* billing_view.c: see billing_view.h. */
#include "portal/billing/billing.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "billing/checkout/checkout.h"
#include "plan/money.h"

#include "base/banned.h"

#define NAME(key, ...) snprintf((key), sizeof(key), __VA_ARGS__)

static const char *at(char key[KEY_MAX], const char *prefix, const char *field)
{
    snprintf(key, KEY_MAX, "%s.%s", prefix, field);
    return key;
}

/* ---- money and numbers ---- */

static struct str keep(struct page *pg, struct buf *b)
{
    const char *text = buf_ok(b) ? arena_strdup(pg->rq->arena, buf_str(b)) : NULL;
    buf_release(b);
    return str_from(text ? text : "");
}

struct str words_money(struct page *pg, int64_t amount, const char *currency)
{
    struct buf b;
    buf_init(&b, 128);
    money_text(&b, amount, str_from(currency));
    return keep(pg, &b);
}

struct str words_money_short(struct page *pg, int64_t amount, const char *currency)
{
    struct str s = words_money(pg, amount, currency);
    return str_ends(s, STR(".00")) ? str_sub(s, 0, s.n - 3) : s;
}

void fill_money(struct page *pg, const char *key, int64_t amount, const char *currency)
{
    view_str(pg->v, key, words_money(pg, amount, currency));
}

struct str words_number(struct page *pg, int64_t n)
{
    char digits[32];
    const char *mark = view_t(pg->v, "Format.Thousands");
    struct buf b;
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)n), first = n < 0;
    buf_init(&b, 128);
    for (int i = 0; i < len; i++) {
        if (i > first && (len - i) % 3 == 0)
            buf_puts(&b, mark);
        buf_putc(&b, digits[i]);
    }
    return keep(pg, &b);
}

bool read_money(struct str typed, const char *currency, int64_t *out)
{
    int places = money_places(str_from(currency));
    struct str s = str_trim(typed);
    ptrdiff_t point = str_find(s, '.') >= 0 ? str_find(s, '.') : str_find(s, ',');
    struct str whole = point < 0 ? s : str_sub(s, 0, (size_t)point);
    struct str part = point < 0 ? STR_EMPTY : str_sub(s, (size_t)point + 1, s.n);
    int64_t units = 0, rest = 0;
    if (!num_i64(whole, 0, INT64_C(1000000000), &units) || (point >= 0 && !part.n) || part.n > (size_t)places ||
        (part.n && !num_i64(part, 0, 999, &rest)))
        return false;
    for (size_t i = 0; i < (size_t)places; i++) {
        units *= 10;
        if (i >= part.n)
            rest *= 10;
    }
    *out = units + rest;
    return true;
}

/* ---- what plans hold ---- */

static struct str count_words(struct page *pg, const char *text_key, int64_t n)
{
    char key[KEY_MAX + 8];
    NAME(key, "%s.%s", text_key, n == 1 ? "one" : "other");
    return view_fill(pg->v, key, {"n", words_number(pg, n)});
}

/* "" for what gives nothing. History is told in years where it is whole years. */
static struct str words_entitlement(struct page *pg, enum entitlement x, int64_t value)
{
    char text[KEY_MAX];
    if (value != UNLIMITED && entitlement_kind(x) == LIMIT) {
        bool years = x == ENTITLEMENT_retention_days && value > 0 && value % 365 == 0;
        NAME(text, "Ent.%s", years ? "retention_years" : entitlement_name(x));
        return count_words(pg, text, years ? value / 365 : value);
    }
    if (value == UNLIMITED)
        NAME(text, "Ent.%s.unlimited", entitlement_name(x));
    else
        NAME(text, "Ent.%s.%lld", entitlement_name(x), (long long)value);
    const char *words = view_t(pg->v, text);
    return strcmp(words, text) == 0 ? STR_EMPTY : str_from(words);
}

bool fill_entitlement(struct page *pg, const char *key, enum entitlement x, int64_t value)
{
    struct str words = words_entitlement(pg, x, value);
    if (words.n)
        view_str(pg->v, key, words);
    return words.n > 0;
}

void fill_has(struct page *pg, const char *prefix, const int64_t *value)
{
    char key[KEY_MAX];
    size_t n = 0;
    for (int x = 0; x < ENTITLEMENT_COUNT; x++) {
        NAME(key, "%s.Has.%zu.Text", prefix, n);
        if (fill_entitlement(pg, key, (enum entitlement)x, value[x]))
            n++;
    }
}

/* "then $4.90 for each 1,000 more": a single one costs parts of a cent. */
static void fill_overage(struct page *pg, const char *prefix, const struct plan_terms *t)
{
    char key[KEY_MAX];
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

static void fill_terms(struct page *pg, const char *prefix, const struct plan_terms *t)
{
    char key[KEY_MAX];
    view_str(pg->v, at(key, prefix, "Price"), words_money_short(pg, t->price, t->currency));
    view_bool(pg->v, at(key, prefix, "Free"), t->price == 0);
    view_bool(pg->v, at(key, prefix, "Unlimited"), t->conversations == UNLIMITED);
    if (t->conversations != UNLIMITED)
        view_number(pg->v, at(key, prefix, "Included"), t->conversations);
    view_bool(pg->v, at(key, prefix, "Bills"), t->overage >= 0 && t->conversations != UNLIMITED);
    fill_overage(pg, prefix, t);
}

void fill_plan(struct page *pg, const char *prefix, const struct plan *p, const struct plan_terms *t)
{
    char key[KEY_MAX];
    int64_t value[ENTITLEMENT_COUNT];
    const struct plan_terms *terms = t ? t : p->terms;
    memcpy(value, p->value, sizeof(value));
    view_str(pg->v, at(key, prefix, "Id"), p->plan);
    view_str(pg->v, at(key, prefix, "Name"), p->name);
    if (terms) {
        value[ENTITLEMENT_conversations] = terms->conversations;
        fill_terms(pg, prefix, terms);
    }
    fill_has(pg, prefix, value);
}

/* A limit beside another: the number alone, but time with its unit, which may differ. */
static struct str words_old(struct page *pg, enum entitlement x, int64_t from)
{
    if (entitlement_kind(x) != LIMIT)
        return words_entitlement(pg, x, from);
    if (from == UNLIMITED)
        return str_from(view_t(pg->v, "Plans.NowUnlimited"));
    if (x != ENTITLEMENT_retention_days)
        return words_number(pg, from);
    bool years = from > 0 && from % 365 == 0;
    return count_words(pg, years ? "Plans.Years" : "Plans.Days", years ? from / 365 : from);
}

/* Of limits and levels both are told, before and after; of what comes or goes as a whole, what it is. */
static struct str words_difference(struct page *pg, enum entitlement x, int64_t from, int64_t to)
{
    struct str now = words_entitlement(pg, x, to);
    if (entitlement_kind(x) == SWITCH || !now.n || (entitlement_kind(x) == LEVEL && !words_old(pg, x, from).n))
        return to > from ? now : words_entitlement(pg, x, from);
    return view_fill(pg->v, "Plans.InsteadOf", {"new", now}, {"old", words_old(pg, x, from)});
}

void fill_difference(struct page *pg, const char *prefix, const int64_t *have, const struct plan *p)
{
    char key[KEY_MAX];
    size_t adds = 0, loses = 0;
    for (int i = 0; i < ENTITLEMENT_COUNT; i++) {
        bool more = p->value[i] > have[i];
        if (p->value[i] == have[i])
            continue;
        struct str words = words_difference(pg, (enum entitlement)i, have[i], p->value[i]);
        NAME(key, "%s.%s.%zu.Text", prefix, more ? "Adds" : "Loses", more ? adds : loses);
        if (!words.n)
            continue;
        view_str(pg->v, key, words);
        *(more ? &adds : &loses) += 1;
    }
}

/* ---- usage, state, invoices ---- */

void fill_meter(struct page *pg, const char *prefix, const struct usage *u)
{
    struct view *v = pg->v;
    char key[KEY_MAX];
    bool bounded = u->limit != UNLIMITED;
    int64_t of = u->included < u->limit ? u->included
                                        : u->limit; /* while a payment is missing it is less than the plan includes */
    view_number(v, at(key, prefix, "Used"), u->used);
    view_bool(v, at(key, prefix, "Unlimited"), of == UNLIMITED);
    view_date(v, at(key, prefix, "From"), u->period_start_ms);
    view_date(v, at(key, prefix, "To"), u->period_end_ms - 1); /* its last day */
    if (of == UNLIMITED)
        return;
    view_number(v, at(key, prefix, "Included"), of);
    view_int(v, at(key, prefix, "Percent"), of > 0 && u->used < of ? u->used * 100 / of : 100);
    view_bool(v, at(key, prefix, "Near"), bounded && u->used < u->limit && u->used >= u->limit - u->limit / 10);
    view_bool(v, at(key, prefix, "Full"), bounded && u->used >= u->limit);
    if (u->used > of)
        view_number(v, at(key, prefix, "Beyond"), u->used - of);
}

void fill_state(struct page *pg, const char *prefix, enum billing_state s)
{
    char key[KEY_MAX], text[KEY_MAX];
    view_text(pg->v, at(key, prefix, "State"), billing_state_name(s));
    NAME(key, "%s.StateText", prefix);
    NAME(text, "BillingState.%s", billing_state_name(s));
    view_text(pg->v, key, view_t(pg->v, text));
}

struct str words_status(struct page *pg, const char *group, struct str status)
{
    char key[KEY_MAX];
    NAME(key, "%s.%.*s", group, STR_F(str_sub(status, 0, 60)));
    const char *text = view_t(pg->v, key);
    return strcmp(text, key) != 0 ? str_from(text) : status;
}

void fill_link(struct page *pg, const char *key, struct str url)
{
    struct str base = str_from(config_string(pg->rq->config, CONFIG_stripe_api_base));
    bool own = str_starts(base, STR("http://")) && str_starts(url, base) &&
               str_starts(str_sub(url, base.n, 1), STR("/"));
    if (own || str_starts(url, STR("https://")))
        view_str(pg->v, key, url);
}

void fill_invoice(struct page *pg, const char *list, size_t i, const struct invoice *in)
{
    struct view *v = pg->v;
    bool open = str_eqz(in->status, "open");
    bool failed = (open && in->attempt_count > 0 && in->amount_remaining > 0) || in->finalization_failed;
    view_str(v, view_at(v, list, i, "Id"), in->id);
    view_str(v, view_at(v, list, i, "Number"), in->number);
    view_str(v, view_at(v, list, i, "Status"), failed ? STR("failed") : in->status);
    view_str(v, view_at(v, list, i, "StatusText"),
             words_status(pg, "InvoiceStatus", failed ? STR("failed") : in->status));
    view_str(v, view_at(v, list, i, "Reason"), words_status(pg, "InvoiceReason", in->billing_reason));
    view_str(v, view_at(v, list, i, "Amount"), words_money(pg, in->total, in->currency));
    view_bool(v, view_at(v, list, i, "Owed"), open && in->amount_remaining > 0);
    view_str(v, view_at(v, list, i, "Remaining"), words_money(pg, in->amount_remaining, in->currency));
    view_date(v, view_at(v, list, i, "Date"), in->finalized_ms ? in->finalized_ms : in->created_ms);
    if (open)
        view_date(v, view_at(v, list, i, "Next"), in->next_attempt_ms);
    fill_link(pg, view_at(v, list, i, "Hosted"), in->hosted_url);
    fill_link(pg, view_at(v, list, i, "Pdf"), in->pdf_url);
}

/* ---- the pages of one workspace ---- */

/* What was bought, whether or not the workspace lives on it. A key that is none of Stripe's leaves both as if nothing was. */
static enum status find_bought(struct page *pg, struct billing *b)
{
    struct subscription *list;
    struct stripe *stripe;
    size_t n, standing;
    if (billing_stripe(pg, &stripe) != OK) {
        pg->e = (struct err)ERR_INIT;
        return OK;
    }
    enum status st = subscription_list(pg->db, pg->who.tenant, pg->rq->arena, &list, &n, &pg->e);
    if (st != OK)
        return st;
    const struct subscription *one = standing_choose(list, n, stripe->livemode, &standing);
    b->had = subscription_had(list, n, stripe->livemode);
    if (one && one->status != STRIPE_INCOMPLETE && !billing_subscribed(&b->now))
        b->beside = one;
    return OK;
}

bool billing_begin(struct request *rq, struct page *pg, const char *tab, struct billing *b)
{
    int64_t now = clock_now_ms();
    if (!page_begin(rq, pg))
        return false;
    *b = (struct billing){.on = stripe_enabled(rq->config), .write = rq->who.perms & BILLING_WRITE};
    enum status st = plans_read(pg->db, rq->arena, &b->plans, &pg->e);
    if (st == OK)
        st = entitlement_load(pg->db, pg->who.tenant, now, rq->arena, &b->now, &pg->e);
    if (st == OK)
        st = usage_in(pg->db, pg->who.tenant, &b->now.period, &b->used, &pg->e);
    if (st == OK && b->on)
        st = find_bought(pg, b);
    if (st != OK) {
        page_fail(pg);
        return false;
    }
    view_text(pg->v, "Page.Nav", "billing");
    view_text(pg->v, "Page.Tab", tab);
    view_bool(pg->v, "Billing.On", b->on);
    view_bool(pg->v, "Billing.Write", b->write && b->on);
    return true;
}

void billing_anew(struct request *rq, struct page *pg, const char *tab,
                  void (*show)(struct page *pg, const struct billing *b, int status))
{
    struct err failed = pg->e;
    struct billing b;
    page_release(pg);
    if (!billing_begin(rq, pg, tab, &b))
        return;
    pg->e = failed;
    if (!billing_refused(pg)) {
        page_fail(pg);
        return;
    }
    pg->e = (struct err)ERR_INIT;
    show(pg, &b, 422);
}

bool billing_subscribed(const struct entitlements *x)
{
    return x->subscription && x->state != BILLING_FREE && x->state != BILLING_ASSIGNED;
}

void fill_planned_words(struct page *pg, const struct billing *b)
{
    const struct subscription *s = b->now.subscription;
    if (!s)
        return;
    const struct plan_terms *next = id_is_none(s->next_terms) ? NULL : plans_terms(&b->plans, s->next_terms);
    const struct plan *to = next ? plans_find(&b->plans, next->plan) : NULL;
    if (b->now.state == BILLING_ENDING)
        view_str(pg->v, "Planned.Words",
                 view_fill(pg->v, "Billing.PlannedEnd", {"date", view_day(pg->v, b->now.until_ms)},
                           {"free", plans_free(&b->plans)->name}));
    else if (to)
        view_str(pg->v, "Planned.Words",
                 view_fill(pg->v, "Billing.PlannedPlan", {"date", view_day(pg->v, s->next_ms)}, {"plan", to->name},
                           {"price", words_money_short(pg, next->price, next->currency)}));
}

bool billing_owes(const struct entitlements *x)
{
    return x->state == BILLING_GRACE || x->state == BILLING_READ_ONLY || x->state == BILLING_SUSPENDED ||
           x->state == BILLING_PAUSED;
}

/* ---- on to Stripe ---- */

/* Codes after which Stripe has surely done nothing; after the others it may have. */
static bool surely_not_done(const struct err *e)
{
    static const enum error_code codes[] = {E_stripe_unreachable,  E_stripe_key_refused,  E_stripe_right_missing,
                                            E_stripe_rate_limited, E_stripe_lock_timeout, E_stripe_key_reused};
    for (size_t i = 0; i < COUNT_OF(codes); i++)
        if (err_is(e, codes[i]))
            return true;
    return false;
}

/* What Stripe says about a card is meant for the payer; about anything else it is for the operator, who finds it in the log. */
static void soften(struct page *pg)
{
    if (!stripe_failed(&pg->e) || err_is(&pg->e, E_stripe_off) || stripe_card(&pg->e))
        return;
    bool certain = surely_not_done(&pg->e) || pg->e.status == ERR_INVALID;
    request_failed(pg->rq, &pg->e);
    if (certain)
        (void)err_raise(&pg->e, E_payment_unavailable);
    else
        (void)err_raise(&pg->e, E_payment_unknown);
}

bool billing_refused(struct page *pg)
{
    enum status st = pg->e.status;
    bool gone = st == ERR_NOT_FOUND && !err_is(&pg->e, E_not_found); /* no customer yet, a bot that was deleted */
    if (!page_is_form_error(pg) && !gone && st != ERR_UNAVAILABLE && st != ERR_RATE && st != ERR_TIMEOUT)
        return false;
    soften(pg);
    page_form_error(pg);
    return true;
}

static void stripe_end(void *ptr)
{
    stripe_close(ptr);
}

enum status billing_stripe(struct page *pg, struct stripe **out)
{
    struct stripe *stripe = ARENA_NEW(pg->rq->arena, struct stripe);
    if (!stripe)
        return err_nomem(&pg->e);
    enum status st = stripe_open(stripe, (struct config *)pg->rq->config, pg->app->guard.pool, &pg->e);
    if (st == OK && arena_defer(pg->rq->arena, stripe_end, stripe) != 0)
        st = err_nomem(&pg->e);
    *out = stripe;
    return st;
}

void page_leads_to_stripe(struct page *pg)
{
    const char *base = config_string(pg->rq->config, CONFIG_stripe_api_base);
    if (!stripe_enabled(pg->rq->config))
        return;
    /* The pages may stand at an address of the operator's own, so that any https one is let through. */
    char *policy = arena_printf(pg->rq->arena, "%sform-action 'self' https:%s%s; frame-ancestors 'none'", CSP_PARTS,
                                str_starts(str_from(base), STR("http://")) ? " " : "",
                                str_starts(str_from(base), STR("http://")) ? base : "");
    if (policy)
        reply_header(pg->rq, "Content-Security-Policy", str_from(policy));
}
