/* refresh.c: which kinds of objects are refreshed, and the order of the steps.
 *
 * The events of the object are listed before the fetch: an event that arrives afterwards may tell of a change that
 * the fetch did not see, and is served by the next one. The lease is released before other objects are refreshed, so
 * no process ever waits for a lease while it holds one. */
#include "base/clock.h"
#include "billing/sync/event_store.h"
#include "billing/sync/refresh_internal.h"

#include "base/banned.h"

#define EVENTS_MAX 500 /* of one object, served by one refresh; more are served by the next */

/* `only`: where an object has many types of events, the beginning of those that matter. */
static const struct refresh_kind {
    const char *only;
    enum status (*fn)(struct refresh_target *t, struct err *e);
} refresh_kinds[] = {
    [STRIPE_OBJECT_UNKNOWN] = {NULL, NULL},
    [STRIPE_OBJECT_SUBSCRIPTION] = {NULL, refresh_subscription},
    [STRIPE_OBJECT_INVOICE] = {NULL, refresh_invoice},
    [STRIPE_OBJECT_SESSION] = {NULL, refresh_session},
    [STRIPE_OBJECT_CUSTOMER] = {"customer.deleted", refresh_customer},
    [STRIPE_OBJECT_SCHEDULE] = {NULL, refresh_schedule},
    [STRIPE_OBJECT_CHARGE] = {"charge.refunded", refresh_charge},
    [STRIPE_OBJECT_DISPUTE] = {"charge.dispute.", refresh_dispute},
    [STRIPE_OBJECT_PRICE] = {"price.", refresh_price},
    [STRIPE_OBJECT_PRODUCT] = {"product.", refresh_product},
};

bool refresh_serves(struct str object_type, struct str event_type)
{
    const struct refresh_kind *k = &refresh_kinds[stripe_object_parse(object_type)];
    return k->fn && (!k->only || str_starts(event_type_plain(event_type), str_from(k->only)));
}

static enum status refresh_list_events(struct refresh_target *t, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(t->r->p, &c, e);
    if (st == OK)
        st = event_store_of_object(c, t->r->a, t->id, t->r->stripe->livemode, EVENTS_MAX, &t->events, &t->event_n, e);
    db_put(c);
    return st;
}

/* Without the lease, which is released by now: the events were listed before the fetch, and what that saw is
 * written. */
static enum status refresh_mark_served(struct refresh_target *t, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(t->r->p, &c, e);
    if (st == OK)
        st = event_store_done(c, t->r->a, t->events, t->event_n, e);
    db_put(c);
    return st;
}

/* Objects lead to others at most twice (a charge to its invoice, that to its subscription), and a subscription leads to
 * none, so the recursion ends. */
enum status refresh_object(struct refresh *r, enum stripe_object kind, struct str id, int64_t wait_ms, struct err *e)
{
    const struct refresh_kind *what = &refresh_kinds[kind];
    struct refresh_target t = {.r = r, .id = id};
    if (!what->fn || !id.n || id.n >= STRIPE_ID_MAX)
        return err_set(e, E_object_unknown, "Objects of this kind are not fetched from Stripe.");
    enum status st = held_begin(&t.lease, r->p, id, wait_ms, e);
    if (st != OK)
        return st;
    st = refresh_list_events(&t, e);
    t.fetched_ms = clock_now_ms();
    if (st == OK)
        st = what->fn(&t, e);
    held_end(&t.lease);
    for (const struct refresh_next *n = t.first; st == OK && n; n = n->after)
        st = refresh_object(r, n->kind, n->id, REFRESH_FOLLOW_MS, e);
    return st == OK && !t.served ? refresh_mark_served(&t, e) : st;
}
