/* refresh_money.c: subscriptions, their invoices and schedules. */
#include "base/shared.h"
#include "billing/mirror/mirror.h"
#include "billing/sync/refresh.h"
#include "billing/sync/sync_store.h"

#include "base/banned.h"

#define OPEN_INVOICES 20

struct seen { /* what a look brought, and what became of it */
    struct target *t;
    struct json *j, *schedule, *open;
    struct subscription sub;
    struct invoice inv;
    bool known;
};

/* ---- a subscription ---- */

static enum status read_mirror(struct db *c, void *ctx, struct err *e)
{
    struct seen *x = ctx;
    struct err none = ERR_INIT;
    enum status st = subscription_get(c, x->t->k->a, x->t->id, &x->sub, &none);
    x->known = st == OK;
    if (st == OK || st == ERR_NOT_FOUND)
        return OK;
    *e = none;
    return st;
}

/* Since when a payment is missing stands in the invoices: asked for once, when it begins. */
static enum status fetch_open(struct seen *x, struct err *e)
{
    struct look *k = x->t->k;
    struct stripe_form f;
    enum stripe_status now = stripe_status_parse(json_get_str(x->j, "status"));
    if (now != STRIPE_PAST_DUE && now != STRIPE_UNPAID)
        return OK;
    enum status st = held_db(k->p, read_mirror, x, e);
    if (st != OK || (x->known && x->sub.first_failed_ms))
        return st;
    stripe_form_init(&f);
    stripe_param_str(&f, "subscription", x->t->id);
    stripe_param_text(&f, "status", "open");
    stripe_param_int(&f, "limit", OPEN_INVOICES);
    st = stripe_get(k->stripe, k->a, "/v1/invoices", &f, LOOK_GET_MS, &x->open, e);
    stripe_form_release(&f);
    return st;
}

static enum status fetch_schedule(struct seen *x, struct err *e)
{
    struct json *schedule = json_get(x->j, "schedule");
    if (json_is(schedule, JSON_STRING))
        return look_get(x->t->k, "/v1/subscription_schedules/%", json_str(schedule), NULL, &x->schedule, e);
    x->schedule = schedule;
    return OK;
}

static enum status write_subscription(struct db *c, void *ctx, struct err *e)
{
    struct seen *x = ctx;
    struct arena *a = x->t->k->a;
    const struct json *open = json_get(x->open, "data");
    enum status st = OK;
    for (size_t i = 0; st == OK && json_is(open, JSON_ARRAY) && i < json_len(open); i++)
        st = invoice_write(c, a, json_at(open, i), x->t->fetched_ms, &x->inv, e);
    if (st == OK)
        st = subscription_write(c, a, x->j, x->schedule, x->t->fetched_ms, &x->sub, e);
    return st == OK ? subscription_alarms(c, a, x->j, &x->sub, e) : st;
}

enum status look_subscription(struct target *t, struct err *e)
{
    struct seen x = {.t = t};
    enum status st = look_get(t->k, "/v1/subscriptions/%", t->id, "schedule", &x.j, e);
    if (st == OK)
        st = fetch_schedule(&x, e);
    if (st == OK)
        st = fetch_open(&x, e);
    if (st == OK)
        st = target_write(t, write_subscription, &x, true, e);
    if (st == OK && !id_is_none(x.sub.tenant))
        shared_bump("plan", x.sub.tenant);
    return st;
}

enum status look_schedule(struct target *t, struct err *e)
{
    struct json *j;
    enum status st = look_get(t->k, "/v1/subscription_schedules/%", t->id, NULL, &j, e);
    if (st != OK)
        return st;
    struct str sub = stripe_id_of(json_get(j, "subscription"));
    if (!sub.n)
        sub = stripe_id_of(json_get(j, "released_subscription"));
    return target_follow(t, sub, e);
}

/* ---- an invoice ---- */

static enum status write_invoice(struct db *c, void *ctx, struct err *e)
{
    struct seen *x = ctx;
    enum status st = invoice_write(c, x->t->k->a, x->j, x->t->fetched_ms, &x->inv, e);
    return st == OK ? invoice_alarms(c, &x->inv, e) : st;
}

static enum status invoice_gone(struct db *c, void *ctx, struct err *e)
{
    struct seen *x = ctx;
    return sync_store_invoice_gone(c, x->t->id, x->t->fetched_ms, e);
}

enum status look_invoice(struct target *t, struct err *e)
{
    struct seen x = {.t = t};
    struct err why = ERR_INIT;
    enum status st = look_get(t->k, "/v1/invoices/%", t->id, NULL, &x.j, &why);
    if (st == ERR_NOT_FOUND) /* drafts may be deleted */
        return target_write(t, invoice_gone, &x, true, e);
    if (st != OK) {
        *e = why;
        return st;
    }
    st = target_write(t, write_invoice, &x, false, e);
    return st == OK ? target_follow(t, x.inv.subscription, e) : st;
}
