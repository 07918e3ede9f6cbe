/* operation.c: what every operation on a tenant's subscription needs: the tenant's lease, calls to Stripe, and errors
 * that the owner can act on.
 *
 * A text that cannot be formatted for lack of memory is remembered (nomem) and stops the next call, so that no
 * half-made key or path is ever sent. */
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

/* How long the meter needs to count an event. An event in the second in which the subscription ends would not be
 * billed. */
#define SETTLE_MS 5000

struct operation operation_open(const struct billing_context *x, struct id tenant)
{
    return (struct operation){.stripe = x->stripe, .p = x->p, .a = x->a, .who = x->who, .tenant = tenant};
}

const char *operation_text(struct operation *op, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(op->a, fmt, ap);
    va_end(ap);
    if (!text)
        op->nomem = true;
    return text ? text : "";
}

const char *operation_tenant(struct operation *op)
{
    char text[ID_TEXT_MAX];
    return operation_text(op, "%s", id_text(ID_TENANT, op->tenant, text));
}

/* The lease is named after the tenant and not after a subscription, because a tenant that is buying has none yet, and
 * buying beside a change is what the lease prevents. */
enum status operation_begin(struct operation *op, struct err *e)
{
    const char *name = operation_text(op, "tenant:%s", operation_tenant(op));
    if (op->nomem)
        return err_nomem(e);
    return held_begin(&op->lease, op->p, str_from(name), HELD_WAIT_MS, e);
}

/* ---- words ---- */

static void operation_raise_refusal(struct operation *op, const char *what, const struct err *why)
{
    struct err e = ERR_INIT;
    struct db *c = NULL;
    enum status st = db_get(op->p, &c, &e);
    if (st == OK)
        st = alarm_raise(c, ALARM_stripe_refused, str_from(what), op->tenant, &e, "Stripe refused (%s, %s): %s", what,
                         err_code(why), why->message);
    db_put(c);
    if (st != OK)
        log_line(LOG_ERROR, "alarm_failed", LOG_S("error", e.message));
}

/* What only the operator can fix: a wrong key, a missing right, a parameter that Stripe refuses, prices that were never
 * set up. */
static bool operation_is_operators(const struct err *e)
{
    return stripe_failure_is_operators(stripe_failure_of(e)) || err_is(e, E_not_set_up);
}

/* The lease goes first, so that a second tab does not wait for the alarm to be written. The owner cannot mend a key or
 * a right and gets one plain sentence. On the command line the operator is the reader and gets the reason. */
enum status operation_close(struct operation *op, enum status st, const char *what, struct err *e)
{
    held_end(&op->lease);
    if (st == OK || !e || !operation_is_operators(e))
        return st;
    operation_raise_refusal(op, what, e);
    return op->who->cli ? st : err_raise(e, E_billing_unavailable);
}

/* ---- calls ---- */

static int64_t operation_deadline_ms(const struct operation *op)
{
    return op->who->cli ? STRIPE_WORK_MS : STRIPE_UI_MS;
}

enum status operation_post(struct operation *op, const char *path, const struct stripe_form *f, const char *key,
                           struct json **out, struct err *e)
{
    struct stripe_post p = {.path = path,
                            .form = f,
                            .idem_key = str_from(key),
                            .tenant = &op->tenant,
                            .deadline_ms = operation_deadline_ms(op)};
    struct stripe_reply r;
    if (op->nomem || !path)
        return err_nomem(e);
    enum status st = stripe_post(op->stripe, op->a, &p, &r, e);
    if (st == OK)
        *out = r.body;
    return st;
}

enum status operation_get(struct operation *op, const char *path, const struct stripe_form *query, struct json **out,
                          struct err *e)
{
    if (op->nomem)
        return err_nomem(e);
    return stripe_get(op->stripe, op->a, path, query, operation_deadline_ms(op), out, e);
}

void operation_refresh(struct operation *op, enum stripe_object kind, struct str id)
{
    struct err e = ERR_INIT;
    if (id.n && sync_object(op->stripe, op->p, kind, id, OPERATION_REFRESH_MS, &e) != OK)
        log_line(LOG_WARN, "sync_later", LOG_S("kind", stripe_object_name(kind)), LOG_T("id", id),
                 LOG_S("error", e.message));
}

static void operation_settle(const struct stripe *stripe)
{
    struct timespec pause = {.tv_sec = SETTLE_MS / 1000};
    if (stripe->sleep_ms)
        stripe->sleep_ms(stripe->sleep_ctx, SETTLE_MS);
    else
        (void)nanosleep(&pause, NULL); /* an early wake-up only leaves a little less time */
}

enum status operation_flush_usage(struct operation *op, struct err *e)
{
    bool sent = false;
    enum status st = meter_flush(op->stripe, op->p, op->tenant, &sent, e);
    if (st == OK && sent)
        operation_settle(op->stripe);
    return st;
}

/* The row stays, marked as deleted: old invoices lead to it, and the number of rows makes the key of the next
 * customer. */
enum status operation_customer_gone(struct operation *op, struct str customer, struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(op->p, &c, e);
    if (st == OK)
        st = customer_store_gone(c, op->tenant, customer, clock_now_ms(), e);
    db_put(c);
    return st;
}

/* The parameter is compared, because a missing price is answered with the same code and must not cost the tenant its
 * customer. */
bool operation_is_missing(const struct err *e, const char *pointer)
{
    return e->status == ERR_NOT_FOUND && err_is(e, E_stripe_resource_missing) && strcmp(e->pointer, pointer) == 0;
}

/* ---- which subscription an operation is about ---- */

/* 0: it has ended. Of several, the highest decides, then the newest: what grants something comes before what waits for
 * a payment, so that a change never applies to the one that the tenant does not use. */
static int subscription_rank(const struct subscription *s)
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
    default: /* unpaid, paused, or a status newer than this release: live enough that nothing may be bought beside it */
        return 2;
    }
}

const struct subscription *subscription_choose_live(const struct subscription *list, size_t n, bool livemode,
                                                    size_t *count)
{
    const struct subscription *best = NULL;
    *count = 0;
    for (size_t i = 0; i < n; i++) {
        const struct subscription *s = &list[i];
        if (s->livemode != livemode || !subscription_rank(s))
            continue;
        ++*count;
        if (!best || subscription_rank(s) > subscription_rank(best) ||
            (subscription_rank(s) == subscription_rank(best) && s->created_ms > best->created_ms))
            best = s;
    }
    return best;
}

/* incomplete_expired was never paid, so a failed first payment does not cost the tenant its trial. */
bool subscription_had_any(const struct subscription *list, size_t n, bool livemode)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].livemode == livemode && list[i].status != STRIPE_INCOMPLETE_EXPIRED)
            return true;
    return false;
}
