/* caps_internal.h: the counters that a call is added to, and the report of a cap that it passes. Private to
 * src/engine/workspace. */
#ifndef PARLEY_ENGINE_WORKSPACE_CAPS_INTERNAL_H
#define PARLEY_ENGINE_WORKSPACE_CAPS_INTERNAL_H

#include "engine/workspace/account.h"
#include "engine/workspace/account_store.h"

#define CAPS_PERIODS 6 /* three scopes, day and month */

/* The counters of a call, in the order in which they have to be written. */
size_t caps_periods(const struct engine_account *who, int64_t now_ms, struct account_period out[CAPS_PERIODS]);
/* To be called in the transaction that has just added `added` to the counter. Logs engine_cap_reached for each cap
 * that this addition passed, keeps it, and queues the mails to the owners of the workspace. A cap of a visitor, which
 * is a protection against abuse, is only counted. */
enum status caps_report_crossed(struct db *c, const struct engine_account *who, const struct account_period *p,
                                const struct account_usage *added, int64_t now_ms, struct arena *a, struct err *e);

#endif
