/* event_store.h: the rows of stripe_event. hooks.fcgi uses event_store_add alone, whose right is INSERT. */
#ifndef PARLEY_BILLING_EVENT_STORE_H
#define PARLEY_BILLING_EVENT_STORE_H

#include "billing/hook.h"

/* *fresh false: it is there already. */
enum status event_store_add(struct db *c, const struct event_envelope *v, struct str payload, int64_t now_ms, bool *fresh, struct err *e);

#endif
