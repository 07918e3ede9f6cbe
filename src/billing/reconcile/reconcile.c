#include "billing/reconcile/reconcile.h"

#include "alarm/alarm.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/shared.h"
#include "billing/meter/meter.h"
#include "billing/mirror/mirror.h"
#include "billing/reconcile/reconcile_store.h"
#include "billing/sync/event.h"
#include "billing/sync/sync.h"
#include "stripe/failure.h"
#include "stripe/held.h"

#include "base/banned.h"

#define RUN_ARENA (512 * MB)
#define LIST_MS 30000
#define WAIT_MS 3000
#define BACK_MS (29 * DAY_MS)    /* how far back Stripe's events reach, less a day */
#define FRESH_MS (5 * MINUTE_MS) /* an event of these minutes may be under way */
#define STALE_MS (2 * HOUR_MS)   /* a renewal is told within an hour of the period's end */
#define USAGE_MS \
    (4 * DAY_MS) /* how long after its end a period's usage is compared: its invoice is final after an hour */
#define NIGHT_MS (25 * HOUR_MS) /* a nightly run that is further back was missed */
#define CHECKOUTS 50
#define STALES 100
#define EVENT_BYTES (1 * MB)
#define READS_OF_PAYMENT 500 /* Stripe grants so many for each, over 30 days */

struct run {
    struct stripe *stripe;
    struct db_pool *p;
    struct arena a;
    struct reconcile_report *r;
    bool night;
    int64_t began_ms, budget;
    struct reconcile_ran last; /* the run of its kind that came to its end before */
    struct str left_at;        /* where the comparison of usage was cut short; "" when it was not */
    struct map seen;           /* ids that Stripe has */
    struct str *todo;          /* those that differ, or may */
    size_t todo_n, todo_cap;
    struct str kind; /* of what is compared just now */
};

/* ---- means ---- */

/* False: enough reads for now. */
static enum status reconcile_may_read(struct run *x, bool *may, struct err *e)
{
    int64_t done = 0;
    enum status st = stripe_reads(x->p, clock_now_ms(), &done, e);
    if (x->r->alive)
        x->r->alive(x->r->ctx);
    *may = st == OK && done + x->stripe->reads < x->budget;
    if (st == OK && !*may)
        x->r->cut_short = true;
    return st;
}

static enum status reconcile_add(struct run *x, struct str id, struct err *e)
{
    bool ok = true;
    if (x->todo_n == x->todo_cap) {
        size_t cap = x->todo_cap ? 2 * x->todo_cap : 64;
        struct str *more = arena_array(&x->a, cap, sizeof(*more));
        if (!more)
            return err_nomem(e);
        if (x->todo_n)
            memcpy(more, x->todo, x->todo_n * sizeof(*more));
        x->todo = more;
        x->todo_cap = cap;
    }
    x->todo[x->todo_n] = arena_str(&x->a, id, &ok);
    x->todo_n += ok;
    return ok ? OK : err_nomem(e);
}

static enum status reconcile_note(struct run *x, struct str id, struct err *e)
{
    bool ok = true;
    struct str key = arena_str(&x->a, id, &ok);
    return ok && map_put(&x->seen, key, x) == 0 ? OK : err_nomem(e);
}

/* Whether the run ends: trouble with one object is reported to the operator and the run continues, but when Stripe or the database is
 * away every other object would fail as well. */
static bool reconcile_stops(const struct err *why)
{
    if (err_is(why, E_busy) || stripe_failure_of(why) == STRIPE_FAILURE_BUSY)
        return false;
    return why->status == ERR_NOMEM || why->status == ERR_TIMEOUT || why->status == ERR_RATE ||
           why->status == ERR_INTERNAL || why->status == ERR_UNAVAILABLE;
}

struct telling {
    const char *kind;
    struct str id;
    struct id tenant;
    const char *words;
};

static enum status reconcile_raise_write(struct db *c, void *ctx, struct err *e)
{
    struct telling *t = ctx;
    return alarm_raise(c, t->kind, t->id, t->tenant, e, "%s", t->words);
}

static enum status reconcile_raise(struct run *x, const char *kind, struct str id, struct id tenant, const char *words,
                                   struct err *e)
{
    struct telling t = {kind, id, tenant, words ? words : "No memory to say how."};
    return held_db(x->p, reconcile_raise_write, &t, e);
}

/* *gone: Stripe has no such object any more. */
static enum status reconcile_refresh(struct run *x, const char *kind, struct str id, bool *gone, struct err *e)
{
    struct err why = ERR_INIT;
    enum status st = sync_object(x->stripe, x->p, kind, id, WAIT_MS, &why);
    *gone = st == ERR_NOT_FOUND;
    if (st == OK || *gone)
        return OK;
    if (reconcile_stops(&why)) {
        *e = why;
        return st;
    }
    log_line(LOG_WARN, "reconcile_left", LOG_S("kind", kind), LOG_T("object", id), LOG_S("error", why.message));
    return err_is(&why, E_busy) ? OK : reconcile_raise(x, "unreadable", id, ID_NONE, why.message, e);
}

/* One more of a list: the caller hears now and then that the run goes on. */
static void reconcile_count(struct run *x)
{
    if (++x->r->looked % 100 == 0 && x->r->alive)
        x->r->alive(x->r->ctx);
}

/* ---- what differs ---- */

static void reconcile_say_str(struct buf *b, const char *what, struct str here, struct str there)
{
    if (!str_eq(here, there))
        buf_printf(b, "%s%s was \"%.60s\", is \"%.60s\"", b->n ? "; " : "", what, here.n ? here.p : "",
                   there.n ? there.p : "");
}

static void reconcile_say_time(struct buf *b, const char *what, int64_t here, int64_t there)
{
    if (here == there)
        return;
    buf_printf(b, "%s%s was ", b->n ? "; " : "", what);
    here ? clock_iso(b, here) : buf_puts(b, "none");
    buf_puts(b, ", is ");
    there ? clock_iso(b, there) : buf_puts(b, "none");
}

static void reconcile_say_int(struct buf *b, const char *what, int64_t here, int64_t there)
{
    if (here != there)
        buf_printf(b, "%s%s was %lld, is %lld", b->n ? "; " : "", what, (long long)here, (long long)there);
}

/* In words, as far as they fit; "" when nothing does. */
static void reconcile_subscription_differs(struct buf *b, const struct subscription *here,
                                           const struct subscription *there)
{
    reconcile_say_str(b, "status", here->status_text, there->status_text);
    reconcile_say_str(b, "customer", here->customer, there->customer);
    reconcile_say_str(b, "price", here->base_price, there->base_price);
    reconcile_say_str(b, "usage price", here->usage_price, there->usage_price);
    reconcile_say_str(b, "base item", here->base_item, there->base_item);
    reconcile_say_str(b, "usage item", here->usage_item, there->usage_item);
    reconcile_say_int(b, "number of items", here->items, there->items);
    reconcile_say_time(b, "period's begin", here->period_start_ms, there->period_start_ms);
    reconcile_say_time(b, "period's end", here->period_end_ms, there->period_end_ms);
    reconcile_say_time(b, "anchor", here->anchor_ms, there->anchor_ms);
    reconcile_say_time(b, "end", here->cancel_at_ms, there->cancel_at_ms);
    reconcile_say_int(b, "cancel at period end", here->cancel_at_period_end, there->cancel_at_period_end);
    reconcile_say_time(b, "cancellation", here->canceled_ms, there->canceled_ms);
    reconcile_say_time(b, "ended", here->ended_ms, there->ended_ms);
    reconcile_say_time(b, "trial's end", here->trial_end_ms, there->trial_end_ms);
    reconcile_say_int(b, "collection paused", here->collection_paused, there->collection_paused);
    reconcile_say_time(b, "pending update", here->pending_update_expires_ms, there->pending_update_expires_ms);
    reconcile_say_str(b, "schedule", here->schedule, there->schedule);
    reconcile_say_str(b, "latest invoice", here->latest_invoice, there->latest_invoice);
}

struct state {
    struct run *x;
    struct str id;
    struct subscription sub;
    struct reconcile_invoice inv;
    bool there, waits;
};

static enum status reconcile_read_state(struct db *c, void *ctx, struct err *e)
{
    struct state *y = ctx;
    struct err none = ERR_INIT;
    bool money = str_eqz(y->x->kind, "subscription");
    enum status st = money ? subscription_get(c, &y->x->a, y->id, &y->sub, &none)
                           : reconcile_store_invoice(c, &y->x->a, y->id, &y->inv, &y->there, &none);
    if (money)
        y->there = st == OK;
    if (st != OK && st != ERR_NOT_FOUND) {
        *e = none;
        return st;
    }
    return event_waits(c, &y->x->a, y->id, y->x->stripe->livemode, &y->waits, e);
}

static void reconcile_state_differs(struct buf *b, const struct state *before, const struct state *after)
{
    if (!before->there)
        buf_puts(b, "it was missing");
    else if (str_eqz(before->x->kind, "subscription"))
        reconcile_subscription_differs(b, &before->sub, &after->sub);
    else {
        reconcile_say_str(b, "status", before->inv.status, after->inv.status);
        reconcile_say_int(b, "amount to be paid", before->inv.remaining, after->inv.remaining);
        reconcile_say_int(b, "number of attempts", before->inv.attempts, after->inv.attempts);
    }
}

/* What it was and what it is: only what a look changes is drift, and only if nothing waited that would have changed it. */
static enum status reconcile_repair(struct run *x, struct str id, struct err *e)
{
    struct state before = {.x = x, .id = id}, after = before;
    char text[400];
    struct buf b;
    bool gone = false;
    enum status st = held_db(x->p, reconcile_read_state, &before, e);
    if (st == OK)
        st = reconcile_refresh(x, x->kind.p, id, &gone, e);
    if (st == OK && gone)
        return before.there ? reconcile_raise(x, "gone", id, before.sub.tenant,
                                              "Stripe does not know it any more, but here it counts as before.", e)
                            : OK;
    if (st == OK)
        st = held_db(x->p, reconcile_read_state, &after, e);
    if (st != OK || !after.there)
        return st;
    buf_fixed(&b, text, sizeof(text));
    reconcile_state_differs(&b, &before, &after);
    if (!b.n)
        return OK;
    x->r->mended++;
    if (before.waits)
        return OK;
    x->r->drifted++;
    bool money = str_eqz(x->kind, "subscription");
    return reconcile_raise(
        x, "drift", id, money ? after.sub.tenant : after.inv.tenant,
        arena_printf(&x->a, "Stripe and this install differed, and nothing had told of it: %s. It is mended.", text),
        e);
}

static enum status reconcile_repair_all(struct run *x, struct err *e)
{
    bool may = true;
    enum status st = OK;
    for (size_t i = 0; st == OK && may && i < x->todo_n; i++)
        if ((st = reconcile_may_read(x, &may, e)) == OK && may)
            st = reconcile_repair(x, x->todo[i], e);
    x->todo_n = 0;
    return st;
}

/* ---- subscriptions and invoices ---- */

static enum status reconcile_see_subscription(void *ctx, struct json *item, struct err *e)
{
    struct run *x = ctx;
    struct state here = {.x = x};
    struct subscription there;
    struct err odd = ERR_INIT;
    char text[400];
    struct buf b;
    reconcile_count(x);
    here.id = json_get_str(item, "id");
    if (reconcile_note(x, here.id, e) != OK)
        return e->status;
    if (subscription_parse(&x->a, item, &there, &odd) != OK)
        return reconcile_add(x, here.id, e);
    enum status st = held_db(x->p, reconcile_read_state, &here, e);
    if (st != OK)
        return st;
    buf_fixed(&b, text, sizeof(text));
    if (here.there)
        reconcile_subscription_differs(&b, &here.sub, &there);
    return here.there && !b.n ? OK : reconcile_add(x, here.id, e);
}

static enum status reconcile_see_invoice(void *ctx, struct json *item, struct err *e)
{
    struct run *x = ctx;
    struct state here = {.x = x};
    reconcile_count(x);
    here.id = json_get_str(item, "id");
    enum status st = reconcile_note(x, here.id, e);
    if (st == OK)
        st = held_db(x->p, reconcile_read_state, &here, e);
    if (st != OK)
        return st;
    bool same = here.there && str_eq(here.inv.status, json_get_str(item, "status")) &&
                here.inv.remaining == json_int(json_get(item, "amount_remaining"), 0) &&
                here.inv.attempts == json_int(json_get(item, "attempt_count"), 0);
    return same ? OK : reconcile_add(x, here.id, e);
}

struct asking {
    struct run *x;
    struct reconcile_ids ids;
};

static enum status reconcile_ask_ours(struct db *c, void *ctx, struct err *e)
{
    struct asking *q = ctx;
    struct run *x = q->x;
    return str_eqz(x->kind, "subscription") ? reconcile_store_subscriptions(c, &x->a, x->stripe->livemode, &q->ids, e)
                                            : reconcile_store_invoices(c, &x->a, x->stripe->livemode, &q->ids, e);
}

/* Stripe's list first; what is not over here and was not in it is looked at by itself. */
static enum status reconcile_compare(struct run *x, const char *kind, const char *path, const char *status,
                                     enum status (*see)(void *, struct json *, struct err *), struct err *e)
{
    struct asking q = {.x = x};
    struct stripe_form f;
    bool may;
    x->kind = str_from(kind);
    enum status st = reconcile_may_read(x, &may, e);
    if (st != OK || !may)
        return st;
    st = held_db(x->p, reconcile_ask_ours, &q, e); /* before the list: what begins meanwhile is not missed by it */
    stripe_form_init(&f);
    stripe_param_text(&f, "status", status);
    if (st == OK)
        st = stripe_list_each(x->stripe, path, &f, LIST_MS, see, x, e);
    stripe_form_release(&f);
    for (size_t i = 0; st == OK && i < q.ids.n; i++)
        if (!map_get(&x->seen, q.ids.list[i]))
            st = reconcile_add(x, q.ids.list[i], e);
    return st == OK ? reconcile_repair_all(x, e) : st;
}

/* ---- hourly ---- */

struct stored {
    struct run *x;
    struct event_envelope v;
    struct str payload;
    bool fresh;
};

static enum status reconcile_store_event(struct db *c, void *ctx, struct err *e)
{
    struct stored *y = ctx;
    return event_add(c, &y->v, y->payload, y->x->began_ms, &y->fresh, e);
}

/* An event as a list has it is worded by the account's version, whatever the endpoint's is: it only says where to look. */
static enum status reconcile_see_event(void *ctx, struct json *item, struct err *e)
{
    struct run *x = ctx;
    struct stored y = {.x = x};
    struct err odd = ERR_INIT;
    struct buf b;
    reconcile_count(x);
    if (event_envelope_of(item, &y.v, &odd) != OK || !sync_serves(y.v.object_type, y.v.type) || !y.v.object_id.n)
        return OK;
    y.v.api_version = STR_EMPTY;
    buf_init(&b, EVENT_BYTES);
    json_write(&b, item);
    y.payload = buf_ok(&b) ? buf_str(&b) : STR("{}");
    enum status st = held_db(x->p, reconcile_store_event, &y, e);
    buf_release(&b);
    x->r->mended += st == OK && y.fresh;
    x->r->drifted += st == OK && y.fresh;
    return st;
}

static enum status reconcile_read_last(struct db *c, void *ctx, struct err *e)
{
    struct run *x = ctx;
    return reconcile_store_last(c, &x->a, x->stripe->livemode, x->night, &x->last, e);
}

static enum status reconcile_undelivered(struct run *x, int64_t from_ms, struct err *e)
{
    struct stripe_form f;
    int64_t before = x->r->drifted;
    stripe_form_init(&f);
    stripe_param_bool(&f, "delivery_success", false);
    stripe_param_int(&f, "created[gte]", from_ms / 1000);
    stripe_param_int(&f, "created[lte]", (x->began_ms - FRESH_MS) / 1000);
    enum status st = stripe_list_each(x->stripe, "/v1/events", &f, LIST_MS, reconcile_see_event, x, e);
    stripe_form_release(&f);
    if (st != OK || x->r->drifted == before)
        return st;
    shared_bump("work", ID_NONE);
    return reconcile_raise(
        x, "missed_events", STR("webhook"), ID_NONE,
        arena_printf(&x->a,
                     "%lld events of Stripe did not arrive and were fetched. Is the address of the webhook reachable?",
                     (long long)(x->r->drifted - before)),
        e);
}

struct unheard {
    struct run *x;
    struct reconcile_ids checkouts, stale;
};

static enum status reconcile_ask_undelivered(struct db *c, void *ctx, struct err *e)
{
    struct unheard *q = ctx;
    struct run *x = q->x;
    enum status st = reconcile_store_checkouts_end(c, x->began_ms, e);
    if (st == OK)
        st = reconcile_store_checkouts(c, &x->a, x->stripe->livemode, x->began_ms, CHECKOUTS, &q->checkouts, e);
    return st == OK ? reconcile_store_stale(c, &x->a, x->stripe->livemode, x->began_ms - STALE_MS, STALES, &q->stale, e)
                    : st;
}

static enum status reconcile_checkouts(struct run *x, struct err *e)
{
    struct unheard q = {.x = x};
    bool may = true, gone;
    enum status st = held_db(x->p, reconcile_ask_undelivered, &q, e);
    for (size_t i = 0; st == OK && may && i < q.checkouts.n; i++)
        if ((st = reconcile_may_read(x, &may, e)) == OK && may)
            st = reconcile_refresh(x, "checkout.session", q.checkouts.list[i], &gone, e);
    x->kind = STR("subscription");
    for (size_t i = 0; st == OK && i < q.stale.n; i++)
        st = reconcile_add(x, q.stale.list[i], e);
    x->r->looked += (int64_t)(q.checkouts.n + q.stale.n);
    return st == OK ? reconcile_repair_all(x, e) : st;
}

static enum status reconcile_write_ran(struct db *c, void *ctx, struct err *e)
{
    struct run *x = ctx;
    enum status st = OK;
    if (x->night && x->r->cut_short)
        st = alarm_raise(c, "reads_short", STR("stripe"), ID_NONE, e,
                         "The nightly comparison with Stripe ended early, %lld reads being its share of a month: the "
                         "next one goes on where it ended. Stripe "
                         "grants 500 for each payment of 30 days, and stripe_reads_month at least.",
                         (long long)x->budget);
    else if (x->night)
        st = alarm_clear(c, "reads_short", STR("stripe"), e);
    if (st != OK)
        return st;
    return reconcile_store_ran(c, x->stripe->livemode, x->night, &(struct reconcile_ran){x->began_ms, x->left_at}, e);
}

/* ---- nightly ---- */

static enum status reconcile_ask_prices(struct db *c, void *ctx, struct err *e)
{
    struct asking *q = ctx;
    return reconcile_store_prices(c, &q->x->a, q->x->stripe->livemode, &q->ids, e);
}

static enum status reconcile_check_prices(struct run *x, struct err *e)
{
    struct asking q = {.x = x};
    bool may = true, gone;
    enum status st = held_db(x->p, reconcile_ask_prices, &q, e);
    for (size_t i = 0; st == OK && may && i < q.ids.n; i++) {
        if ((st = reconcile_may_read(x, &may, e)) != OK || !may)
            break;
        x->r->looked++;
        st = reconcile_refresh(x, "price", q.ids.list[i], &gone, e);
        if (st == OK && gone)
            st = reconcile_raise(x, "price_changed", q.ids.list[i], ID_NONE,
                                 "Stripe does not know this price. Run: parley billing setup", e);
    }
    return st;
}

struct sums {
    struct run *x;
    struct reconcile_usage *list;
    size_t n;
};

static enum status reconcile_ask_usage(struct db *c, void *ctx, struct err *e)
{
    struct sums *q = ctx;
    struct run *x = q->x;
    return reconcile_store_usage(c, &x->a, x->stripe->livemode, x->began_ms - USAGE_MS, x->last.left_at, &q->list,
                                 &q->n, e);
}

/* A difference is the meter's own alarm. Where the reads are used up, the next run goes on. */
static enum status reconcile_check_meter(struct run *x, struct err *e)
{
    struct sums q = {.x = x};
    bool may = true;
    enum status st = held_db(x->p, reconcile_ask_usage, &q, e);
    for (size_t i = 0; st == OK && may && i < q.n; i++) {
        struct err why = ERR_INIT;
        if ((st = reconcile_may_read(x, &may, e)) != OK || !may) {
            x->left_at = i ? q.list[i - 1].customer : x->last.left_at;
            break;
        }
        x->r->looked++;
        st = meter_compare(x->stripe, x->p, q.list[i].customer, q.list[i].start_ms, q.list[i].end_ms, &why);
        if (st != OK && reconcile_stops(&why) && !err_is(&why, E_not_set_up)) {
            *e = why;
            return st;
        }
        if (st != OK)
            log_line(LOG_WARN, "reconcile_left", LOG_S("kind", "meter"), LOG_T("object", q.list[i].customer),
                     LOG_S("error", why.message));
        st = OK;
    }
    return st;
}

static enum status reconcile_audit(struct db *c, void *ctx, struct err *e)
{
    (void)ctx;
    return meter_audit(c, e);
}

/* ---- the runs ---- */

/* From an hour before the last run, three hours back at least; the first one reaches as far as Stripe does. */
static int64_t reconcile_events_from(const struct run *x)
{
    int64_t from = x->began_ms - 3 * HOUR_MS, far = x->began_ms - BACK_MS, last = x->last.began_ms;
    if (!last)
        return far;
    if (last - HOUR_MS < from)
        from = last - HOUR_MS;
    return from < far ? far : from;
}

static enum status reconcile_hourly_run(struct run *x, struct err *e)
{
    bool may = false;
    enum status st = reconcile_may_read(x, &may, e);
    if (st == OK && may)
        st = reconcile_undelivered(x, reconcile_events_from(x), e);
    if (st == OK)
        st = reconcile_checkouts(x, e);
    return st == OK && !x->r->cut_short ? held_db(x->p, reconcile_write_ran, x, e) : st;
}

static enum status reconcile_nightly_run(struct run *x, struct err *e)
{
    enum status st = reconcile_compare(x, "subscription", "/v1/subscriptions", "all", reconcile_see_subscription, e);
    if (st == OK)
        st = reconcile_compare(x, "invoice", "/v1/invoices", "open", reconcile_see_invoice, e);
    if (st == OK)
        st = reconcile_check_prices(x, e);
    if (st == OK)
        st = reconcile_check_meter(x, e);
    if (st == OK)
        st = held_db(x->p, reconcile_audit, NULL, e);
    return st == OK ? held_db(x->p, reconcile_write_ran, x, e) : st;
}

/* What Stripe grants, less what is left to others. */
static enum status reconcile_prepare(struct db *c, void *ctx, struct err *e)
{
    struct run *x = ctx;
    int64_t month = config_int(x->stripe->config, CONFIG_stripe_reads_month), payments = 0;
    enum status st = reconcile_read_last(c, x, e);
    if (st == OK)
        st = reconcile_store_payments(c, &x->a, x->stripe->livemode, x->began_ms - 30 * DAY_MS, &payments, e);
    if (payments * READS_OF_PAYMENT > month)
        month = payments * READS_OF_PAYMENT;
    x->budget = x->night ? month - month / 5 : month - month / 20;
    return st;
}

static enum status reconcile_run_parts(struct stripe *stripe, struct db_pool *p, struct reconcile_report *r, bool night,
                                       struct err *e)
{
    struct run x = {.stripe = stripe,
                    .p = p,
                    .r = r,
                    .night = night,
                    .began_ms = clock_now_ms(),
                    .kind = STR_EMPTY,
                    .left_at = STR_EMPTY};
    int64_t before = 0, after = 0;
    r->looked = r->drifted = r->mended = r->reads = 0;
    r->cut_short = false;
    arena_init(&x.a, RUN_ARENA);
    map_init(&x.seen);
    enum status st = stripe_reads(p, x.began_ms, &before, e);
    before += stripe->reads;
    if (st == OK)
        st = held_db(p, reconcile_prepare, &x, e);
    if (st == OK)
        st = night ? reconcile_nightly_run(&x, e) : reconcile_hourly_run(&x, e);
    struct err late = ERR_INIT;
    if (stripe_reads(p, clock_now_ms(), &after, &late) == OK)
        r->reads = after + stripe->reads - before;
    map_release(&x.seen);
    arena_release(&x.a);
    log_line(st == OK ? LOG_INFO : LOG_WARN, "reconciled", LOG_S("run", night ? "nightly" : "hourly"),
             LOG_I("looked", r->looked), LOG_I("drifted", r->drifted), LOG_I("mended", r->mended),
             LOG_I("reads", r->reads), LOG_S("error", st == OK ? "" : e->message));
    return st;
}

enum status reconcile_hourly(struct stripe *stripe, struct db_pool *p, struct reconcile_report *r, struct err *e)
{
    return reconcile_run_parts(stripe, p, r, false, e);
}

enum status reconcile_nightly(struct stripe *stripe, struct db_pool *p, struct reconcile_report *r, struct err *e)
{
    return reconcile_run_parts(stripe, p, r, true, e);
}

struct missed {
    struct stripe *stripe;
    struct arena a;
    struct reconcile_ran last;
};

static enum status reconcile_read_night(struct db *c, void *ctx, struct err *e)
{
    struct missed *m = ctx;
    return reconcile_store_last(c, &m->a, m->stripe->livemode, true, &m->last, e);
}

enum status reconcile_missed(struct stripe *stripe, struct db_pool *p, bool *missed, struct err *e)
{
    struct missed m = {.stripe = stripe};
    arena_init(&m.a, 16 * KB);
    enum status st = held_db(p, reconcile_read_night, &m, e);
    *missed = st == OK && m.last.began_ms && clock_now_ms() - m.last.began_ms > NIGHT_MS;
    arena_release(&m.a);
    return st;
}
