/* refresh_catalog.c: prices and products, which somebody may have changed in Stripe's dashboard. */
#include "alarm/alarm.h"
#include "billing/sync/refresh.h"
#include "billing/sync/sync_store.h"

#include "base/banned.h"

struct article {
    struct target *t;
    struct json *j;
};

/* NULL: as it was made. Amounts cannot be changed at Stripe, but a row can name the wrong price. */
static const char *price_differs(const struct json *j, const struct sync_price *was)
{
    const struct json *meta = json_get(j, "metadata");
    struct id terms;
    if (stripe_deleted(j))
        return "it was deleted";
    if (!str_ieq(json_get_str(j, "currency"), was->currency))
        return "it is in another currency";
    if (was->is_base && json_int(json_get(j, "unit_amount"), -1) != was->price)
        return "it costs something else";
    if (!was->sellable) /* those who have it keep it, whatever it is called now */
        return NULL;
    if (!json_bool(json_get(j, "active")))
        return "it was switched off: nobody can buy the plan";
    if (!str_eqz(json_get_str(meta, "role"), was->is_base ? "base" : "usage") ||
        !id_parse(ID_TERMS, json_get_str(meta, "plan_terms"), &terms) || !id_eq(terms, was->terms))
        return "its metadata was changed";
    return NULL;
}

enum status price_alarms(struct db *c, struct arena *a, const struct json *price, struct err *e)
{
    struct str id = json_get_str(price, "id");
    struct sync_price was;
    bool ours;
    enum status st = sync_store_price(c, a, id, &was, &ours, e);
    if (st != OK || !ours)
        return st;
    const char *words = price_differs(price, &was);
    if (!words)
        return alarm_clear(c, "price_changed", id, e);
    return alarm_raise(c, "price_changed", id, ID_NONE, e,
                       "The price of plan %.*s (%s) is not what it was made as: %s. Run: parley billing setup",
                       STR_F(was.plan), was.is_base ? "base" : "usage", words);
}

static enum status write_price(struct db *c, void *ctx, struct err *e)
{
    struct article *x = ctx;
    return price_alarms(c, x->t->k->a, x->j, e);
}

enum status look_price(struct target *t, struct err *e)
{
    struct article x = {.t = t};
    enum status st = look_get(t->k, "/v1/prices/%", t->id, NULL, &x.j, e);
    return st == OK ? target_write(t, write_price, &x, true, e) : st;
}

static enum status write_product(struct db *c, void *ctx, struct err *e)
{
    struct article *x = ctx;
    struct str plan;
    enum status st = sync_store_product(c, x->t->k->a, x->t->k->stripe->livemode, x->t->id, &plan, e);
    if (st != OK || !plan.n)
        return st;
    if (!stripe_deleted(x->j) && json_bool(json_get(x->j, "active")))
        return alarm_clear(c, "product_changed", x->t->id, e);
    return alarm_raise(c, "product_changed", x->t->id, ID_NONE, e,
                       "The product of plan %.*s was %s in Stripe: nobody can buy the plan. Run: parley billing setup",
                       STR_F(plan), stripe_deleted(x->j) ? "deleted" : "switched off");
}

enum status look_product(struct target *t, struct err *e)
{
    struct article x = {.t = t};
    enum status st = look_get(t->k, "/v1/products/%", t->id, NULL, &x.j, e);
    return st == OK ? target_write(t, write_product, &x, true, e) : st;
}
