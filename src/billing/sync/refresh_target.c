/* refresh_target.c: what the kinds of objects share: fetching, and writing under the lease.
 *
 * A fetch holds no connection and no lock, so another process may take over an expired lease meanwhile. lease_hold
 * at the start of the writing transaction then makes it fail, and the newer fetch is not overwritten. */
#include "billing/sync/event_store.h"
#include "billing/sync/refresh_internal.h"
#include "stripe/lease.h"

#include "base/banned.h"

enum status refresh_get(struct refresh *r, const char *pattern, struct str id, const char *expand, struct json **out,
                        struct err *e)
{
    char *text = arena_strdup(r->a, id);
    struct stripe_form f;
    if (!text)
        return err_nomem(e);
    stripe_form_init(&f);
    if (expand)
        stripe_param_text(&f, "expand[0]", expand);
    enum status st = stripe_get(r->stripe, r->a, stripe_path(r->a, pattern, text, (char *)NULL), &f, REFRESH_GET_MS,
                                out, e);
    stripe_form_release(&f);
    return st;
}

struct refresh_writing {
    struct refresh_target *t;
    held_fn *fn;
    void *ctx;
    bool serves;
};

static enum status refresh_write_tx(struct db *c, void *ctx, struct err *e)
{
    struct refresh_writing *w = ctx;
    enum status st = lease_hold(c, w->t->id, w->t->lease.holder, e);
    if (st == OK && w->fn)
        st = w->fn(c, w->ctx, e);
    return st == OK && w->serves ? event_store_done(c, w->t->r->a, w->t->events, w->t->event_n, e) : st;
}

enum status refresh_write(struct refresh_target *t, held_fn *fn, void *ctx, bool serves, struct err *e)
{
    struct refresh_writing w = {t, fn, ctx, serves};
    enum status st = held_transaction(t->r->p, refresh_write_tx, &w, e);
    t->served = st == OK && serves;
    return st;
}

enum status refresh_follow(struct refresh_target *t, enum stripe_object kind, struct str id, struct err *e)
{
    if (!id.n)
        return OK;
    struct refresh_next *next = ARENA_NEW(t->r->a, struct refresh_next);
    if (!next)
        return err_nomem(e);
    *next = (struct refresh_next){.kind = kind, .id = id};
    if (t->last)
        t->last->after = next;
    else
        t->first = next;
    t->last = next;
    return OK;
}

bool refresh_has_event(const struct refresh_target *t, enum event_type type)
{
    for (size_t i = 0; i < t->event_n; i++)
        if (event_type_parse(t->events[i].type) == type)
            return true;
    return false;
}
