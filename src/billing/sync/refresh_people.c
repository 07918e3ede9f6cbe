/* refresh_people.c: customers, their checkouts, what is paid back and what is disputed. */
#include <stdio.h>

#include "alarm/alarm.h"
#include "base/log.h"
#include "billing/mirror/mirror.h"
#include "billing/sync/refresh.h"
#include "billing/sync/sync_store.h"
#include "plan/money.h"

#include "base/banned.h"

/* ---- a checkout ---- */

struct checkout {
    struct target *t;
    struct json *j;
    const char *state;
};

/* NULL: it goes on. A payment that comes later (a bank's debit) leaves it open until it is there or has failed. */
static const char *state_of(const struct target *t, const struct json *j)
{
    struct str status = json_get_str(j, "status");
    if (str_eqz(status, "expired"))
        return "expired";
    if (!str_eqz(status, "complete"))
        return NULL;
    if (!str_eqz(json_get_str(j, "payment_status"), "unpaid"))
        return "complete";
    return target_said(t, "checkout.session.async_payment_failed") ? "failed" : NULL;
}

/* The customer and the row of the checkout say whose it is. What the session's client_reference_id names is a claim: another one is
 * seen by the operator and moves nothing. */
static enum status check_claim(struct db *c, struct checkout *x, struct id owner, struct err *e)
{
    struct arena *a = x->t->k->a;
    struct id named = ID_NONE, holder;
    char text[ID_TEXT_MAX];
    enum status st = mirror_customer_tenant(c, a, stripe_id_of(json_get(x->j, "customer")), &holder, e);
    if (st != OK)
        return st;
    if (id_is_none(owner))
        owner = holder;
    bool claims = id_parse(ID_TENANT, json_get_str(x->j, "client_reference_id"), &named) && !id_eq(named, owner);
    bool differs = !id_is_none(holder) && !id_eq(holder, owner);
    if (!claims && !differs)
        return OK;
    return alarm_raise(
        c, "checkout_mismatch", x->t->id, owner, e,
        "A checkout names the workspace %s, but it or its customer belongs to another one: the claim was ignored.",
        id_text(ID_TENANT, claims ? named : holder, text));
}

static enum status write_session(struct db *c, void *ctx, struct err *e)
{
    struct checkout *x = ctx;
    struct id owner;
    enum status st = sync_store_session(c, x->t->k->a, x->t->id, &owner, e);
    if (st == OK && x->state)
        st = sync_store_session_state(c, x->t->id, x->state, e);
    return st == OK ? check_claim(c, x, owner, e) : st;
}

enum status look_session(struct target *t, struct err *e)
{
    struct checkout x = {.t = t};
    enum status st = look_get(t->k, "/v1/checkout/sessions/%", t->id, NULL, &x.j, e);
    if (st != OK)
        return st;
    x.state = state_of(t, x.j);
    st = target_write(t, write_session, &x, false, e);
    return st == OK ? target_follow(t, stripe_id_of(json_get(x.j, "subscription")), e) : st;
}

/* ---- a customer ---- */

struct person {
    struct target *t;
    struct subscription *subs;
    size_t n;
};

static enum status write_deleted(struct db *c, void *ctx, struct err *e)
{
    struct person *x = ctx;
    enum status st = sync_store_customer_deleted(c, x->t->id, x->t->fetched_ms, e);
    return st == OK ? subscription_of_customer(c, x->t->k->a, x->t->id, &x->subs, &x->n, e) : st;
}

static bool is_over(const struct subscription *s)
{
    return s->status == STRIPE_CANCELED || s->status == STRIPE_INCOMPLETE_EXPIRED;
}

/* Stripe ends the subscriptions of a customer who is deleted: each that was not over is looked at. */
enum status look_customer(struct target *t, struct err *e)
{
    struct person x = {.t = t};
    struct json *j;
    enum status st = look_get(t->k, "/v1/customers/%", t->id, NULL, &j, e);
    if (st != OK || !stripe_deleted(j))
        return st == OK ? target_write(t, NULL, NULL, true, e) : st;
    st = target_write(t, write_deleted, &x, false, e);
    held_end(&t->lease);
    for (size_t i = 0; st == OK && i < x.n; i++)
        if (!is_over(&x.subs[i]))
            st = look_at(t->k, STR("subscription"), x.subs[i].id, LOOK_FOLLOW_MS, e);
    return st == OK ? target_follow(t, STR_EMPTY, e) : st;
}

/* ---- money that goes back ---- */

struct back {
    struct target *t;
    struct json *j;
    struct str customer, invoice;
    const char *kind, *words;
    bool over;
};

static enum status write_back(struct db *c, void *ctx, struct err *e)
{
    struct back *x = ctx;
    struct id tenant = ID_NONE;
    enum status st = x->customer.n ? mirror_customer_tenant(c, x->t->k->a, x->customer, &tenant, e) : OK;
    if (st != OK)
        return st;
    if (x->over)
        return alarm_clear(c, x->kind, x->t->id, e);
    return alarm_raise(c, x->kind, x->t->id, tenant, e, "%s (customer %.*s, invoice %.*s)", x->words,
                       STR_F(x->customer.n ? x->customer : STR("unknown")),
                       STR_F(x->invoice.n ? x->invoice : STR("unknown")));
}

/* Which invoice a payment was for. Not knowing it is no reason to keep the operator from learning of the rest. */
static struct str invoice_of(struct look *k, struct str payment_intent)
{
    struct stripe_form f;
    struct json *list;
    struct err e = ERR_INIT;
    if (!payment_intent.n)
        return STR_EMPTY;
    stripe_form_init(&f);
    stripe_param_text(&f, "payment[type]", "payment_intent");
    stripe_param_str(&f, "payment[payment_intent]", payment_intent);
    enum status st = stripe_get(k->stripe, k->a, "/v1/invoice_payments", &f, LOOK_GET_MS, &list, &e);
    stripe_form_release(&f);
    if (st != OK) {
        log_line(LOG_WARN, "invoice_of_payment", LOG_T("payment_intent", payment_intent), LOG_S("error", e.message));
        return STR_EMPTY;
    }
    return stripe_id_of(json_get(json_at(json_get(list, "data"), 0), "invoice"));
}

static const char *amount_text(struct arena *a, const struct json *amount, const struct json *currency)
{
    char text[80];
    struct buf b;
    buf_fixed(&b, text, sizeof(text));
    money_text(&b, json_int(amount, 0), json_str(currency));
    const char *copy = arena_strdup(a, buf_str(&b));
    return copy ? copy : "an amount";
}

/* The alarm first; then the invoice as it is now, if it is known which. */
static enum status tell_back(struct back *x, struct err *e)
{
    enum status st = x->words ? target_write(x->t, write_back, x, false, e) : err_nomem(e);
    held_end(&x->t->lease);
    if (st == OK && x->invoice.n)
        st = look_at(x->t->k, STR("invoice"), x->invoice, LOOK_FOLLOW_MS, e);
    return st == OK ? target_follow(x->t, STR_EMPTY, e) : st;
}

enum status look_charge(struct target *t, struct err *e)
{
    struct look *k = t->k;
    struct back x = {.t = t, .kind = "refund", .invoice = STR_EMPTY};
    enum status st = look_get(k, "/v1/charges/%", t->id, NULL, &x.j, e);
    if (st != OK)
        return st;
    x.customer = stripe_id_of(json_get(x.j, "customer"));
    x.invoice = invoice_of(k, stripe_id_of(json_get(x.j, "payment_intent")));
    x.over = json_int(json_get(x.j, "amount_refunded"), 0) <= 0;
    x.words = arena_printf(k->a, "%s of %s were paid back: decide whether the plan goes on.",
                           amount_text(k->a, json_get(x.j, "amount_refunded"), json_get(x.j, "currency")),
                           amount_text(k->a, json_get(x.j, "amount"), json_get(x.j, "currency")));
    return tell_back(&x, e);
}

enum status look_dispute(struct target *t, struct err *e)
{
    struct look *k = t->k;
    struct json *charge = NULL;
    struct back x = {.t = t, .kind = "dispute", .invoice = STR_EMPTY};
    enum status st = look_get(k, "/v1/disputes/%", t->id, NULL, &x.j, e);
    if (st != OK)
        return st;
    struct str of = stripe_id_of(json_get(x.j, "charge")), state = json_get_str(x.j, "status");
    if (of.n && (st = look_get(k, "/v1/charges/%", of, NULL, &charge, e)) != OK)
        return st;
    x.customer = stripe_id_of(json_get(charge, "customer"));
    x.invoice = invoice_of(k, stripe_id_of(json_get(x.j, "payment_intent")));
    x.over = str_eqz(state, "won") || str_eqz(state, "warning_closed");
    x.words = arena_printf(k->a, "A payment of %s is disputed (%.*s): %.*s. Stripe has a day until which to answer.",
                           amount_text(k->a, json_get(x.j, "amount"), json_get(x.j, "currency")),
                           STR_F(str_sub(json_get_str(x.j, "reason"), 0, 60)), STR_F(str_sub(state, 0, 60)));
    return tell_back(&x, e);
}
