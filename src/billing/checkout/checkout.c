/* checkout.c: buying: the tenant's customer, and one checkout at a time. */
#include "base/clock.h"
#include "base/log.h"
#include "billing/checkout/checkout_internal.h"
#include "billing/setup/setup.h"
#include "billing/sync/sync.h"
#include "stripe/call.h"
#include "stripe/failure.h"

#include "base/banned.h"

#define SESSION_MS (23 * HOUR_MS) /* Stripe allows a day; an hour less, since clocks differ */
#define CUSTOMER_TRIES 3
#define LOOK_BACK_S 3600

/* ---- the customer ---- */

struct customer_work {
    struct desk *d;
    struct str customer;
    struct customer_facts facts;
    int64_t count;
    struct customer_call last;
    const char *prefix;
};

static enum status read_customer(struct db *c, void *ctx, struct err *e)
{
    struct customer_work *w = ctx;
    return customer_store_current(c, w->d->tenant, w->d->stripe->livemode, w->d->a, &w->customer, e);
}

enum status customer_find(struct desk *d, struct str *out, struct err *e)
{
    struct customer_work w = {.d = d};
    enum status st = held_db(d->p, read_customer, &w, e);
    if (st == OK)
        *out = w.customer;
    return st;
}

static enum status read_making(struct db *c, void *ctx, struct err *e)
{
    struct customer_work *w = ctx;
    struct desk *d = w->d;
    enum status st = customer_store_facts(c, d->tenant, d->a, &w->facts, e);
    if (st == OK)
        st = customer_store_count(c, d->tenant, &w->count, e);
    if (st != OK)
        return st;
    w->prefix = desk_text(d, "cust:%s:%s%lld", desk_tenant(d), d->stripe->livemode ? "" : "test-",
                          (long long)w->count + 1);
    return d->nomem ? err_nomem(e) : customer_store_call(c, d->tenant, d->a, str_from(w->prefix), &w->last, e);
}

static enum status write_customer(struct db *c, void *ctx, struct err *e)
{
    struct customer_work *w = ctx;
    enum status st = customer_store_add(c, w->d->tenant, w->d->stripe->livemode, w->customer, clock_now_ms(), e);
    return st == OK ? account_audit(c, w->d->who, "billing.customer_made", str_sub(w->customer, 0, 64), NULL, e) : st;
}

static enum status adopt_one(void *ctx, struct json *item, struct err *e)
{
    struct customer_work *w = ctx;
    bool ok = true;
    if (!w->customer.n && str_eqz(json_get_str(json_get(item, "metadata"), "tenant"), desk_tenant(w->d)))
        w->customer = arena_str(w->d->a, json_get_str(item, "id"), &ok);
    return ok && !w->d->nomem ? OK : err_nomem(e);
}

/* A call whose outcome is not known: the customer is there since then, or is not. */
static enum status customer_look(struct customer_work *w, int64_t since_ms, const char *key, struct err *e)
{
    struct stripe_form f;
    stripe_form_init(&f);
    stripe_param_int(&f, "created[gte]", since_ms / 1000 - LOOK_BACK_S);
    w->customer = STR_EMPTY;
    enum status st = stripe_form_ok(&f)
                         ? stripe_list_each(w->d->stripe, "/v1/customers", &f, STRIPE_WORK_MS, adopt_one, w, e)
                         : err_nomem(e);
    stripe_form_release(&f);
    return st == OK ? stripe_call_settle(w->d->p, str_from(key), w->customer, e) : st;
}

static enum status customer_post(struct customer_work *w, const char *key, struct err *e)
{
    struct stripe_form f;
    struct stripe_reply r;
    stripe_form_init(&f);
    if (w->facts.email.n)
        stripe_param_str(&f, "email", w->facts.email);
    stripe_param_str(&f, "name", w->facts.workspace);
    stripe_param_text(&f, "metadata[tenant]", desk_tenant(w->d));
    struct stripe_post p = {.path = "/v1/customers",
                            .form = &f,
                            .idem_key = str_from(key),
                            .tenant = &w->d->tenant,
                            .deadline_ms = STRIPE_UI_MS};
    enum status st = w->d->nomem ? err_nomem(e) : stripe_post(w->d->stripe, w->d->a, &p, &r, e);
    stripe_form_release(&f);
    if (st == OK)
        w->customer = r.object_id;
    return st;
}

/* An answer that says nothing about the outcome, and will be said again under this key. */
static bool is_unclear(const struct err *e)
{
    return err_is(e, E_stripe_error) || err_is(e, E_stripe_unknown) || err_is(e, E_stripe_key_reused);
}

enum status customer_make(struct desk *d, struct str *out, struct err *e)
{
    struct customer_work w = {.d = d, .customer = STR_EMPTY};
    struct err why = ERR_INIT;
    enum status st = held_db(d->p, read_customer, &w, e);
    if (st == OK && w.customer.n) {
        *out = w.customer;
        return OK;
    }
    if (st == OK)
        st = held_db(d->p, read_making, &w, e);
    if (st != OK)
        return st;
    int64_t serial = w.last.serial < 0 ? 0 : w.last.failed ? w.last.serial + 1 : w.last.serial;
    int64_t since_ms = w.last.serial < 0 || w.last.failed ? clock_now_ms() : w.last.first_sent_ms;
    for (int i = 0; i < CUSTOMER_TRIES && !w.customer.n; i++, serial++) {
        const char *key = desk_text(d, "%s.%lld", w.prefix, (long long)serial);
        st = customer_post(&w, key, &why);
        if (st != OK && is_unclear(&why))
            st = customer_look(&w, since_ms, key, &why);
        if (st != OK)
            break;
    }
    if (st == OK && !w.customer.n)
        st = err_set(&why, E_stripe_error, "Stripe has trouble of its own right now: try again in a few minutes.");
    if (st == OK)
        st = held_transaction(d->p, write_customer, &w, &why);
    if (st == OK)
        *out = w.customer;
    else if (e)
        *e = why;
    return st;
}

enum status customer_ensure(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                            struct str *out, struct err *e)
{
    struct desk d = desk_open(stripe, p, a, who, who->tenant);
    enum status st = desk_begin(&d, e);
    return st == OK ? desk_close(&d, customer_make(&d, out, e), "customer", e) : st;
}

/* ---- what is there before a checkout begins ---- */

struct buying {
    struct desk *d;
    struct str plan_name;
    struct plans plans;
    const struct plan *plan;
    struct str base, usage;
    struct subscription *subs;
    size_t sub_n;
    struct attempt *attempts, made;
    size_t attempt_n;
    bool had; /* a subscription, ever: no second trial */
    struct str customer;
    struct attempt *changed;
    enum attempt_state to;
    struct str session;
};

static enum status subscribed(struct err *e)
{
    return err_set(e, E_subscribed, "There is a subscription already: change its plan instead of buying another.");
}

static enum status read_buying(struct db *c, void *ctx, struct err *e)
{
    struct buying *b = ctx;
    struct desk *d = b->d;
    enum status st = plans_read(c, d->a, &b->plans, e);
    if (st != OK)
        return st;
    b->plan = plans_find(&b->plans, b->plan_name);
    if (!b->plan)
        return err_at_as(e, ERR_INVALID, E_plan_unknown, "plan", "There is no such plan.");
    if (!b->plan->is_public || !b->plan->terms || b->plan->terms->price <= 0)
        return err_raise_at(e, E_plan_not_sold, "plan");
    st = setup_prices(c, d->a, d->stripe->livemode, b->plan->terms->id, &b->base, &b->usage, e);
    if (st == OK)
        st = subscription_list(c, d->tenant, d->a, &b->subs, &b->sub_n, e);
    if (st == OK)
        st = attempt_store_open(c, d->tenant, d->stripe->livemode, clock_now_ms(), d->a, &b->attempts, &b->attempt_n,
                                e);
    return st;
}

/* What the mirror knows; `had` from it. */
static enum status refuse_standing(struct buying *b, struct err *e)
{
    size_t n;
    const struct subscription *x = standing_choose(b->subs, b->sub_n, b->d->stripe->livemode, &n);
    b->had = subscription_had(b->subs, b->sub_n, b->d->stripe->livemode);
    if (x && x->status == STRIPE_INCOMPLETE)
        return err_set(e, E_subscribed,
                       "A payment for this workspace is under way: it is confirmed, or ends within a day.");
    return x ? subscribed(e) : OK;
}

static bool has_ended(const struct json *sub)
{
    enum stripe_status s = stripe_status_parse(json_get_str(sub, "status"));
    return s == STRIPE_CANCELED || s == STRIPE_INCOMPLETE_EXPIRED;
}

static enum status see_subscription(void *ctx, struct json *item, struct err *e)
{
    struct buying *b = ctx;
    bool ok = true;
    b->had = b->had || stripe_status_parse(json_get_str(item, "status")) != STRIPE_INCOMPLETE_EXPIRED;
    if (!has_ended(item))
        b->session = arena_str(b->d->a, json_get_str(item, "id"), &ok);
    return ok ? OK : err_nomem(e);
}

/* Stripe itself is asked, since the news of a payment may be on its way. */
static enum status refuse_unheard(struct buying *b, struct err *e)
{
    struct stripe_form f;
    struct err why = ERR_INIT;
    b->session = STR_EMPTY;
    stripe_form_init(&f);
    stripe_param_str(&f, "customer", b->customer);
    stripe_param_text(&f, "status", "all");
    enum status st = stripe_form_ok(&f) ? stripe_list_each(b->d->stripe, "/v1/subscriptions", &f, STRIPE_UI_MS,
                                                           see_subscription, b, &why)
                                        : err_nomem(&why);
    stripe_form_release(&f);
    if (st != OK) {
        if (e)
            *e = why;
        return st;
    }
    if (!b->session.n)
        return OK;
    desk_look(b->d, "subscription", b->session);
    return subscribed(e);
}

/* ---- attempts made before ---- */

static enum status write_attempt_state(struct db *c, void *ctx, struct err *e)
{
    const struct buying *b = ctx;
    return attempt_store_state(c, b->d->tenant, b->changed->id, b->to, e);
}

static enum status attempt_becomes(struct buying *b, struct attempt *x, enum attempt_state state, struct err *e)
{
    b->changed = x;
    b->to = state;
    x->state = state;
    return held_db(b->d->p, write_attempt_state, b, e);
}

static enum status session_get(struct desk *d, struct str session, struct json **out, struct err *e)
{
    return desk_get(d, stripe_path(d->a, "/v1/checkout/sessions/%", session.p, (char *)NULL), NULL, out, e);
}

/* Paid, or being paid: what was bought is looked at, and nothing more is sold. */
static enum status attempt_paid(struct buying *b, struct attempt *x, const struct json *session, struct err *e)
{
    enum status st = attempt_becomes(b, x, ATTEMPT_COMPLETE, e);
    desk_look(b->d, "checkout.session", x->session);
    desk_look(b->d, "subscription", stripe_id_of(json_get(session, "subscription")));
    return st == OK ? subscribed(e) : st;
}

/* *url is set when it can be gone on with. */
static enum status attempt_again(struct buying *b, struct attempt *x, struct str *url, struct err *e)
{
    struct json *session;
    enum status st = session_get(b->d, x->session, &session, e);
    if (st == ERR_NOT_FOUND)
        return attempt_becomes(b, x, ATTEMPT_EXPIRED, e);
    if (st != OK)
        return st;
    struct str status = json_get_str(session, "status");
    if (str_eqz(status, "complete"))
        return attempt_paid(b, x, session, e);
    if (!str_eqz(status, "open") || !json_get_str(session, "url").n)
        return attempt_becomes(b, x, ATTEMPT_EXPIRED, e);
    *url = json_get_str(session, "url");
    return OK;
}

/* So that the other tab cannot pay for it any more. */
static enum status attempt_expire(struct buying *b, struct attempt *x, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct desk *d = b->d;
    struct json *session;
    struct err why = ERR_INIT;
    const char *key = desk_text(d, "coexp:%s", id_text(ID_CHECKOUT, x->id, id));
    enum status st = desk_post(d, stripe_path(d->a, "/v1/checkout/sessions/%/expire", x->session.p, (char *)NULL), NULL,
                               key, &session, &why);
    if (st == OK)
        return attempt_becomes(b, x, ATTEMPT_EXPIRED, e);
    if (st != ERR_INVALID && st != ERR_NOT_FOUND) {
        if (e)
            *e = why;
        return st;
    }
    struct str url = STR_EMPTY; /* it is not open any more: paid, or over */
    st = attempt_again(b, x, &url, e);
    if (st == OK && url.n && e)
        *e = why;
    return st == OK && url.n ? why.status : st;
}

/* ---- the session ---- */

static void session_params(struct stripe_form *f, struct buying *b, const struct attempt *x)
{
    struct desk *d = b->d;
    const struct config *c = d->stripe->config;
    const char *home = config_string(c, CONFIG_base_url), *tenant = desk_tenant(d);
    int64_t trial = b->had ? 0 : config_int(c, CONFIG_stripe_trial_days);
    char attempt[ID_TEXT_MAX], terms[ID_TEXT_MAX];
    stripe_param_text(f, "mode", "subscription");
    stripe_param_str(f, "line_items[0][price]", b->base);
    stripe_param_int(f, "line_items[0][quantity]", 1);
    stripe_param_str(f, "line_items[1][price]", b->usage);
    stripe_param_str(f, "customer", b->customer);
    stripe_param_text(f, "client_reference_id", tenant);
    stripe_param_text(f, "metadata[tenant]", tenant);
    stripe_param_text(f, "metadata[attempt]", id_text(ID_CHECKOUT, x->id, attempt));
    stripe_param_text(f, "subscription_data[metadata][tenant]", tenant);
    stripe_param_text(f, "subscription_data[metadata][plan_terms]", id_text(ID_TERMS, x->terms, terms));
    if (trial > 0) { /* no card is asked for; without one the trial simply ends */
        stripe_param_int(f, "subscription_data[trial_period_days]", trial);
        stripe_param_text(f, "subscription_data[trial_settings][end_behavior][missing_payment_method]", "cancel");
        stripe_param_text(f, "payment_method_collection", "if_required");
    }
    if (config_bool(c, CONFIG_stripe_promotion_codes))
        stripe_param_bool(f, "allow_promotion_codes", true);
    if (config_bool(c, CONFIG_stripe_automatic_tax)) {
        stripe_param_bool(f, "automatic_tax[enabled]", true);
        stripe_param_text(f, "customer_update[address]", "auto");
    }
    stripe_param_text(f, "locale", "auto");
    stripe_param_int(f, "expires_at", x->expires_ms / 1000);
    stripe_param_text(f, "success_url", desk_text(d, "%s/app/billing/return?session={CHECKOUT_SESSION_ID}", home));
    stripe_param_text(f, "cancel_url", desk_text(d, "%s/app/billing/plans?canceled=1", home));
}

static enum status write_session(struct db *c, void *ctx, struct err *e)
{
    const struct buying *b = ctx;
    return attempt_store_session(c, b->d->tenant, b->changed->id, b->session, e);
}

/* Under the attempt's own key: asked twice, Stripe makes one. */
static enum status session_make(struct buying *b, struct attempt *x, struct str *url, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct stripe_form f;
    struct json *session = NULL;
    stripe_form_init(&f);
    session_params(&f, b, x);
    enum status st = desk_post(b->d, "/v1/checkout/sessions", &f,
                               desk_text(b->d, "co:%s", id_text(ID_CHECKOUT, x->id, id)), &session, e);
    stripe_form_release(&f);
    if (st != OK)
        return st;
    b->changed = x;
    b->session = json_get_str(session, "id");
    *url = json_get_str(session, "url");
    if (!b->session.n || !url->n)
        return err_set(e, E_stripe_answer, "Stripe's answer names no page to go to.");
    return held_db(b->d->p, write_session, b, e);
}

static enum status write_attempt(struct db *c, void *ctx, struct err *e)
{
    struct buying *b = ctx;
    char id[ID_TEXT_MAX];
    enum status st = attempt_store_add(c, b->d->tenant, b->d->stripe->livemode, &b->made, e);
    if (st == OK)
        st = account_audit(c, b->d->who, "billing.checkout", str_from(id_text(ID_CHECKOUT, b->made.id, id)), NULL, e);
    return st;
}

/* Nobody got the address of a session that came to nothing here: it is left to end by itself. */
static bool is_final(enum status st, const struct err *e)
{
    enum stripe_failure f = stripe_failure_of(e);
    return st == ERR_INVALID || st == ERR_NOT_FOUND || f == STRIPE_FAILURE_REFUSED || f == STRIPE_FAILURE_UNKNOWN ||
           f == STRIPE_FAILURE_FAULT;
}

static enum status attempt_new(struct buying *b, struct str *url, struct err *e)
{
    int64_t now = clock_now_ms();
    struct err why = ERR_INIT;
    b->made = (struct attempt){.id = id_new(),
                               .terms = b->plan->terms->id,
                               .session = STR_EMPTY,
                               .created_ms = now,
                               .expires_ms = now + SESSION_MS};
    enum status st = held_transaction(b->d->p, write_attempt, b, e);
    if (st != OK)
        return st;
    st = session_make(b, &b->made, url, &why);
    if (st != OK && is_final(st, &why)) {
        enum status marked = attempt_becomes(b, &b->made, ATTEMPT_FAILED, e);
        if (marked != OK)
            return marked;
    }
    if (st != OK && e)
        *e = why;
    return st;
}

/* ---- all of it ---- */

/* An attempt whose call was never answered is asked for again under its key; when that cannot be it is given up. */
static enum status attempt_resume(struct buying *b, struct attempt *x, struct str *url, struct err *e)
{
    struct err why = ERR_INIT;
    enum status st = session_make(b, x, url, &why);
    if (st == OK)
        return OK;
    if (is_final(st, &why))
        return attempt_becomes(b, x, ATTEMPT_FAILED, e);
    if (e)
        *e = why;
    return st;
}

static enum status attempt_judge(struct buying *b, struct attempt *x, struct str *url, struct err *e)
{
    bool same = id_eq(x->terms, b->plan->terms->id) && !url->n;
    if (x->state == ATTEMPT_CREATING)
        return same ? attempt_resume(b, x, url, e) : attempt_becomes(b, x, ATTEMPT_FAILED, e);
    return same ? attempt_again(b, x, url, e) : attempt_expire(b, x, e);
}

static enum status buy(struct buying *b, struct str *url, struct err *e)
{
    enum status st = held_db(b->d->p, read_buying, b, e);
    if (st == OK)
        st = refuse_standing(b, e);
    if (st == OK)
        st = customer_make(b->d, &b->customer, e);
    if (st == OK)
        st = refuse_unheard(b, e);
    for (size_t i = 0; st == OK && i < b->attempt_n; i++)
        st = attempt_judge(b, &b->attempts[i], url, e);
    if (st != OK || url->n)
        return st;
    return attempt_new(b, url, e);
}

enum status checkout_begin(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                           struct str plan, struct str *url, struct err *e)
{
    struct desk d = desk_open(stripe, p, a, who, who->tenant);
    struct err why = ERR_INIT;
    enum status st = desk_begin(&d, &why);
    for (int i = 0; st == OK && i < 2; i++) {
        struct buying b = {.d = &d, .plan_name = plan};
        *url = STR_EMPTY;
        st = buy(&b, url, &why);
        if (st == OK || !b.customer.n || !desk_is_missing(&why, "customer"))
            break;
        st = desk_customer_gone(&d, b.customer, &why); /* deleted in the dashboard: once more, with a new one */
    }
    if (st == OK && !url->n)
        st = err_set(&why, E_stripe_error, "Stripe does not know the customer that it has just made: try again.");
    st = desk_close(&d, st, "checkout", &why);
    if (st != OK && e)
        *e = why;
    return st;
}

/* ---- a workspace that is deleted ---- */

static enum status read_attempts(struct db *c, void *ctx, struct err *e)
{
    struct buying *b = ctx;
    return attempt_store_open(c, b->d->tenant, b->d->stripe->livemode, clock_now_ms(), b->d->a, &b->attempts,
                              &b->attempt_n, e);
}

enum status attempts_end(struct desk *d, struct err *e)
{
    struct buying b = {.d = d};
    bool paid = false;
    enum status st = held_db(d->p, read_attempts, &b, e);
    for (size_t i = 0; st == OK && i < b.attempt_n; i++) {
        struct attempt *x = &b.attempts[i];
        struct err why = ERR_INIT;
        st = x->state == ATTEMPT_CREATING ? attempt_becomes(&b, x, ATTEMPT_FAILED, &why) : attempt_expire(&b, x, &why);
        bool now_paid = st == ERR_CONFLICT && err_is(&why, E_subscribed);
        paid = paid || now_paid;
        if (now_paid)
            st = OK;
        else if (st != OK && e)
            *e = why;
    }
    return st == OK && paid ? subscribed(e) : st;
}

enum status checkouts_end(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                          struct err *e)
{
    struct desk d = desk_open(stripe, p, a, who, who->tenant);
    struct err why = ERR_INIT;
    enum status st = desk_begin(&d, &why);
    if (st == OK)
        st = attempts_end(&d, &why);
    st = desk_close(&d, st, "end of checkouts", &why);
    if (st != OK && e)
        *e = why;
    return st;
}
