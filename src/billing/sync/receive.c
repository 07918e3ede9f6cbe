/* receive.c: an event is stored as it was received, in one INSERT. Everything else can wait for the worker; Stripe
 * only needs to hear that the event is safe. */
#include "billing/sync/receive.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/shared.h"
#include "billing/sync/event.h"
#include "stripe/sign.h"

#include "base/banned.h"

#define RECEIVE_ARENA (64 * MB) /* JSON of many small parts takes a hundred times its bytes */

static enum status receive_store(struct db_pool *p, const struct event_envelope *v, struct str body, bool *fresh,
                                 struct err *e)
{
    struct db *c = NULL;
    enum status st = db_get(p, &c, e);
    if (st == OK)
        st = event_add(c, v, body, clock_now_ms(), fresh, e);
    db_put(c);
    return st;
}

/* The signature is checked first, so that only Stripe's bytes are parsed as JSON. The size comes before it, because the
 * signature is a hash of the whole body. An event that is already stored is answered like a new one: Stripe sends an
 * event again until it has seen a 2xx. */
enum status event_receive(struct db_pool *p, const struct config *c, struct str signature, struct str body,
                          struct err *e)
{
    struct str secrets = str_from(config_string(c, CONFIG_stripe_webhook_secrets));
    struct event_envelope v;
    struct arena a;
    bool fresh = false;
    if (!str_trim(secrets).n)
        return err_raise(e, E_hook_off);
    if (body.n > EVENT_MAX_BODY)
        return err_set(e, E_too_large, "The body can have at most %d bytes.", EVENT_MAX_BODY);
    enum status st = stripe_sign_check(secrets.p, signature, body, clock_now_ms(), e);
    if (st != OK)
        return st == ERR_UNAVAILABLE ? err_raise(e, E_hook_off) : st;
    arena_init(&a, RECEIVE_ARENA);
    st = event_envelope_parse(&a, body, &v, e);
    if (st == OK)
        st = receive_store(p, &v, body, &fresh, e);
    if (st == OK) {
        log_line(LOG_INFO, fresh ? "stripe_event" : "stripe_event_again", LOG_T("event", v.id), LOG_T("type", v.type),
                 LOG_T("object", v.object_id));
        shared_bump("work", ID_NONE);
    }
    arena_release(&a);
    return st;
}
