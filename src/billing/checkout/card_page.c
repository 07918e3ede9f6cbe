/* card_page.c: Stripe's pages: returning from the checkout page, and going to the page for cards and invoices. A
 * session id that the browser brings proves nothing; only what Stripe and the mirror say counts. */
#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/log.h"
#include "billing/checkout/checkout_internal.h"
#include "billing/setup/setup.h"

#include "base/banned.h"

/* ---- returning ---- */

struct returning {
    struct operation *op;
    struct str session, customer;
    struct attempt attempt;
    bool ours;
    struct subscription *subs;
    size_t sub_n;
    enum attempt_state to;
};

/* The session is searched for among this tenant's attempts only. A session of another tenant is thereby unknown,
 * exactly like one that does not exist. */
static enum status returning_read_all(struct db *c, struct returning *r, struct err *e)
{
    struct operation *op = r->op;
    enum status st = attempt_store_find(c, op->tenant, op->a, r->session, &r->attempt, e);
    r->ours = st == OK;
    if (st != OK && st != ERR_NOT_FOUND)
        return st;
    st = customer_store_current(c, op->tenant, op->stripe->livemode, op->a, &r->customer, e);
    return st == OK ? subscription_list(c, op->tenant, op->a, &r->subs, &r->sub_n, e) : st;
}

static enum status returning_read(struct returning *r, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(r->op->p, &c, e);
    if (st == OK)
        st = returning_read_all(c, r, e);
    db_put(c);
    return st;
}

static enum status returning_write_state(const struct returning *r, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(r->op->p, &c, e);
    if (st == OK)
        st = attempt_store_state(c, r->op->tenant, r->attempt.id, r->to, e);
    db_put(c);
    return st;
}

/* The owner sees "unknown" and the operator an alarm, because only an edited account or a mixed-up database leads
 * here. */
static enum status returning_raise_mismatch(const struct returning *r, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(r->op->p, &c, e);
    if (st == OK)
        st = alarm_raise(c, ALARM_checkout_mismatch, r->session, r->op->tenant, e,
                         "A checkout of this workspace names another customer or workspace at Stripe. It was ignored.");
    db_put(c);
    return st;
}

static bool returning_has_mark(const struct returning *r, const struct json *session)
{
    return str_eqz(json_get_str(session, "client_reference_id"), operation_tenant(r->op)) &&
           (!r->customer.n || str_eq(stripe_id_of(json_get(session, "customer")), r->customer));
}

/* What the mirror says about the subscription that was bought. Stripe creates the subscription only after the payment,
 * so a session may not name it yet. Then any subscription that is newer than the attempt is the one. */
static enum checkout_outcome returning_outcome(const struct returning *r, struct str subscription)
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

static enum status returning_set_state(struct returning *r, enum attempt_state to, struct err *e)
{
    r->to = to;
    return r->attempt.state == to ? OK : returning_write_state(r, e);
}

/* Paid or being paid: refreshes the mirror, and decides from the mirror alone. Some means of payment (bank debits)
 * complete the session days before the money arrives; payment_status is "unpaid" until then. */
static enum status returning_complete(struct returning *r, const struct json *session, enum checkout_outcome *out,
                                      struct err *e)
{
    bool ok = true;
    struct str subscription = arena_str(r->op->a, stripe_id_of(json_get(session, "subscription")), &ok);
    enum status st = ok ? returning_set_state(r, ATTEMPT_COMPLETE, e) : err_nomem(e);
    if (st != OK)
        return st;
    operation_refresh(r->op, STRIPE_OBJECT_SESSION, r->session);
    operation_refresh(r->op, STRIPE_OBJECT_SUBSCRIPTION, subscription);
    st = returning_read(r, e);
    *out = returning_outcome(r, subscription);
    if (*out == CHECKOUT_DONE && stripe_payment_of(session) == STRIPE_PAYMENT_UNPAID)
        *out = CHECKOUT_PAYING;
    return st;
}

/* Without an answer from Stripe the page says "being paid". "Failed" would make the owner buy again. */
static enum status returning_fetch(struct returning *r, enum checkout_outcome *out, struct err *e)
{
    struct json *session;
    struct err why = ERR_INIT;
    enum status st = operation_get(r->op, stripe_path(r->op->a, "/v1/checkout/sessions/%", r->session.p, (char *)NULL),
                                   NULL, &session, &why);
    if (st != OK) { /* the event will tell it later */
        log_line(LOG_WARN, "checkout_return", LOG_S("error", why.message));
        *out = CHECKOUT_PAYING;
        return OK;
    }
    if (!returning_has_mark(r, session)) {
        *out = CHECKOUT_UNKNOWN;
        return returning_raise_mismatch(r, e);
    }
    enum stripe_session status = stripe_session_of(session);
    if (status == STRIPE_SESSION_COMPLETE)
        return returning_complete(r, session, out, e);
    *out = status == STRIPE_SESSION_OPEN ? CHECKOUT_OPEN : CHECKOUT_EXPIRED;
    return *out == CHECKOUT_EXPIRED ? returning_set_state(r, ATTEMPT_EXPIRED, e) : OK;
}

/* No lease is taken: only the attempt's state is written, and a complete one stays complete. A browser may reload this
 * page as often as it likes, so outcomes that are final cost no call. */
enum status checkout_return(const struct billing_context *x, struct str session, enum checkout_outcome *out,
                            struct err *e)
{
    struct operation op = operation_open(x, x->who->tenant);
    struct returning r = {.op = &op};
    bool ok = true;
    *out = CHECKOUT_UNKNOWN;
    if (!session.n || session.n >= STRIPE_ID_MAX)
        return OK;
    r.session = arena_str(x->a, session, &ok);
    enum status st = ok ? returning_read(&r, e) : err_nomem(e);
    if (st != OK || !r.ours)
        return st;
    if (r.attempt.state == ATTEMPT_COMPLETE && returning_outcome(&r, STR_EMPTY) == CHECKOUT_DONE) {
        *out = CHECKOUT_DONE; /* known already: reloading the page makes no call */
        return OK;
    }
    if (r.attempt.state == ATTEMPT_EXPIRED) {
        *out = CHECKOUT_EXPIRED;
        return OK;
    }
    return returning_fetch(&r, out, e);
}

/* ---- cards and invoices ---- */

struct card_page_visit {
    struct operation *op;
    struct str configuration;
};

static enum status card_page_read_configuration(struct card_page_visit *v, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(v->op->p, &c, e);
    if (st == OK)
        st = setup_id(c, v->op->a, v->op->stripe->livemode, "portal", &v->configuration, e);
    db_put(c);
    return st;
}

static enum status card_page_no_customer(struct err *e)
{
    return err_raise(e, E_no_customer);
}

/* The key is random, because the address is valid only briefly and must not be repeated from Stripe's record. Without a
 * stored configuration Stripe uses the account's default, which is better than no page. */
static enum status card_page_post(struct card_page_visit *v, struct str customer, enum card_page_flow flow,
                                  struct str *url, struct err *e)
{
    char id[ID_TEXT_MAX];
    struct operation *op = v->op;
    struct stripe_form f;
    struct json *session = NULL;
    stripe_form_init(&f);
    stripe_param_str(&f, "customer", customer);
    stripe_param_text(&f, "return_url",
                      operation_text(op, "%s/app/billing", config_string(op->stripe->config, CONFIG_base_url)));
    if (v->configuration.n)
        stripe_param_str(&f, "configuration", v->configuration);
    stripe_param_text(&f, "locale", "auto");
    if (flow == CARD_PAGE_CARD)
        stripe_param_text(&f, "flow_data[type]", "payment_method_update");
    enum status st = operation_post(op, "/v1/billing_portal/sessions", &f,
                                    operation_text(op, "portal:%s", id_text(ID_LOG, id_new(), id)), &session, e);
    stripe_form_release(&f);
    if (st == OK)
        *url = json_get_str(session, "url");
    if (st == OK && !url->n)
        st = err_set(e, E_stripe_answer, "Stripe's answer does not name a page.");
    return st;
}

/* Changes nothing, so it needs no lease. A customer that was deleted in the dashboard is forgotten here, so that the
 * next checkout creates another. */
enum status card_page_begin(const struct billing_context *x, enum card_page_flow flow, struct str *url, struct err *e)
{
    struct operation op = operation_open(x, x->who->tenant);
    struct card_page_visit v = {.op = &op};
    struct str customer;
    struct err why = ERR_INIT;
    enum status st = customer_find(&op, &customer, &why);
    *url = STR_EMPTY;
    if (st == OK && !customer.n)
        return card_page_no_customer(e);
    if (st == OK)
        st = card_page_read_configuration(&v, &why);
    if (st == OK)
        st = card_page_post(&v, customer, flow, url, &why);
    if (st != OK && operation_is_missing(&why, "customer")) {
        st = operation_customer_gone(&op, customer, &why);
        return st == OK ? card_page_no_customer(e) : err_set_as(e, st, why.code, "%s", why.message);
    }
    st = operation_close(&op, st, "portal", &why);
    if (st != OK && e)
        *e = why;
    return st;
}
