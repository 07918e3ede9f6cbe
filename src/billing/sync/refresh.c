#include "billing/sync/refresh.h"

#include "base/clock.h"
#include "base/shared.h"
#include "billing/sync/event_store.h"
#include "stripe/lease.h"

#include "base/banned.h"

#define EVENTS_MAX 500 /* of one object, served by one look; the rest by the next */

/* `only`: the one family of types worth a look, where an object has others. */
static const struct kind {
    const char *object, *only;
    enum status (*fn)(struct target *t, struct err *e);
} kinds[] = {
    {"subscription", NULL, look_subscription},      {"invoice", NULL, look_invoice},
    {"checkout.session", NULL, look_session},       {"customer", "customer.deleted", look_customer},
    {"subscription_schedule", NULL, look_schedule}, {"charge", "charge.refunded", look_charge},
    {"dispute", "charge.dispute.", look_dispute},   {"price", "price.", look_price},
    {"product", "product.", look_product},
};
#define KINDS COUNT_OF(kinds)

static const struct kind *find(struct str object)
{
    for (size_t i = 0; i < KINDS; i++)
        if (str_eqz(object, kinds[i].object))
            return &kinds[i];
    return NULL;
}

static struct str plain_type(struct str type)
{
    return str_starts(type, STR("v1.")) ? str_sub(type, 3, type.n) : type;
}

bool look_serves(struct str object_type, struct str event_type)
{
    const struct kind *k = find(object_type);
    return k && (!k->only || str_starts(plain_type(event_type), str_from(k->only)));
}

/* ---- a target ---- */

static enum status gather(struct db *c, void *ctx, struct err *e)
{
    struct target *t = ctx;
    return event_store_of_object(c, t->k->a, t->id, t->k->stripe->livemode, EVENTS_MAX, &t->events, &t->n, e);
}

struct writing {
    struct target *t;
    held_fn *fn;
    void *ctx;
    bool serves;
};

static enum status write_all(struct db *c, void *ctx, struct err *e)
{
    struct writing *w = ctx;
    enum status st = lease_hold(c, w->t->id, w->t->lease.holder, e);
    if (st == OK && w->fn)
        st = w->fn(c, w->ctx, e);
    return st == OK && w->serves ? event_store_done(c, w->t->k->a, w->t->events, w->t->n, e) : st;
}

enum status target_write(struct target *t, held_fn *fn, void *ctx, bool serves, struct err *e)
{
    struct writing w = {t, fn, ctx, serves};
    return held_transaction(t->k->p, write_all, &w, e);
}

static enum status served(struct db *c, void *ctx, struct err *e)
{
    struct target *t = ctx;
    return event_store_done(c, t->k->a, t->events, t->n, e);
}

enum status target_follow(struct target *t, struct str subscription, struct err *e)
{
    enum status st = OK;
    held_end(&t->lease); /* never two at once: nobody waits for somebody who waits */
    if (subscription.n)
        st = look_at(t->k, STR("subscription"), subscription, LOOK_FOLLOW_MS, e);
    return st == OK ? held_db(t->k->p, served, t, e) : st;
}

bool target_said(const struct target *t, const char *type)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_eqz(plain_type(t->events[i].type), type))
            return true;
    return false;
}

enum status look_get(struct look *k, const char *pattern, struct str id, const char *expand, struct json **out,
                     struct err *e)
{
    char *text = arena_strdup(k->a, id);
    struct stripe_form f;
    if (!text)
        return err_nomem(e);
    stripe_form_init(&f);
    if (expand)
        stripe_param_text(&f, "expand[0]", expand);
    enum status st = stripe_get(k->stripe, k->a, stripe_path(k->a, pattern, text, (char *)NULL), &f, LOOK_GET_MS, out,
                                e);
    stripe_form_release(&f);
    return st;
}

enum status look_at(struct look *k, struct str kind, struct str id, int64_t wait_ms, struct err *e)
{
    const struct kind *what = find(kind);
    struct target t = {.k = k, .id = id};
    if (!what || !id.n || id.n >= STRIPE_ID_MAX)
        return err_set(e, E_object_unknown, "There is no object of Stripe's of this kind to look at.");
    enum status st = held_begin(&t.lease, k->p, id, wait_ms, e);
    if (st != OK)
        return st;
    st = held_db(k->p, gather, &t, e);
    t.fetched_ms = clock_now_ms();
    if (st == OK)
        st = what->fn(&t, e);
    held_end(&t.lease);
    return st;
}
