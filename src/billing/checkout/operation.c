/* operation.c: lease, calls and words for what an owner does about money. */
#include <stdarg.h>
#include <time.h>

#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/log.h"
#include "billing/checkout/checkout_internal.h"
#include "billing/meter/meter.h"
#include "billing/sync/sync.h"
#include "stripe/failure.h"

#include "base/banned.h"

#define SETTLE_MS \
    5000 /* until the meter surely counts what it was told; an event of the very second of the end would not be billed */

struct desk desk_open(struct stripe *stripe, struct db_pool *p, struct arena *a, const struct actor *who,
                      struct id tenant)
{
    return (struct desk){.stripe = stripe, .p = p, .a = a, .who = who, .tenant = tenant};
}

const char *desk_text(struct desk *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(d->a, fmt, ap);
    va_end(ap);
    if (!text)
        d->nomem = true;
    return text ? text : "";
}

const char *desk_tenant(struct desk *d)
{
    char text[ID_TEXT_MAX];
    return desk_text(d, "%s", id_text(ID_TENANT, d->tenant, text));
}

enum status desk_begin(struct desk *d, struct err *e)
{
    const char *name = desk_text(d, "tenant:%s", desk_tenant(d));
    if (d->nomem)
        return err_nomem(e);
    return held_begin(&d->lease, d->p, str_from(name), HELD_WAIT_MS, e);
}

/* ---- words ---- */

struct refusal {
    struct desk *d;
    const char *what;
    const struct err *why;
};

static enum status raise_refusal(struct db *c, void *ctx, struct err *e)
{
    const struct refusal *r = ctx;
    return alarm_raise(c, "stripe_refused", str_from(r->what), r->d->tenant, e, "Stripe refused (%s, %s): %s", r->what,
                       err_code(r->why), r->why->message);
}

/* What only the operator can fix: a wrong key, a missing right, a parameter that Stripe refuses, prices that were never set up. */
static bool is_operators(const struct err *e)
{
    return stripe_failure_is_operators(stripe_failure_of(e)) || err_is(e, E_not_set_up);
}

enum status desk_close(struct desk *d, enum status st, const char *what, struct err *e)
{
    struct refusal r = {.d = d, .what = what, .why = e};
    struct err why = ERR_INIT;
    held_end(&d->lease);
    if (st == OK || !e || !is_operators(e))
        return st;
    if (held_db(d->p, raise_refusal, &r, &why) != OK)
        log_line(LOG_ERROR, "alarm_failed", LOG_S("error", why.message));
    if (d->who->cli)
        return st;
    return err_raise(e, E_billing_unavailable);
}

/* ---- calls ---- */

static int64_t deadline(const struct desk *d)
{
    return d->who->cli ? STRIPE_WORK_MS : STRIPE_UI_MS;
}

enum status desk_post(struct desk *d, const char *path, const struct stripe_form *f, const char *key, struct json **out,
                      struct err *e)
{
    struct stripe_post p = {
        .path = path, .form = f, .idem_key = str_from(key), .tenant = &d->tenant, .deadline_ms = deadline(d)};
    struct stripe_reply r;
    if (d->nomem || !path)
        return err_nomem(e);
    enum status st = stripe_post(d->stripe, d->a, &p, &r, e);
    if (st == OK)
        *out = r.body;
    return st;
}

enum status desk_get(struct desk *d, const char *path, const struct stripe_form *query, struct json **out,
                     struct err *e)
{
    if (d->nomem || !path || (query && !stripe_form_ok(query)))
        return err_nomem(e);
    return stripe_get(d->stripe, d->a, path, query, deadline(d), out, e);
}

void desk_look(struct desk *d, const char *kind, struct str id)
{
    struct err e = ERR_INIT;
    if (id.n && sync_object(d->stripe, d->p, kind, id, DESK_SYNC_MS, &e) != OK)
        log_line(LOG_WARN, "sync_later", LOG_S("kind", kind), LOG_T("id", id), LOG_S("error", e.message));
}

static void settle(const struct stripe *stripe)
{
    struct timespec pause = {.tv_sec = SETTLE_MS / 1000};
    if (stripe->sleep_ms)
        stripe->sleep_ms(stripe->sleep_ctx, SETTLE_MS);
    else
        (void)nanosleep(&pause, NULL); /* woken early: nothing but a little less certainty */
}

enum status desk_flush(struct desk *d, struct err *e)
{
    bool sent = false;
    enum status st = meter_flush(d->stripe, d->p, d->tenant, &sent, e);
    if (st == OK && sent)
        settle(d->stripe);
    return st;
}

struct goner {
    struct desk *d;
    struct str customer;
};

static enum status mark_gone(struct db *c, void *ctx, struct err *e)
{
    const struct goner *g = ctx;
    return customer_store_gone(c, g->d->tenant, g->customer, clock_now_ms(), e);
}

enum status desk_customer_gone(struct desk *d, struct str customer, struct err *e)
{
    struct goner g = {.d = d, .customer = customer};
    return held_db(d->p, mark_gone, &g, e);
}

bool desk_is_missing(const struct err *e, const char *pointer)
{
    return e->status == ERR_NOT_FOUND && err_is(e, E_stripe_resource_missing) && strcmp(e->pointer, pointer) == 0;
}

/* ---- which subscription counts ---- */

static int standing(const struct subscription *s)
{
    switch (s->status) {
    case STRIPE_ACTIVE:
    case STRIPE_TRIALING:
        return 4;
    case STRIPE_PAST_DUE:
        return 3;
    case STRIPE_CANCELED:
    case STRIPE_INCOMPLETE_EXPIRED:
        return 0;
    case STRIPE_INCOMPLETE:
        return 1;
    default: /* unpaid, paused, or a status made after this release: there is something that must not be bought twice */
        return 2;
    }
}

const struct subscription *standing_choose(const struct subscription *list, size_t n, bool livemode, size_t *count)
{
    const struct subscription *best = NULL;
    *count = 0;
    for (size_t i = 0; i < n; i++) {
        const struct subscription *s = &list[i];
        if (s->livemode != livemode || !standing(s))
            continue;
        ++*count;
        if (!best || standing(s) > standing(best) ||
            (standing(s) == standing(best) && s->created_ms > best->created_ms))
            best = s;
    }
    return best;
}

bool subscription_had(const struct subscription *list, size_t n, bool livemode)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].livemode == livemode && list[i].status != STRIPE_INCOMPLETE_EXPIRED)
            return true;
    return false;
}
