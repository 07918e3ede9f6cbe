/* card_page.c: coming back from Stripe's checkout page, and going to Stripe's page for cards and invoices. */
#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/log.h"
#include "billing/checkout/checkout_internal.h"
#include "billing/setup/setup.h"

#include "base/banned.h"

/* ---- coming back ---- */

struct returning {
    struct desk *d;
    struct str session, customer;
    struct attempt attempt;
    bool ours;
    struct subscription *subs;
    size_t sub_n;
    enum attempt_state to;
};

static enum status read_returning(struct db *c, void *ctx, struct err *e)
{
    struct returning *r = ctx;
    struct desk *d = r->d;
    enum status st = attempt_store_find(c, d->tenant, d->a, r->session, &r->attempt, e);
    r->ours = st == OK;
    if (st != OK && st != ERR_NOT_FOUND)
        return st;
    st = customer_store_current(c, d->tenant, d->stripe->livemode, d->a, &r->customer, e);
    return st == OK ? subscription_list(c, d->tenant, d->a, &r->subs, &r->sub_n, e) : st;
}

static enum status write_returned(struct db *c, void *ctx, struct err *e)
{
    const struct returning *r = ctx;
    return attempt_store_state(c, r->d->tenant, r->attempt.id, r->to, e);
}

static enum status raise_mismatch(struct db *c, void *ctx, struct err *e)
{
    const struct returning *r = ctx;
    return alarm_raise(
        c, "checkout_mismatch", r->session, r->d->tenant, e,
        "A checkout of this workspace names another customer or workspace at Stripe: nothing was taken from it.");
}

static bool has_mark(const struct returning *r, const struct json *session)
{
    return str_eqz(json_get_str(session, "client_reference_id"), desk_tenant(r->d)) &&
           (!r->customer.n || str_eq(stripe_id_of(json_get(session, "customer")), r->customer));
}

/* What the mirror says of the subscription that was bought. */
static enum checkout_outcome outcome_of(const struct returning *r, struct str subscription)
{
    for (size_t i = 0; i < r->sub_n; i++) {
        const struct subscription *s = &r->subs[i];
        if (subscription.n ? !str_eq(s->id, subscription) : s->created_ms < r->attempt.created_ms)
            continue;
        if (s->status == STRIPE_ACTIVE || s->status == STRIPE_TRIALING)
            return CHECKOUT_DONE;
        if (s->status == STRIPE_INCOMPLETE_EXPIRED || s->status == STRIPE_CANCELED)
            return CHECKOUT_EXPIRED;
    }
    return CHECKOUT_PAYING;
}

static enum status become(struct returning *r, enum attempt_state to, struct err *e)
{
    r->to = to;
    return r->attempt.state == to ? OK : held_db(r->d->p, write_returned, r, e);
}

/* It is paid for, or being paid: the mirror is brought up to date, and only the mirror is asked. */
static enum status returned_complete(struct returning *r, const struct json *session, enum checkout_outcome *out,
                                     struct err *e)
{
    bool ok = true;
    struct str subscription = arena_str(r->d->a, stripe_id_of(json_get(session, "subscription")), &ok);
    enum status st = ok ? become(r, ATTEMPT_COMPLETE, e) : err_nomem(e);
    if (st != OK)
        return st;
    desk_look(r->d, "checkout.session", r->session);
    desk_look(r->d, "subscription", subscription);
    st = held_db(r->d->p, read_returning, r, e);
    *out = outcome_of(r, subscription);
    if (*out == CHECKOUT_DONE && str_eqz(json_get_str(session, "payment_status"), "unpaid"))
        *out = CHECKOUT_PAYING;
    return st;
}

static enum status returned_look(struct returning *r, enum checkout_outcome *out, struct err *e)
{
    struct json *session;
    struct err why = ERR_INIT;
    enum status st = desk_get(r->d, stripe_path(r->d->a, "/v1/checkout/sessions/%", r->session.p, (char *)NULL), NULL,
                              &session, &why);
    if (st != OK) { /* Stripe's event says it as well, only later */
        log_line(LOG_WARN, "checkout_return", LOG_S("error", why.message));
        *out = CHECKOUT_PAYING;
        return OK;
    }
    if (!has_mark(r, session)) {
        *out = CHECKOUT_UNKNOWN;
        return held_db(r->d->p, raise_mismatch, r, e);
    }
    struct str status = json_get_str(session, "status");
    if (str_eqz(status, "complete"))
        return returned_complete(r, session, out, e);
    *out = str_eqz(status, "open") ? CHECKOUT_OPEN : CHECKOUT_EXPIRED;
    return *out == CHECKOUT_EXPIRED ? become(r, ATTEMPT_EXPIRED, e) : OK;
}

enum status checkout_return(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                            struct str session, enum checkout_outcome *out, struct err *e)
{
    struct desk d = desk_open(stripe, p, a, who, who->tenant);
    struct returning r = {.d = &d};
    bool ok = true;
    *out = CHECKOUT_UNKNOWN;
    if (!session.n || session.n >= STRIPE_ID_MAX)
        return OK;
    r.session = arena_str(a, session, &ok);
    enum status st = ok ? held_db(p, read_returning, &r, e) : err_nomem(e);
    if (st != OK || !r.ours)
        return st;
    if (r.attempt.state == ATTEMPT_COMPLETE && outcome_of(&r, STR_EMPTY) == CHECKOUT_DONE) {
        *out = CHECKOUT_DONE; /* heard of already: a page that is loaded again asks nothing of Stripe */
        return OK;
    }
    if (r.attempt.state == ATTEMPT_EXPIRED) {
        *out = CHECKOUT_EXPIRED;
        return OK;
    }
    return returned_look(&r, out, e);
}

/* ---- cards and invoices ---- */

struct visit {
    struct desk *d;
    struct str configuration;
};

static enum status read_configuration(struct db *c, void *ctx, struct err *e)
{
    struct visit *v = ctx;
    return setup_id(c, v->d->a, v->d->stripe->livemode, "portal", &v->configuration, e);
}

static enum status no_customer(struct err *e)
{
    return err_raise(e, E_no_customer);
}

static enum status portal_post(struct visit *v, struct str customer, enum portal_flow flow, struct str *url,
                               struct err *e)
{
    char id[ID_TEXT_MAX];
    struct desk *d = v->d;
    struct stripe_form f;
    struct json *session = NULL;
    stripe_form_init(&f);
    stripe_param_str(&f, "customer", customer);
    stripe_param_text(&f, "return_url",
                      desk_text(d, "%s/app/billing", config_string(d->stripe->config, CONFIG_base_url)));
    if (v->configuration.n)
        stripe_param_str(&f, "configuration", v->configuration);
    stripe_param_text(&f, "locale", "auto");
    if (flow == PORTAL_CARD)
        stripe_param_text(&f, "flow_data[type]", "payment_method_update");
    enum status st = desk_post(d, "/v1/billing_portal/sessions", &f,
                               desk_text(d, "portal:%s", id_text(ID_LOG, id_new(), id)), &session, e);
    stripe_form_release(&f);
    if (st == OK)
        *url = json_get_str(session, "url");
    if (st == OK && !url->n)
        st = err_set(e, E_stripe_answer, "Stripe's answer names no page to go to.");
    return st;
}

/* It changes nothing, so it needs no lease. */
enum status portal_begin(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                         enum portal_flow flow, struct str *url, struct err *e)
{
    struct desk d = desk_open(stripe, p, a, who, who->tenant);
    struct visit v = {.d = &d};
    struct str customer;
    struct err why = ERR_INIT;
    enum status st = customer_find(&d, &customer, &why);
    *url = STR_EMPTY;
    if (st == OK && !customer.n)
        return no_customer(e);
    if (st == OK)
        st = held_db(p, read_configuration, &v, &why);
    if (st == OK)
        st = portal_post(&v, customer, flow, url, &why);
    if (st != OK && desk_is_missing(&why, "customer")) {
        st = desk_customer_gone(&d, customer, &why);
        return st == OK ? no_customer(e) : err_set_as(e, st, why.code, "%s", why.message);
    }
    st = desk_close(&d, st, "portal", &why);
    if (st != OK && e)
        *e = why;
    return st;
}
