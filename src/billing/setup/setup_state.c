/* setup_state.c: what other parts of billing and the operator's checks need to know about a finished setup.
 *
 * It reads only the database and never calls Stripe, because every checkout and the operator's pages depend on it. A
 * row says that setup created the object once, not that it still exists. */
#include "billing/setup/setup.h"
#include "billing/setup/setup_store.h"

#include "base/banned.h"

const char *setup_how_name(enum setup_how how)
{
    static const char *const names[] = {
        [SETUP_FOUND] = "found", [SETUP_MADE] = "made", [SETUP_CHANGED] = "changed", [SETUP_RETIRED] = "retired"};
    return names[how];
}

bool setup_is_sold(const struct plan *p)
{
    return p->terms && p->terms->price > 0;
}

enum status setup_id(struct db *c, struct arena *a, bool livemode, const char *name, struct str *out, struct err *e)
{
    return setup_store_id(c, a, livemode, name, out, e);
}

/* A plan is sold only with both prices: a subscription without the usage price would never be billed beyond the
 * plan. */
enum status setup_prices(struct db *c, struct arena *a, bool livemode, struct id terms, struct str *base,
                         struct str *usage, struct err *e)
{
    struct setup_price *list;
    size_t n;
    enum status st = setup_store_prices(c, a, livemode, terms, &list, &n, e);
    if (st != OK)
        return st;
    *base = *usage = STR_EMPTY;
    for (size_t i = 0; i < n; i++)
        *(list[i].role == PRICE_BASE ? base : usage) = list[i].id;
    if (base->n && usage->n)
        return OK;
    return err_set(e, E_not_set_up, "This plan has no prices at Stripe yet. Run parley billing setup.");
}

static void setup_missing(struct buf *b, const char *what, struct str name)
{
    buf_printf(b, "%s%s%.*s", b->n ? ", " : "", what, STR_F(name));
}

static enum status setup_check_ids(struct db *c, struct arena *a, bool livemode, struct buf *b, struct err *e)
{
    static const char *const names[] = {"meter", "portal", "webhook", "thin_events"};
    struct str id;
    enum status st = OK;
    for (size_t i = 0; st == OK && i < COUNT_OF(names); i++) {
        st = setup_store_id(c, a, livemode, names[i], &id, e);
        if (st == OK && !id.n)
            setup_missing(b, "no ", str_from(names[i]));
    }
    return st;
}

/* A hidden plan needs no prices of its current terms, because no one can buy it. */
static enum status setup_check_prices(struct db *c, struct arena *a, bool livemode, struct buf *b, struct err *e)
{
    struct plans plans;
    struct str base, usage;
    struct err why = ERR_INIT;
    enum status st = plans_read(c, a, &plans, e);
    for (size_t i = 0; st == OK && i < plans.n; i++) {
        const struct plan *p = &plans.list[i];
        if (!p->is_public || !setup_is_sold(p))
            continue;
        st = setup_prices(c, a, livemode, p->terms->id, &base, &usage, &why);
        if (st == ERR_NOT_FOUND) {
            setup_missing(b, "no prices for today's terms of ", p->plan);
            st = OK;
        } else if (st != OK && e)
            *e = why;
    }
    return st;
}

enum status setup_check(struct stripe *stripe, struct db *c, struct arena *a, bool *ready, struct str *words,
                        struct err *e)
{
    struct buf b;
    bool ok = true;
    buf_init(&b, 4096);
    enum status st = setup_check_ids(c, a, stripe->livemode, &b, e);
    if (st == OK)
        st = setup_check_prices(c, a, stripe->livemode, &b, e);
    if (st == OK && !buf_ok(&b))
        st = err_nomem(e);
    if (st == OK) {
        *ready = b.n == 0;
        *words = arena_str(a, buf_str(&b), &ok);
        st = ok ? OK : err_nomem(e);
    }
    buf_release(&b);
    return st;
}
