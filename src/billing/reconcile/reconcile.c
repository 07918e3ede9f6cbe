/* reconcile.c: compares what is here with what Stripe has.
 *
 * Drift is what a refresh of an object changes although no event about it was waiting; otherwise the event would have
 * brought it. So each object that seems to differ is read, refreshed under its lease, and read again, and only that
 * difference is reported. Reads of Stripe are budgeted: a run that has used its share stops and says so, and the next
 * one continues. */
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

/* Everything that a run reads stays in it until the end: the mirror row of each object, and the ids of both sides. */
#define RUN_ARENA (512 * MB)
#define LIST_MS 30000
#define REFRESH_WAIT_MS 3000
#define BACK_MS (29 * DAY_MS)    /* how far back Stripe's events reach, less a day */
#define FRESH_MS (5 * MINUTE_MS) /* an event from these minutes may still be in transit */
#define STALE_MS (2 * HOUR_MS)   /* Stripe reports a renewal within an hour of the period's end */
/* How long after its end a period's usage is compared. Its invoice is final after an hour. */
#define USAGE_MS (4 * DAY_MS)
#define NIGHT_MS (25 * HOUR_MS) /* a nightly run that is longer ago was missed */
/* Enough for an hour of a busy install. The oldest are taken first, so what is beyond the limit comes first in a later
 * run. */
#define CHECKOUTS 50
#define STALES 100
#define EVENT_BYTES (1 * MB)
#define READS_OF_PAYMENT 500 /* the reads that Stripe grants for each payment of the last 30 days */

struct run {
    struct stripe *stripe;
    struct db_pool *p;
    struct arena a;
    struct reconcile_report *r;
    bool night;
    int64_t began_ms, budget;
    struct reconcile_ran last; /* the last completed run of this kind */
    struct str left_at;        /* the customer at which the comparison of usage stopped; "" when it was complete */
    struct map seen;           /* ids that Stripe has */
    struct str *todo;          /* objects that differ or may differ */
    size_t todo_n, todo_cap;
    enum stripe_object kind; /* of the objects being compared */
};

/* ---- shared by the runs ---- */

/* *may is false when the run has used its share of reads. All reads of the install count, not only those of this run,
 * because Stripe counts them together. Also tells the caller that the run is alive. */
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

/* Ids are copied, because an item of a list is valid during one call only. A list costs one read for a hundred objects;
 * only what seems to differ costs a read of its own, later. */
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

/* The ids of Stripe's list are kept, so that afterwards our own objects that were not in it can be found. */
static enum status reconcile_note(struct run *x, struct str id, struct err *e)
{
    bool ok = true;
    struct str key = arena_str(&x->a, id, &ok);
    return ok && map_put(&x->seen, key, x) == 0 ? OK : err_nomem(e);
}

/* Whether the run ends: trouble with one object is reported to the operator and the run continues, but when Stripe or
 * the database is away every other object would fail as well. */
static bool reconcile_stops(const struct err *why)
{
    if (err_is(why, E_busy) || stripe_failure_of(why) == STRIPE_FAILURE_BUSY)
        return false;
    return why->status == ERR_NOMEM || why->status == ERR_TIMEOUT || why->status == ERR_RATE ||
           why->status == ERR_INTERNAL || why->status == ERR_UNAVAILABLE;
}

static enum status reconcile_raise(struct run *x, enum alarm_kind kind, struct str id, struct id tenant,
                                   const char *words, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(x->p, &c, e);
    if (st == OK)
        st = alarm_raise(c, kind, id, tenant, e, "%s",
                         words ? words : "There was not enough memory to describe the difference.");
    db_put(c);
    return st;
}

/* Refreshes one object. *gone is true when Stripe no longer has it. An object that cannot be refreshed is reported and
 * does not end the run. A busy object needs nothing: the process that has it is refreshing it. */
static enum status reconcile_refresh(struct run *x, enum stripe_object kind, struct str id, bool *gone, struct err *e)
{
    struct err why = ERR_INIT;
    enum status st = sync_object(x->stripe, x->p, kind, id, REFRESH_WAIT_MS, &why);
    *gone = st == ERR_NOT_FOUND;
    if (st == OK || *gone)
        return OK;
    if (reconcile_stops(&why)) {
        *e = why;
        return st;
    }
    log_line(LOG_WARN, "reconcile_left", LOG_S("kind", stripe_object_name(kind)), LOG_T("object", id),
             LOG_S("error", why.message));
    return err_is(&why, E_busy) ? OK : reconcile_raise(x, ALARM_unreadable, id, ID_NONE, why.message, e);
}

/* Counts one object of a list, and tells the caller now and then that the run is alive. */
static void reconcile_count(struct run *x)
{
    if (++x->r->looked % 100 == 0 && x->r->alive)
        x->r->alive(x->r->ctx);
}

/* ---- differences in words ---- */

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

/* The differences in words, as far as they fit; "" if there are none. What the mirror derives itself (tenant, terms,
 * the first missing payment) is not compared: Stripe has no such field. */
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
    reconcile_say_time(b, "period's start", here->period_start_ms, there->period_start_ms);
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

/* A missing row is a result and no failure: reconcile_repair reports it. */
static enum status reconcile_read_mirror(struct db *c, struct state *y, struct err *e)
{
    struct err none = ERR_INIT;
    bool money = y->x->kind == STRIPE_OBJECT_SUBSCRIPTION;
    enum status st = money ? subscription_get(c, &y->x->a, y->id, &y->sub, &none)
                           : reconcile_store_invoice(c, &y->x->a, y->id, &y->inv, &y->there, &none);
    if (money)
        y->there = st == OK;
    if (st == OK || st == ERR_NOT_FOUND)
        return OK;
    *e = none;
    return st;
}

static enum status reconcile_read_state(struct state *y, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(y->x->p, &c, e);
    if (st == OK)
        st = reconcile_read_mirror(c, y, e);
    if (st == OK)
        st = event_waits(c, &y->x->a, y->id, y->x->stripe->livemode, &y->waits, e);
    db_put(c);
    return st;
}

static void reconcile_state_differs(struct buf *b, const struct state *before, const struct state *after)
{
    if (!before->there)
        buf_puts(b, "it was missing");
    else if (before->x->kind == STRIPE_OBJECT_SUBSCRIPTION)
        reconcile_subscription_differs(b, &before->sub, &after->sub);
    else {
        reconcile_say_str(b, "status", before->inv.status, after->inv.status);
        reconcile_say_int(b, "amount to be paid", before->inv.remaining, after->inv.remaining);
        reconcile_say_int(b, "number of attempts", before->inv.attempts, after->inv.attempts);
    }
}

/* Reads, refreshes and reads again. Only what the refresh changes is drift, and only if no waiting event would have
 * changed it. */
static enum status reconcile_repair(struct run *x, struct str id, struct err *e)
{
    struct state before = {.x = x, .id = id}, after = before;
    char text[400];
    struct buf b;
    bool gone = false;
    enum status st = reconcile_read_state(&before, e);
    if (st == OK)
        st = reconcile_refresh(x, x->kind, id, &gone, e);
    if (st == OK && gone)
        return before.there ? reconcile_raise(x, ALARM_gone, id, before.sub.tenant,
                                              "Stripe no longer has it, but Parley still counts it.", e)
                            : OK;
    if (st == OK)
        st = reconcile_read_state(&after, e);
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
    bool money = x->kind == STRIPE_OBJECT_SUBSCRIPTION;
    return reconcile_raise(
        x, ALARM_drift, id, money ? after.sub.tenant : after.inv.tenant,
        arena_printf(
            &x->a, "Stripe and this install differed, and no event had reported it: %s. The difference was corrected.",
            text),
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

/* An object that cannot be parsed is refreshed too, so that its failure is reported in one place. */
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
    enum status st = reconcile_read_state(&here, e);
    if (st != OK)
        return st;
    buf_fixed(&b, text, sizeof(text));
    if (here.there)
        reconcile_subscription_differs(&b, &here.sub, &there);
    return here.there && !b.n ? OK : reconcile_add(x, here.id, e);
}

/* These three fields change while an invoice is open. The others are fixed when it is finalized. */
static enum status reconcile_see_invoice(void *ctx, struct json *item, struct err *e)
{
    struct run *x = ctx;
    struct state here = {.x = x};
    reconcile_count(x);
    here.id = json_get_str(item, "id");
    enum status st = reconcile_note(x, here.id, e);
    if (st == OK)
        st = reconcile_read_state(&here, e);
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

static enum status reconcile_ask_ours(struct asking *q, struct err *e)
{
    struct run *x = q->x;
    struct db *c = NULL;
    enum status st = db_get(x->p, &c, e);
    if (st == OK)
        st = x->kind == STRIPE_OBJECT_SUBSCRIPTION
                 ? reconcile_store_subscriptions(c, &x->a, x->stripe->livemode, &q->ids, e)
                 : reconcile_store_invoices(c, &x->a, x->stripe->livemode, &q->ids, e);
    db_put(c);
    return st;
}

/* Compares Stripe's list with the mirror. What is open here and was not in the list is refreshed one by one. Our own
 * list is read first, so that what begins in between does not seem to be missing from Stripe's. */
static enum status reconcile_compare(struct run *x, enum stripe_object kind, const char *path, const char *status,
                                     enum status (*see)(void *, struct json *, struct err *), struct err *e)
{
    struct asking q = {.x = x};
    struct stripe_form f;
    bool may;
    x->kind = kind;
    enum status st = reconcile_may_read(x, &may, e);
    if (st != OK || !may)
        return st;
    st = reconcile_ask_ours(&q, e);
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

static enum status reconcile_store_event(struct stored *y, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(y->x->p, &c, e);
    if (st == OK)
        st = event_add(c, &y->v, y->payload, y->x->began_ms, &y->fresh, e);
    db_put(c);
    return st;
}

/* Events of the list have the account's API version, not the endpoint's. That does not matter: an event only names its
 * object. An event that is too large to store gets an empty payload, which only operators read. */
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
    enum status st = reconcile_store_event(&y, e);
    buf_release(&b);
    x->r->mended += st == OK && y.fresh;
    x->r->drifted += st == OK && y.fresh;
    return st;
}

/* The newest minutes are left out: an event from them may be on its way, and would be reported as missed. */
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
        x, ALARM_missed_events, STR("webhook"), ID_NONE,
        arena_printf(
            &x->a,
            "%lld events from Stripe did not arrive and were fetched. Check that the webhook address is reachable.",
            (long long)(x->r->drifted - before)),
        e);
}

struct unheard {
    struct run *x;
    struct reconcile_ids checkouts, stale;
};

static enum status reconcile_ask_undelivered(struct unheard *q, struct err *e)
{
    struct run *x = q->x;
    struct db *c = NULL;
    enum status st = db_get(x->p, &c, e);
    if (st == OK)
        st = reconcile_store_checkouts_end(c, x->began_ms, e);
    if (st == OK)
        st = reconcile_store_checkouts(c, &x->a, x->stripe->livemode, x->began_ms, CHECKOUTS, &q->checkouts, e);
    if (st == OK)
        st = reconcile_store_stale(c, &x->a, x->stripe->livemode, x->began_ms - STALE_MS, STALES, &q->stale, e);
    db_put(c);
    return st;
}

/* A subscription whose period ended hours ago was renewed, or was not paid; either way an event is missing. */
static enum status reconcile_checkouts(struct run *x, struct err *e)
{
    struct unheard q = {.x = x};
    bool may = true, gone;
    enum status st = reconcile_ask_undelivered(&q, e);
    for (size_t i = 0; st == OK && may && i < q.checkouts.n; i++)
        if ((st = reconcile_may_read(x, &may, e)) == OK && may)
            st = reconcile_refresh(x, STRIPE_OBJECT_SESSION, q.checkouts.list[i], &gone, e);
    x->kind = STRIPE_OBJECT_SUBSCRIPTION;
    for (size_t i = 0; st == OK && i < q.stale.n; i++)
        st = reconcile_add(x, q.stale.list[i], e);
    x->r->looked += (int64_t)(q.checkouts.n + q.stale.n);
    return st == OK ? reconcile_repair_all(x, e) : st;
}

static enum status reconcile_alarm_reads(struct db *c, const struct run *x, struct err *e)
{
    if (!x->r->cut_short)
        return alarm_clear(c, ALARM_reads_short, STR("stripe"), e);
    return alarm_raise(
        c, ALARM_reads_short, STR("stripe"), ID_NONE, e,
        "The nightly comparison with Stripe ended early because %lld reads are its share of a month. The "
        "next one continues there. Stripe allows 500 reads for each payment of the last 30 days, and at "
        "least stripe_reads_month.",
        (long long)x->budget);
}

/* A nightly run is recorded even if it was cut short, because left_at says where the next one continues. */
static enum status reconcile_write_ran(struct run *x, struct err *e)
{
    struct db *c = NULL;
    const struct reconcile_ran ran = {x->began_ms, x->left_at};
    enum status st = db_get(x->p, &c, e);
    if (st == OK && x->night)
        st = reconcile_alarm_reads(c, x, e);
    if (st == OK)
        st = reconcile_store_ran(c, x->stripe->livemode, x->night, &ran, e);
    db_put(c);
    return st;
}

/* ---- nightly ---- */

static enum status reconcile_ask_prices(struct asking *q, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(q->x->p, &c, e);
    if (st == OK)
        st = reconcile_store_prices(c, &q->x->a, q->x->stripe->livemode, &q->ids, e);
    db_put(c);
    return st;
}

/* Prices are few, so each is fetched. The refresh compares it with its terms and raises or clears its alarm. */
static enum status reconcile_check_prices(struct run *x, struct err *e)
{
    struct asking q = {.x = x};
    bool may = true, gone;
    enum status st = reconcile_ask_prices(&q, e);
    for (size_t i = 0; st == OK && may && i < q.ids.n; i++) {
        if ((st = reconcile_may_read(x, &may, e)) != OK || !may)
            break;
        x->r->looked++;
        st = reconcile_refresh(x, STRIPE_OBJECT_PRICE, q.ids.list[i], &gone, e);
        if (st == OK && gone)
            st = reconcile_raise(x, ALARM_price_changed, q.ids.list[i], ID_NONE,
                                 "Stripe does not know this price. Run: parley billing setup", e);
    }
    return st;
}

struct sums {
    struct run *x;
    struct reconcile_usage *list;
    size_t n;
};

static enum status reconcile_ask_usage(struct sums *q, struct err *e)
{
    struct run *x = q->x;
    struct db *c = NULL;
    enum status st = db_get(x->p, &c, e);
    if (st == OK)
        st = reconcile_store_usage(c, &x->a, x->stripe->livemode, x->began_ms - USAGE_MS, x->last.left_at, &q->list,
                                   &q->n, e);
    db_put(c);
    return st;
}

/* Compares usage; meter_compare raises the alarms. When the reads are used up, the next run continues. The order begins
 * after the customer where the last run stopped and wraps around, so each one gets its turn. A customer whose rows are
 * being sent is left for the next night. */
static enum status reconcile_check_meter(struct run *x, struct err *e)
{
    struct sums q = {.x = x};
    bool may = true;
    enum status st = reconcile_ask_usage(&q, e);
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

/* This one compares only our own rows, so it is complete even when the reads were used up. */
static enum status reconcile_audit(struct run *x, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(x->p, &c, e);
    if (st == OK)
        st = meter_audit(c, e);
    db_put(c);
    return st;
}

/* ---- the runs ---- */

/* The time from which events are fetched: an hour before the last run, at least three hours back; for the first run as
 * far back as Stripe keeps events. */
static int64_t reconcile_events_from(const struct run *x)
{
    int64_t from = x->began_ms - 3 * HOUR_MS, far = x->began_ms - BACK_MS, last = x->last.began_ms;
    if (!last)
        return far;
    if (last - HOUR_MS < from)
        from = last - HOUR_MS;
    return from < far ? far : from;
}

/* Recorded only when nothing was left out. The next run then asks for events from before this one. */
static enum status reconcile_hourly_run(struct run *x, struct err *e)
{
    bool may = false;
    enum status st = reconcile_may_read(x, &may, e);
    if (st == OK && may)
        st = reconcile_undelivered(x, reconcile_events_from(x), e);
    if (st == OK)
        st = reconcile_checkouts(x, e);
    return st == OK && !x->r->cut_short ? reconcile_write_ran(x, e) : st;
}

/* What grants rights comes first, in case the reads do not suffice for everything. The audit needs none. */
static enum status reconcile_nightly_run(struct run *x, struct err *e)
{
    enum status st = reconcile_compare(x, STRIPE_OBJECT_SUBSCRIPTION, "/v1/subscriptions", "all",
                                       reconcile_see_subscription, e);
    if (st == OK)
        st = reconcile_compare(x, STRIPE_OBJECT_INVOICE, "/v1/invoices", "open", reconcile_see_invoice, e);
    if (st == OK)
        st = reconcile_check_prices(x, e);
    if (st == OK)
        st = reconcile_check_meter(x, e);
    if (st == OK)
        st = reconcile_audit(x, e);
    return st == OK ? reconcile_write_ran(x, e) : st;
}

/* The budget: what Stripe grants, less a share for the events (a fifth of it from the nightly run, a twentieth from the
 * hourly one). */
static enum status reconcile_prepare(struct run *x, struct err *e)
{
    int64_t month = config_int(x->stripe->config, CONFIG_stripe_reads_month), payments = 0;
    struct db *c = NULL;
    enum status st = db_get(x->p, &c, e);
    if (st == OK)
        st = reconcile_store_last(c, &x->a, x->stripe->livemode, x->night, &x->last, e);
    if (st == OK)
        st = reconcile_store_payments(c, &x->a, x->stripe->livemode, x->began_ms - 30 * DAY_MS, &payments, e);
    db_put(c);
    if (payments * READS_OF_PAYMENT > month)
        month = payments * READS_OF_PAYMENT;
    x->budget = x->night ? month - month / 5 : month - month / 20;
    return st;
}

/* Reads that other processes make meanwhile are counted in the report as well; the figure is an upper bound. */
static enum status reconcile_run_parts(struct stripe *stripe, struct db_pool *p, struct reconcile_report *r, bool night,
                                       struct err *e)
{
    struct run x = {.stripe = stripe, .p = p, .r = r, .night = night, .began_ms = clock_now_ms(), .left_at = STR_EMPTY};
    int64_t before = 0, after = 0;
    r->looked = r->drifted = r->mended = r->reads = 0;
    r->cut_short = false;
    arena_init(&x.a, RUN_ARENA);
    map_init(&x.seen);
    enum status st = stripe_reads(p, x.began_ms, &before, e);
    before += stripe->reads;
    if (st == OK)
        st = reconcile_prepare(&x, e);
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

static enum status reconcile_read_night(struct missed *m, struct db_pool *p, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = reconcile_store_last(c, &m->a, m->stripe->livemode, true, &m->last, e);
    db_put(c);
    return st;
}

/* An install whose nightly job has never run has not missed one. */
enum status reconcile_missed(struct stripe *stripe, struct db_pool *p, bool *missed, struct err *e)
{
    struct missed m = {.stripe = stripe};
    arena_init(&m.a, ROW_ARENA);
    enum status st = reconcile_read_night(&m, p, e);
    *missed = st == OK && m.last.began_ms && clock_now_ms() - m.last.began_ms > NIGHT_MS;
    arena_release(&m.a);
    return st;
}
