/* hook.h: what comes in at /hooks/stripe: verify, store, done. It needs nothing but the config and INSERT on stripe_event. */
#ifndef PARLEY_BILLING_HOOK_H
#define PARLEY_BILLING_HOOK_H

#include "base/config.h"
#include "db/db.h"

#define HOOK_MAX_BODY (512 * 1024) /* bytes */

/* `signature` is the Stripe-Signature header ("" if none), `body` the raw bytes. OK also for an event stored before. ERR_INVALID:
 * signature_*, json_*, event_invalid (400: Stripe shows it), livemode_mismatch, api_version_unknown (stored as ignored, OK, with an
 * alarm of the worker); ERR_UNAVAILABLE: the database is away (500, Stripe comes again); ERR_NOT_FOUND: no secret is configured. Snapshot
 * (`object: event`) and thin (`object: v2.core.event`) events both. */
enum status hook_receive(struct db_pool *p, const struct config *c, struct str signature, struct str body, struct err *e);

#endif
