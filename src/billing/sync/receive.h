/* receive.h: the webhook address /hooks/stripe: check the signature, store the event, answer. It needs the
 * configuration and INSERT on stripe_event, nothing else; the worker serves what is stored (sync.h). */
#ifndef PARLEY_BILLING_SYNC_RECEIVE_H
#define PARLEY_BILLING_SYNC_RECEIVE_H

#include "base/config.h"
#include "db/db.h"

#define EVENT_MAX_BODY (512 << 10) /* bytes */

/* `signature` is the Stripe-Signature header ("" if none), `body` the bytes as received. Also OK for an event that
 * is already stored, and for one of the other mode, another account or another API version: the worker ignores it
 * and raises an alarm. Wakes the worker. ERR_INVALID: signature_*, json_*, event_invalid (400; Stripe shows it).
 * ERR_UNAVAILABLE: the database is away (503; Stripe retries). ERR_NOT_FOUND hook_off: no secret is configured.
 * ERR_TOO_LARGE. */
enum status event_receive(struct db_pool *p, const struct config *c, struct str signature, struct str body,
                          struct err *e);

#endif
