/* plan_store.h: the rows of plan, plan_terms, plan_entitlement and tenant_override that an edit changes. (plans_read
 * of plan.h is in plan_store.c as well.) NULL in a row is UNLIMITED; entitlements that this release does not know
 * are skipped. */
#ifndef PARLEY_PLAN_PLAN_STORE_H
#define PARLEY_PLAN_PLAN_STORE_H

#include "plan/plan.h"

/* Locks the plan's row until the transaction ends. ERR_NOT_FOUND plan_unknown. */
enum status plan_store_lock(struct db *c, struct str plan, struct err *e);
/* Writes name, visibility and terms. *saved is false when the revision is not the newest. */
enum status plan_store_save(struct db *c, const struct plan_edit *in, struct id terms, bool *saved, struct err *e);
enum status plan_store_terms_add(struct db *c, const struct plan_terms *t, struct err *e);
enum status plan_store_value(struct db *c, struct str plan, enum entitlement x, int64_t value, struct err *e);

/* ERR_NOT_FOUND workspace_unknown. */
enum status override_store_set(struct db *c, const struct override *o, struct err *e);
/* *there: it was set. */
enum status override_store_end(struct db *c, struct id tenant, enum entitlement x, bool *there, struct err *e);
enum status override_store_list(struct db *c, struct arena *a, struct id tenant, struct override **out, size_t *n,
                                struct err *e);

#endif
