/* refresh_catalog.c: prices and products, which may have been changed in Stripe's dashboard.
 *
 * Nothing is repaired here. The change may be intended, and an automatic repair would fight with the seller; an
 * alarm tells the operator to run setup, which repairs it. Prices and products that Parley did not create are
 * ignored. */
#include "alarm/alarm.h"
#include "billing/sync/refresh_internal.h"
#include "billing/sync/sync_store.h"
#include "plan/plan.h"

#include "base/banned.h"

struct refresh_article {
    struct refresh_target *t;
    struct json *j;
};

/* How a price differs from what it was made as; NULL: it does not. Stripe does not let amounts change, but a row may
 * name a wrong price. */
static const char *price_differs(const struct json *j, const struct sync_price *was)
{
    const struct json *meta = json_get(j, "metadata");
    struct id terms;
    if (stripe_deleted(j))
        return "it was deleted";
    if (!str_ieq(json_get_str(j, "currency"), was->currency))
        return "it is in another currency";
    if (was->role == PRICE_BASE && json_int(json_get(j, "unit_amount"), -1) != was->price)
        return "its amount was changed";
    if (!was->sellable) /* only existing subscriptions use it, and they keep it */
        return NULL;
    if (!json_bool(json_get(j, "active")))
        return "it was deactivated, so the plan cannot be bought";
    if (price_role_parse(json_get_str(meta, "role")) != was->role ||
        !id_parse(ID_TERMS, json_get_str(meta, "plan_terms"), &terms) || !id_eq(terms, was->terms))
        return "its metadata was changed";
    return NULL;
}

static enum status price_alarms(struct db *c, struct arena *a, const struct json *price, struct err *e)
{
    struct str id = json_get_str(price, "id");
    struct sync_price was;
    bool ours;
    enum status st = sync_store_price(c, a, id, &was, &ours, e);
    if (st != OK || !ours)
        return st;
    const char *words = price_differs(price, &was);
    if (!words)
        return alarm_clear(c, ALARM_price_changed, id, e);
    return alarm_raise(c, ALARM_price_changed, id, ID_NONE, e,
                       "The price of plan %.*s (%s) was changed: %s. Run: parley billing setup", STR_F(was.plan),
                       price_role_name(was.role), words);
}

static enum status price_write_tx(struct db *c, void *ctx, struct err *e)
{
    struct refresh_article *x = ctx;
    return price_alarms(c, x->t->r->a, x->j, e);
}

enum status refresh_price(struct refresh_target *t, struct err *e)
{
    struct refresh_article x = {.t = t};
    enum status st = refresh_get(t->r, "/v1/prices/%", t->id, NULL, &x.j, e);
    return st == OK ? refresh_write(t, price_write_tx, &x, true, e) : st;
}

static enum status product_write_tx(struct db *c, void *ctx, struct err *e)
{
    struct refresh_article *x = ctx;
    struct str plan;
    enum status st = sync_store_product(c, x->t->r->a, x->t->r->stripe->livemode, x->t->id, &plan, e);
    if (st != OK || !plan.n)
        return st;
    if (!stripe_deleted(x->j) && json_bool(json_get(x->j, "active")))
        return alarm_clear(c, ALARM_product_changed, x->t->id, e);
    return alarm_raise(
        c, ALARM_product_changed, x->t->id, ID_NONE, e,
        "The product of plan %.*s was %s at Stripe, so the plan cannot be bought. Run: parley billing setup",
        STR_F(plan), stripe_deleted(x->j) ? "deleted" : "deactivated");
}

enum status refresh_product(struct refresh_target *t, struct err *e)
{
    struct refresh_article x = {.t = t};
    enum status st = refresh_get(t->r, "/v1/products/%", t->id, NULL, &x.j, e);
    return st == OK ? refresh_write(t, product_write_tx, &x, true, e) : st;
}
