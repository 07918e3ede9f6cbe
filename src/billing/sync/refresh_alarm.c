/* refresh_alarm.c: what the operator must see of a subscription or invoice that was just written. Each check either
 * raises its alarm or clears it, so an alarm is open exactly as long as its cause lasts. */
#include "alarm/alarm.h"
#include "billing/mirror/mirror.h"
#include "billing/sync/refresh_internal.h"

#include "base/banned.h"

/* Wider than what grants something: an unpaid subscription grants nothing, but Stripe still makes invoices for it. */
static bool alarm_is_live(const struct subscription *s)
{
    enum stripe_status now = s->status == STRIPE_UNKNOWN ? s->known_status : s->status;
    return now == STRIPE_TRIALING || now == STRIPE_ACTIVE || now == STRIPE_PAST_DUE || now == STRIPE_UNPAID;
}

/* The alarm is about the tenant and not about a subscription, so that the end of either subscription clears it. */
static enum status alarm_two_live(struct db *c, struct arena *a, const struct subscription *s, struct err *e)
{
    struct subscription *list;
    size_t n, live = 0;
    bool owned = !id_is_none(s->tenant);
    char text[ID_TEXT_MAX];
    enum status st = owned ? subscription_list(c, s->tenant, a, &list, &n, e)
                           : subscription_of_customer(c, a, s->customer, &list, &n, e);
    if (st != OK)
        return st;
    for (size_t i = 0; i < n; i++)
        live += list[i].livemode == s->livemode && alarm_is_live(&list[i]);
    struct str object = owned ? str_from(id_text(ID_TENANT, s->tenant, text)) : s->customer;
    if (live < 2)
        return alarm_clear(c, ALARM_two_live, object, e);
    return alarm_raise(c, ALARM_two_live, object, s->tenant, e,
                       "%zu subscriptions are live at the same time, and each is charged. End the wrong one at Stripe "
                       "and refund what it charged.",
                       live);
}

/* A mismatch is only reported. Following the metadata would let its writer move a paid subscription to another
 * tenant. */
static enum status alarm_strangers(struct db *c, struct arena *a, const struct json *j, const struct subscription *s,
                                   bool live, struct err *e)
{
    struct id holder, named;
    enum status st = mirror_customer_tenant(c, a, s->customer, &holder, e);
    if (st == OK)
        st = live && id_is_none(s->tenant)
                 ? alarm_raise(c, ALARM_unknown_customer, s->id, ID_NONE, e,
                               "A live subscription of the customer %.*s, which belongs to no workspace.",
                               STR_F(s->customer))
                 : alarm_clear(c, ALARM_unknown_customer, s->id, e);
    if (st != OK)
        return st;
    bool claims = id_parse(ID_TENANT, json_get_str(json_get(j, "metadata"), "tenant"), &named) &&
                  !id_eq(named, s->tenant);
    bool differs = !id_is_none(holder) && !id_eq(holder, s->tenant);
    if (!claims && !differs)
        return alarm_clear(c, ALARM_tenant_mismatch, s->id, e);
    return alarm_raise(c, ALARM_tenant_mismatch, s->id, s->tenant, e,
                       "%s names another workspace than the one that has the subscription. Nothing was moved.",
                       differs ? "Its customer" : "Its metadata");
}

/* Items beyond the base and the usage item are charged by Stripe but grant nothing here, and no change of plan touches
 * them. */
static enum status alarm_prices(struct db *c, const struct subscription *s, bool live, struct err *e)
{
    struct str price = s->base_price.n ? s->base_price : STR("none");
    enum status st = live && id_is_none(s->terms)
                         ? alarm_raise(c, ALARM_unknown_price, s->id, s->tenant, e,
                                       "Its price (%.*s) does not belong to any plan and grants nothing.", STR_F(price))
                         : alarm_clear(c, ALARM_unknown_price, s->id, e);
    int fits = (s->base_item.n > 0) + (s->usage_item.n > 0);
    if (st != OK)
        return st;
    if (!live || s->items == fits)
        return alarm_clear(c, ALARM_extra_items, s->id, e);
    return alarm_raise(c, ALARM_extra_items, s->id, s->tenant, e,
                       "It has %d items, of which %d belong to a plan. Check what else is charged.", s->items, fits);
}

static enum status alarm_status(struct db *c, const struct subscription *s, struct err *e)
{
    if (s->status != STRIPE_UNKNOWN)
        return alarm_clear(c, ALARM_unknown_status, s->id, e);
    return alarm_raise(c, ALARM_unknown_status, s->id, s->tenant, e,
                       "This release does not know its status \"%.*s\". What was granted remains for a day, then ends.",
                       STR_F(s->status_text));
}

/* Deleting a workspace ends its subscriptions (cancel_now), but one may be made in the dashboard afterwards. */
static enum status alarm_deleted(struct db *c, struct arena *a, const struct subscription *s, bool live, struct err *e)
{
    bool known = false, deleted = false;
    enum status st = id_is_none(s->tenant) ? OK : mirror_tenant_state(c, a, s->tenant, &known, &deleted, e);
    if (st != OK)
        return st;
    if (!deleted || !live)
        return alarm_clear(c, ALARM_tenant_deleted_money_open, s->id, e);
    return alarm_raise(c, ALARM_tenant_deleted_money_open, s->id, s->tenant, e,
                       "The workspace is deleted, but its subscription continues. Cancel it at Stripe.");
}

enum status subscription_alarms(struct db *c, struct arena *a, const struct json *j, const struct subscription *s,
                                struct err *e)
{
    bool live = alarm_is_live(s);
    enum status st = alarm_two_live(c, a, s, e);
    if (st == OK)
        st = alarm_strangers(c, a, j, s, live, e);
    if (st == OK)
        st = alarm_prices(c, s, live, e);
    if (st == OK)
        st = alarm_status(c, s, e);
    return st == OK ? alarm_deleted(c, a, s, live, e) : st;
}

/* The subscription stays active while its invoice cannot be charged, so without this alarm no one would notice. */
enum status invoice_alarms(struct db *c, const struct invoice *v, struct err *e)
{
    if (!v->finalization_failed)
        return alarm_clear(c, ALARM_finalization_failed, v->id, e);
    return alarm_raise(
        c, ALARM_finalization_failed, v->id, v->tenant, e,
        "Stripe cannot finalize this invoice, so it is not charged while the subscription continues. Its "
        "page at Stripe says why.");
}
