/* refresh_people.c: customers, their checkouts, refunds and disputes. */
#include <stdio.h>

#include "alarm/alarm.h"
#include "base/log.h"
#include "billing/mirror/mirror.h"
#include "billing/sync/refresh_internal.h"
#include "billing/sync/sync_store.h"
#include "plan/money.h"

#include "base/banned.h"

/* ---- a checkout ---- */

struct refresh_checkout {
    struct refresh_target *t;
    struct json *j;
    bool ended;
    enum session_end end;
};

/* Whether the checkout has ended, and how. A payment that arrives later (a bank debit) leaves it open until it has
 * arrived or failed. A session has no field for a failed debit, so the event is the only sign of it. */
static bool session_has_ended(const struct refresh_target *t, const struct json *j, enum session_end *end)
{
    enum stripe_session status = stripe_session_of(j);
    bool complete = status == STRIPE_SESSION_COMPLETE, paid = stripe_payment_of(j) != STRIPE_PAYMENT_UNPAID;
    *end = complete ? paid ? SESSION_COMPLETE : SESSION_FAILED : SESSION_EXPIRED;
    if (complete)
        return paid || refresh_has_event(t, EVENT_TYPE_PAYMENT_FAILED);
    return status == STRIPE_SESSION_EXPIRED;
}

/* The customer and the row of the checkout decide which tenant it belongs to. The session's client_reference_id is
 * only a claim: when it differs, the operator gets an alarm and nothing else happens. */
static enum status session_check_claim(struct db *c, struct refresh_checkout *x, struct id owner, struct err *e)
{
    struct arena *a = x->t->r->a;
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
        c, ALARM_checkout_mismatch, x->t->id, owner, e,
        "A checkout names the workspace %s, but it or its customer belongs to another one. The claim was ignored.",
        id_text(ID_TENANT, claims ? named : holder, text));
}

static enum status session_write_tx(struct db *c, void *ctx, struct err *e)
{
    struct refresh_checkout *x = ctx;
    struct id owner;
    enum status st = sync_store_session(c, x->t->r->a, x->t->id, &owner, e);
    if (st == OK && x->ended)
        st = sync_store_session_end(c, x->t->id, x->end, e);
    return st == OK ? session_check_claim(c, x, owner, e) : st;
}

enum status refresh_session(struct refresh_target *t, struct err *e)
{
    struct refresh_checkout x = {.t = t};
    enum status st = refresh_get(t->r, "/v1/checkout/sessions/%", t->id, NULL, &x.j, e);
    if (st != OK)
        return st;
    x.ended = session_has_ended(t, x.j, &x.end);
    st = refresh_write(t, session_write_tx, &x, false, e);
    return st == OK ? refresh_follow(t, STRIPE_OBJECT_SUBSCRIPTION, stripe_id_of(json_get(x.j, "subscription")), e)
                    : st;
}

/* ---- a customer ---- */

struct refresh_person {
    struct refresh_target *t;
    struct subscription *subs;
    size_t n;
};

/* The customer's row is marked in the transaction that lists its subscriptions: a checkout that begins now makes a new
 * customer. */
static enum status person_deleted_tx(struct db *c, void *ctx, struct err *e)
{
    struct refresh_person *x = ctx;
    enum status st = sync_store_customer_deleted(c, x->t->id, x->t->fetched_ms, e);
    return st == OK ? subscription_of_customer(c, x->t->r->a, x->t->id, &x->subs, &x->n, e) : st;
}

static bool person_sub_is_over(const struct subscription *s)
{
    return s->status == STRIPE_CANCELED || s->status == STRIPE_INCOMPLETE_EXPIRED;
}

/* Stripe ends the subscriptions of a customer that is deleted, so each that was live is refreshed. */
enum status refresh_customer(struct refresh_target *t, struct err *e)
{
    struct refresh_person x = {.t = t};
    struct json *j;
    enum status st = refresh_get(t->r, "/v1/customers/%", t->id, NULL, &j, e);
    if (st != OK || !stripe_deleted(j))
        return st == OK ? refresh_write(t, NULL, NULL, true, e) : st;
    st = refresh_write(t, person_deleted_tx, &x, false, e);
    for (size_t i = 0; st == OK && i < x.n; i++)
        if (!person_sub_is_over(&x.subs[i]))
            st = refresh_follow(t, STRIPE_OBJECT_SUBSCRIPTION, x.subs[i].id, e);
    return st;
}

/* ---- refunds and disputes ---- */

struct refresh_refund {
    struct refresh_target *t;
    struct json *j;
    struct str customer, invoice;
    enum alarm_kind kind;
    const char *words;
    bool over;
};

/* A refund changes no entitlement. Whether the tenant keeps its plan is for the operator to decide. */
static enum status refund_write_tx(struct db *c, void *ctx, struct err *e)
{
    struct refresh_refund *x = ctx;
    struct id tenant = ID_NONE;
    enum status st = x->customer.n ? mirror_customer_tenant(c, x->t->r->a, x->customer, &tenant, e) : OK;
    if (st != OK)
        return st;
    if (x->over)
        return alarm_clear(c, x->kind, x->t->id, e);
    return alarm_raise(c, x->kind, x->t->id, tenant, e, "%s (customer %.*s, invoice %.*s)", x->words,
                       STR_F(x->customer.n ? x->customer : STR("unknown")),
                       STR_F(x->invoice.n ? x->invoice : STR("unknown")));
}

/* The invoice that a payment was for, or "". A failure here must not keep the operator from learning of the refund. */
static struct str refund_invoice(struct refresh *r, struct str payment_intent)
{
    struct stripe_form f;
    struct json *list;
    struct err e = ERR_INIT;
    if (!payment_intent.n)
        return STR_EMPTY;
    stripe_form_init(&f);
    stripe_param_text(&f, "payment[type]", "payment_intent");
    stripe_param_str(&f, "payment[payment_intent]", payment_intent);
    enum status st = stripe_get(r->stripe, r->a, "/v1/invoice_payments", &f, REFRESH_GET_MS, &list, &e);
    stripe_form_release(&f);
    if (st != OK) {
        log_line(LOG_WARN, "invoice_of_payment", LOG_T("payment_intent", payment_intent), LOG_S("error", e.message));
        return STR_EMPTY;
    }
    return stripe_id_of(json_get(json_at(json_get(list, "data"), 0), "invoice"));
}

static const char *refund_amount_text(struct arena *a, const struct json *amount, const struct json *currency)
{
    char text[80];
    struct buf b;
    buf_fixed(&b, text, sizeof(text));
    money_text(&b, json_int(amount, 0), json_str(currency));
    const char *copy = arena_strdup(a, buf_str(&b));
    return copy ? copy : "an amount";
}

/* Raises or clears the alarm, then has the invoice refreshed, if it is known which. */
static enum status refund_report(struct refresh_refund *x, struct err *e)
{
    enum status st = x->words ? refresh_write(x->t, refund_write_tx, x, false, e) : err_nomem(e);
    return st == OK ? refresh_follow(x->t, STRIPE_OBJECT_INVOICE, x->invoice, e) : st;
}

enum status refresh_charge(struct refresh_target *t, struct err *e)
{
    struct refresh *r = t->r;
    struct refresh_refund x = {.t = t, .kind = ALARM_refund, .invoice = STR_EMPTY};
    enum status st = refresh_get(r, "/v1/charges/%", t->id, NULL, &x.j, e);
    if (st != OK)
        return st;
    x.customer = stripe_id_of(json_get(x.j, "customer"));
    x.invoice = refund_invoice(r, stripe_id_of(json_get(x.j, "payment_intent")));
    x.over = json_int(json_get(x.j, "amount_refunded"), 0) <= 0;
    x.words = arena_printf(r->a, "%s of %s were refunded. Decide whether the subscription continues.",
                           refund_amount_text(r->a, json_get(x.j, "amount_refunded"), json_get(x.j, "currency")),
                           refund_amount_text(r->a, json_get(x.j, "amount"), json_get(x.j, "currency")));
    return refund_report(&x, e);
}

/* A dispute that was lost stays reported until the operator closes the alarm: the money is gone while the subscription
 * continues. */
enum status refresh_dispute(struct refresh_target *t, struct err *e)
{
    struct refresh *r = t->r;
    struct json *charge = NULL;
    struct refresh_refund x = {.t = t, .kind = ALARM_dispute, .invoice = STR_EMPTY};
    enum status st = refresh_get(r, "/v1/disputes/%", t->id, NULL, &x.j, e);
    if (st != OK)
        return st;
    struct str of = stripe_id_of(json_get(x.j, "charge")), state = json_get_str(x.j, "status");
    if (of.n && (st = refresh_get(r, "/v1/charges/%", of, NULL, &charge, e)) != OK)
        return st;
    x.customer = stripe_id_of(json_get(charge, "customer"));
    x.invoice = refund_invoice(r, stripe_id_of(json_get(x.j, "payment_intent")));
    enum stripe_dispute dispute = stripe_dispute_of(x.j);
    x.over = dispute == STRIPE_DISPUTE_WON || dispute == STRIPE_DISPUTE_WARNING_CLOSED;
    x.words = arena_printf(r->a, "A payment of %s is disputed (%.*s): %.*s. Stripe shows the deadline for a response.",
                           refund_amount_text(r->a, json_get(x.j, "amount"), json_get(x.j, "currency")),
                           STR_F(str_sub(json_get_str(x.j, "reason"), 0, 60)), STR_F(str_sub(state, 0, 60)));
    return refund_report(&x, e);
}
