/* refresh_money.c: subscriptions, their invoices and schedules. An invoice or a schedule leads to its subscription,
 * whose state is what entitlements depend on. */
#include "base/shared.h"
#include "billing/mirror/mirror.h"
#include "billing/sync/refresh_internal.h"
#include "billing/sync/sync_store.h"

#include "base/banned.h"

#define OPEN_INVOICES 20

struct refresh_money { /* what was fetched, and what was written */
    struct refresh_target *t;
    struct json *j, *schedule, *open;
    struct subscription sub;
    struct invoice inv;
    bool known;
};

/* ---- a subscription ---- */

static enum status money_read_mirror(struct refresh_money *x, struct err *e)
{
    struct err none = ERR_INIT;
    struct db *c = NULL;
    enum status st = db_get(x->t->r->p, &c, &none);
    if (st == OK)
        st = subscription_get(c, x->t->r->a, x->t->id, &x->sub, &none);
    db_put(c);
    x->known = st == OK;
    if (st == OK || st == ERR_NOT_FOUND)
        return OK;
    *e = none;
    return st;
}

/* The open invoices say since when a payment is missing. They are fetched once, when the mirror does not know it
 * yet. */
static enum status money_fetch_open(struct refresh_money *x, struct err *e)
{
    struct refresh *r = x->t->r;
    struct stripe_form f;
    enum stripe_status now = stripe_status_parse(json_get_str(x->j, "status"));
    if (now != STRIPE_PAST_DUE && now != STRIPE_UNPAID)
        return OK;
    enum status st = money_read_mirror(x, e);
    if (st != OK || (x->known && x->sub.first_failed_ms))
        return st;
    stripe_form_init(&f);
    stripe_param_str(&f, "subscription", x->t->id);
    stripe_param_text(&f, "status", "open");
    stripe_param_int(&f, "limit", OPEN_INVOICES);
    st = stripe_get(r->stripe, r->a, "/v1/invoices", &f, REFRESH_GET_MS, &x->open, e);
    stripe_form_release(&f);
    return st;
}

/* A field may come as an id although it was to be expanded; then the schedule is fetched by that id. */
static enum status money_fetch_schedule(struct refresh_money *x, struct err *e)
{
    struct json *schedule = json_get(x->j, "schedule");
    if (json_is(schedule, JSON_STRING))
        return refresh_get(x->t->r, "/v1/subscription_schedules/%", json_str(schedule), NULL, &x->schedule, e);
    x->schedule = schedule;
    return OK;
}

/* The open invoices are written first: subscription_write reads from them since when a payment has been missing. One
 * transaction, so that no entitlement is resolved from one without the other. */
static enum status money_write_subscription_tx(struct db *c, void *ctx, struct err *e)
{
    struct refresh_money *x = ctx;
    struct arena *a = x->t->r->a;
    const struct json *open = json_get(x->open, "data");
    enum status st = OK;
    for (size_t i = 0; st == OK && json_is(open, JSON_ARRAY) && i < json_len(open); i++)
        st = invoice_write_listed(c, a, json_at(open, i), x->t->fetched_ms, e);
    if (st == OK)
        st = subscription_write(c, a, x->j, x->schedule, x->t->fetched_ms, &x->sub, e);
    return st == OK ? subscription_alarms(c, a, x->j, &x->sub, e) : st;
}

/* The generation is raised after the commit: a process that read earlier would cache the old row under the new one. */
enum status refresh_subscription(struct refresh_target *t, struct err *e)
{
    struct refresh_money x = {.t = t};
    enum status st = refresh_get(t->r, "/v1/subscriptions/%", t->id, "schedule", &x.j, e);
    if (st == OK)
        st = money_fetch_schedule(&x, e);
    if (st == OK)
        st = money_fetch_open(&x, e);
    if (st == OK)
        st = refresh_write(t, money_write_subscription_tx, &x, true, e);
    if (st == OK && !id_is_none(x.sub.tenant))
        shared_bump("plan", x.sub.tenant);
    return st;
}

/* A schedule has no row of its own. Once released it no longer names its subscription in "subscription". */
enum status refresh_schedule(struct refresh_target *t, struct err *e)
{
    struct json *j;
    enum status st = refresh_get(t->r, "/v1/subscription_schedules/%", t->id, NULL, &j, e);
    if (st != OK)
        return st;
    struct str sub = stripe_id_of(json_get(j, "subscription"));
    if (!sub.n)
        sub = stripe_id_of(json_get(j, "released_subscription"));
    return refresh_follow(t, STRIPE_OBJECT_SUBSCRIPTION, sub, e);
}

/* ---- an invoice ---- */

static enum status money_write_invoice_tx(struct db *c, void *ctx, struct err *e)
{
    struct refresh_money *x = ctx;
    enum status st = invoice_write(c, x->t->r->a, x->j, x->t->fetched_ms, &x->inv, e);
    return st == OK ? invoice_alarms(c, &x->inv, e) : st;
}

static enum status money_invoice_gone_tx(struct db *c, void *ctx, struct err *e)
{
    struct refresh_money *x = ctx;
    return sync_store_invoice_gone(c, x->t->id, x->t->fetched_ms, e);
}

/* The events are not marked as served yet: entitlements depend on the subscription, which is refreshed next. */
enum status refresh_invoice(struct refresh_target *t, struct err *e)
{
    struct refresh_money x = {.t = t};
    struct err why = ERR_INIT;
    enum status st = refresh_get(t->r, "/v1/invoices/%", t->id, NULL, &x.j, &why);
    if (st == ERR_NOT_FOUND) /* a draft that was deleted */
        return refresh_write(t, money_invoice_gone_tx, &x, true, e);
    if (st != OK) {
        *e = why;
        return st;
    }
    st = refresh_write(t, money_write_invoice_tx, &x, false, e);
    return st == OK ? refresh_follow(t, STRIPE_OBJECT_SUBSCRIPTION, x.inv.subscription, e) : st;
}
